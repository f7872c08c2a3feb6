//! The probes `pods_ready` and `endpoints`: told by the watch, never by polling. While the watch is not proven
//! live there is no data, whatever was seen last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, SelectAll, Stream, StreamExt as _};

use super::endpoints::{Common, ServiceSeen, SliceSeen, fewest};
use super::hub::{Known, Told};
use super::owners::{Asked, Owner, OwnerKind, Wanted};
use super::pods::PodSeen;
use super::probes::{Raw, no_data};
use super::sources::Sources;
use crate::evidence::{Observed, Reading};
use crate::playbook::Target;
use crate::ports::Freshness;
use crate::units::Mark;

/// News from one of the watches.
enum News {
    Pods(Known<PodSeen>),
    Owners(OwnerKind, Known<Owner>),
    Services(Known<ServiceSeen>),
    Slices(Known<SliceSeen>),
}

type AllNews = SelectAll<std::pin::Pin<Box<dyn Stream<Item = News> + Send>>>;

fn each<T: Send + Sync + 'static>(
    told: Told<T>,
    news: impl Fn(Known<T>) -> News + Send + Sync + 'static,
) -> std::pin::Pin<Box<dyn Stream<Item = News> + Send>> {
    Box::pin(stream::unfold((told, news), |(mut told, news)| async {
        let item = news(told.recv().await?);
        Some((item, (told, news)))
    }))
}

/// Why a watch cannot be relied on now; `None` while it can.
fn blind<T>(what: &str, known: &Known<T>) -> Option<String> {
    match &known.freshness {
        Freshness::Live => None,
        Freshness::Connecting => Some(format!("the {what} are not listed yet")),
        Freshness::Stale { since, why } => Some(format!("the {what} are not seen since {since}: {why}")),
        Freshness::Forbidden { right } => Some(format!("no right to {right}")),
    }
}

/// How many pods are wanted, and what it is made of.
struct Wants {
    target: Target,
    owners: BTreeMap<OwnerKind, Asked>,
    wanted: Wanted,
    pods: Option<Known<PodSeen>>,
}

impl Wants {
    fn new(sources: &Sources) -> Self {
        let kinds = [
            OwnerKind::StatefulSet,
            OwnerKind::Deployment,
            OwnerKind::ReplicaSet,
            OwnerKind::DaemonSet,
        ];
        Self {
            target: sources.target.clone(),
            owners: kinds.into_iter().map(|kind| (kind, Asked::NotYet)).collect(),
            wanted: Wanted::default(),
            pods: None,
        }
    }

    fn owner(&mut self, kind: OwnerKind, known: &Known<Owner>) {
        let asked = match &known.freshness {
            Freshness::Connecting => Asked::NotYet,
            Freshness::Forbidden { .. } => Asked::Closed,
            Freshness::Live => Asked::Known(known.objects.values().map(|one| (**one).clone()).collect()),
            // What they wanted last is the best that is known; that the pods are not seen is told by them.
            Freshness::Stale { .. } if self.owners.get(&kind) == Some(&Asked::NotYet) => Asked::Closed,
            Freshness::Stale { .. } => return,
        };
        self.owners.insert(kind, asked);
    }

    /// Ready pods and wanted pods; an error says why that is not known; nothing while it is being found out.
    fn count(&mut self) -> Option<Result<(u32, u32), String>> {
        let pods = self.pods.as_ref()?;
        if pods.freshness == Freshness::Connecting {
            return None;
        }
        if let Some(why) = blind("pods", pods) {
            return Some(Err(why));
        }
        let seen = || pods.objects.values().map(|pod| &**pod);
        let want = self.wanted.count(&self.target.pods, &self.owners, seen())?;
        let ready = seen().filter(|pod| pod.ready).count();
        Some(Ok((u32::try_from(ready).unwrap_or(u32::MAX), want)))
    }
}

fn reading(at: Mark, counted: Result<(u32, u32), String>, unseen: Duration) -> Reading {
    match counted {
        Ok((have, want)) => Reading {
            at,
            observed: Observed::Parts { have, want },
            resolution: unseen,
        },
        Err(why) => no_data(at, why),
    }
}

fn owners_news(sources: &Sources) -> Vec<std::pin::Pin<Box<dyn Stream<Item = News> + Send>>> {
    let owners = sources.owners().into_iter();
    owners
        .map(|(kind, told)| each(told, move |known| News::Owners(kind, known)))
        .collect()
}

/// Ready pods of the target, of as many as its owners want.
pub(super) fn ready(sources: &Arc<Sources>, raw: Raw) -> impl Future<Output = ()> + Send + use<> {
    let mut wants = Wants::new(sources);
    let mut news: AllNews = owners_news(sources).into_iter().collect();
    news.push(each(sources.pods.listen(), News::Pods));
    async move {
        while let Some(item) = news.next().await {
            let (at, unseen) = match item {
                News::Pods(known) => {
                    let told = (known.at, known.unseen);
                    wants.pods = Some(known);
                    told
                }
                News::Owners(kind, known) => {
                    let before = wants.owners.get(&kind).cloned();
                    wants.owner(kind, &known);
                    if before.as_ref() == wants.owners.get(&kind) {
                        continue;
                    }
                    (known.at, known.unseen)
                }
                News::Services(_) | News::Slices(_) => continue,
            };
            let Some(counted) = wants.count() else { continue };
            if raw.send(reading(at, counted, unseen)).is_err() {
                return;
            }
        }
    }
}

/// What is known of the target's services.
struct Serving {
    wants: Wants,
    common: Common,
    services: Option<Known<ServiceSeen>>,
    slices: Option<Known<SliceSeen>>,
}

impl Serving {
    fn count(&mut self) -> Option<Result<(u32, u32), String>> {
        let (services, slices) = (self.services.as_ref()?, self.slices.as_ref()?);
        if [&services.freshness, &slices.freshness].contains(&&Freshness::Connecting) {
            return None;
        }
        let blind = blind("services", services).or_else(|| blind("endpoints", slices));
        let counted = self.wants.count()?;
        if let Some(why) = blind {
            return Some(Err(why));
        }
        let slices: Vec<&SliceSeen> = slices.objects.values().map(|slice| &**slice).collect();
        let named = services.objects.values().map(|service| &**service);
        let ready = fewest(&self.common, named, &slices);
        Some(counted.and_then(|(_, want)| match ready {
            Some(ready) => Ok((u32::try_from(ready).unwrap_or(u32::MAX), want)),
            None => Err("no service selects the target's pods".to_owned()),
        }))
    }
}

/// Ready endpoints of the target's services, of as many as there are pods wanted. Of several services the one
/// with the fewest counts.
pub(super) fn endpoints(sources: &Arc<Sources>, raw: Raw) -> impl Future<Output = ()> + Send + use<> {
    let mut serving = Serving {
        wants: Wants::new(sources),
        common: Common::new(sources.target.pods.clone()),
        services: None,
        slices: None,
    };
    let mut news: AllNews = owners_news(sources).into_iter().collect();
    news.push(each(sources.pods.listen(), News::Pods));
    news.push(each(sources.services(), News::Services));
    news.push(each(sources.slices(), News::Slices));
    async move {
        let mut last: Option<Result<(u32, u32), String>> = None;
        while let Some(item) = news.next().await {
            // Only the slices' own heartbeat is one of this probe; of the others a change is enough.
            let mut beats = false;
            let (at, unseen) = match item {
                News::Slices(known) => {
                    beats = true;
                    let told = (known.at, known.unseen);
                    serving.slices = Some(known);
                    told
                }
                News::Services(known) => {
                    let told = (known.at, known.unseen);
                    serving.services = Some(known);
                    told
                }
                News::Pods(known) => {
                    let told = (known.at, known.unseen);
                    serving.common.see(known.objects.values().map(|pod| &**pod));
                    serving.wants.pods = Some(known);
                    told
                }
                News::Owners(kind, known) => {
                    serving.wants.owner(kind, &known);
                    (known.at, known.unseen)
                }
            };
            let Some(counted) = serving.count() else { continue };
            if !beats && last.as_ref() == Some(&counted) {
                continue;
            }
            last = Some(counted.clone());
            if raw.send(reading(at, counted, unseen)).is_err() {
                return;
            }
        }
    }
}
