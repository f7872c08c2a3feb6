//! One list-and-watch, kept up through lost connections, forgotten history and missing rights. Never guesses:
//! what it tells carries how long it may have been so, and while nothing proves the view it is stale.
//!
//! kube's own `watcher` keeps connections and bookmarks to itself; when the view was last proven, and for how
//! long it was not, is made of exactly these. So the loop is here.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::WatchEvent;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::hub::{Hub, Key, Known};
use super::pulse::{Beat, Pulse};
use super::scope::{Scope, Steps, WATCH, newest, number};
use super::tasks::Tasks;
use crate::cluster::ApiFault;
use crate::ports::Freshness;
use crate::units::Mark;

/// A watch that has not ended so long after it should have is dead. All times here are real time.
const MARGIN: Duration = Duration::from_secs(5);
/// After a gap, news are old news until nothing came for so long.
const QUIET: Duration = Duration::from_secs(1);
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Rights change rarely.
const FORBIDDEN: Duration = Duration::from_secs(30);

/// Starts watching; what is read of each object is decided by `read`.
pub(super) fn open<K, T>(
    scope: Scope<K>,
    pulse: &Pulse,
    tasks: &Tasks,
    read: impl Fn(&K) -> T + Send + Sync + 'static,
) -> Hub<T>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    T: PartialEq + Send + Sync + 'static,
{
    let hub = Hub::new(pulse.clock().mark());
    let feed = Feed {
        scope,
        read,
        beats: pulse.beats(),
        pulse: pulse.clone(),
        hub: hub.clone(),
        view: Known::nothing(pulse.clock().mark()),
        proven: pulse.clock().mark(),
        gap_from: None,
        pause: PAUSE.0,
        waiting: Vec::new(),
        level: None,
    };
    let (failed, clock) = (hub.clone(), pulse.clock().clone());
    tasks.spawn(feed.run(), move |why| {
        failed.stale(clock.mark(), format!("the watch failed here: {why}"));
    });
    hub
}

/// How a watch ended.
enum Ended {
    /// To be taken up again from this version.
    At(String),
    /// Its history is gone: list anew.
    Expired,
    Lost(ApiFault),
}

struct Feed<K, T, F> {
    scope: Scope<K>,
    read: F,
    beats: watch::Receiver<Beat>,
    pulse: Pulse,
    hub: Hub<T>,
    view: Known<T>,
    /// The view was certainly true then.
    proven: Mark,
    /// Since when news may have been missed, until the watch has caught up.
    gap_from: Option<Mark>,
    pause: Duration,
    /// What changed and was not told yet.
    waiting: Vec<Key>,
    /// The server's newest version after the watch was taken up again: what comes later is no old news.
    level: Option<u64>,
}

impl<K, T, F> Feed<K, T, F>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    T: PartialEq + Send + Sync + 'static,
    F: Fn(&K) -> T + Send + Sync,
{
    async fn run(mut self) {
        let mut version: Option<String> = None;
        loop {
            let from = match version.clone() {
                Some(from) => from,
                None => match self.list().await {
                    Ok(from) => from,
                    Err(fault) => {
                        self.lost(&fault);
                        self.rest(&fault).await;
                        continue;
                    }
                },
            };
            version = Some(from.clone());
            let began = Instant::now();
            match self.watch(from, &mut version).await {
                Ended::At(at) => {
                    version = Some(at);
                    // A server that ends every watch at once must not be asked without end.
                    if began.elapsed() < QUIET {
                        tokio::time::sleep(PAUSE.0).await;
                    }
                }
                Ended::Expired => version = None,
                Ended::Lost(fault) => {
                    self.lost(&fault);
                    self.rest(&fault).await;
                }
            }
        }
    }

    /// Everything, page by page; told at once when it is complete.
    async fn list(&mut self) -> Result<String, ApiFault> {
        let mut found: BTreeMap<Key, Arc<T>> = BTreeMap::new();
        let mut token = None;
        loop {
            let page = self.scope.page(token).await?;
            self.pulse.hear();
            for object in &page.items {
                found.insert(key(object), Arc::new((self.read)(object)));
            }
            token = page.metadata.continue_.filter(|token| !token.is_empty());
            if token.is_none() {
                self.take_list(found);
                return Ok(page.metadata.resource_version.unwrap_or_default());
            }
        }
    }

    fn take_list(&mut self, found: BTreeMap<Key, Arc<T>>) {
        let before = &self.view.objects;
        let mut changed: Vec<Key> = found
            .iter()
            .filter(|(key, object)| before.get(*key) != Some(object))
            .map(|(key, _)| key.clone())
            .collect();
        changed.extend(before.keys().filter(|key| !found.contains_key(*key)).cloned());
        let first = self.view.freshness == Freshness::Connecting;
        self.view.objects = Arc::new(found);
        let now = self.pulse.hear();
        // A list is complete: whatever was missed is in it.
        let unseen = if first {
            self.latency()
        } else {
            now.since(self.gap_from.unwrap_or(self.proven))
        };
        self.gap_from = None;
        self.prove(now, changed, unseen);
    }

    fn latency(&self) -> Duration {
        self.beats.borrow().latency
    }

    /// Tells the view as one that is true now.
    fn prove(&mut self, now: Mark, changed: Vec<Key>, unseen: Duration) {
        self.proven = now;
        self.pause = PAUSE.0;
        self.view.at = now;
        self.view.freshness = Freshness::Live;
        self.view.unseen = unseen.max(self.latency());
        self.view.changed = changed;
        self.hub.tell(self.view.clone());
        self.view.changed.clear();
    }

    /// One change: told at once, or with those that came with it.
    fn step(&mut self, now: Mark, changed: Option<Key>, unseen: Duration) {
        self.waiting.extend(changed);
        self.view.unseen = unseen;
        self.view.at = now;
        if self.scope.steps == Steps::Each {
            self.flush();
        } else {
            self.view.freshness = Freshness::Live;
        }
    }

    /// Tells what waits to be told.
    fn flush(&mut self) {
        if self.view.at <= self.proven && self.waiting.is_empty() {
            return;
        }
        let changed = std::mem::take(&mut self.waiting);
        self.prove(self.view.at, changed, self.view.unseen);
    }

    /// Follows one connection. `version` is where to take it up again.
    async fn watch(&mut self, from: String, version: &mut Option<String>) -> Ended {
        let mut events = match self.scope.watch(&from).await {
            Ok(events) => events,
            Err(ApiFault::Refused { code: 410, .. }) => return Ended::Expired,
            Err(fault) => return Ended::Lost(fault),
        };
        self.pulse.hear();
        let ends = Instant::now() + WATCH;
        let comebacks = self.beats.borrow_and_update().comebacks;
        let mut quiet = Instant::now() + QUIET;
        self.level = None;
        let mut missed = self.has_missed();
        let level = newest(self.scope.api.clone());
        tokio::pin!(level);
        loop {
            let catching_up = self.gap_from.is_some();
            tokio::select! {
                biased;
                chunk = events.next() => {
                    quiet = Instant::now() + QUIET;
                    let Some(chunk) = chunk else {
                        return self.ended(ends, version.take());
                    };
                    let taken = self.take_all(chunk, version);
                    self.flush();
                    if let Err(ended) = taken {
                        return ended;
                    }
                }
                newest = &mut level, if missed => {
                    missed = false;
                    self.level = newest;
                }
                () = tokio::time::sleep_until(quiet), if catching_up => {
                    quiet = Instant::now() + QUIET;
                    self.caught_up();
                }
                changed = self.beats.changed() => {
                    if changed.is_err() {
                        return Ended::At(version.take().unwrap_or(from));
                    }
                    if self.felt(comebacks) {
                        return Ended::At(version.take().unwrap_or(from));
                    }
                }
                () = tokio::time::sleep_until(ends + MARGIN) => {
                    self.gap_from = self.gap_from.or(Some(self.proven));
                    return Ended::Lost(self.scope.late("watch"));
                }
            }
        }
    }

    /// Whether there was a gap that is worth a question.
    fn has_missed(&self) -> bool {
        let clock = self.pulse.clock();
        self.gap_from
            .is_some_and(|from| clock.mark().since(from) > clock.drill_time(QUIET))
    }

    /// Nothing came for a while after a gap: what came before was all that was missed.
    fn caught_up(&mut self) {
        let failing = self.beats.borrow().failing.clone();
        if let Some(why) = failing {
            self.stale(why);
            return;
        }
        let now = self.pulse.clock().mark();
        let unseen = now.since(self.gap_from.take().unwrap_or(now));
        self.prove(now, Vec::new(), unseen);
    }

    /// The stream ended. In its time, nothing was missed; before it, perhaps since it was last proven.
    fn ended(&mut self, ends: Instant, version: Option<String>) -> Ended {
        let now = self.pulse.clock().mark();
        let in_time = Instant::now() + 2 * QUIET >= ends;
        let from = if in_time {
            now
        } else {
            self.proven.max(self.beats.borrow().proven)
        };
        self.gap_from = self.gap_from.or(Some(from));
        version.map_or(Ended::Expired, Ended::At)
    }

    /// The server's pulse changed; says whether the connection must be made anew.
    fn felt(&mut self, comebacks: u64) -> bool {
        let beat = self.beats.borrow_and_update().clone();
        if beat.comebacks != comebacks {
            self.gap_from = self.gap_from.or(Some(self.proven));
            self.stale("the API server was not looked at for a while".to_owned());
            return true;
        }
        if let Some(why) = beat.failing {
            self.stale(why);
        } else if self.view.freshness == Freshness::Live && self.gap_from.is_none() {
            // The server answers and the watch is open: what is shown is so still.
            let now = beat.proven.max(self.proven);
            self.prove(now, Vec::new(), Duration::ZERO);
        }
        false
    }

    fn take_all(
        &mut self,
        chunk: Vec<kube::Result<WatchEvent<K>>>,
        version: &mut Option<String>,
    ) -> Result<(), Ended> {
        for event in chunk {
            let event = event.map_err(|error| Ended::Lost(self.scope.fault("watch", &error)))?;
            let at = self.take(event)?;
            if !at.is_empty() {
                *version = Some(at);
            }
        }
        Ok(())
    }

    /// Takes one event in; the version after it, or why the watch is over.
    fn take(&mut self, event: WatchEvent<K>) -> Result<String, Ended> {
        let now = self.pulse.hear();
        let version = match &event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                number(object.meta().resource_version.as_deref())
            }
            WatchEvent::Bookmark(_) | WatchEvent::Error(_) => None,
        };
        if let (Some(level), Some(version)) = (self.level, version)
            && version > level
        {
            self.gap_from = None;
            self.level = None;
            self.view.freshness = Freshness::Live;
        }
        let stale_since = match &self.view.freshness {
            Freshness::Stale { since, .. } => Some(*since),
            Freshness::Live | Freshness::Connecting | Freshness::Forbidden { .. } => None,
        };
        self.gap_from = self.gap_from.or(stale_since);
        let unseen = self.gap_from.map_or(Duration::ZERO, |from| now.since(from));
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let (key, read) = (key(&object), (self.read)(&object));
                let differs = self.view.objects.get(&key).is_none_or(|before| **before != read);
                if differs {
                    Arc::make_mut(&mut self.view.objects).insert(key.clone(), Arc::new(read));
                }
                self.step(now, differs.then_some(key), unseen);
                Ok(object.resource_version().unwrap_or_default())
            }
            WatchEvent::Deleted(object) => {
                let key = key(&object);
                let known = Arc::make_mut(&mut self.view.objects).remove(&key).is_some();
                self.step(now, known.then_some(key), unseen);
                Ok(object.resource_version().unwrap_or_default())
            }
            WatchEvent::Bookmark(bookmark) => {
                // Everything before a bookmark has been sent: the watch has caught up.
                self.gap_from = None;
                self.prove(now, Vec::new(), unseen);
                Ok(bookmark.metadata.resource_version)
            }
            WatchEvent::Error(status) => {
                self.gap_from = self.gap_from.or(Some(self.proven));
                if status.code == 410 {
                    return Err(Ended::Expired);
                }
                Err(Ended::Lost(ApiFault::of_status(&status, || {
                    self.scope.right("watch")
                })))
            }
        }
    }

    fn stale(&mut self, why: String) {
        if matches!(self.view.freshness, Freshness::Stale { .. }) {
            return;
        }
        self.view.at = self.pulse.clock().mark();
        self.view.freshness = Freshness::Stale {
            since: self.proven,
            why,
        };
        self.hub.tell(self.view.clone());
    }

    fn lost(&mut self, fault: &ApiFault) {
        if self.view.freshness != Freshness::Connecting {
            self.gap_from = self.gap_from.or(Some(self.proven));
        }
        if let ApiFault::Forbidden { right } = fault {
            self.view.at = self.pulse.clock().mark();
            self.view.freshness = Freshness::Forbidden { right: right.clone() };
            self.hub.tell(self.view.clone());
            return;
        }
        let why = if *fault == ApiFault::NotFound {
            format!("{} are not served here", self.scope.what)
        } else {
            fault.to_string()
        };
        self.stale(why);
    }

    /// A growing pause, ended early when the server comes back.
    async fn rest(&mut self, fault: &ApiFault) {
        if matches!(fault, ApiFault::Forbidden { .. }) {
            tokio::time::sleep(FORBIDDEN).await;
            return;
        }
        let comebacks = self.beats.borrow_and_update().comebacks;
        let pause = self.pause.mul_f64(0.75 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).min(PAUSE.1);
        let back = self.beats.wait_for(|beat| beat.comebacks != comebacks);
        // Either is a reason to try again.
        let _ = timeout(pause, back).await;
    }
}

fn key<K: Resource>(object: &K) -> Key {
    let meta = object.meta();
    (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    )
}
