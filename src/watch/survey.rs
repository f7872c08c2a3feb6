//! One look at everything that is on in a cluster, by lists; what could not be seen is part of the answer. Never
//! follows, never changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use serde::Serialize;

use super::chaos_row::{Phase, age, remaining};
use crate::cluster::{ApiFault, ChaosKind, ChaosObject, Cluster, known_kinds};
use crate::fault::ChaosRef;
use crate::units::Stamp;

/// So many lists at once.
const AT_ONCE: usize = 32;

/// Where was looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Places {
    AllNamespaces,
    Only(Vec<String>),
}

/// One chaos object, whoever made it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one fact of the object, as readers of the JSON want it"
)]
pub struct FaultSeen {
    #[serde(flatten)]
    pub object: ChaosRef,
    pub uid: String,
    pub action: String,
    /// `injected`, `recovering 1/3`, `stuck (why, where)`: what people read.
    pub says: String,
    pub state: Phase,
    /// Something is done to a target now, or may be at any moment.
    pub on: bool,
    pub targets: Vec<String>,
    pub created: Option<Stamp>,
    pub age_seconds: Option<u64>,
    pub duration_seconds: Option<u64>,
    /// Until its own clock ends it; nothing when it has none.
    pub remaining_seconds: Option<u64>,
    /// Made by firedrill, on this machine or another.
    pub ours: bool,
    pub run: Option<String>,
    pub paused: bool,
    pub deleting: bool,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    pub what: String,
    pub why: String,
}

/// A latch that is closed for every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LatchClosed {
    pub namespace: String,
    pub by: String,
    pub why: String,
    pub at: Option<String>,
}

/// What one look at a cluster showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survey {
    /// The kinds that were listed, by name; none when Chaos Mesh is not there.
    pub kinds: Vec<String>,
    pub places: Places,
    pub faults: Vec<FaultSeen>,
    pub unseen: Vec<Unseen>,
    pub latches: Vec<LatchClosed>,
    /// Why a latch could not be read somewhere. Says nothing about faults.
    pub latches_unseen: Vec<Unseen>,
}

fn seconds(span: Duration) -> u64 {
    span.as_secs()
}

fn fault(kind: &ChaosKind, object: &ChaosObject, now: Stamp) -> FaultSeen {
    let phase = Phase::of(kind, object);
    FaultSeen {
        object: object.object.clone(),
        uid: object.uid.clone(),
        action: object.action.clone(),
        says: phase.to_string(),
        on: phase.hurts(),
        state: phase,
        targets: object.targets(),
        created: object.created,
        age_seconds: object.created.map(|created| seconds(age(created, now))),
        duration_seconds: object.duration.map(seconds),
        remaining_seconds: remaining(object, now).map(seconds),
        ours: object.is_ours(),
        run: object.run().map(str::to_owned),
        paused: object.paused,
        deleting: object.deleting,
    }
}

type Place = Option<String>;

struct Look<'a> {
    cluster: &'a Cluster,
    now: Stamp,
    faults: Vec<FaultSeen>,
    /// Which kinds were not seen, by where and why.
    missed: BTreeMap<(Place, String), BTreeSet<String>>,
    unseen: Vec<Unseen>,
}

/// Looks at every active kind, in one namespace or all; `now` is wall time, which ages are counted from.
pub async fn survey(cluster: &Cluster, namespace: Option<&str>, now: Stamp) -> Survey {
    let mut look = Look {
        cluster,
        now,
        faults: Vec::new(),
        missed: BTreeMap::new(),
        unseen: Vec::new(),
    };
    let kinds = look.kinds().await;
    let names = cluster.namespaces().await;
    let places = match namespace {
        Some(one) => {
            let asked = kinds.iter().map(|kind| (kind.clone(), Some(one.to_owned())));
            let refused = look.list(asked.collect()).await;
            look.note_forbidden(refused);
            Places::Only(vec![one.to_owned()])
        }
        None => look.everywhere(&kinds, &names).await,
    };
    look.say_missed(kinds.len());
    let wanted = latch_places(cluster, namespace, names.ok());
    let (latches, latches_unseen) = latches(cluster, wanted).await;
    look.faults
        .sort_by(|a, b| (!a.on, &a.object).cmp(&(!b.on, &b.object)));
    Survey {
        kinds: kinds.into_iter().map(|kind| kind.kind).collect(),
        places,
        faults: look.faults,
        unseen: look.unseen,
        latches,
        latches_unseen,
    }
}

impl Look<'_> {
    async fn kinds(&mut self) -> Vec<ChaosKind> {
        match self.cluster.active_kinds().await {
            Ok(kinds) => kinds,
            Err(ApiFault::NotFound) => Vec::new(),
            Err(fault) => {
                self.unseen.push(Unseen {
                    what: "kinds of chaos-mesh.org that this version does not know".to_owned(),
                    why: fault.to_string(),
                });
                known_kinds()
            }
        }
    }

    /// In all namespaces at once, and where that is forbidden in each that is known.
    async fn everywhere(&mut self, kinds: &[ChaosKind], names: &Result<Vec<String>, ApiFault>) -> Places {
        let asked = kinds.iter().map(|kind| (kind.clone(), None)).collect();
        let narrow: Vec<ChaosKind> = self
            .list(asked)
            .await
            .into_iter()
            .map(|(kind, _, _)| kind)
            .collect();
        if narrow.is_empty() {
            return Places::AllNamespaces;
        }
        let namespaces = match names {
            Ok(names) => names.clone(),
            Err(fault) => {
                self.unseen.push(Unseen {
                    what: "every other namespace".to_owned(),
                    why: fault.to_string(),
                });
                vec![self.cluster.namespace().to_owned()]
            }
        };
        let asked = narrow.iter().flat_map(|kind| {
            let each = namespaces.iter();
            each.map(|name| (kind.clone(), Some(name.clone())))
        });
        let refused = self.list(asked.collect()).await;
        self.note_forbidden(refused);
        if names.is_ok() && self.missed.is_empty() {
            return Places::AllNamespaces;
        }
        let missed: BTreeSet<&str> = self
            .missed
            .keys()
            .filter_map(|(place, _)| place.as_deref())
            .collect();
        let seen = namespaces.iter().filter(|name| !missed.contains(name.as_str()));
        Places::Only(seen.cloned().collect())
    }

    /// Takes in what is there; gives back what was forbidden.
    async fn list(&mut self, asked: Vec<(ChaosKind, Place)>) -> Vec<(ChaosKind, Place, String)> {
        let cluster = self.cluster;
        let lists = futures::stream::iter(asked).map(|(kind, place)| async move {
            let listed = cluster.list_chaos(&kind, place.as_deref(), "").await;
            (kind, place, listed)
        });
        let answers: Vec<_> = lists.buffered(AT_ONCE).collect().await;
        let mut refused = Vec::new();
        for (kind, place, answer) in answers {
            match answer {
                Ok(objects) => {
                    let seen = objects.iter().map(|object| fault(&kind, object, self.now));
                    self.faults.extend(seen);
                }
                // A kind that is not served has no objects.
                Err(ApiFault::NotFound) => {}
                Err(ApiFault::Forbidden { .. }) => refused.push((kind, place, "no right to list".to_owned())),
                Err(fault) => self.miss(kind.plural, place, fault.to_string()),
            }
        }
        refused
    }

    fn note_forbidden(&mut self, refused: Vec<(ChaosKind, Place, String)>) {
        for (kind, place, why) in refused {
            self.miss(kind.plural, place, why);
        }
    }

    fn miss(&mut self, plural: String, place: Place, why: String) {
        self.missed.entry((place, why)).or_default().insert(plural);
    }

    /// One line for all places that lack the same.
    fn say_missed(&mut self, kinds: usize) {
        let mut lines: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for ((place, why), plurals) in std::mem::take(&mut self.missed) {
            let what = if plurals.len() == kinds {
                format!("all {kinds} kinds")
            } else {
                plurals.into_iter().collect::<Vec<_>>().join(", ")
            };
            let place = place.unwrap_or_else(|| "every namespace".to_owned());
            lines.entry((what, why)).or_default().push(place);
        }
        let unseen = lines.into_iter().map(|((what, why), places)| Unseen {
            what: format!("{what} in {}", places.join(", ")),
            why,
        });
        self.unseen.extend(unseen);
    }
}

fn latch_places(cluster: &Cluster, namespace: Option<&str>, names: Option<Vec<String>>) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = ["chaos-mesh".to_owned(), cluster.namespace().to_owned()].into();
    match namespace {
        Some(one) => {
            wanted.insert(one.to_owned());
        }
        None => wanted.extend(names.into_iter().flatten()),
    }
    wanted
}

async fn latches(cluster: &Cluster, wanted: BTreeSet<String>) -> (Vec<LatchClosed>, Vec<Unseen>) {
    let reads = futures::stream::iter(wanted).map(|namespace| async move {
        let seen = cluster.read_latch(&namespace).await;
        (namespace, seen)
    });
    let answers: Vec<_> = reads.buffered(AT_ONCE).collect().await;
    let (mut closed, mut missed) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for (namespace, answer) in answers {
        match answer {
            Ok(Some(latch)) => closed.push(LatchClosed {
                namespace,
                by: latch.by,
                why: latch.why,
                at: latch.at,
            }),
            Ok(None) => {}
            Err(ApiFault::Forbidden { .. }) => missed
                .entry("no right to get leases".to_owned())
                .or_default()
                .push(namespace),
            Err(fault) => missed.entry(fault.to_string()).or_default().push(namespace),
        }
    }
    let missed = missed.into_iter().map(|(why, places)| Unseen {
        what: format!("latch in {}", places.join(", ")),
        why,
    });
    (closed, missed.collect())
}
