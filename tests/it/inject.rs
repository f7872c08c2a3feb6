//! The injector of Chaos Mesh against the embedded cluster's wire. What really is injected is asked of the world.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firedrill::cluster::{Cluster, Removal};
use firedrill::fault::{ChaosRef, Debt, Gone, Undo};
use firedrill::inject;
use firedrill::playbook::{Fault, Limits, Span, Target};
use firedrill::ports::{Injector, PlanRequest};
use firedrill::run::{Injected, Plan, Refusal};
use firedrill::sim::wire::SimOptions;
use firedrill::sim::world::{Effect, Link, What};
use firedrill::units::Percent;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::sim_wire::{PATIENCE, Peer};

/// A cluster, and an injector on it.
pub struct Stage {
    pub peer: Peer,
    pub cluster: Cluster,
    pub injector: Arc<dyn Injector>,
}

impl Stage {
    pub async fn at_speed(speed: f64) -> Self {
        let options = SimOptions {
            speed,
            ..SimOptions::default()
        };
        let peer = Peer::start(options).await;
        let cluster = Cluster::connect(Some(peer.sim.kubeconfig()), None).await.unwrap();
        let injector = inject::chaos_mesh(cluster.clone(), peer.sim.clock().clone());
        Self {
            peer,
            cluster,
            injector,
        }
    }

    /// Another process on the same cluster: it remembers nothing.
    pub async fn newcomer(&self, kubeconfig: &Path) -> Arc<dyn Injector> {
        let cluster = Cluster::connect(Some(kubeconfig), None).await.unwrap();
        inject::chaos_mesh(cluster, self.peer.sim.clock().clone())
    }

    pub async fn plan(&self, request: PlanRequest) -> Plan {
        let said = format!("{:?}", request.fault.chaos_mesh);
        self.injector
            .plan(request)
            .await
            .unwrap_or_else(|refusal| panic!("{refusal}: {said}"))
    }

    /// Arms and fires; the debt as it stands after.
    pub async fn fire(&self, manifest: Value) -> (Debt, Vec<String>) {
        let plan = self.plan(request(manifest, wide())).await;
        self.fire_planned(plan).await
    }

    pub async fn fire_planned(&self, plan: Plan) -> (Debt, Vec<String>) {
        let outcome = timeout(PATIENCE, self.injector.inject(&plan.debt, &plan.manifest)).await;
        match outcome.unwrap() {
            Injected::Yes { targets, undo, .. } => {
                let debt = Debt {
                    undo: *undo,
                    ..plan.debt
                };
                (debt, targets)
            }
            Injected::No { error } => panic!("{}: {error}", plan.action),
        }
    }

    pub async fn revert(&self, debt: &Debt) -> Gone {
        let (seen, _told) = mpsc::unbounded_channel();
        timeout(PATIENCE, self.injector.revert(debt, seen)).await.unwrap()
    }

    pub fn effects(&self) -> Vec<Effect> {
        self.peer.sim.world().look(firedrill::sim::world::World::effects)
    }

    pub fn effects_of(&self, debt: &Debt) -> Vec<Effect> {
        let uid = uid(debt);
        self.effects()
            .into_iter()
            .filter(|effect| effect.by.uid == uid)
            .collect()
    }

    /// Every pod that this object was really applied to.
    pub fn applied(&self, debt: &Debt) -> BTreeSet<String> {
        let uid = uid(debt);
        self.peer.sim.world().look(|world| {
            let on = world.happenings().iter().filter_map(|one| match &one.what {
                What::FaultApplied { by, on } if by.uid == uid => Some(on),
                _ => None,
            });
            on.map(|on| match &on.container {
                Some(container) => format!("{}/{}/{container}", on.namespace, on.pod),
                None => format!("{}/{}", on.namespace, on.pod),
            })
            .collect()
        })
    }

    pub fn daemons(&self, link: Link) {
        self.peer.sim.world().with(|world| {
            for node in ["node-1", "node-2", "node-3"] {
                world.turn_daemon(node, link);
            }
        });
    }

    pub async fn patch(&self, debt: &Debt, body: &Value) {
        let answer = self.peer.call("PATCH", &path(object(debt)), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    pub async fn is_there(&self, debt: &Debt) -> bool {
        self.peer.get(&path(object(debt))).await.status == 200
    }

    pub async fn pods_ready(&self) {
        let ready = || async {
            let pods = self
                .peer
                .get("/api/v1/namespaces/default/pods?labelSelector=app%3Demqx-go")
                .await
                .json();
            let pods = pods["items"].as_array().cloned().unwrap_or_default();
            let ready = pods.iter().filter(|pod| {
                let conditions = pod["status"]["conditions"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                conditions
                    .iter()
                    .any(|one| one["type"] == "Ready" && one["status"] == "True")
            });
            ready.count() == 3
        };
        let all = async {
            while !ready().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, all).await.unwrap();
    }
}

pub fn object(debt: &Debt) -> &ChaosRef {
    let Undo::DeleteChaos { object, .. } = &debt.undo;
    object
}

pub fn uid(debt: &Debt) -> String {
    let Undo::DeleteChaos { uid, .. } = &debt.undo;
    uid.clone().unwrap()
}

pub fn without_uid(debt: &Debt) -> Debt {
    let Undo::DeleteChaos {
        cluster,
        object,
        lasting,
        ..
    } = debt.undo.clone();
    let undo = Undo::DeleteChaos {
        cluster,
        object,
        lasting,
        uid: None,
    };
    Debt { undo, ..debt.clone() }
}

pub fn path(object: &ChaosRef) -> String {
    format!(
        "/apis/chaos-mesh.org/v1alpha1/namespaces/{}/{}/{}",
        object.namespace, object.plural, object.name
    )
}

pub fn wide() -> Limits {
    Limits {
        pods: 3,
        percent: Percent(100.0),
        ..Limits::default()
    }
}

pub fn request(manifest: Value, limits: Limits) -> PlanRequest {
    PlanRequest {
        run: "20261121-033247-a9f0".into(),
        fault: Fault {
            id: "hurt".into(),
            chaos_mesh: manifest,
        },
        attempt: 1,
        target: Target {
            namespace: "default".to_owned(),
            pods: [("app".to_owned(), "emqx-go".to_owned())].into(),
        },
        limits,
    }
}

pub fn fixture(name: &str) -> Value {
    let path = format!(
        "{}/tests/fixtures/chaos-manifests/{name}.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn manifest(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "metadata": {"name": "x", "namespace": "default"},
        "spec": spec})
}

pub fn brokers() -> Value {
    json!({"namespaces": ["default"], "labelSelectors": {"app": "emqx-go"}})
}

pub fn delay(mode: &str) -> Value {
    manifest(
        "NetworkChaos",
        &json!({"action": "delay", "mode": mode, "selector": brokers(), "direction": "to", "duration": "8m",
            "delay": {"latency": "250ms", "jitter": "100ms"}}),
    )
}

#[tokio::test]
async fn every_case_of_the_plan_hits_what_it_says_and_leaves_nothing() {
    let stage = Stage::at_speed(20.0).await;
    for name in [
        "02-network-partition",
        "03-network-delay",
        "04-cpu-stress",
        "05-memory-stress",
        "06-network-loss",
        "07-io-stress",
        "08-time-skew",
        "09-dns-failure",
        "10-container-kill",
        "01b-pod-kill-oneshot",
    ] {
        stage.pods_ready().await;
        let plan = stage.plan(request(fixture(name), wide())).await;
        let planned: BTreeSet<String> = plan
            .pods
            .iter()
            .map(|pod| format!("{}/{}", pod.namespace, pod.name))
            .collect();
        assert!(
            !stage.is_there(&plan.debt).await,
            "{name}: planning makes nothing"
        );
        let hurt = plan.hurt;
        let (debt, targets) = stage.fire_planned(plan).await;
        let targets: BTreeSet<String> = targets.into_iter().collect();
        assert_eq!(targets, stage.applied(&debt), "{name}");
        assert_eq!(targets.len(), hurt, "{name}: {targets:?}");
        let pods: BTreeSet<String> = targets
            .iter()
            .map(|id| id.splitn(3, '/').take(2).collect::<Vec<_>>().join("/"))
            .collect();
        assert!(pods.is_subset(&planned), "{name}: {pods:?} of {planned:?}");
        assert_eq!(stage.revert(&debt).await, Gone::Proven, "{name}");
        assert!(!stage.is_there(&debt).await, "{name}");
        assert_eq!(stage.effects_of(&debt), [], "{name}");
    }
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn the_card_says_what_would_happen() {
    let stage = Stage::at_speed(1.0).await;
    let plan = stage.plan(request(delay("one"), Limits::default())).await;
    assert_eq!(plan.action, "delay 250ms ±100ms");
    assert_eq!((plan.pods.len(), plan.hurt), (3, 1));
    assert_eq!(plan.duration, Some(Duration::from_mins(8)));
    assert_eq!(plan.debt.own_clock, Some(Duration::from_mins(8)));
    assert_eq!(plan.debt.summary, "delay 250ms ±100ms on 1 of 3 pods");
    assert!(plan.limits.iter().all(|limit| limit.held));
    assert!(plan.pods.iter().all(|pod| pod.ready && pod.node.is_some()));
    let name = &object(&plan.debt).name;
    assert!(
        name.starts_with("hurt-1-") && name.len() == "hurt-1-".len() + 4,
        "{name}"
    );
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn what_goes_beyond_the_limits_is_refused_in_words() {
    let stage = Stage::at_speed(1.0).await;
    let limits = |pods: u32, percent: f64| Limits {
        pods,
        percent: Percent(percent),
        ..Limits::default()
    };
    let kill = |mode: &str, selector: Value| {
        manifest(
            "PodChaos",
            &json!({"action": "pod-kill", "mode": mode, "selector": selector}),
        )
    };
    let short = Limits {
        duration: Span(Duration::from_mins(1)),
        ..wide()
    };
    let system = Limits {
        namespaces: vec!["kube-system".to_owned()],
        ..wide()
    };
    let mut schedule = kill("all", brokers());
    schedule = manifest(
        "Schedule",
        &json!({"schedule": "@every 5m", "type": "PodChaos", "podChaos": schedule["spec"]}),
    );
    let workflow = manifest(
        "Workflow",
        &json!({"entry": "a", "templates": [
        {"name": "a", "templateType": "NetworkChaos", "deadline": "1m", "networkChaos": delay("all")["spec"]}]}),
    );
    let cases: Vec<(Value, Limits, &str)> = vec![
        (delay("all"), limits(2, 100.0), "3 pods of at most 2"),
        (
            delay("all"),
            limits(3, 99.0),
            "100 % of the target's 3 ready pods",
        ),
        (delay("one"), short, "8m long, of at most 1m"),
        (kill("all", brokers()), wide(), "last ready replica of the target"),
        (schedule, wide(), "last ready replica of the target"),
        (workflow, limits(2, 100.0), "3 pods of at most 2"),
        (
            kill("one", json!({"namespaces": ["chaos-mesh"]})),
            wide(),
            "chaos-mesh is not among",
        ),
        (
            kill("one", json!({"namespaces": ["kube-system"]})),
            system,
            "never fired at",
        ),
        (
            kill("one", json!({"labelSelectors": {"app": "nobody"}})),
            wide(),
            "no pod is selected",
        ),
        (
            kill("one", json!({"pods": {"default": ["emqx-go-9"]}})),
            wide(),
            "no pod is selected",
        ),
        (
            kill("one", json!({"nodeSelectors": {"zone": "mars"}})),
            wide(),
            "no node carries",
        ),
        (
            fixture("02-network-partition"),
            limits(2, 100.0),
            "3 pods of at most 2",
        ),
        (
            manifest("AWSChaos", &json!({"action": "ec2-stop"})),
            wide(),
            "hits no pods",
        ),
        (
            manifest(
                "PodChaos",
                &json!({"action": "pod-kill", "mode": "one", "selector": brokers(), "scheduler": {"cron": "@every 1m"}}),
            ),
            wide(),
            "unknown field \"spec.scheduler\"",
        ),
        (
            manifest(
                "NetworkChaos",
                &json!({"action": "delay", "mode": "one", "selector": brokers(), "direction": "both",
                    "delay": {"latency": "1s"}}),
            ),
            wide(),
            "`from` and `both` direction cannot be used when targets is empty",
        ),
    ];
    for (manifest, limits, words) in cases {
        let shown = manifest.to_string();
        match stage.injector.plan(request(manifest, limits)).await {
            Err(Refusal { why, hint }) => {
                assert!(why.contains(words), "{why}: {shown}");
                assert!(hint.is_some(), "{why}");
            }
            Ok(plan) => panic!("{} was armed: {shown}", plan.action),
        }
    }
    // Every field of a selector counts on the live cluster.
    for (selector, pods) in [
        (
            json!({"expressionSelectors": [{"key": "app", "operator": "In", "values": ["emqx-go", "x"]}]}),
            3,
        ),
        (
            json!({"labelSelectors": {"app": "emqx-go"}, "fieldSelectors": {"metadata.name": "emqx-go-1"}}),
            1,
        ),
        (
            json!({"labelSelectors": {"app": "emqx-go"}, "podPhaseSelectors": ["Running"]}),
            3,
        ),
        (json!({"pods": {"default": ["emqx-go-0", "emqx-go-2"]}}), 2),
    ] {
        let plan = stage.plan(request(kill("one", selector), wide())).await;
        assert_eq!(plan.pods.len(), pods, "{:?}", plan.pods);
    }
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn nothing_selected_fails_at_once_with_the_reason() {
    let stage = Stage::at_speed(1.0).await;
    let mut plan = stage.plan(request(delay("one"), wide())).await;
    plan.manifest["spec"]["selector"] =
        json!({"namespaces": ["default"], "labelSelectors": {"app": "nobody"}});
    let outcome = timeout(PATIENCE, stage.injector.inject(&plan.debt, &plan.manifest))
        .await
        .unwrap();
    match outcome {
        Injected::No { error } => assert!(error.to_string().contains("no pod is selected"), "{error}"),
        Injected::Yes { .. } => panic!("injected into nothing"),
    }
    // It is owed all the same, and its uid is not in the debt.
    assert!(stage.is_there(&plan.debt).await);
    assert_eq!(stage.revert(&plan.debt).await, Gone::Proven);
    assert!(!stage.is_there(&plan.debt).await);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_fault_that_cannot_be_applied_says_why() {
    let stage = Stage::at_speed(5.0).await;
    stage.daemons(Link::Down);
    let plan = stage.plan(request(delay("one"), wide())).await;
    let outcome = timeout(PATIENCE, stage.injector.inject(&plan.debt, &plan.manifest))
        .await
        .unwrap();
    match outcome {
        Injected::No { error } => assert!(error.to_string().contains("cannot find daemonIP"), "{error}"),
        Injected::Yes { .. } => panic!("injected without a daemon"),
    }
    stage.daemons(Link::Up);
    assert_eq!(stage.revert(&plan.debt).await, Gone::Proven);
    assert_eq!(stage.effects(), []);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn what_is_stuck_says_so_and_is_proven_once_it_gets_on() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    stage.daemons(Link::Down);
    let (seen, mut told) = mpsc::unbounded_channel();
    let stuck = async {
        while let Some(gone) = told.recv().await {
            if let Gone::Stuck { why, at } = gone {
                assert!(why.contains("cannot find daemonIP"), "{why}");
                assert!(at.unwrap().starts_with("default/emqx-go-"));
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
async fn patience_ends_with_the_reason() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    stage.daemons(Link::Down);
    let (seen, _told) = mpsc::unbounded_channel();
    let uid = uid(&debt);
    let removal = Removal {
        object: object(&debt),
        uid: Some(&uid),
        patience: Duration::from_secs(2),
    };
    match stage.cluster.remove_chaos(removal, &seen).await {
        Gone::Stuck { why, .. } => assert!(why.contains("cannot find daemonIP"), "{why}"),
        other => panic!("{other}"),
    }
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_finalizer_taken_by_hand_is_no_proof() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    stage.daemons(Link::Down);
    let (seen, mut told) = mpsc::unbounded_channel();
    let force = async {
        while let Some(gone) = told.recv().await {
            if matches!(gone, Gone::Stuck { .. }) {
                stage.patch(&debt, &json!({"metadata": {"finalizers": []}})).await;
                return;
            }
        }
    };
    let (gone, ()) = timeout(PATIENCE, async {
        tokio::join!(stage.injector.revert(&debt, seen), force)
    })
    .await
    .unwrap();
    assert_eq!(gone, Gone::ForcedUnverified);
    assert_eq!(stage.effects_of(&debt).len(), 1, "the fault is still on");
    // Asked again, it does not become better.
    assert_eq!(stage.revert(&debt).await, Gone::ForcedUnverified);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_pause_of_somebody_else_is_no_proof() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    let pause = json!({"metadata": {"annotations": {"experiment.chaos-mesh.org/pause": "true"}}});
    stage.patch(&debt, &pause).await;
    match stage.revert(&debt).await {
        Gone::Unverified { why } => assert_eq!(why, "it was paused"),
        other => panic!("{other}"),
    }
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn what_others_removed_properly_is_proven_by_who_watched_and_by_nobody_else() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    let answer = stage.peer.call("DELETE", &path(object(&debt)), &json!({})).await;
    assert_eq!(answer.status, 200);
    let gone = async {
        while stage.is_there(&debt).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
    let newcomer = stage.newcomer(stage.peer.sim.kubeconfig()).await;
    let (seen, _told) = mpsc::unbounded_channel();
    let blind = newcomer.revert(&debt, seen).await;
    assert!(matches!(blind, Gone::Unverified { .. }), "{blind}");
    assert_eq!(stage.revert(&debt).await, Gone::Proven);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn another_process_finds_what_was_made_without_its_uid() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    let newcomer = stage.newcomer(stage.peer.sim.kubeconfig()).await;
    let (seen, _told) = mpsc::unbounded_channel();
    let gone = timeout(PATIENCE, newcomer.revert(&without_uid(&debt), seen))
        .await
        .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert_eq!(stage.effects(), []);
    // What never was is proven too, but only once no request can still bring it.
    let plan = stage.plan(request(delay("one"), wide())).await;
    let (seen, mut told) = mpsc::unbounded_channel();
    let gone = timeout(PATIENCE, newcomer.revert(&plan.debt, seen))
        .await
        .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert!(
        matches!(told.recv().await, Some(Gone::Unknown { .. })),
        "it waits, and says so"
    );
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn an_object_that_is_not_ours_is_left_alone() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    let mut stranger = debt.clone();
    let Undo::DeleteChaos { uid, .. } = &mut stranger.undo;
    *uid = Some("00000000-0000-4000-8000-000000000000".to_owned());
    let gone = stage.revert(&stranger).await;
    assert!(matches!(gone, Gone::Unverified { .. }), "{gone}");
    // The same context may lead to another cluster.
    cluster_of(&mut stranger).uid = "another".to_owned();
    let gone = stage.revert(&stranger).await;
    assert!(matches!(gone, Gone::Unknown { .. }), "{gone}");
    assert!(stage.is_there(&debt).await);
    assert_eq!(stage.effects_of(&debt).len(), 1);
    let viewer = stage
        .peer
        .sim
        .seats()
        .iter()
        .find(|seat| seat.user == "viewer")
        .unwrap();
    let viewer = stage.newcomer(&viewer.kubeconfig).await;
    let (seen, _told) = mpsc::unbounded_channel();
    match timeout(PATIENCE, viewer.revert(&debt, seen)).await.unwrap() {
        Gone::Forbidden { right } => assert!(right.contains("networkchaos.chaos-mesh.org"), "{right}"),
        other => panic!("{other}"),
    }
    assert!(stage.is_there(&debt).await);
    stage.peer.sim.shutdown().await;
}

fn cluster_of(debt: &mut Debt) -> &mut firedrill::fault::ClusterPin {
    let Undo::DeleteChaos { cluster, .. } = &mut debt.undo;
    cluster
}
