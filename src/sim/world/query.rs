//! What a request says beside its object, and what its answer holds. Plain data.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::selector::{FieldSelector, LabelSelector};

/// Where an object lives: namespace (empty for cluster-scoped) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub namespace: String,
    pub name: String,
}

impl Name {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    pub fn cluster(name: impl Into<String>) -> Self {
        Self::new("", name)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DryRun {
    #[default]
    No,
    All,
}

/// What becomes of fields that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    Strict,
    /// What a server does that is not asked: prune and warn.
    #[default]
    Warn,
    Ignore,
}

/// For create, update and update of the status.
#[derive(Debug, Clone, Default)]
pub struct WriteQuery {
    pub dry_run: DryRun,
    pub field_validation: FieldValidation,
    pub field_manager: Option<String>,
}

/// What a write left, and the warnings for the answer's header.
#[derive(Debug, Clone)]
pub struct Written {
    pub object: Arc<Value>,
    pub warnings: Vec<String>,
}

/// For list and watch; `None` namespace means all.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    pub namespace: Option<String>,
    pub labels: LabelSelector,
    pub fields: FieldSelector,
    /// 0 means no limit.
    pub limit: usize,
    pub continue_token: Option<String>,
    /// As asked; only an exact one that is gone from the history matters.
    pub resource_version: Option<u64>,
    pub exact: Exact,
}

/// How `resourceVersion` binds a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exact {
    #[default]
    NotOlderThan,
    Exact,
}

/// A page of objects. Items carry no `kind`/`apiVersion` of their own difference: they are as stored.
#[derive(Debug, Clone)]
pub struct Listed {
    pub items: Vec<Arc<Value>>,
    pub resource_version: u64,
    pub continue_token: Option<String>,
    pub remaining: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    #[default]
    Background,
    Foreground,
    Orphan,
}

/// For delete and deletecollection.
#[derive(Debug, Clone, Default)]
pub struct DeleteQuery {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub grace: Option<Duration>,
    pub propagation: Propagation,
    pub dry_run: DryRun,
}

/// What a delete did.
#[derive(Debug, Clone)]
pub enum Removed {
    /// Gone; the last state. The answer is a Status with the uid (pods answer with the object).
    Gone(Arc<Value>),
    /// Only marked: a finalizer or a grace period holds it.
    Marked(Arc<Value>),
}

impl Removed {
    pub fn object(&self) -> &Arc<Value> {
        match self {
            Self::Gone(object) | Self::Marked(object) => object,
        }
    }
}

/// For eviction.
#[derive(Debug, Clone, Default)]
pub struct EvictQuery {
    pub delete: DeleteQuery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchKind {
    Added,
    Modified,
    Deleted,
}

impl WatchKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change as a watcher sees it, after its selectors.
#[derive(Debug, Clone)]
pub struct WatchEvent {
    pub kind: WatchKind,
    pub object: Arc<Value>,
    pub rv: u64,
}
