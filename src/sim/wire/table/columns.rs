//! The columns of every kind, as data. Pure.

use serde_json::Value;

use super::cells::{age, created_at, name};
use super::network::{endpoints, service};
use super::nodes::{event, node};
use super::workloads::{self as w, budget, claim, cronjob, daemonset, job};
use super::{chaos, pods};
use crate::units::Stamp;

/// Type and format of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    Name,
    Text,
    Number,
    Date,
}

impl Of {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name | Self::Text => "string",
            Self::Number => "integer",
            Self::Date => "date",
        }
    }

    pub const fn format(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Text | Self::Number | Self::Date => "",
        }
    }
}

/// One column: what heads it and what fills it.
pub(super) struct Column {
    pub name: &'static str,
    pub of: Of,
    pub description: &'static str,
    /// Above 0 it is shown only on demand (`-o wide`).
    pub priority: u8,
    pub cell: fn(&Value, Stamp) -> Value,
}

pub(super) const NAME: Column = Column {
    name: "Name",
    of: Of::Name,
    description: "Name must be unique within a namespace.",
    priority: 0,
    cell: name,
};

const AGE: Column = Column {
    name: "Age",
    of: Of::Text,
    description: "Time since the object was created, by the server's clock.",
    priority: 0,
    cell: age,
};

pub(super) const fn of(name: &'static str, cell: fn(&Value, Stamp) -> Value) -> Column {
    Column {
        name,
        of: Of::Text,
        description: "",
        priority: 0,
        cell,
    }
}

const fn number(name: &'static str, cell: fn(&Value, Stamp) -> Value) -> Column {
    Column {
        of: Of::Number,
        ..of(name, cell)
    }
}

const fn wide(name: &'static str, cell: fn(&Value, Stamp) -> Value) -> Column {
    Column {
        priority: 1,
        ..of(name, cell)
    }
}

const fn told(column: &Column, description: &'static str) -> Column {
    Column {
        name: column.name,
        of: column.of,
        description,
        priority: column.priority,
        cell: column.cell,
    }
}

const CREATED: Column = Column {
    of: Of::Date,
    ..of("Created At", created_at)
};

const PODS: &[Column] = &[
    NAME,
    told(
        &of("Ready", pods::ready),
        "The aggregate readiness state of this pod for accepting traffic.",
    ),
    told(
        &of("Status", pods::status),
        "The aggregate status of the containers in this pod.",
    ),
    told(
        &of("Restarts", pods::restarts),
        "The number of times the containers in this pod have been restarted.",
    ),
    AGE,
    wide("IP", pods::ip),
    wide("Node", pods::node),
    wide("Nominated Node", pods::nominated),
    wide("Readiness Gates", pods::gates),
];

const NODES: &[Column] = &[
    NAME,
    of("Status", node::status),
    of("Roles", node::roles),
    AGE,
    of("Version", node::version),
    wide("Internal-IP", node::internal),
    wide("External-IP", node::external),
    wide("OS-Image", node::os),
    wide("Kernel-Version", node::kernel),
    wide("Container-Runtime", node::runtime),
];

const SERVICES: &[Column] = &[
    NAME,
    of("Type", service::kind),
    of("Cluster-IP", service::ip),
    of("External-IP", service::external),
    of("Port(s)", service::ports),
    AGE,
    wide("Selector", service::selector),
];

const STATEFULSETS: &[Column] = &[
    NAME,
    of("Ready", w::ready_of_wanted),
    AGE,
    wide("Containers", w::containers),
    wide("Images", w::images),
];

const DEPLOYMENTS: &[Column] = &[
    NAME,
    of("Ready", w::ready_of_wanted),
    number("Up-to-date", w::updated),
    number("Available", w::available),
    AGE,
    wide("Containers", w::containers),
    wide("Images", w::images),
    wide("Selector", w::match_labels),
];

const REPLICASETS: &[Column] = &[
    NAME,
    number("Desired", w::wanted),
    number("Current", w::current),
    number("Ready", w::ready),
    AGE,
    wide("Containers", w::containers),
    wide("Images", w::images),
    wide("Selector", w::match_labels),
];

const DAEMONSETS: &[Column] = &[
    NAME,
    number("Desired", daemonset::desired),
    number("Current", daemonset::current),
    number("Ready", daemonset::ready),
    number("Up-to-date", daemonset::updated),
    number("Available", daemonset::available),
    of("Node Selector", daemonset::nodes),
    AGE,
    wide("Containers", w::containers),
    wide("Images", w::images),
    wide("Selector", w::match_labels),
];

const EVENTS: &[Column] = &[
    of("Last Seen", event::last_seen),
    of("Type", event::kind),
    of("Reason", event::reason),
    of("Object", event::object),
    wide("Subobject", event::part),
    wide("Source", event::source),
    of("Message", event::message),
    wide("First Seen", event::first_seen),
    wide("Count", event::times),
    Column { priority: 1, ..NAME },
];

const ENDPOINTSLICES: &[Column] = &[
    NAME,
    of("AddressType", endpoints::family),
    of("Ports", endpoints::slice_ports),
    of("Endpoints", endpoints::slice_addresses),
    AGE,
];

const JOBS: &[Column] = &[
    NAME,
    of("Status", job::status),
    of("Completions", job::completions),
    of("Duration", job::duration),
    AGE,
    wide("Containers", w::containers),
    wide("Images", w::images),
];

const CRONJOBS: &[Column] = &[
    NAME,
    of("Schedule", cronjob::schedule),
    of("Timezone", cronjob::timezone),
    of("Suspend", cronjob::suspended),
    number("Active", cronjob::active),
    of("Last Schedule", cronjob::last),
    AGE,
];

const BUDGETS: &[Column] = &[
    NAME,
    of("Min Available", budget::min),
    of("Max Unavailable", budget::max),
    number("Allowed Disruptions", budget::allowed),
    AGE,
];

const CLAIMS: &[Column] = &[
    NAME,
    of("Status", w::phase),
    of("Volume", claim::volume),
    of("Capacity", claim::capacity),
    of("Access Modes", claim::modes),
    of("StorageClass", claim::class),
    AGE,
];

/// The columns of a resource; name and age for one that has none of its own.
pub(super) fn columns(group: &str, plural: &str) -> &'static [Column] {
    match (group, plural) {
        ("", "pods") => PODS,
        ("", "nodes") => NODES,
        ("", "services") => SERVICES,
        ("" | "events.k8s.io", "events") => EVENTS,
        ("", "namespaces") => const { &[NAME, of("Status", w::phase), AGE] },
        ("", "endpoints") => const { &[NAME, of("Endpoints", endpoints::pairs), AGE] },
        ("", "configmaps") => const { &[NAME, number("Data", w::data_size), AGE] },
        ("", "secrets") => {
            const {
                &[
                    NAME,
                    of("Type", w::secret_type),
                    number("Data", w::data_size),
                    AGE,
                ]
            }
        }
        ("", "serviceaccounts") => const { &[NAME, number("Secrets", w::secrets), AGE] },
        ("", "persistentvolumeclaims") => CLAIMS,
        ("apps", "statefulsets") => STATEFULSETS,
        ("apps", "deployments") => DEPLOYMENTS,
        ("apps", "replicasets") => REPLICASETS,
        ("apps", "daemonsets") => DAEMONSETS,
        ("apps", "controllerrevisions") => {
            const {
                &[
                    NAME,
                    of("Controller", w::controller),
                    number("Revision", w::revision),
                    AGE,
                ]
            }
        }
        ("discovery.k8s.io", "endpointslices") => ENDPOINTSLICES,
        ("coordination.k8s.io", "leases") => const { &[NAME, of("Holder", w::holder), AGE] },
        ("batch", "jobs") => JOBS,
        ("batch", "cronjobs") => CRONJOBS,
        ("policy", "poddisruptionbudgets") => BUDGETS,
        ("rbac.authorization.k8s.io", "roles" | "clusterroles") | ("apiextensions.k8s.io", _) => {
            const { &[NAME, CREATED] }
        }
        ("rbac.authorization.k8s.io", _) => const { &[NAME, of("Role", w::role_ref), AGE] },
        ("admissionregistration.k8s.io", _) => const { &[NAME, number("Webhooks", w::webhooks), AGE] },
        ("chaos-mesh.org", plural) => chaos::columns(plural).unwrap_or(const { &[NAME, AGE] }),
        _others => const { &[NAME, AGE] },
    }
}
