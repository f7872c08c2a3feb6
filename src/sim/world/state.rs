//! The world itself: its state and its time. What it does with them is in the files beside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::agenda::{Agenda, Due};
use super::happening::{Effect, Happening, ObjectId, What};
use super::knobs::Knobs;
use super::logs::Logs;
use super::names::Dice;
use super::object;
use super::query::Name;
use super::resource::{EVENTS, Registry, Resource, ResourceRef};
use super::store::{Change, Store};
use super::{bootstrap, chaos, controller};
use crate::units::{Mark, Stamp};

/// How a world is made.
#[derive(Debug, Clone)]
pub struct Setup {
    pub seed: u64,
    /// Goes into the uid of `kube-system` only: two processes are two clusters.
    pub salt: u64,
    /// Wall time at mark zero.
    pub start: Stamp,
    /// How long before `start` the cluster was built.
    pub age: Duration,
    pub replicas: u32,
    pub nodes: u32,
    /// Namespaces beside the usual ones.
    pub namespaces: Vec<String>,
    pub profile: Profile,
    /// Changes remembered for watches.
    pub history: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 1,
            salt: 0,
            start: Stamp(jiff::Timestamp::UNIX_EPOCH),
            age: Duration::from_hours(2),
            replicas: 3,
            nodes: 3,
            namespaces: Vec::new(),
            profile: Profile::default(),
            history: 20_000,
        }
    }
}

/// How long things take, as ranges in milliseconds of world time.
#[derive(Debug, Clone)]
pub struct Profile {
    pub schedule: (u64, u64),
    pub pull: (u64, u64),
    pub start: (u64, u64),
    /// From the start of a broker's process to its first good readiness probe.
    pub ready: (u64, u64),
    /// From SIGTERM to the end of a broker's process.
    pub drain: (u64, u64),
    /// From the creation of a chaos object to its injection.
    pub inject: (u64, u64),
    pub recover: (u64, u64),
    pub heartbeat: Duration,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            schedule: (15, 60),
            pull: (150, 600),
            start: (350, 900),
            ready: (4200, 6300),
            drain: (1500, 3200),
            inject: (100, 450),
            recover: (60, 250),
            heartbeat: Duration::from_secs(5),
        }
    }
}

/// A cluster.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) setup: Setup,
    pub(super) now: Mark,
    pub(super) store: Store,
    pub(super) agenda: Agenda,
    pub(super) registry: Registry,
    pub(super) dice: Dice,
    pub(super) pods: BTreeMap<String, controller::PodRun>,
    pub(super) logs: Logs,
    pub(super) effects: Vec<Effect>,
    pub(super) happenings: Vec<Happening>,
    pub(super) knobs: Knobs,
    pub(super) chaos: chaos::Memory,
    pub(super) addresses: u32,
}

impl World {
    /// A settled cluster: brokers ready, Chaos Mesh running, nothing injected.
    pub fn new(setup: Setup) -> Self {
        let mut world = Self {
            now: Mark::ZERO,
            store: Store::new(setup.history),
            agenda: Agenda::default(),
            registry: Registry::standard(),
            dice: Dice::new(setup.seed),
            pods: BTreeMap::new(),
            logs: Logs::default(),
            effects: Vec::new(),
            happenings: Vec::new(),
            knobs: Knobs::default(),
            chaos: chaos::Memory::default(),
            addresses: 1,
            setup,
        };
        bootstrap::build(&mut world);
        world
    }

    /// Runs everything due up to `to`, in order. Time never goes back: an earlier mark changes nothing.
    pub fn advance(&mut self, to: Mark) {
        while let Some((at, due)) = self.agenda.pop(to) {
            self.now = self.now.max(at);
            if self.knobs.holds(&due) {
                self.agenda.park(due);
            } else {
                controller::run(self, due);
            }
        }
        self.now = self.now.max(to);
    }

    /// When something happens by itself next.
    pub fn next_due(&self) -> Option<Mark> {
        self.agenda.next()
    }

    pub const fn now(&self) -> Mark {
        self.now
    }

    pub fn wall(&self) -> Stamp {
        self.wall_at(self.now)
    }

    /// The wall time of a mark.
    pub fn wall_at(&self, at: Mark) -> Stamp {
        let span = jiff::SignedDuration::try_from(at.elapsed()).unwrap_or(jiff::SignedDuration::MAX);
        Stamp(
            self.setup
                .start
                .0
                .saturating_add(span)
                .unwrap_or(jiff::Timestamp::MAX),
        )
    }

    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Everything served, in discovery's order.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.registry.iter()
    }

    pub fn resource(&self, at: &ResourceRef) -> Option<&Resource> {
        self.registry.find(at)
    }

    /// The version of the newest change.
    pub const fn resource_version(&self) -> u64 {
        self.store.version()
    }

    /// The version from which the oldest watch can start.
    pub const fn oldest_version(&self) -> u64 {
        self.store.oldest()
    }

    /// The world's own record, oldest first.
    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// What is really injected now.
    pub fn effects(&self) -> Vec<Effect> {
        self.effects.clone()
    }

    /// RFC 3339 to the second, as metadata has it.
    pub(super) fn timestamp(&self) -> Value {
        Value::from(seconds(self.wall()))
    }

    pub(super) fn note(&mut self, what: What) {
        self.happenings.push(Happening { at: self.now, what });
    }

    pub(super) fn soon(&mut self, after: Duration, due: Due) {
        self.agenda.at(self.now.after(after), due);
    }

    /// Stores an object and tells the controllers.
    pub(super) fn put(&mut self, at: &ResourceRef, object: Value) -> Arc<Value> {
        match self.store.put(at, object) {
            Err(same) => same,
            Ok(change) => {
                let stored = Arc::clone(&change.last);
                if change.before.is_none() {
                    self.note_object(&change, What::ObjectCreated);
                }
                controller::react(self, &change);
                stored
            }
        }
    }

    /// Takes an object out and tells the controllers.
    pub(super) fn take_out(&mut self, at: &ResourceRef, name: &Name) -> Option<Arc<Value>> {
        let change = self.store.remove(at, name)?;
        self.note_object(&change, What::ObjectDeleted);
        controller::react(self, &change);
        Some(change.last)
    }

    /// Events are told about what happens; they are not what happens.
    fn note_object(&mut self, change: &Change, what: fn(ObjectId) -> What) {
        if change.at == EVENTS {
            return;
        }
        let id = self.object_id(&change.at, &change.last);
        self.note(what(id));
    }

    pub(super) fn object_id(&self, at: &ResourceRef, object: &Value) -> ObjectId {
        ObjectId {
            kind: self
                .registry
                .find(at)
                .map(|resource| resource.kind.to_string())
                .unwrap_or_default(),
            namespace: object::namespace(object).to_owned(),
            name: object::name(object).to_owned(),
            uid: object::uid(object).to_owned(),
        }
    }
}

/// RFC 3339 to the second.
pub fn seconds(at: Stamp) -> String {
    at.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
