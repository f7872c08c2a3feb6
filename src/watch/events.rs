//! The events of the target's namespace as lines: each once, and again only when its count grows. Never keeps more
//! than the server does.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Event as CoreEvent;
use k8s_openapi::api::events::v1::Event as NewEvent;
use kube::Api;

use super::feed;
use super::hub::{Hub, Key, Known, Told};
use super::outlet::Outlet;
use super::pulse::Pulse;
use super::scope::{Scope, Steps};
use super::tasks::Tasks;
use crate::cluster::Cluster;
use crate::ports::{EventLine, Freshness, Streamed};
use crate::units::Stamp;

/// So many of the events that were there before are shown.
const HISTORY: usize = 50;

fn object(kind: Option<&str>, name: Option<&str>) -> String {
    let kind = kind.unwrap_or_default().to_lowercase();
    format!("{kind}/{}", name.unwrap_or_default())
}

fn count(of_series: Option<i32>, of_event: Option<i32>) -> u32 {
    let times = of_series.or(of_event).unwrap_or(1);
    u32::try_from(times).unwrap_or(1).max(1)
}

fn of_core(event: &CoreEvent) -> EventLine {
    let series = event.series.as_ref();
    let last = series
        .and_then(|series| series.last_observed_time.as_ref())
        .map(|time| time.0);
    let stamp = last
        .or(event.last_timestamp.as_ref().map(|time| time.0))
        .or(event.event_time.as_ref().map(|time| time.0))
        .or(event.first_timestamp.as_ref().map(|time| time.0))
        .or(event.metadata.creation_timestamp.as_ref().map(|time| time.0));
    EventLine {
        stamp: stamp.map(Stamp),
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.clone().unwrap_or_default(),
        object: object(
            event.involved_object.kind.as_deref(),
            event.involved_object.name.as_deref(),
        ),
        message: event.message.clone().unwrap_or_default(),
        count: count(series.and_then(|series| series.count), event.count),
    }
}

fn of_new(event: &NewEvent) -> EventLine {
    let series = event.series.as_ref();
    let stamp = series
        .map(|series| series.last_observed_time.0)
        .or(event.deprecated_last_timestamp.as_ref().map(|time| time.0))
        .or(event.event_time.as_ref().map(|time| time.0))
        .or(event.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let regarding = event.regarding.as_ref();
    EventLine {
        stamp: stamp.map(Stamp),
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.clone().unwrap_or_default(),
        object: object(
            regarding.and_then(|one| one.kind.as_deref()),
            regarding.and_then(|one| one.name.as_deref()),
        ),
        message: event.note.clone().unwrap_or_default(),
        count: count(series.map(|series| series.count), event.deprecated_count),
    }
}

fn scope<K>(api: Api<K>, what: &str, namespace: &str) -> Scope<K> {
    Scope {
        api,
        labels: String::new(),
        what: what.to_owned(),
        place: format!("in {namespace}"),
        steps: Steps::Together,
    }
}

/// What was told of each event: how often it had happened.
#[derive(Default)]
struct Lines {
    told: BTreeMap<Key, u32>,
    begun: bool,
}

impl Lines {
    fn take(&mut self, known: &Known<EventLine>) -> Vec<EventLine> {
        if known.freshness != Freshness::Live {
            return Vec::new();
        }
        let mut lines: Vec<EventLine> = Vec::new();
        for key in &known.changed {
            let Some(event) = known.objects.get(key) else {
                self.told.remove(key);
                continue;
            };
            if self.told.insert(key.clone(), event.count) != Some(event.count) {
                lines.push((**event).clone());
            }
        }
        lines.sort_by_key(|line| line.stamp);
        if !std::mem::replace(&mut self.begun, true) && lines.len() > HISTORY {
            lines.drain(..lines.len() - HISTORY);
        }
        lines
    }
}

/// Streams the events of a namespace; by the newer of the two views where the older one may not be read.
pub(super) async fn stream(
    cluster: Cluster,
    namespace: String,
    (pulse, tasks): (Pulse, Tasks),
    outlet: Outlet,
) {
    let (branch, guard) = tasks.branch();
    let core: Api<CoreEvent> = Api::namespaced(cluster.streams(), &namespace);
    let hub: Hub<EventLine> = feed::open(scope(core, "events", &namespace), &pulse, &branch, of_core);
    let mut lines = Lines::default();
    if pass_on(hub.listen(), &mut lines, &outlet).await == Closed::Forbidden {
        drop(guard);
        let new: Api<NewEvent> = Api::namespaced(cluster.streams(), &namespace);
        let what = "events.events.k8s.io";
        let hub: Hub<EventLine> = feed::open(scope(new, what, &namespace), &pulse, &tasks, of_new);
        let mut told = hub.listen();
        while let Some(known) = told.recv().await {
            lines
                .take(&known)
                .into_iter()
                .map(Streamed::Event)
                .for_each(|line| outlet.put(line));
        }
    }
}

#[derive(PartialEq)]
enum Closed {
    Forbidden,
    Ended,
}

async fn pass_on(mut told: Told<EventLine>, lines: &mut Lines, outlet: &Outlet) -> Closed {
    while let Some(known) = told.recv().await {
        if matches!(known.freshness, Freshness::Forbidden { .. }) {
            return Closed::Forbidden;
        }
        for line in lines.take(&known) {
            outlet.put(Streamed::Event(line));
        }
    }
    Closed::Ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Mark;
    use std::sync::Arc;

    #[test]
    fn an_event_is_told_again_only_when_its_count_grows() {
        let at = |name: &str| ("default".to_owned(), name.to_owned());
        let event = |count: u32| {
            Arc::new(EventLine {
                stamp: None,
                warning: false,
                reason: "BackOff".to_owned(),
                object: "pod/p".to_owned(),
                message: String::new(),
                count,
            })
        };
        let known = |events: &[(&str, u32)]| Known {
            freshness: Freshness::Live,
            objects: Arc::new(
                events
                    .iter()
                    .map(|(name, count)| (at(name), event(*count)))
                    .collect(),
            ),
            changed: events.iter().map(|(name, _)| at(name)).collect(),
            ..Known::nothing(Mark::ZERO)
        };
        let mut lines = Lines::default();
        let counts = |lines: Vec<EventLine>| lines.iter().map(|line| line.count).collect::<Vec<_>>();
        assert_eq!(counts(lines.take(&known(&[("a", 1), ("b", 4)]))), [1, 4]);
        assert_eq!(counts(lines.take(&known(&[("a", 1), ("b", 5)]))), [5]);
        assert_eq!(counts(lines.take(&known(&[("a", 1), ("b", 5)]))), [0_u32; 0]);
    }
}
