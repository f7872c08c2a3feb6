//! What the tests of the injector share: an embedded cluster with an injector on it, manifests, and the world's word.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firedrill::cluster::Cluster;
use firedrill::fault::{ChaosRef, ClusterPin, Debt, Gone, Undo};
use firedrill::inject;
use firedrill::playbook::{Fault, Limits, Target};
use firedrill::ports::{Firing, Injector, PlanRequest};
use firedrill::run::{Injected, Plan, Refusal};
use firedrill::sim::wire::SimOptions;
use firedrill::sim::world::{Effect, Happening, Link, What};
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

    /// The same, in the seat of one of the embedded cluster's users.
    pub async fn seat(&self, user: &str) -> Arc<dyn Injector> {
        let seat = self
            .peer
            .sim
            .seats()
            .iter()
            .find(|seat| seat.user == user)
            .unwrap();
        self.newcomer(&seat.kubeconfig).await
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
        match fire_by(&*self.injector, &plan).await {
            Injected::Yes {
                at,
                server_stamp,
                targets,
                undo,
            } => {
                let debt = Debt {
                    undo: *undo,
                    ..plan.debt
                };
                let uid = uid(&debt);
                let applied = self.peer.sim.world().look(|world| {
                    let by_it = |one: &&Happening| matches!(&one.what, What::FaultApplied { by, .. } if by.uid == uid);
                    world.happenings().iter().filter(by_it).map(|one| one.at).max()
                });
                // One clock for both: the event cannot arrive before what it tells.
                assert!(
                    applied.is_none_or(|applied| at >= applied),
                    "{at} before {applied:?}"
                );
                assert!(
                    applied.is_none() || server_stamp.is_some(),
                    "the records carry a stamp"
                );
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

/// Fires a plan of [`request`] within wide limits, with nothing against it.
pub async fn fire_by(injector: &dyn Injector, plan: &Plan) -> Injected {
    fire_if(injector, (plan, &wide()), &|| Ok(())).await
}

/// Fires a plan of [`request`]; `may` is asked right before the create.
pub async fn fire_if(
    injector: &dyn Injector,
    (plan, limits): (&Plan, &Limits),
    may: &(dyn Fn() -> Result<(), Refusal> + Send + Sync),
) -> Injected {
    let firing = Firing {
        debt: &plan.debt,
        manifest: &plan.manifest,
        target: &target(),
        limits,
        may,
    };
    timeout(PATIENCE, injector.inject(firing)).await.unwrap()
}

fn target() -> Target {
    Target {
        namespace: "default".to_owned(),
        pods: [("app".to_owned(), "emqx-go".to_owned())].into(),
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
        target: target(),
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

pub fn cluster_of(debt: &mut Debt) -> &mut ClusterPin {
    let Undo::DeleteChaos { cluster, .. } = &mut debt.undo;
    cluster
}
