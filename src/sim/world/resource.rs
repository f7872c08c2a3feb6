//! The registry of served resources: what discovery lists and every request is checked against.
//! Data only; it never looks at objects.

use std::borrow::Cow;

/// A resource as a request's path names it: group (empty for core), version, plural.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceRef {
    pub group: Cow<'static, str>,
    pub version: Cow<'static, str>,
    pub plural: Cow<'static, str>,
}

impl ResourceRef {
    pub const fn of(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            plural: Cow::Borrowed(plural),
        }
    }

    pub fn new(group: impl Into<String>, version: impl Into<String>, plural: impl Into<String>) -> Self {
        Self {
            group: Cow::Owned(group.into()),
            version: Cow::Owned(version.into()),
            plural: Cow::Owned(plural.into()),
        }
    }

    /// `pods`, `networkchaos.chaos-mesh.org`: how messages name it.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// Whether objects live in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Namespaced,
    Cluster,
}

/// One subresource, as discovery lists it beside its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sub {
    pub name: &'static str,
    /// Group and version of the kind where it is not the parent's.
    pub foreign: Option<(&'static str, &'static str)>,
    pub kind: &'static str,
    pub verbs: &'static [&'static str],
}

/// One served resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub at: ResourceRef,
    pub kind: Cow<'static, str>,
    pub singular: Cow<'static, str>,
    pub scope: Scope,
    pub short_names: &'static [&'static str],
    pub categories: &'static [&'static str],
    pub verbs: &'static [&'static str],
    pub subs: Vec<Sub>,
    /// Whether `/status` is a door of its own, so that a plain update leaves the status alone.
    pub status: StatusDoor,
}

/// Where an object's status is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusDoor {
    /// By `/status` only.
    Own,
    /// With the object, as most Chaos Mesh kinds do: every status write moves the generation.
    Main,
}

impl Resource {
    /// `PodList`, `NetworkChaosList`.
    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    pub fn is_custom(&self) -> bool {
        self.at.group == CHAOS_GROUP
    }
}

pub const CHAOS_GROUP: &str = "chaos-mesh.org";

macro_rules! refs {
    ($($name:ident = $group:literal $version:literal $plural:literal;)*) => {
        $(pub static $name: ResourceRef = ResourceRef::of($group, $version, $plural);)*
    };
}

refs! {
    PODS = "" "v1" "pods";
    SERVICES = "" "v1" "services";
    ENDPOINTS = "" "v1" "endpoints";
    EVENTS = "" "v1" "events";
    NODES = "" "v1" "nodes";
    NAMESPACES = "" "v1" "namespaces";
    CONFIGMAPS = "" "v1" "configmaps";
    SECRETS = "" "v1" "secrets";
    SERVICEACCOUNTS = "" "v1" "serviceaccounts";
    REPLICATIONCONTROLLERS = "" "v1" "replicationcontrollers";
    PERSISTENTVOLUMECLAIMS = "" "v1" "persistentvolumeclaims";
    STATEFULSETS = "apps" "v1" "statefulsets";
    DEPLOYMENTS = "apps" "v1" "deployments";
    DAEMONSETS = "apps" "v1" "daemonsets";
    REPLICASETS = "apps" "v1" "replicasets";
    CONTROLLERREVISIONS = "apps" "v1" "controllerrevisions";
    ENDPOINTSLICES = "discovery.k8s.io" "v1" "endpointslices";
    EVENTS_V1 = "events.k8s.io" "v1" "events";
    LEASES = "coordination.k8s.io" "v1" "leases";
    JOBS = "batch" "v1" "jobs";
    CRONJOBS = "batch" "v1" "cronjobs";
    PODDISRUPTIONBUDGETS = "policy" "v1" "poddisruptionbudgets";
    ROLES = "rbac.authorization.k8s.io" "v1" "roles";
    ROLEBINDINGS = "rbac.authorization.k8s.io" "v1" "rolebindings";
    CLUSTERROLES = "rbac.authorization.k8s.io" "v1" "clusterroles";
    CLUSTERROLEBINDINGS = "rbac.authorization.k8s.io" "v1" "clusterrolebindings";
    CRDS = "apiextensions.k8s.io" "v1" "customresourcedefinitions";
    MUTATING_WEBHOOKS = "admissionregistration.k8s.io" "v1" "mutatingwebhookconfigurations";
    VALIDATING_WEBHOOKS = "admissionregistration.k8s.io" "v1" "validatingwebhookconfigurations";
    SCHEDULES = "chaos-mesh.org" "v1alpha1" "schedules";
    WORKFLOWS = "chaos-mesh.org" "v1alpha1" "workflows";
    WORKFLOWNODES = "chaos-mesh.org" "v1alpha1" "workflownodes";
    PODNETWORKCHAOS = "chaos-mesh.org" "v1alpha1" "podnetworkchaos";
    PODIOCHAOS = "chaos-mesh.org" "v1alpha1" "podiochaos";
    PODHTTPCHAOS = "chaos-mesh.org" "v1alpha1" "podhttpchaos";
}

/// Every Chaos Mesh kind: kind, plural.
pub const CHAOS_KINDS: [(&str, &str); 23] = [
    ("AWSChaos", "awschaos"),
    ("AzureChaos", "azurechaos"),
    ("BlockChaos", "blockchaos"),
    ("DNSChaos", "dnschaos"),
    ("GCPChaos", "gcpchaos"),
    ("HTTPChaos", "httpchaos"),
    ("IOChaos", "iochaos"),
    ("JVMChaos", "jvmchaos"),
    ("KernelChaos", "kernelchaos"),
    ("NetworkChaos", "networkchaos"),
    ("PhysicalMachineChaos", "physicalmachinechaos"),
    ("PhysicalMachine", "physicalmachines"),
    ("PodChaos", "podchaos"),
    ("PodHttpChaos", "podhttpchaos"),
    ("PodIOChaos", "podiochaos"),
    ("PodNetworkChaos", "podnetworkchaos"),
    ("RemoteCluster", "remoteclusters"),
    ("Schedule", "schedules"),
    ("StatusCheck", "statuschecks"),
    ("StressChaos", "stresschaos"),
    ("TimeChaos", "timechaos"),
    ("WorkflowNode", "workflownodes"),
    ("Workflow", "workflows"),
];

/// The resource of a Chaos Mesh kind.
pub fn chaos_resource(kind: &str) -> Option<ResourceRef> {
    CHAOS_KINDS
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, plural)| ResourceRef::of(CHAOS_GROUP, "v1alpha1", plural))
}

const ALL: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
const NO_COLLECTION: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
const CUSTOM: &[&str] = &[
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];
const SUB: &[&str] = &["get", "patch", "update"];

/// A line of the table below: where, kind, singular, scope, short names, categories, subresources.
type Line = (
    &'static ResourceRef,
    &'static str,
    &'static str,
    Scope,
    &'static [&'static str],
    &'static [&'static str],
    Subs,
);

#[derive(Clone, Copy)]
enum Subs {
    None,
    Status,
    Scaled,
    Pod,
}

#[rustfmt::skip]
static BUILT_IN: &[Line] = &[
    (&CONFIGMAPS, "ConfigMap", "configmap", Scope::Namespaced, &["cm"], &[], Subs::None),
    (&ENDPOINTS, "Endpoints", "endpoints", Scope::Namespaced, &["ep"], &[], Subs::None),
    (&EVENTS, "Event", "event", Scope::Namespaced, &["ev"], &[], Subs::None),
    (&NAMESPACES, "Namespace", "namespace", Scope::Cluster, &["ns"], &[], Subs::Status),
    (&NODES, "Node", "node", Scope::Cluster, &["no"], &[], Subs::Status),
    (&PERSISTENTVOLUMECLAIMS, "PersistentVolumeClaim", "persistentvolumeclaim", Scope::Namespaced, &["pvc"], &[], Subs::Status),
    (&PODS, "Pod", "pod", Scope::Namespaced, &["po"], &["all"], Subs::Pod),
    (&REPLICATIONCONTROLLERS, "ReplicationController", "replicationcontroller", Scope::Namespaced, &["rc"], &["all"], Subs::Scaled),
    (&SECRETS, "Secret", "secret", Scope::Namespaced, &[], &[], Subs::None),
    (&SERVICEACCOUNTS, "ServiceAccount", "serviceaccount", Scope::Namespaced, &["sa"], &[], Subs::None),
    (&SERVICES, "Service", "service", Scope::Namespaced, &["svc"], &["all"], Subs::Status),
    (&CONTROLLERREVISIONS, "ControllerRevision", "controllerrevision", Scope::Namespaced, &[], &[], Subs::None),
    (&DAEMONSETS, "DaemonSet", "daemonset", Scope::Namespaced, &["ds"], &["all"], Subs::Status),
    (&DEPLOYMENTS, "Deployment", "deployment", Scope::Namespaced, &["deploy"], &["all"], Subs::Scaled),
    (&REPLICASETS, "ReplicaSet", "replicaset", Scope::Namespaced, &["rs"], &["all"], Subs::Scaled),
    (&STATEFULSETS, "StatefulSet", "statefulset", Scope::Namespaced, &["sts"], &["all"], Subs::Scaled),
    (&EVENTS_V1, "Event", "event", Scope::Namespaced, &["ev"], &[], Subs::None),
    (&ENDPOINTSLICES, "EndpointSlice", "endpointslice", Scope::Namespaced, &[], &[], Subs::None),
    (&LEASES, "Lease", "lease", Scope::Namespaced, &[], &[], Subs::None),
    (&JOBS, "Job", "job", Scope::Namespaced, &[], &["all"], Subs::Status),
    (&CRONJOBS, "CronJob", "cronjob", Scope::Namespaced, &["cj"], &["all"], Subs::Status),
    (&PODDISRUPTIONBUDGETS, "PodDisruptionBudget", "poddisruptionbudget", Scope::Namespaced, &["pdb"], &[], Subs::Status),
    (&ROLES, "Role", "role", Scope::Namespaced, &[], &[], Subs::None),
    (&ROLEBINDINGS, "RoleBinding", "rolebinding", Scope::Namespaced, &[], &[], Subs::None),
    (&CLUSTERROLES, "ClusterRole", "clusterrole", Scope::Cluster, &[], &[], Subs::None),
    (&CLUSTERROLEBINDINGS, "ClusterRoleBinding", "clusterrolebinding", Scope::Cluster, &[], &[], Subs::None),
    (&MUTATING_WEBHOOKS, "MutatingWebhookConfiguration", "mutatingwebhookconfiguration", Scope::Cluster, &[], &["api-extensions"], Subs::None),
    (&VALIDATING_WEBHOOKS, "ValidatingWebhookConfiguration", "validatingwebhookconfiguration", Scope::Cluster, &[], &["api-extensions"], Subs::None),
    (&CRDS, "CustomResourceDefinition", "customresourcedefinition", Scope::Cluster, &["crd", "crds"], &["api-extensions"], Subs::Status),
];

/// Everything that this world serves, in the order discovery lists it.
#[derive(Debug, Clone)]
pub struct Registry {
    resources: Vec<Resource>,
}

impl Registry {
    /// The built-in resources and the Chaos Mesh kinds.
    pub fn standard() -> Self {
        let mut resources: Vec<Resource> = BUILT_IN.iter().map(built_in).collect();
        resources.extend(CHAOS_KINDS.iter().map(|(kind, plural)| chaos_kind(kind, plural)));
        Self { resources }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }

    pub fn find(&self, at: &ResourceRef) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.at == *at)
    }
}

fn built_in(line: &Line) -> Resource {
    let (at, kind, singular, scope, short_names, categories, subs) = *line;
    let verbs = if *at == NAMESPACES { NO_COLLECTION } else { ALL };
    Resource {
        at: at.clone(),
        kind: Cow::Borrowed(kind),
        singular: Cow::Borrowed(singular),
        scope,
        short_names,
        categories,
        verbs,
        subs: subs_of(subs, kind),
        status: if matches!(subs, Subs::None) {
            StatusDoor::Main
        } else {
            StatusDoor::Own
        },
    }
}

fn subs_of(subs: Subs, kind: &'static str) -> Vec<Sub> {
    let status = Sub {
        name: "status",
        foreign: None,
        kind,
        verbs: SUB,
    };
    match subs {
        Subs::None => Vec::new(),
        Subs::Status => vec![status],
        Subs::Scaled => vec![
            Sub {
                name: "scale",
                foreign: Some(("autoscaling", "v1")),
                kind: "Scale",
                verbs: SUB,
            },
            status,
        ],
        Subs::Pod => vec![
            Sub {
                name: "eviction",
                foreign: Some(("policy", "v1")),
                kind: "Eviction",
                verbs: &["create"],
            },
            Sub {
                name: "log",
                foreign: None,
                kind,
                verbs: &["get"],
            },
            Sub {
                name: "portforward",
                foreign: None,
                kind: "PodPortForwardOptions",
                verbs: &["create", "get"],
            },
            status,
        ],
    }
}

fn chaos_kind(kind: &'static str, plural: &'static str) -> Resource {
    let (short_names, own): (&'static [&'static str], bool) = match kind {
        "Workflow" => (&["wf"], true),
        "WorkflowNode" => (&["wfn"], true),
        "StatusCheck" | "PodNetworkChaos" | "PodIOChaos" | "PodHttpChaos" | "RemoteCluster" => (&[], true),
        _ => (&[], false),
    };
    Resource {
        at: ResourceRef::of(CHAOS_GROUP, "v1alpha1", plural),
        kind: Cow::Borrowed(kind),
        singular: Cow::Owned(kind.to_lowercase()),
        scope: if kind == "RemoteCluster" {
            Scope::Cluster
        } else {
            Scope::Namespaced
        },
        short_names,
        categories: &[],
        verbs: CUSTOM,
        subs: if own {
            vec![Sub {
                name: "status",
                foreign: None,
                kind,
                verbs: SUB,
            }]
        } else {
            Vec::new()
        },
        status: if own { StatusDoor::Own } else { StatusDoor::Main },
    }
}
