//! Which kinds Chaos Mesh has on this cluster, and what each is to an abort. Never lists objects.

use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::{self, Scope as ApiScope, verbs};

use super::{ApiFault, Cluster};

pub(crate) const GROUP: &str = "chaos-mesh.org";
const VERSION: &str = "v1alpha1";

/// What a kind is to an abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Makes other objects: goes first.
    Spawner,
    Injection,
    /// State of a pod or an inventory: deleting it would hide a fault or break something.
    Kept,
    /// Not known when this program was built: judged object by object.
    Unknown,
}

/// A kind of `chaos-mesh.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChaosKind {
    pub kind: String,
    pub plural: String,
    pub version: String,
    pub role: Role,
}

const SPAWNERS: [(&str, &str); 3] = [
    ("Workflow", "workflows"),
    ("Schedule", "schedules"),
    ("WorkflowNode", "workflownodes"),
];
const INJECTIONS: [&str; 14] = [
    "PodChaos",
    "NetworkChaos",
    "StressChaos",
    "IOChaos",
    "TimeChaos",
    "DNSChaos",
    "HTTPChaos",
    "KernelChaos",
    "JVMChaos",
    "BlockChaos",
    "AWSChaos",
    "AzureChaos",
    "GCPChaos",
    "PhysicalMachineChaos",
];
const KEPT: [&str; 6] = [
    "PodNetworkChaos",
    "PodIOChaos",
    "PodHttpChaos",
    "PhysicalMachine",
    "RemoteCluster",
    "StatusCheck",
];

fn role(kind: &str) -> Role {
    if SPAWNERS.iter().any(|(spawner, _)| *spawner == kind) {
        Role::Spawner
    } else if INJECTIONS.contains(&kind) {
        Role::Injection
    } else if KEPT.contains(&kind) {
        Role::Kept
    } else {
        Role::Unknown
    }
}

/// The kinds known to this program, spawners first: what is asked for when discovery fails.
pub fn known_kinds() -> Vec<ChaosKind> {
    let make = |kind: &str, plural: String| ChaosKind {
        kind: kind.to_owned(),
        plural,
        version: VERSION.to_owned(),
        role: role(kind),
    };
    let spawners = SPAWNERS
        .iter()
        .map(|(kind, plural)| make(kind, (*plural).to_owned()));
    spawners
        .chain(INJECTIONS.iter().map(|kind| make(kind, kind.to_lowercase())))
        .collect()
}

impl ChaosKind {
    /// The known kind of this name.
    pub fn known(kind: &str) -> Option<Self> {
        known_kinds().into_iter().find(|known| known.kind == kind)
    }

    /// The kind of an object that was seen before, by this program or by an earlier one.
    pub fn of(object: &crate::fault::ChaosRef) -> Self {
        Self {
            kind: object.kind.clone(),
            plural: object.plural.clone(),
            version: VERSION.to_owned(),
            role: role(&object.kind),
        }
    }

    pub(crate) fn resource(&self) -> ApiResource {
        let gvk = GroupVersionKind::gvk(GROUP, &self.version, &self.kind);
        ApiResource::from_gvk_with_plural(&gvk, &self.plural)
    }
}

impl Cluster {
    /// Every listable, namespaced kind of Chaos Mesh here that may be a fault, spawners first.
    pub async fn active_kinds(&self) -> Result<Vec<ChaosKind>, ApiFault> {
        let group = discovery::group(&self.calls(), GROUP)
            .await
            .map_err(|error| match error {
                kube::Error::Discovery(_) => ApiFault::NotFound,
                other => ApiFault::of(&other, || format!("discover {GROUP}")),
            })?;
        let mut kinds: Vec<ChaosKind> = group
            .recommended_resources()
            .into_iter()
            .filter(|(_, can)| can.scope == ApiScope::Namespaced && can.supports_operation(verbs::LIST))
            .map(|(resource, _)| ChaosKind {
                role: role(&resource.kind),
                kind: resource.kind,
                plural: resource.plural,
                version: resource.version,
            })
            .filter(|kind| kind.role != Role::Kept)
            .collect();
        kinds.sort_by(|a, b| (a.role, &a.kind).cmp(&(b.role, &b.kind)));
        Ok(kinds)
    }
}
