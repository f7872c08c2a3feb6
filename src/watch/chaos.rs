//! Every active chaos object in the cluster, whoever made it, as rows: one watch a kind, in all namespaces or, where
//! that is forbidden, in those that may be listed. New kinds are noticed. Never deletes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Api;
use kube::api::DynamicObject;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::DropGuard;

use super::chaos_row::row;
use super::feed;
use super::hub::Known;
use super::pulse::Pulse;
use super::scope::{Scope, Steps};
use super::tasks::Tasks;
use crate::cluster::{ApiFault, ChaosKind, ChaosObject, Cluster, known_kinds};
use crate::ports::{ChaosRow, Freshness};
use crate::units::Mark;

/// Kinds and rights are looked at again so often, in real time.
const AGAIN: Duration = Duration::from_secs(30);
/// While that fails.
const SOON: Duration = Duration::from_secs(3);
/// So many lists at once.
const AT_ONCE: usize = 8;

/// One watch: a kind, in one namespace or all.
type Place = (ChaosKind, Option<String>);
/// A watch by its plural and its namespace.
type At = (String, Option<String>);
type Shown = (Freshness, Arc<Vec<ChaosRow>>);

struct Watched {
    latest: Known<ChaosObject>,
    _guard: DropGuard,
}

/// What is to be watched, as discovery and rights have it.
struct Plan {
    places: Vec<Place>,
    /// What cannot be seen at all.
    unseen: Option<String>,
}

struct Follower {
    cluster: Cluster,
    pulse: Pulse,
    tasks: Tasks,
    /// Looked at even where namespaces cannot be listed.
    usual: String,
    watched: BTreeMap<At, (ChaosKind, Watched)>,
    unseen: Option<String>,
    /// Why nothing is known of the kinds.
    lost: Option<(Mark, String)>,
    begun: bool,
    news: mpsc::UnboundedSender<(At, Known<ChaosObject>)>,
}

/// Follows for as long as it runs; `usual` is the namespace that is looked at in any case.
pub(super) async fn follow(
    cluster: Cluster,
    usual: String,
    (pulse, tasks): (Pulse, Tasks),
    shown: watch::Sender<Shown>,
) {
    let (news, mut told) = mpsc::unbounded_channel();
    let mut follower = Follower {
        cluster,
        pulse,
        tasks,
        usual,
        watched: BTreeMap::new(),
        unseen: None,
        lost: None,
        begun: false,
        news,
    };
    let mut wait = Duration::ZERO;
    loop {
        // Looking again must not hold up what is followed.
        let (cluster, usual) = (follower.cluster.clone(), follower.usual.clone());
        let look = async move {
            tokio::time::sleep(wait).await;
            plan(&cluster, &usual).await
        };
        tokio::pin!(look);
        let planned = loop {
            tokio::select! {
                planned = &mut look => break planned,
                news = told.recv() => {
                    let Some((at, known)) = news else { return };
                    follower.take(&at, known);
                    while let Ok((at, known)) = told.try_recv() {
                        follower.take(&at, known);
                    }
                    follower.show(&shown);
                }
            }
        };
        wait = match planned {
            Ok(plan) => {
                follower.apply(plan);
                AGAIN
            }
            Err(fault) => {
                let now = follower.pulse.clock().mark();
                follower.lost.get_or_insert((now, fault.to_string()));
                SOON
            }
        };
        follower.show(&shown);
    }
}

/// Which kinds there are and where they may be listed.
async fn plan(cluster: &Cluster, usual: &str) -> Result<Plan, ApiFault> {
    let kinds = match cluster.active_kinds().await {
        Ok(kinds) => kinds,
        // Without its kinds there is no Chaos Mesh here, and nothing of it can be on.
        Err(ApiFault::NotFound) => Vec::new(),
        Err(ApiFault::Forbidden { .. }) => known_kinds(),
        Err(fault) => return Err(fault),
    };
    let everywhere = listable(cluster, kinds.iter().map(|kind| (kind.clone(), None)).collect()).await?;
    let narrow: Vec<ChaosKind> = kinds
        .into_iter()
        .filter(|kind| !everywhere.iter().any(|(seen, _)| seen == kind))
        .collect();
    if narrow.is_empty() {
        return Ok(Plan {
            places: everywhere,
            unseen: None,
        });
    }
    let (namespaces, all) = match cluster.namespaces().await {
        Ok(names) => (names, true),
        Err(ApiFault::Forbidden { .. }) => {
            let some: BTreeSet<String> = [usual.to_owned(), cluster.namespace().to_owned()].into();
            (some.into_iter().collect(), false)
        }
        Err(fault) => return Err(fault),
    };
    let asked: Vec<Place> = narrow
        .iter()
        .flat_map(|kind| namespaces.iter().map(|name| (kind.clone(), Some(name.clone()))))
        .collect();
    let wanted = asked.len();
    let seen = listable(cluster, asked).await?;
    let complete = all && seen.len() == wanted;
    let unseen = (!complete).then(|| {
        let first = &narrow[0].plural;
        let more = match narrow.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} kinds more)"),
        };
        let places: BTreeSet<&str> = seen.iter().filter_map(|(_, name)| name.as_deref()).collect();
        let places = places.into_iter().collect::<Vec<_>>().join(", ");
        let only = if places.is_empty() {
            String::new()
        } else {
            format!("; seen only in {places}")
        };
        format!("list {first}.chaos-mesh.org{more} in every namespace{only}")
    });
    let places = everywhere.into_iter().chain(seen).collect();
    Ok(Plan { places, unseen })
}

/// Those that may be listed; kinds that are not served here are left out.
async fn listable(cluster: &Cluster, places: Vec<Place>) -> Result<Vec<Place>, ApiFault> {
    let asked = futures::stream::iter(places).map(|(kind, namespace)| async move {
        let listed = cluster.may_list(&kind, namespace.as_deref()).await;
        ((kind, namespace), listed)
    });
    let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
    let mut seen = Vec::new();
    for (place, answer) in answers {
        match answer {
            Ok(()) => seen.push(place),
            Err(ApiFault::Forbidden { .. } | ApiFault::NotFound) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(seen)
}

impl Follower {
    fn apply(&mut self, plan: Plan) {
        self.lost = None;
        self.begun = true;
        self.unseen = plan.unseen;
        let wanted: BTreeMap<_, _> = plan
            .places
            .into_iter()
            .map(|(kind, namespace)| ((kind.plural.clone(), namespace), kind))
            .collect();
        self.watched.retain(|at, _| wanted.contains_key(at));
        for (at, kind) in wanted {
            if !self.watched.contains_key(&at) {
                let watched = self.open(&kind, &at);
                self.watched.insert(at, (kind, watched));
            }
        }
    }

    fn open(&self, kind: &ChaosKind, at: &At) -> Watched {
        let (tasks, guard) = self.tasks.branch();
        let resource = kind.resource();
        let api: Api<DynamicObject> = match &at.1 {
            Some(namespace) => Api::namespaced_with(self.cluster.streams(), namespace, &resource),
            None => Api::all_with(self.cluster.streams(), &resource),
        };
        let place = at.1.as_ref().map_or_else(
            || "in every namespace".to_owned(),
            |namespace| format!("in {namespace}"),
        );
        let scope = Scope {
            api,
            labels: String::new(),
            what: format!("{}.chaos-mesh.org", kind.plural),
            place,
            steps: Steps::Together,
        };
        let read = kind.clone();
        let hub = feed::open(scope, &self.pulse, &tasks, move |object: &DynamicObject| {
            ChaosObject::read(&read, object)
        });
        let (mut told, news, at) = (hub.listen(), self.news.clone(), at.clone());
        let pass_on = async move {
            while let Some(known) = told.recv().await {
                if news.send((at.clone(), known)).is_err() {
                    return;
                }
            }
        };
        tasks.spawn(pass_on, |_| {});
        Watched {
            latest: Known::nothing(self.pulse.clock().mark()),
            _guard: guard,
        }
    }

    fn take(&mut self, at: &At, known: Known<ChaosObject>) {
        if let Some((_, watched)) = self.watched.get_mut(at) {
            watched.latest = known;
        }
    }

    /// The worst of all watches: rows that may be missing must not look like rows that are not there.
    fn freshness(&self) -> Freshness {
        if let Some((since, why)) = &self.lost {
            return Freshness::Stale {
                since: *since,
                why: why.clone(),
            };
        }
        if !self.begun {
            return Freshness::Connecting;
        }
        let all = || {
            self.watched
                .values()
                .map(|(_, watched)| &watched.latest.freshness)
        };
        let stale = all().filter(|one| matches!(one, Freshness::Stale { .. }));
        let oldest = stale.min_by_key(|one| match one {
            Freshness::Stale { since, .. } => *since,
            Freshness::Live | Freshness::Connecting | Freshness::Forbidden { .. } => Mark::ZERO,
        });
        if let Some(stale) = oldest {
            return stale.clone();
        }
        if let Some(right) = &self.unseen {
            return Freshness::Forbidden { right: right.clone() };
        }
        let mut others = all().filter(|one| **one != Freshness::Live);
        others.next().cloned().unwrap_or(Freshness::Live)
    }

    fn show(&self, shown: &watch::Sender<Shown>) {
        let rows = self
            .watched
            .values()
            .flat_map(|(kind, watched)| watched.latest.objects.values().map(|object| row(kind, object)));
        let mut rows: Vec<ChaosRow> = rows.collect();
        rows.sort_by(|a, b| a.object.cmp(&b.object));
        let freshness = self.freshness();
        shown.send_if_modified(|now| {
            let differs = now.0 != freshness || *now.1 != rows;
            if differs {
                *now = (freshness, Arc::new(rows));
            }
            differs
        });
    }
}
