//! The injector when things go wrong around it: answers that are lost, an API server that comes and goes, spawners,
//! and a storm of disturbances. The world is the oracle: what is called proven must be off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use firedrill::fault::{Debt, Gone};
use firedrill::run::Injected;
use firedrill::sim::world::Link;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::inject_stage::{
    Stage, brokers, delay, fire_by, fixture, manifest, object, path, request, uid, wide,
};
use crate::sim_wire::PATIENCE;

const OPEN: u8 = 0;
/// Requests come through; the connection that brought a big one is cut before its answer.
const CUT_BIG: u8 = 1;
const SHUT: u8 = 2;
/// The connection that brings a big request is cut before the server gets it.
const DROP_BIG: u8 = 3;

/// More than any request without a big body.
const BIG: usize = 4000;

/// A wire between a client and the API server, to be cut.
struct Wire {
    state: Arc<AtomicU8>,
    kubeconfig: tempfile::NamedTempFile,
}

impl Wire {
    async fn to(stage: &Stage) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = stage.peer.sim.server().to_owned();
        let here = format!("https://{}", listener.local_addr().unwrap());
        let text = std::fs::read_to_string(stage.peer.sim.kubeconfig()).unwrap();
        let kubeconfig = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(kubeconfig.path(), text.replace(&server, &here)).unwrap();
        let state = Arc::new(AtomicU8::new(OPEN));
        let (told, address) = (state.clone(), server.trim_start_matches("https://").to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if told.load(Ordering::SeqCst) == SHUT {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(&address).await {
                    tokio::spawn(carry(client, server, told.clone()));
                }
            }
        });
        Self { state, kubeconfig }
    }

    fn turn(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }
}

async fn carry(client: TcpStream, server: TcpStream, state: Arc<AtomicU8>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let cut = Arc::new(AtomicU8::new(0));
    tokio::select! {
        () = up(from_client, to_server, (state.clone(), cut.clone())) => {}
        () = down(from_server, to_client, (state.clone(), cut)) => {}
        () = async { while state.load(Ordering::SeqCst) != SHUT { tokio::time::sleep(Duration::from_millis(5)).await; } } => {}
    }
}

async fn up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, (state, cut): (Arc<AtomicU8>, Arc<AtomicU8>)) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let now = state.load(Ordering::SeqCst);
        if matches!(now, CUT_BIG | DROP_BIG) && count > BIG {
            state.store(OPEN, Ordering::SeqCst);
            if now == DROP_BIG {
                return;
            }
            cut.store(1, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, (_, cut): (Arc<AtomicU8>, Arc<AtomicU8>)) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if cut.load(Ordering::SeqCst) == 1 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// A delay whose manifest is too long for a small request.
fn big_delay() -> serde_json::Value {
    let mut manifest = delay("one");
    let mut names: Vec<String> = (0..600).map(|n| format!("nobody-{n}")).collect();
    names.push("emqx-go-1".to_owned());
    manifest["spec"]["selector"] = json!({"pods": {"default": names}});
    manifest
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_found_by_the_watch() {
    let stage = Stage::at_speed(5.0).await;
    let plan = stage.plan(request(big_delay(), wide())).await;
    let wire = Wire::to(&stage).await;
    let injector = stage.newcomer(wire.kubeconfig.path()).await;
    wire.turn(CUT_BIG);
    let outcome = fire_by(&*injector, &plan).await;
    assert_eq!(wire.state.load(Ordering::SeqCst), OPEN, "the answer was lost");
    let Injected::Yes { undo, targets, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(targets, ["default/emqx-go-1"]);
    let debt = Debt {
        undo: *undo,
        ..plan.debt
    };
    assert_eq!(stage.effects_of(&debt).len(), 1);
    let (seen, _told) = mpsc::unbounded_channel();
    assert_eq!(
        timeout(PATIENCE, injector.revert(&debt, seen)).await.unwrap(),
        Gone::Proven
    );
    assert_eq!(stage.effects(), []);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_create_that_never_arrived_is_owed_until_that_is_certain() {
    let stage = Stage::at_speed(1.0).await;
    let plan = stage.plan(request(big_delay(), wide())).await;
    let wire = Wire::to(&stage).await;
    let injector = stage.newcomer(wire.kubeconfig.path()).await;
    wire.turn(DROP_BIG);
    let outcome = fire_by(&*injector, &plan).await;
    assert_eq!(wire.state.load(Ordering::SeqCst), OPEN, "the request was lost");
    let Injected::No { error } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.to_string().contains("it was not made within"), "{error}");
    let (seen, mut told) = mpsc::unbounded_channel();
    assert_eq!(
        timeout(PATIENCE, injector.revert(&plan.debt, seen))
            .await
            .unwrap(),
        Gone::Proven
    );
    assert!(
        matches!(told.recv().await, Some(Gone::Unknown { .. })),
        "it is looked for first"
    );
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_revert_while_the_create_is_under_way_waits_for_it() {
    let stage = Stage::at_speed(5.0).await;
    let plan = stage.plan(request(big_delay(), wide())).await;
    let inject = async {
        let _ = fire_by(&*stage.injector, &plan).await;
    };
    let (seen, _told) = mpsc::unbounded_channel();
    let revert = async {
        while !matches!(stage.peer.get(&path(object(&plan.debt))).await.status, 200) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stage.injector.revert(&plan.debt, seen).await
    };
    let ((), gone) = timeout(PATIENCE, async { tokio::join!(inject, revert) })
        .await
        .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert!(!stage.is_there(&plan.debt).await);
    assert_eq!(stage.effects(), []);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn an_api_server_that_comes_and_goes_does_not_stop_the_undo() {
    let stage = Stage::at_speed(2.0).await;
    let wire = Wire::to(&stage).await;
    let injector = stage.newcomer(wire.kubeconfig.path()).await;
    let plan = injector.plan(request(delay("all"), wide())).await.unwrap();
    let outcome = fire_by(&*injector, &plan).await;
    let Injected::Yes { undo, .. } = outcome else {
        panic!("{outcome:?}");
    };
    let debt = Debt {
        undo: *undo,
        ..plan.debt
    };
    wire.turn(SHUT);
    let (seen, mut told) = mpsc::unbounded_channel();
    let come_back = async {
        while let Some(gone) = told.recv().await {
            if matches!(gone, Gone::Unknown { .. } | Gone::Failed { .. }) {
                wire.turn(OPEN);
                return;
            }
        }
        panic!("it was never told that nothing is seen");
    };
    let (gone, ()) = timeout(PATIENCE, async {
        tokio::join!(injector.revert(&debt, seen), come_back)
    })
    .await
    .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert_eq!(stage.effects(), []);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_schedule_is_gone_only_with_what_it_made() {
    let stage = Stage::at_speed(60.0).await;
    let stress = fixture("04-cpu-stress")["spec"].clone();
    let schedule = manifest(
        "Schedule",
        &json!({"schedule": "@every 20s", "type": "StressChaos", "stressChaos": stress, "concurrencyPolicy": "Allow",
            "historyLimit": 5}),
    );
    let (debt, _) = stage.fire(schedule).await;
    let fired = async {
        while stage.effects().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, fired).await.unwrap();
    assert_eq!(stage.revert(&debt).await, Gone::Proven);
    assert_eq!(stage.effects(), []);
    let left = stage
        .peer
        .get("/apis/chaos-mesh.org/v1alpha1/namespaces/default/stresschaos")
        .await
        .json();
    assert_eq!(left["items"], json!([]));
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_schedule_is_not_gone_while_what_it_made_cannot_be_listed() {
    let stage = Stage::at_speed(20.0).await;
    let wire = Wire::to(&stage).await;
    let injector = stage.newcomer(wire.kubeconfig.path()).await;
    let schedule = manifest(
        "Schedule",
        &json!({"schedule": "@every 1h", "type": "NetworkChaos", "networkChaos": delay("one")["spec"]}),
    );
    let plan = stage.plan(request(schedule, wide())).await;
    let Injected::Yes { undo, .. } = fire_by(&*injector, &plan).await else {
        panic!("it was not made");
    };
    let debt = Debt {
        undo: *undo,
        ..plan.debt
    };
    let (seen, _told) = mpsc::unbounded_channel();
    let cut = async {
        while stage.is_there(&debt).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Its end is heard meanwhile; the next list comes a second later. Too early or too late a cut proves
        // less, and fails nothing.
        tokio::time::sleep(Duration::from_millis(200)).await;
        wire.turn(SHUT);
    };
    let (gone, ()) = timeout(PATIENCE, async {
        tokio::join!(injector.revert(&debt, seen), cut)
    })
    .await
    .unwrap();
    assert!(matches!(gone, Gone::Unknown { .. }), "{gone}");
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_schedule_whose_child_is_stuck_is_stuck() {
    let stage = Stage::at_speed(10.0).await;
    let schedule = manifest(
        "Schedule",
        &json!({"schedule": "@every 2s", "type": "NetworkChaos", "networkChaos": delay("one")["spec"]}),
    );
    let (debt, _) = stage.fire(schedule).await;
    let fired = async {
        while stage.effects().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, fired).await.unwrap();
    stage.daemons(Link::Down);
    let (seen, mut told) = mpsc::unbounded_channel();
    let stuck = async {
        while let Some(gone) = told.recv().await {
            if let Gone::Stuck { why, .. } = gone {
                assert!(why.contains("cannot find daemonIP"), "{why}");
                stage.daemons(Link::Up);
                return;
            }
        }
        panic!("it was never stuck");
    };
    let (gone, ()) = timeout(PATIENCE, async {
        tokio::join!(stage.injector.revert(&debt, seen), stuck)
    })
    .await
    .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert_eq!(stage.effects(), []);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_workflow_is_injected_by_its_nodes_and_does_not_come_back() {
    let stage = Stage::at_speed(20.0).await;
    let mut spec = delay("one")["spec"].clone();
    spec.as_object_mut().unwrap().remove("duration");
    let workflow = manifest(
        "Workflow",
        &json!({"entry": "both", "templates": [
            {"name": "both", "templateType": "Parallel", "deadline": "5m", "children": ["cut", "burn"]},
            {"name": "cut", "templateType": "NetworkChaos", "deadline": "5m", "networkChaos": spec},
            {"name": "burn", "templateType": "StressChaos", "deadline": "4m", "stressChaos":
                {"mode": "one", "selector": brokers(), "stressors": {"cpu": {"workers": 1}}}}]}),
    );
    let (debt, targets) = stage.fire(workflow).await;
    assert!(targets[0].starts_with("default/emqx-go-"), "{targets:?}");
    assert_eq!(stage.revert(&debt).await, Gone::Proven);
    assert_eq!(stage.effects(), []);
    for plural in ["workflows", "workflownodes", "networkchaos", "stresschaos"] {
        let left = format!("/apis/chaos-mesh.org/v1alpha1/namespaces/default/{plural}");
        assert_eq!(stage.peer.get(&left).await.json()["items"], json!([]), "{plural}");
    }
    stage.peer.sim.shutdown().await;
}

/// What may happen to a fault between its firing and the end of its undo.
const DISTURBANCES: [&str; 7] = [
    "nothing",
    "pause",
    "resume",
    "daemons down, then up",
    "finalizers taken",
    "deleted by somebody",
    "pods killed",
];

async fn disturb(stage: &Stage, debt: &Debt, what: &str) {
    let pause = |value: serde_json::Value| json!({"metadata": {"annotations": {"experiment.chaos-mesh.org/pause": value}}});
    let at = path(object(debt));
    // The object may be gone already: then nothing is disturbed.
    match what {
        "pause" => drop(stage.peer.call("PATCH", &at, &pause(json!("true"))).await),
        "resume" => drop(stage.peer.call("PATCH", &at, &pause(json!(null))).await),
        "daemons down, then up" => {
            stage.daemons(Link::Down);
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..60))).await;
            stage.daemons(Link::Up);
        }
        "finalizers taken" => {
            // Taken from an object that is not on its way out, the controller puts them back.
            let deleting = async {
                loop {
                    let answer = stage.peer.get(&at).await;
                    let meta = answer.json()["metadata"].clone();
                    if answer.status != 200 || meta["deletionTimestamp"].is_string() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            // Before the undo nobody deletes it.
            let _ = timeout(Duration::from_secs(2), deleting).await;
            drop(
                stage
                    .peer
                    .call("PATCH", &at, &json!({"metadata": {"finalizers": []}}))
                    .await,
            );
            stage.daemons(Link::Up);
        }
        "deleted by somebody" => drop(stage.peer.call("DELETE", &at, &json!({})).await),
        "pods killed" => {
            for pod in ["emqx-go-0", "emqx-go-1", "emqx-go-2"] {
                let at = format!("/api/v1/namespaces/default/pods/{pod}?gracePeriodSeconds=0");
                drop(stage.peer.call("DELETE", &at, &json!({})).await);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn whatever_happens_what_is_called_proven_is_off() {
    let stage = Stage::at_speed(20.0).await;
    let mut proven = 0;
    for round in 0..24_usize {
        stage.pods_ready().await;
        let before = DISTURBANCES[round % DISTURBANCES.len()];
        let during = DISTURBANCES[(round / 2) % DISTURBANCES.len()];
        let manifest = match round % 3 {
            0 => delay("one"),
            1 => fixture("07-io-stress"),
            _ => fixture("02-network-partition"),
        };
        let (debt, _) = stage.fire(manifest).await;
        disturb(&stage, &debt, before).await;
        if during == "finalizers taken" {
            stage.daemons(Link::Down);
        }
        let (seen, _told) = mpsc::unbounded_channel();
        let storm = async {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..40))).await;
            disturb(&stage, &debt, during).await;
        };
        let (gone, ()) = timeout(PATIENCE, async {
            tokio::join!(stage.injector.revert(&debt, seen), storm)
        })
        .await
        .unwrap_or_else(|_| panic!("{before}, {during}: no verdict"));
        if gone == Gone::Proven {
            proven += 1;
            assert_eq!(
                stage.effects_of(&debt),
                [],
                "{before}, then {during}: called proven"
            );
            let there = stage.peer.get(&path(object(&debt))).await;
            assert!(there.status == 404 || there.json()["metadata"]["uid"] != json!(uid(&debt)));
        }
    }
    assert!(
        proven >= 8,
        "only {proven} of 24 were proven: the property says little"
    );
    stage.peer.sim.shutdown().await;
}
