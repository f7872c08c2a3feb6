//! A cluster to sweep, and short words for what tests do with it.

use std::path::Path;
use std::time::Duration;

use firedrill::cluster::Cluster;
use firedrill::fault::{ChaosRef, ClusterPin, Debt, Gone, Lasting, Undo};
use firedrill::guard::{Effect, Force, KillRequest, Latch, kill};
use firedrill::ports::{KillSummary, KillTells, ObjectVerdict};
use firedrill::sim::wire::{self, Sim, SimOptions};
use firedrill::sim::world::resource::chaos_resource;
use firedrill::sim::world::{ListQuery, Name, World, WriteQuery};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::sim_wire::PATIENCE;

/// Every kind that a kill must leave none of.
pub const ACTIVE: [&str; 8] = [
    "PodChaos",
    "NetworkChaos",
    "StressChaos",
    "IOChaos",
    "TimeChaos",
    "Schedule",
    "Workflow",
    "WorkflowNode",
];

pub struct Ground {
    pub sim: Sim,
    pub state: tempfile::TempDir,
}

/// What a kill said.
pub struct Said {
    pub summary: KillSummary,
    pub tells: Vec<KillTells>,
}

impl Said {
    /// The last verdict of an object of this name.
    pub fn of(&self, name: &str) -> &ObjectVerdict {
        self.verdicts()
            .rfind(|verdict| verdict.object.name == name)
            .unwrap_or_else(|| panic!("no word of {name}: {:#?}", self.tells))
    }

    pub fn verdicts(&self) -> impl DoubleEndedIterator<Item = &ObjectVerdict> {
        self.tells.iter().filter_map(|tells| match tells {
            KillTells::Object(verdict) => Some(&**verdict),
            _ => None,
        })
    }

    /// The last word of each object, where it is not that it is proven gone.
    pub fn not_proven(&self) -> Vec<String> {
        let mut last = std::collections::BTreeMap::new();
        for verdict in self.verdicts() {
            last.insert(verdict.object.to_string(), verdict.gone.clone());
        }
        let left = last.into_iter().filter(|(_, gone)| *gone != Gone::Proven);
        left.map(|(object, gone)| format!("{object}: {gone}")).collect()
    }

    pub fn notes(&self) -> String {
        let notes = self.tells.iter().filter_map(|tells| match tells {
            KillTells::Note { text } => Some(text.as_str()),
            _ => None,
        });
        notes.collect::<Vec<_>>().join("\n")
    }
}

pub fn request() -> KillRequest {
    KillRequest {
        by: "a test".to_owned(),
        run: None,
        namespace: None,
        effect: Effect::Real,
        force: Force::No,
        timeout: PATIENCE,
        debts: Vec::new(),
        keep: None,
    }
}

pub fn brokers() -> Value {
    json!({"namespaces": ["default"], "labelSelectors": {"app": "emqx-go"}})
}

pub fn delay() -> Value {
    json!({
        "action": "delay", "mode": "one", "selector": brokers(), "direction": "to", "duration": "1h",
        "delay": {"latency": "250ms", "correlation": "50", "jitter": "100ms"},
    })
}

pub fn stress() -> Value {
    json!({"mode": "one", "selector": brokers(), "duration": "1h", "stressors": {"cpu": {"workers": 1, "load": 10}}})
}

pub fn pod_kill() -> Value {
    json!({"action": "pod-kill", "mode": "one", "gracePeriod": 0, "selector": brokers()})
}

impl Ground {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            sim: wire::start(SimOptions::default()).await.unwrap(),
            state: tempfile::tempdir().unwrap(),
        }
    }

    pub async fn cluster(&self) -> Cluster {
        Cluster::connect(Some(self.sim.kubeconfig()), None).await.unwrap()
    }

    pub async fn cluster_as(&self, user: &str) -> Cluster {
        let seat = self.sim.seats().iter().find(|seat| seat.user == user).unwrap();
        Cluster::connect(Some(&seat.kubeconfig), None).await.unwrap()
    }

    /// Creates a chaos object; labels in `meta` if any.
    #[allow(clippy::needless_pass_by_value, reason = "callers build the spec in place")]
    pub fn make(&self, kind: &str, (namespace, name): (&str, &str), spec: Value) {
        let object = json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        });
        self.put(namespace, object);
    }

    pub fn put(&self, namespace: &str, object: Value) {
        let at = chaos_resource(object["kind"].as_str().unwrap()).unwrap();
        self.sim
            .world()
            .with(|world| world.create(&at, namespace, object, &WriteQuery::default()))
            .unwrap_or_else(|refused| panic!("{refused:?}"));
    }

    /// Waits until the world is so.
    pub async fn until(&self, test: impl Fn(&World) -> bool) {
        let poll = async {
            while !self.sim.world().look(&test) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, poll)
            .await
            .expect("the world comes to it");
    }

    pub async fn until_effects(&self, count: usize) {
        self.until(|world| world.effects().len() >= count).await;
    }

    /// `kind namespace/name` of every active object that is there.
    pub fn active(&self) -> Vec<String> {
        self.sim.world().look(active)
    }

    pub fn uid_of(&self, kind: &str, name: &str) -> String {
        let at = chaos_resource(kind).unwrap();
        let object = self
            .sim
            .world()
            .look(|world| world.get(&at, &Name::new("default", name)))
            .unwrap();
        object["metadata"]["uid"].as_str().unwrap().to_owned()
    }

    pub fn latch(&self, cluster: &Cluster) -> Latch {
        Latch::prepare(self.state.path(), &cluster.pin().uid)
    }

    pub async fn kill(&self, request: KillRequest) -> Said {
        let cluster = self.cluster().await;
        self.kill_on(&cluster, request).await
    }

    pub async fn kill_on(&self, cluster: &Cluster, request: KillRequest) -> Said {
        let latch = self.latch(cluster);
        let (tells, mut heard) = mpsc::unbounded_channel();
        let summary = tokio::time::timeout(PATIENCE * 2, kill(cluster, &latch, &request, tells))
            .await
            .expect("a kill ends at its timeout");
        let mut all = Vec::new();
        while let Some(tells) = heard.recv().await {
            all.push(tells);
        }
        let said = Said { summary, tells: all };
        self.holds(&request, &said);
        said
    }

    /// The law: all clear means that nothing is injected and nothing active is there, and proven means not injected.
    pub fn holds(&self, request: &KillRequest, said: &Said) {
        if said.summary.all_clear && request.run.is_none() && request.namespace.is_none() {
            let effects = self.sim.world().look(World::effects);
            assert!(effects.is_empty(), "all clear, and yet: {effects:#?}");
            assert_eq!(self.active(), Vec::<String>::new(), "all clear");
        }
        for verdict in said.verdicts().filter(|verdict| verdict.gone == Gone::Proven) {
            let effects = self.sim.world().look(World::effects);
            let still = effects
                .iter()
                .find(|effect| Some(&effect.by.uid) == verdict.uid.as_ref());
            assert!(still.is_none(), "proven gone, and yet: {still:#?}");
        }
    }
}

pub fn active(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ACTIVE {
        let listed = world
            .list(&chaos_resource(kind).unwrap(), &ListQuery::default())
            .unwrap();
        for item in listed.items {
            let meta = &item["metadata"];
            found.push(format!(
                "{kind} {}/{}",
                meta["namespace"].as_str().unwrap(),
                meta["name"].as_str().unwrap()
            ));
        }
    }
    found
}

pub fn debt(pin: &ClusterPin, kind: &str, name: &str, uid: Option<&str>) -> Debt {
    Debt {
        id: format!("{name}-1").as_str().into(),
        fault: name.into(),
        summary: format!("{kind} {name}"),
        undo: Undo::DeleteChaos {
            cluster: pin.clone(),
            object: ChaosRef {
                kind: kind.to_owned(),
                plural: kind.to_lowercase(),
                namespace: "default".to_owned(),
                name: name.to_owned(),
            },
            lasting: if kind == "PodChaos" {
                Lasting::OneShot
            } else {
                Lasting::UntilUndone
            },
            uid: uid.map(str::to_owned),
        },
        own_clock: None,
    }
}

pub fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}
