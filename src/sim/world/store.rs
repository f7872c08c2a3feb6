//! Objects, the one counter of versions, and the bounded history that watches replay. It knows no rules:
//! what may be written is decided before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::object;
use super::query::{ListQuery, Name, WatchEvent, WatchKind};
use super::resource::ResourceRef;
use super::status::Expired;

/// One change of one object. `before` is absent for a creation, `after` for a removal.
#[derive(Debug, Clone)]
pub struct Change {
    pub rv: u64,
    pub at: ResourceRef,
    pub name: Name,
    pub before: Option<Arc<Value>>,
    pub after: Option<Arc<Value>>,
    /// What a removal shows: the last state under the version of the removal.
    pub last: Arc<Value>,
}

#[derive(Debug, Clone)]
pub struct Store {
    rv: u64,
    objects: BTreeMap<ResourceRef, BTreeMap<Name, Arc<Value>>>,
    history: VecDeque<Change>,
    keep: usize,
    /// Watches can start from here.
    oldest: u64,
}

impl Store {
    /// `keep` changes are remembered for watches.
    pub fn new(keep: usize) -> Self {
        Self {
            rv: 1,
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            keep: keep.max(1),
            oldest: 1,
        }
    }

    pub const fn version(&self) -> u64 {
        self.rv
    }

    pub const fn oldest(&self) -> u64 {
        self.oldest
    }

    pub fn get(&self, at: &ResourceRef, name: &Name) -> Option<&Arc<Value>> {
        self.objects.get(at)?.get(name)
    }

    /// Every object of a resource, by namespace and name.
    pub fn all<'a>(&'a self, at: &ResourceRef) -> impl Iterator<Item = (&'a Name, &'a Arc<Value>)> + use<'a> {
        self.objects.get(at).into_iter().flatten()
    }

    /// The objects of a resource in one namespace.
    pub fn within<'a>(
        &'a self,
        at: &ResourceRef,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a Arc<Value>)> + use<'a> {
        let from = Name::new(namespace, "");
        let objects = self
            .objects
            .get(at)
            .into_iter()
            .flat_map(move |map| map.range(from.clone()..));
        objects.take_while(move |(name, _)| name.namespace == namespace)
    }

    pub fn resources(&self) -> impl Iterator<Item = &ResourceRef> {
        self.objects.keys()
    }

    /// Stores an object under the next version. An object that did not change keeps its version, as with etcd.
    pub fn put(&mut self, at: &ResourceRef, mut object: Value) -> Result<Change, Arc<Value>> {
        let name = Name::new(object::namespace(&object), object::name(&object));
        let before = self.get(at, &name).cloned();
        if let Some(before) = &before {
            let version = object::meta(before, "resourceVersion")
                .cloned()
                .unwrap_or_default();
            object::meta_mut(&mut object).insert("resourceVersion".into(), version);
            if object == **before {
                return Err(Arc::clone(before));
            }
        }
        self.rv += 1;
        object::meta_mut(&mut object).insert("resourceVersion".into(), Value::from(self.rv.to_string()));
        let after = Arc::new(object);
        self.objects
            .entry(at.clone())
            .or_default()
            .insert(name.clone(), Arc::clone(&after));
        let last = Arc::clone(&after);
        Ok(self.remember(Change {
            rv: self.rv,
            at: at.clone(),
            name,
            before,
            after: Some(after),
            last,
        }))
    }

    /// Takes an object out. Its watchers see the last state under a new version.
    pub fn remove(&mut self, at: &ResourceRef, name: &Name) -> Option<Change> {
        let before = self.objects.get_mut(at)?.remove(name)?;
        self.rv += 1;
        let mut last = (*before).clone();
        object::meta_mut(&mut last).insert("resourceVersion".into(), Value::from(self.rv.to_string()));
        let last = Arc::new(last);
        let change = Change {
            rv: self.rv,
            at: at.clone(),
            name: name.clone(),
            before: Some(before),
            after: None,
            last,
        };
        Some(self.remember(change))
    }

    fn remember(&mut self, change: Change) -> Change {
        self.history.push_back(change.clone());
        while self.history.len() > self.keep {
            if let Some(gone) = self.history.pop_front() {
                self.oldest = gone.rv;
            }
        }
        change
    }

    /// Forgets the history, so that every open watch must list again.
    pub fn compact(&mut self) {
        self.history.clear();
        self.oldest = self.rv;
    }

    /// What happened after `rv` to the objects that `query` is about, as its watcher sees it: an object that
    /// stops matching is deleted to it, one that begins to match is added.
    pub fn since(&self, at: &ResourceRef, query: &ListQuery, rv: u64) -> Result<Vec<WatchEvent>, Expired> {
        if rv < self.oldest {
            return Err(Expired {
                asked: rv,
                oldest: self.oldest,
            });
        }
        let start = self.history.partition_point(|change| change.rv <= rv);
        let changes = self.history.range(start..).filter(|change| change.at == *at);
        Ok(changes.filter_map(|change| seen(change, query)).collect())
    }
}

/// Whether an object is what the query is about.
pub fn matches(query: &ListQuery, object: &Value) -> bool {
    query
        .namespace
        .as_deref()
        .is_none_or(|namespace| namespace == object::namespace(object))
        && query.labels.matches(object::labels(object))
        && query.fields.matches(object)
}

fn seen(change: &Change, query: &ListQuery) -> Option<WatchEvent> {
    let was = change
        .before
        .as_ref()
        .is_some_and(|object| matches(query, object));
    let is = change.after.as_ref().is_some_and(|object| matches(query, object));
    let kind = match (was, is) {
        (false, false) => return None,
        (false, true) => WatchKind::Added,
        (true, true) => WatchKind::Modified,
        (true, false) => WatchKind::Deleted,
    };
    let object = if kind == WatchKind::Deleted && change.after.is_some() {
        // Left the selection: its watcher sees the state that it last knew, under the new version.
        let mut last = change.before.as_deref().cloned().unwrap_or_default();
        object::meta_mut(&mut last).insert("resourceVersion".into(), Value::from(change.rv.to_string()));
        Arc::new(last)
    } else {
        Arc::clone(&change.last)
    };
    Some(WatchEvent {
        kind,
        object,
        rv: change.rv,
    })
}
