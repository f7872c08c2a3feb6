//! Chaos objects of one kind as they change, through lost connections and forgotten history. Never changes one.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::{WatchStreamExt as _, watcher};

use super::calls::right;
use super::kinds::ChaosKind;
use super::{ApiFault, ChaosObject, Cluster};

/// What happened to the objects that are followed.
#[derive(Debug, Clone, PartialEq)]
pub enum Followed {
    /// It is there, and looks like this now.
    Seen(Box<ChaosObject>),
    /// It was deleted; this is how it looked at the end.
    Gone(Box<ChaosObject>),
    /// It is not there any more; its end was missed, this is the last that was seen.
    Vanished(Box<ChaosObject>),
    /// Everything that was there has been told.
    Listed,
    /// Nothing is seen at the moment; it is tried again.
    Lost(ApiFault),
}

/// Objects of one kind: in one namespace or all, perhaps only one by name.
#[derive(Debug, Clone)]
pub struct Following {
    pub kind: ChaosKind,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

pub(crate) fn fault(error: &watcher::Error, right: impl FnOnce() -> String) -> ApiFault {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => ApiFault::of(error, right),
        watcher::Error::WatchError(status) => ApiFault::of_status(status, right),
        watcher::Error::NoResourceVersion => ApiFault::Refused {
            code: 200,
            message: "the list carries no resource version".to_owned(),
        },
    }
}

#[derive(Default)]
struct Known {
    now: BTreeMap<String, ChaosObject>,
    listing: BTreeSet<String>,
}

impl Known {
    fn take(&mut self, kind: &ChaosKind, event: watcher::Event<DynamicObject>) -> Vec<Followed> {
        match event {
            watcher::Event::Init => {
                self.listing.clear();
                Vec::new()
            }
            watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
                let object = ChaosObject::read(kind, &object);
                self.listing.insert(object.uid.clone());
                self.now.insert(object.uid.clone(), object.clone());
                vec![Followed::Seen(Box::new(object))]
            }
            watcher::Event::Delete(object) => {
                let object = ChaosObject::read(kind, &object);
                self.now.remove(&object.uid);
                vec![Followed::Gone(Box::new(object))]
            }
            watcher::Event::InitDone => {
                let listing = std::mem::take(&mut self.listing);
                let (kept, lost): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.now)
                    .into_iter()
                    .partition(|(uid, _)| listing.contains(uid));
                self.now = kept;
                let lost = lost
                    .into_values()
                    .map(|object| Followed::Vanished(Box::new(object)));
                lost.chain([Followed::Listed]).collect()
            }
        }
    }
}

impl Cluster {
    /// Follows until dropped; reconnects by itself with a growing pause.
    pub fn follow(&self, what: Following) -> Pin<Box<dyn Stream<Item = Followed> + Send>> {
        let Following {
            kind,
            namespace,
            name,
        } = what;
        let resource = kind.resource();
        let api: Api<DynamicObject> = match &namespace {
            Some(namespace) => Api::namespaced_with(self.streams(), namespace, &resource),
            None => Api::all_with(self.streams(), &resource),
        };
        let mut config = watcher::Config::default();
        if let Some(name) = &name {
            config = config.fields(&format!("metadata.name={name}"));
        }
        let events = watcher(api, config).default_backoff();
        let told = events.scan(Known::default(), move |known, event| {
            let told = match event {
                Ok(event) => known.take(&kind, event),
                Err(error) => {
                    vec![Followed::Lost(fault(&error, || {
                        right("watch", &kind.plural, namespace.as_deref())
                    }))]
                }
            };
            futures::future::ready(Some(futures::stream::iter(told)))
        });
        Box::pin(told.flatten())
    }
}
