//! Chaos objects of one kind as they change, through lost connections and forgotten history. Never changes one.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::utils::{Backoff, StreamBackoff};
use kube::runtime::watcher::{self as watching, DefaultBackoff, watcher};

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

pub(crate) fn fault(error: &watching::Error, right: impl FnOnce() -> String) -> ApiFault {
    match error {
        watching::Error::InitialListFailed(error)
        | watching::Error::WatchStartFailed(error)
        | watching::Error::WatchFailed(error) => ApiFault::of(error, right),
        watching::Error::WatchError(status) => ApiFault::of_status(status, right),
        watching::Error::NoResourceVersion => ApiFault::Refused {
            code: 200,
            message: "the list carries no resource version".to_owned(),
        },
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Doubles from [`FIRST_PAUSE`] up to [`LONGEST_PAUSE`].
struct Brisk(Duration);

impl Iterator for Brisk {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

impl Backoff for Brisk {
    fn reset(&mut self) {
        self.0 = FIRST_PAUSE;
    }
}

#[derive(Default)]
struct Known {
    now: BTreeMap<String, ChaosObject>,
    listing: BTreeSet<String>,
}

impl Known {
    fn take(&mut self, kind: &ChaosKind, event: watching::Event<DynamicObject>) -> Vec<Followed> {
        match event {
            watching::Event::Init => {
                self.listing.clear();
                Vec::new()
            }
            watching::Event::InitApply(object) | watching::Event::Apply(object) => {
                let object = ChaosObject::read(kind, &object);
                self.listing.insert(object.uid.clone());
                self.now.insert(object.uid.clone(), object.clone());
                vec![Followed::Seen(Box::new(object))]
            }
            watching::Event::Delete(object) => {
                let object = ChaosObject::read(kind, &object);
                self.now.remove(&object.uid);
                vec![Followed::Gone(Box::new(object))]
            }
            watching::Event::InitDone => {
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
        self.follow_pausing(what, DefaultBackoff::default())
    }

    /// Like [`Cluster::follow`], but never pauses for longer than two seconds: for who has a deadline.
    pub fn follow_closely(&self, what: Following) -> Pin<Box<dyn Stream<Item = Followed> + Send>> {
        self.follow_pausing(what, Brisk(FIRST_PAUSE))
    }

    fn follow_pausing(
        &self,
        what: Following,
        pauses: impl Backoff + 'static,
    ) -> Pin<Box<dyn Stream<Item = Followed> + Send>> {
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
        let mut config = watching::Config::default();
        if let Some(name) = &name {
            config = config.fields(&format!("metadata.name={name}"));
        }
        let events = StreamBackoff::new(watcher(api, config), pauses);
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
