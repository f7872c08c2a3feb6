//! The shipped playbooks against the embedded cluster: what they aim at is there, and every manifest is one that the
//! API server and its webhooks take.

use std::collections::BTreeMap;

use firedrill::cluster::{ChaosKind, Cluster, Field};
use firedrill::fault::ChaosRef;
use firedrill::playbook::{Fault, Step, load, shipped};
use firedrill::sim::wire::{self, CONTEXT, SimOptions};

fn faults(text: &str) -> Vec<Fault> {
    let playbook = load(text, "shipped", &BTreeMap::new()).unwrap().playbook;
    playbook
        .steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Fault(fault) => Some(fault),
            _ => None,
        })
        .collect()
}

fn object(fault: &Fault) -> ChaosRef {
    let kind = ChaosKind::known(fault.kind()).unwrap_or_else(|| panic!("{} is not known", fault.kind()));
    let meta = |field: &str| fault.chaos_mesh["metadata"][field].as_str().unwrap().to_owned();
    ChaosRef {
        kind: kind.kind,
        plural: kind.plural,
        namespace: meta("namespace"),
        name: meta("name"),
    }
}

#[tokio::test]
async fn the_server_takes_every_shipped_manifest_in_a_dry_run() {
    let sim = wire::start(SimOptions::default()).await.unwrap();
    let cluster = Cluster::connect(Some(sim.kubeconfig()), Some(CONTEXT))
        .await
        .unwrap();
    let mut tried = 0;
    for (name, text) in shipped() {
        for fault in faults(text) {
            let made = cluster
                .create_chaos(&object(&fault), &fault.chaos_mesh, Field::DryRun)
                .await;
            made.unwrap_or_else(|fault| panic!("{name}: {fault}"));
            tried += 1;
        }
    }
    assert!(tried >= 11, "{tried} manifests were tried");

    // The same server refuses what the test plan wrote, so that the dry run is known to mean something.
    let (_, text) = shipped()
        .iter()
        .find(|(name, _)| *name == "emqx-network-delay")
        .unwrap();
    let mut fault = faults(text).remove(0);
    fault.chaos_mesh["spec"]["direction"] = "both".into();
    fault.chaos_mesh["spec"].as_object_mut().unwrap().remove("target");
    let made = cluster
        .create_chaos(&object(&fault), &fault.chaos_mesh, Field::DryRun)
        .await;
    assert!(made.is_err(), "the plan's own manifest was taken");
    sim.shutdown().await;
}
