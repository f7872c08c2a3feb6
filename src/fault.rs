//! What a fault owes: plain data, enough for another process to undo it. Never does IO.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{DebtId, FaultId};

/// Which cluster a debt is owed in. Another cluster behind the same context name is not it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClusterPin {
    /// The kubeconfig context that was used; for people and for finding the way back.
    pub context: String,
    /// Where the kubeconfig was, when it was not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<std::path::PathBuf>,
    /// The API server's address.
    pub server: String,
    /// SHA-256 of the certificate authority that was trusted, when the kubeconfig named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_sha256: Option<String>,
    /// The uid of the namespace `kube-system`: the identity of the cluster itself.
    pub uid: String,
}

impl ClusterPin {
    /// Whether both name the same cluster, whatever the context and the address.
    pub fn is_same_cluster(&self, other: &Self) -> bool {
        self.uid == other.uid
    }
}

/// A Chaos Mesh object, by what the API server needs to find it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChaosRef {
    /// `PodChaos`, `NetworkChaos`, …
    pub kind: String,
    /// `podchaos`, `networkchaos`, …: never derived from the kind.
    pub plural: String,
    pub namespace: String,
    pub name: String,
}

impl fmt::Display for ChaosRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Whether the target keeps what was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lasting {
    /// It happens once; only the object is left to remove (`pod-kill`, `container-kill`).
    OneShot,
    /// It lasts until it is undone.
    UntilUndone,
}

/// How to undo a fault, as data. Holds references, never secrets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "how")]
pub enum Undo {
    /// Delete a Chaos Mesh object and see its records recovered.
    DeleteChaos {
        cluster: ClusterPin,
        object: ChaosRef,
        lasting: Lasting,
        /// Known from the answer to the create on; before that the object is found by name and labels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uid: Option<String>,
    },
}

/// A fault that was intended and has not been proven gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    pub id: DebtId,
    pub fault: FaultId,
    /// For people: `pod-kill on emqx-go-1`.
    pub summary: String,
    pub undo: Undo,
    /// After how long the target ends it by itself; `None` when only an undo ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_clock: Option<Duration>,
}

/// What was seen of a fault after its undo: the one set of words for it, everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "verdict")]
pub enum Gone {
    /// The object is gone and its last status proved that nothing is injected any more.
    Proven,
    /// The object is gone; nothing proves that the fault is.
    Unverified {
        why: String,
    },
    /// Being undone: `done` of `of` records are recovered.
    Recovering {
        done: usize,
        of: usize,
    },
    /// The undo does not get on.
    Stuck {
        why: String,
        at: Option<String>,
    },
    /// Its finalizers were removed by hand; the fault may still be on the node.
    ForcedUnverified,
    /// The API server does not allow it; `right` is what is missing.
    Forbidden {
        right: String,
    },
    Failed {
        why: String,
    },
    /// Not looked at yet, or it could not be seen.
    Unknown {
        why: String,
    },
}

impl Gone {
    /// Whether nothing more is owed.
    pub const fn pays(&self) -> bool {
        matches!(self, Self::Proven)
    }

    /// Whether it only says how far an undo has got, which goes on.
    pub const fn is_under_way(&self) -> bool {
        matches!(self, Self::Recovering { .. })
    }

    /// Whether looking again may change it by itself.
    pub const fn is_moving(&self) -> bool {
        matches!(
            self,
            Self::Recovering { .. } | Self::Unknown { .. } | Self::Failed { .. } | Self::Stuck { .. }
        )
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven => f.write_str("proven gone"),
            Self::Unverified { why } if why.is_empty() => f.write_str("gone, unverified"),
            Self::Unverified { why } => write!(f, "gone, unverified ({why})"),
            Self::Recovering { done, of } => write!(f, "recovering {done}/{of}"),
            Self::Stuck { why, at: Some(at) } => write!(f, "stuck ({why}, {at})"),
            Self::Stuck { why, at: None } => write!(f, "stuck ({why})"),
            Self::ForcedUnverified => f.write_str("forced, unverified"),
            Self::Forbidden { right } => write!(f, "forbidden ({right})"),
            Self::Failed { why } => write!(f, "failed ({why})"),
            Self::Unknown { why } if why.is_empty() => f.write_str("unknown"),
            Self::Unknown { why } => write!(f, "unknown ({why})"),
        }
    }
}
