//! The target's pods: what of each is shown, counted and followed. Pure but for publishing the rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use tokio::sync::watch;

use super::hub::Told;
use super::pod_state;
use crate::ports::{Freshness, PodRow};
use crate::units::Stamp;

/// Who looks after an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Controller {
    pub kind: String,
    pub uid: String,
}

/// One container, as far as its log is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContainerSeen {
    pub name: String,
    pub restarts: u32,
    /// The process's own id; empty before the first one.
    pub id: String,
    /// Whether a process of it can still write.
    pub running: bool,
}

/// A pod as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PodSeen {
    pub row: PodRow,
    /// Ready, and not on its way out.
    pub ready: bool,
    /// Through with its work: it will never be ready again.
    pub over: bool,
    pub labels: BTreeMap<String, String>,
    pub controller: Option<Controller>,
    pub containers: Vec<ContainerSeen>,
}

/// The owner that is in charge, of several.
pub(super) fn controller(
    meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
) -> Option<Controller> {
    let owners = meta.owner_references.iter().flatten();
    let mut in_charge = owners.filter(|owner| owner.controller == Some(true));
    in_charge.next().map(|owner| Controller {
        kind: owner.kind.clone(),
        uid: owner.uid.clone(),
    })
}

fn container(status: &ContainerStatus) -> ContainerSeen {
    let running = status.state.as_ref().is_some_and(|state| state.running.is_some());
    ContainerSeen {
        name: status.name.clone(),
        restarts: u32::try_from(status.restart_count).unwrap_or(0),
        id: status.container_id.clone().unwrap_or_default(),
        running,
    }
}

impl PodSeen {
    pub fn of(pod: &Pod) -> Self {
        let meta = &pod.metadata;
        let spec = pod.spec.as_ref();
        let status = pod.status.clone().unwrap_or_default();
        let terminating = meta.deletion_timestamp.is_some();
        let word = pod_state::of(pod);
        let row = PodRow {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            ready: word.ready,
            state: word.state,
            restarts: word.restarts,
            created: meta.creation_timestamp.as_ref().map(|time| Stamp(time.0)),
            node: spec.and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
            terminating,
        };
        let statuses = status.init_container_statuses.iter().flatten();
        let statuses = statuses.chain(status.container_statuses.iter().flatten());
        Self {
            row,
            ready: !terminating && pod_state::is_true(&status, "Ready"),
            over: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            labels: meta.labels.clone().unwrap_or_default(),
            controller: controller(meta),
            containers: statuses.map(container).collect(),
        }
    }
}

/// Keeps the rows of the pods screen: sorted by name, replaced whole.
pub(super) async fn publish(mut told: Told<PodSeen>, rows: watch::Sender<(Freshness, Arc<Vec<PodRow>>)>) {
    while let Some(mut known) = told.recv().await {
        // Latest wins here: what is already waiting is newer.
        while let Ok(newer) = told.try_recv() {
            known = newer;
        }
        let list: Vec<PodRow> = known.objects.values().map(|pod| pod.row.clone()).collect();
        rows.send_if_modified(|shown| {
            let differs = shown.0 != known.freshness || *shown.1 != list;
            if differs {
                *shown = (known.freshness.clone(), Arc::new(list));
            }
            differs
        });
    }
}
