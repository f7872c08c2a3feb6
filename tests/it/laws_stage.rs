//! The engine on the embedded world, without sockets and without async: an honest pair of hands that does what facts
//! ask for, whose answers may come late, twice or never, and whose process may die at any fact. The world's own
//! record says what is true; nothing in here tells the engine more than a client could know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use firedrill::clock::Resumed;
use firedrill::evidence::{Observed, Reading, Verdict};
use firedrill::fault::{ChaosRef, Debt, Gone, Lasting, Undo};
use firedrill::journal::owed;
use firedrill::playbook::Playbook;
use firedrill::run::{Effect, Entry, Fact, Injected, Input, Run, Unattended, Why};
use firedrill::sim::world::resource::{PODS, chaos_resource};
use firedrill::sim::world::{DeleteQuery, ListQuery, Name, ResourceRef, Setup, WatchKind, World, WriteQuery};
use firedrill::units::{DebtId, ErrorChain, Mark, Stamp};
use proptest::test_runner::TestCaseError;
use proptest::{prop_assert, prop_assert_eq};
use serde_json::{Value, json};

use crate::journal_samples::{self as samples, wall};

pub const KINDS: [&str; 2] = ["PodChaos", "NetworkChaos"];
const RUN_LABEL: &str = "firedrill.io/run";
/// The longest that a create may be under way.
const REQUEST: Duration = Duration::from_secs(10);
/// How long an injection or an undo is followed.
const PATIENCE: Duration = Duration::from_secs(110);
/// How often the hands look.
const LOOK: Duration = Duration::from_millis(250);
/// How old the world is when the run begins.
const BEFORE: Duration = Duration::from_mins(1);

/// A create on its way. It outlives the process that sent it.
#[derive(Debug)]
struct Request {
    lands: Mark,
    kind: ResourceRef,
    body: Value,
}

/// Whose word an undo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Engine,
    Kill,
}

/// What a task of the process follows.
#[derive(Debug)]
enum Task {
    Inject {
        debt: Debt,
        until: Mark,
    },
    Undo {
        debt: Debt,
        hand: Hand,
        began: Mark,
        until: Mark,
        asked: bool,
    },
}

/// How answers travel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    pub late: Duration,
    /// The next so many answers are lost.
    pub lose: u8,
    /// The next so many answers come twice.
    pub twice: u8,
    /// The next create takes so long, or never arrives.
    pub create: Create,
}

#[derive(Debug, Clone, Copy, Default)]
pub enum Create {
    #[default]
    Usual,
    Slow,
    Lost,
}

/// The last that was seen of an object, and whether it is gone.
#[derive(Debug, Clone)]
struct Witnessed {
    last: Arc<Value>,
    gone: bool,
}

pub struct Stage {
    pub world: World,
    pub run: Run,
    playbook: Playbook,
    entries: Vec<Entry>,
    /// So many entries survive even a power failure.
    synced: usize,
    disk_full: bool,
    alive: bool,
    /// The process dies within the next facts, after so many of them.
    pub dies_after: Option<(usize, bool)>,
    pub weather: Weather,
    inbox: Vec<(Mark, Input)>,
    net: Vec<Request>,
    tasks: Vec<Task>,
    witnessed: BTreeMap<String, Witnessed>,
    seen_version: u64,
    verdict: Option<Verdict>,
    born: u32,
}

fn object_of(debt: &Debt) -> (&ChaosRef, Lasting, Option<&String>) {
    let Undo::DeleteChaos {
        object, lasting, uid, ..
    } = &debt.undo;
    (object, *lasting, uid.as_ref())
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn records(object: &Value) -> &[Value] {
    object
        .pointer("/status/experiment/containerRecords")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Whether this last status proves that nothing is injected any more.
fn is_settled(object: &Value) -> bool {
    let paused = text(object, "/metadata/annotations/experiment.chaos-mesh.org~1pause") == "true";
    let stopped = text(object, "/status/experiment/desiredPhase") == "Stop";
    stopped
        && !paused
        && records(object)
            .iter()
            .all(|record| record["phase"] == "Not Injected")
}

fn manifest(debt: &DebtId, fault: &str, name: &str) -> Value {
    let (kind, mut spec) = match fault {
        "delay" => (
            "NetworkChaos",
            json!({"action": "delay", "direction": "to", "duration": "40s", "delay": {"latency": "250ms"}}),
        ),
        "failure" => ("PodChaos", json!({"action": "pod-failure", "duration": "5m"})),
        _ => ("PodChaos", json!({"action": "pod-kill"})),
    };
    spec["mode"] = json!("one");
    spec["selector"] = json!({"namespaces": ["default"], "labelSelectors": {"app": "emqx-go"}});
    json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "spec": spec,
        "metadata": {"name": name, "namespace": "default", "labels": {
            "app.kubernetes.io/managed-by": "firedrill", RUN_LABEL: samples::RUN, "firedrill.io/fault": debt.as_str(),
        }},
    })
}

impl Stage {
    pub fn new(seed: u64, playbook: Playbook) -> Self {
        let start = Stamp("2026-11-21T03:00:00Z".parse().expect("a time"));
        let mut world = World::new(Setup {
            seed,
            start,
            ..Setup::default()
        });
        world.advance(Mark::ZERO.after(BEFORE));
        let mut stage = Self {
            seen_version: world.resource_version(),
            world,
            run: Run::new(playbook.clone(), Unattended::Yes),
            playbook,
            entries: Vec::new(),
            synced: 0,
            disk_full: false,
            alive: true,
            dies_after: None,
            weather: Weather::default(),
            inbox: Vec::new(),
            net: Vec::new(),
            tasks: Vec::new(),
            witnessed: BTreeMap::new(),
            verdict: None,
            born: 0,
        };
        let mut started = samples::started();
        if let Fact::RunStarted {
            playbook, unattended, ..
        } = &mut started
        {
            **playbook = stage.playbook.clone();
            *unattended = Unattended::Yes;
        }
        stage.run.evolve(Mark::ZERO, &started);
        stage.append(&[started]);
        stage.inbox.push((Mark::ZERO, Input::Start));
        stage
    }

    /// Drill time.
    pub fn now(&self) -> Mark {
        self.world.now().before(BEFORE)
    }

    pub fn is_done(&self) -> bool {
        self.run.is_over() || !self.alive
    }

    pub fn put(&mut self, input: Input) {
        let now = self.now();
        self.inbox.push((now, input));
    }

    /// The one hand begins: everything that the journal owes, whatever the engine does.
    pub fn kill(&mut self) {
        self.put(Input::Killed { by: "key".to_owned() });
        let debts: Vec<_> = owed(&self.entries)
            .debts
            .into_iter()
            .map(|owed| owed.debt)
            .collect();
        for debt in debts {
            self.undo(debt, Hand::Kill);
        }
        self.put_later(Duration::from_secs(150), Input::KillEnded { clear: true });
    }

    fn put_later(&mut self, after: Duration, input: Input) {
        let due = self.now().after(after);
        self.inbox.push((due, input));
    }

    pub fn fill_disk(&mut self) {
        self.disk_full = true;
    }

    /// A new process takes the run up again, from what is on the disk alone.
    pub fn resume(&mut self) -> Result<(), TestCaseError> {
        if self.alive {
            return Ok(());
        }
        let Some(run) = Run::of(&self.entries) else {
            prop_assert!(self.ours().is_empty(), "chaos of a run that nobody knows");
            return Ok(());
        };
        self.run = run;
        self.alive = true;
        self.disk_full = false;
        self.verdict = None;
        self.seen_version = self.world.resource_version();
        if !self.run.is_over() {
            self.put(Input::Resumed {
                how: Resumed::SameBoot,
                unattended: Unattended::Yes,
            });
        }
        Ok(())
    }

    /// Everything until `to`, or until the run is done.
    pub fn pass(&mut self, span: Duration) -> Result<(), TestCaseError> {
        let end = self.world.now().after(span);
        while self.world.now() < end {
            let next = self.next().min(end);
            self.world.advance(next);
            self.land();
            if self.alive && !self.run.is_over() {
                self.watch();
                self.ends();
                self.work();
                self.look();
                self.deliver()?;
            }
            self.hold_superset()?;
        }
        Ok(())
    }

    fn next(&self) -> Mark {
        let now = self.world.now();
        let mut marks = vec![now.after(Duration::from_secs(5))];
        marks.extend(self.net.iter().map(|request| request.lands));
        if self.alive && !self.run.is_over() {
            let world = |mark: Mark| mark.after(BEFORE);
            marks.extend(self.inbox.iter().map(|(due, _)| world(*due)));
            marks.extend(self.run.deadline(self.now()).map(world));
            if !self.tasks.is_empty() || self.verdict != Some(Verdict::Holds) {
                marks.push(now.after(LOOK));
            }
        }
        let least = now.after(Duration::from_millis(1));
        marks.into_iter().min().unwrap_or(least).max(least)
    }

    /// Creates that have arrived.
    fn land(&mut self) {
        let now = self.world.now();
        let (landed, open) = std::mem::take(&mut self.net)
            .into_iter()
            .partition::<Vec<_>, _>(|r| r.lands <= now);
        self.net = open;
        for request in landed {
            // A refusal is the server's right; the hands see that nothing is there.
            let _answer = self
                .world
                .create(&request.kind, "default", request.body, &WriteQuery::default());
        }
    }

    /// What a watch tells of our objects.
    fn watch(&mut self) {
        let from = self.seen_version;
        self.seen_version = self.world.resource_version();
        for kind in KINDS {
            let kind = chaos_resource(kind).expect("a kind");
            let events = self
                .world
                .events_since(&kind, &ListQuery::default(), from)
                .expect("a long history");
            for event in events.into_iter().filter(|event| is_ours(&event.object)) {
                let name = text(&event.object, "/metadata/name").to_owned();
                let gone = event.kind == WatchKind::Deleted;
                self.witnessed.insert(
                    name,
                    Witnessed {
                        last: event.object,
                        gone,
                    },
                );
            }
        }
    }

    /// Faults that their own clock has ended, as their last status says.
    fn ends(&mut self) {
        let ended = |debt: &&Debt| {
            let (object, lasting, _) = object_of(debt);
            let over = |seen: &Witnessed| !records(&seen.last).is_empty() && is_settled(&seen.last);
            lasting == Lasting::UntilUndone && self.witnessed.get(&object.name).is_some_and(over)
        };
        let ended: Vec<_> = self
            .run
            .owed()
            .filter(ended)
            .map(|debt| debt.id.clone())
            .collect();
        for debt in ended {
            let told = |fired: &firedrill::run::Fired| fired.debt.id == debt && fired.ended.is_some();
            if !self.run.fired.iter().any(told) {
                let at = self.now();
                self.put(Input::FaultEnded { debt, at });
            }
        }
    }

    fn get(&self, object: &ChaosRef) -> Option<Arc<Value>> {
        let kind = chaos_resource(&object.kind).expect("a kind");
        self.world
            .get(&kind, &Name::new(object.namespace.as_str(), object.name.as_str()))
            .ok()
    }

    fn work(&mut self) {
        let now = self.now();
        for mut task in std::mem::take(&mut self.tasks) {
            let answer = match &mut task {
                Task::Inject { debt, until } => self.injected(debt, now >= *until),
                Task::Undo {
                    debt,
                    hand,
                    began,
                    until,
                    asked,
                } => {
                    let gone = self.undone(debt, (now, *began), asked);
                    let gone = gone.or_else(|| {
                        let why = "it is still there".to_owned();
                        (now >= *until).then_some(Gone::Stuck { why, at: None })
                    });
                    let debt = debt.id.clone();
                    gone.map(|gone| match hand {
                        Hand::Engine => Input::Reverted { debt, gone },
                        Hand::Kill => Input::KillSaw { debt, gone },
                    })
                }
            };
            match answer {
                Some(input) => self.send(input),
                None => self.tasks.push(task),
            }
        }
    }

    fn injected(&self, debt: &Debt, over: bool) -> Option<Input> {
        let (object, lasting, _) = object_of(debt);
        let there = self.get(object);
        let in_all = there.as_ref().is_some_and(|seen| {
            let records = records(seen);
            !records.is_empty() && records.iter().all(|record| record["phase"] == "Injected")
        });
        let outcome = match &there {
            Some(seen) if in_all => {
                let cluster = samples::pin();
                let uid = Some(text(seen, "/metadata/uid").to_owned());
                let undo = Undo::DeleteChaos {
                    cluster,
                    object: object.clone(),
                    lasting,
                    uid,
                };
                Injected::Yes {
                    at: self.now(),
                    server_stamp: None,
                    targets: records(seen)
                        .iter()
                        .map(|one| text(one, "/id").to_owned())
                        .collect(),
                    undo: Box::new(undo),
                }
            }
            _ if over => Injected::No {
                error: ErrorChain::message("not seen injected"),
            },
            _ => return None,
        };
        Some(Input::Injected {
            debt: debt.id.clone(),
            outcome,
        })
    }

    /// One look of an undo; the answer once there is one.
    fn undone(&mut self, debt: &Debt, (now, began): (Mark, Mark), asked: &mut bool) -> Option<Gone> {
        let (object, lasting, uid) = object_of(debt);
        if let Some(there) = self.get(object) {
            if !*asked {
                let query = DeleteQuery {
                    uid: Some(text(&there, "/metadata/uid").to_owned()),
                    ..DeleteQuery::default()
                };
                let kind = chaos_resource(&object.kind).expect("a kind");
                let name = Name::new(object.namespace.as_str(), object.name.as_str());
                *asked = self.world.delete(&kind, &name, &query).is_ok();
            }
            return None;
        }
        // An absence proves nothing while a create may still be under way.
        let known = uid.is_some() || self.witnessed.contains_key(&object.name);
        if !known && now < began.after(REQUEST + LOOK) {
            return None;
        }
        Some(match (lasting, self.witnessed.get(&object.name)) {
            (Lasting::OneShot, _) => Gone::Proven,
            (Lasting::UntilUndone, Some(seen)) if seen.gone && is_settled(&seen.last) => Gone::Proven,
            (Lasting::UntilUndone, _) => Gone::Unverified {
                why: "how it ended was not seen".to_owned(),
            },
        })
    }

    /// An answer on its way to the engine.
    fn send(&mut self, input: Input) {
        if self.weather.lose > 0 {
            self.weather.lose -= 1;
            return;
        }
        let late = self.weather.late;
        if self.weather.twice > 0 {
            self.weather.twice -= 1;
            self.put_later(late * 2 + Duration::from_secs(1), input.clone());
        }
        self.put_later(late, input);
    }

    /// The checks, as the pods' readiness says.
    fn look(&mut self) {
        let pods = self
            .world
            .list(&PODS, &ListQuery::default())
            .expect("pods are served")
            .items;
        let ready = |pod: &&Arc<Value>| {
            let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
            let is = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
            text(pod, "/metadata/labels/app") == "emqx-go" && conditions.into_iter().flatten().any(is)
        };
        let have = u32::try_from(pods.iter().filter(ready).count()).expect("few pods");
        let verdict = if have >= 3 {
            Verdict::Holds
        } else {
            Verdict::Broken
        };
        if self.verdict == Some(verdict) {
            return;
        }
        self.verdict = Some(verdict);
        for check in ["pods-ready", "endpoints"] {
            let reading = Reading {
                at: self.now(),
                observed: Observed::Parts { have, want: 3 },
                resolution: LOOK,
            };
            self.put(Input::Seen {
                check: check.into(),
                verdict,
                reading,
            });
        }
    }

    fn deliver(&mut self) -> Result<(), TestCaseError> {
        let now = self.now();
        let (due, later) = std::mem::take(&mut self.inbox)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, _)| *at <= now);
        self.inbox = later;
        // The deadline is looked at with every input, and by itself.
        for input in due.into_iter().map(|(_, input)| input).chain([Input::Timeout]) {
            let facts = self.run.step(now, input);
            if let Some((after, power)) = self.dies_after.filter(|_| !facts.is_empty()) {
                self.append(&facts[..after % (facts.len() + 1)]);
                self.die(power);
                return Ok(());
            }
            if facts.is_empty() {
                continue;
            }
            let kept = self.append(&facts);
            for fact in &facts {
                self.start(fact, kept);
            }
            self.hold_superset()?;
        }
        Ok(())
    }

    /// Writes; whether it is kept. What creates a debt is on the disk when this returns.
    fn append(&mut self, facts: &[Fact]) -> bool {
        if self.disk_full {
            self.put(Input::JournalLost {
                error: ErrorChain::message("disk full"),
            });
            return false;
        }
        for fact in facts {
            let now = self.now();
            self.entries.push(Entry {
                seq: self.entries.len() as u64,
                at: now,
                wall: wall(now.elapsed().as_secs()),
                fact: fact.clone(),
            });
        }
        if facts.iter().any(Fact::creates_debt) {
            self.synced = self.entries.len();
        }
        true
    }

    /// The process is gone, with all that it knew and awaited. What it sent is not.
    pub fn die(&mut self, power: bool) {
        self.alive = false;
        self.dies_after = None;
        self.inbox.clear();
        self.tasks.clear();
        self.witnessed.clear();
        if power {
            self.entries.truncate(self.synced);
        }
    }

    fn start(&mut self, fact: &Fact, kept: bool) {
        match fact.effect() {
            Some(Effect::Plan { fault, attempt }) => {
                self.born += 1;
                let id = DebtId::new(format!("{fault}-{attempt}"));
                let name = format!("{id}-{:04x}", self.born);
                let body = manifest(&id, fault.as_str(), &name);
                let kind = text(&body, "/kind").to_owned();
                let lasting = if fault.as_str() == "kill" {
                    Lasting::OneShot
                } else {
                    Lasting::UntilUndone
                };
                let mut debt = samples::debt(id.as_str(), lasting);
                debt.undo = Undo::DeleteChaos {
                    cluster: samples::pin(),
                    object: ChaosRef {
                        plural: kind.to_lowercase(),
                        kind,
                        namespace: "default".to_owned(),
                        name,
                    },
                    lasting,
                    uid: None,
                };
                let plan = firedrill::run::Plan {
                    manifest: body,
                    ..samples::plan(debt)
                };
                self.send(Input::Planned {
                    fault,
                    outcome: Ok(Box::new(plan)),
                });
            }
            Some(Effect::Inject { debt, .. }) if !kept => {
                let error = ErrorChain::message("not created, as its debt could not be written down");
                self.send(Input::Injected {
                    debt: debt.id,
                    outcome: Injected::No { error },
                });
            }
            Some(Effect::Inject { debt, manifest }) => {
                let takes = match std::mem::take(&mut self.weather.create) {
                    Create::Usual => Some(Duration::from_millis(40)),
                    Create::Slow => Some(REQUEST),
                    Create::Lost => None,
                };
                if let Some(takes) = takes {
                    let kind = chaos_resource(text(&manifest, "/kind")).expect("a kind");
                    self.net.push(Request {
                        lands: self.world.now().after(takes),
                        kind,
                        body: manifest,
                    });
                }
                let until = self.now().after(PATIENCE);
                self.tasks.push(Task::Inject { debt: *debt, until });
            }
            Some(Effect::Revert { debt }) => {
                let debt = self.run.owed().find(|owed| owed.id == debt).cloned();
                if let Some(debt) = debt {
                    self.undo(debt, Hand::Engine);
                }
            }
            None => {}
        }
    }

    fn undo(&mut self, debt: Debt, hand: Hand) {
        let began = self.now();
        let until = began.after(PATIENCE);
        self.tasks.push(Task::Undo {
            debt,
            hand,
            began,
            until,
            asked: false,
        });
    }

    /// Our objects that are in the world now.
    pub fn ours(&self) -> Vec<Arc<Value>> {
        let mut all = Vec::new();
        for kind in KINDS {
            let kind = chaos_resource(kind).expect("a kind");
            let listed = self.world.list(&kind, &ListQuery::default()).expect("served");
            all.extend(listed.items.into_iter().filter(|object| is_ours(object)));
        }
        all
    }

    /// The law of laws: what is live is owed, by what is on the disk, whatever part of it survives.
    fn hold_superset(&self) -> Result<(), TestCaseError> {
        let live: BTreeSet<String> = self
            .ours()
            .iter()
            .map(|object| text(object, "/metadata/name").to_owned())
            .collect();
        let hurt = self.world.effects().into_iter().map(|effect| effect.by.name);
        let live: BTreeSet<String> = live.into_iter().chain(hurt).collect();
        if live.is_empty() {
            return Ok(());
        }
        for kept in [self.synced, self.entries.len()] {
            let owed = owed(&self.entries[..kept]);
            let named: BTreeSet<_> = owed
                .debts
                .iter()
                .map(|owed| object_of(&owed.debt).0.name.clone())
                .collect();
            prop_assert!(
                live.is_subset(&named),
                "live {live:?}, owed {named:?} after {kept} facts: {:#?}",
                self.tail()
            );
        }
        Ok(())
    }

    /// A run that says that it is clean is clean.
    pub fn hold_clean(&self) -> Result<(), TestCaseError> {
        let Some((_, exit)) = self.run.ended else {
            return Ok(());
        };
        let killed = matches!(self.run.abort, Some((_, Why::Killed { .. })));
        // A sweep that was not seen through, as in a run taken up again, vouches for nothing.
        let unclear = killed && self.run.kill_clear != Some(true);
        prop_assert_eq!(exit == 5, unclear || self.run.owed().next().is_some());
        if exit == 5 {
            return Ok(());
        }
        let left: Vec<_> = self
            .ours()
            .iter()
            .map(|object| text(object, "/metadata/name").to_owned())
            .collect();
        prop_assert!(
            left.is_empty(),
            "exit {exit} and {left:?} is there: {:#?}",
            self.tail()
        );
        prop_assert_eq!(self.world.effects(), Vec::new(), "exit {} and it hurts", exit);
        prop_assert!(self.net.is_empty(), "exit {exit} and a create is under way");
        Ok(())
    }

    /// The exit code, once there is one.
    pub fn exit(&self) -> Option<u8> {
        self.run.ended.as_ref().map(|(_, exit)| *exit)
    }

    pub fn tail(&self) -> Vec<String> {
        let names = firedrill::report::words::Names::of(&self.playbook);
        let line = |entry: &Entry| {
            format!(
                "{} {}",
                entry.at,
                firedrill::report::words::sentence(&entry.fact, &names)
            )
        };
        self.entries.iter().map(line).collect()
    }
}

fn is_ours(object: &Value) -> bool {
    object.pointer("/metadata/labels/firedrill.io~1run").is_some()
}
