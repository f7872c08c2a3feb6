//! THE loop: an input in, facts out, facts to the disk and to the readers, effects to the executor.
//! Never decides and never waits for anything but the next input or the next deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::executor::{Executor, Objection};
use super::probes::{CheckPublisher, Checks};
use super::record::Recorder;
use crate::clock::{Clock, Resumed};
use crate::fault::{ClusterPin, Debt};
use crate::playbook::Playbook;
use crate::ports::{ChaosRow, Freshness, Injector, Probes};
use crate::run::{Entry, Fact, Injected, Input, Run, Unattended};
use crate::units::{ErrorChain, Mark, RunId};

/// How long tasks may go on after the run is over.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// A disk that does not answer for as long at the end is not waited for.
const LAST_LINES: Duration = Duration::from_secs(30);
/// A wall clock that moved by less is not worth a fact.
const JUMP: i64 = 2;

/// What a run is driven with.
pub struct Outfit {
    pub clock: Clock,
    pub run: RunId,
    pub cluster: ClusterPin,
    pub injector: Arc<dyn Injector>,
    pub probes: Arc<dyn Probes>,
    /// Every chaos object in reach: tells when a fault's own clock has ended it.
    pub chaos: watch::Receiver<(Freshness, Arc<Vec<ChaosRow>>)>,
    pub objection: Objection,
    pub checks: CheckPublisher,
}

/// Whether a run is new or goes on.
pub enum Begin {
    New {
        playbook: Box<Playbook>,
        unattended: Unattended,
    },
    /// From the entries of its own journal, in order, and what they fold to.
    Again {
        run: Box<Run>,
        entries: Vec<Entry>,
        /// The number of the next line in the console's own file; `entries` may hold those of others.
        next_seq: u64,
        how: Resumed,
        /// Whether somebody is at the screen now.
        unattended: Unattended,
    },
}

/// What the rest of the program holds of a run while it is driven.
#[derive(Clone)]
pub struct Handles {
    pub inputs: mpsc::UnboundedSender<Input>,
    /// How many injections have no answer yet.
    pub injecting: watch::Receiver<usize>,
    /// What is owed now.
    pub owed: watch::Receiver<Vec<Debt>>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Driven {
    pub run: Run,
    pub exit: u8,
    pub summary: String,
    /// The hash of the last line in the journal's file.
    pub head: String,
    /// Why the journal's end is not on the disk, if so.
    pub journal_lost: Option<ErrorChain>,
}

/// A run with everything that it needs; [`Driver::drive`] carries it to its end.
pub struct Driver {
    outfit: Outfit,
    run: Run,
    seq: u64,
    recorder: Recorder,
    readers: Vec<mpsc::UnboundedSender<Entry>>,
    inbox: mpsc::UnboundedReceiver<Input>,
    handles: Handles,
    owed: watch::Sender<Vec<Debt>>,
    executor: Executor,
    tasks: TaskTracker,
    gap: Duration,
    summary: String,
}

impl Driver {
    /// Makes the first facts. `recorder` must tell its errors to `inputs`, whose other end is `inbox`.
    pub fn new(
        outfit: Outfit,
        begin: Begin,
        recorder: Recorder,
        inbox: (mpsc::UnboundedSender<Input>, mpsc::UnboundedReceiver<Input>),
        readers: Vec<mpsc::UnboundedSender<Entry>>,
    ) -> Self {
        let (inputs, inbox) = inbox;
        let injecting = Arc::new(watch::Sender::new(0));
        let (owed, owed_seen) = watch::channel(Vec::new());
        let tasks = TaskTracker::new();
        let now = outfit.clock.mark();
        let (run, playbook, old, gap, seq) = match &begin {
            Begin::New { playbook, unattended } => {
                let run = Run::new((**playbook).clone(), *unattended);
                (run, (**playbook).clone(), Vec::new(), Duration::ZERO, 0)
            }
            Begin::Again {
                run,
                entries,
                next_seq,
                ..
            } => {
                let playbook = run.playbook.clone();
                let last = entries.last().map_or(now, |entry| entry.at);
                let gap = now.since(last);
                ((**run).clone(), playbook, entries.clone(), gap, *next_seq)
            }
        };
        let executor = Executor {
            run: outfit.run.clone(),
            playbook,
            injector: Arc::clone(&outfit.injector),
            objection: Arc::clone(&outfit.objection),
            inputs: inputs.clone(),
            tasks: tasks.clone(),
            injecting: Arc::clone(&injecting),
            claims: std::collections::BTreeMap::new(),
        };
        let handles = Handles {
            inputs,
            injecting: injecting.subscribe(),
            owed: owed_seen,
        };
        let mut driver = Self {
            seq,
            outfit,
            run,
            recorder,
            readers,
            inbox,
            handles,
            owed,
            executor,
            tasks,
            gap,
            summary: String::new(),
        };
        for entry in &old {
            driver.publish(entry);
        }
        match begin {
            Begin::New { playbook, unattended } => {
                let started = Fact::RunStarted {
                    run: driver.outfit.run.clone(),
                    playbook,
                    clock: driver.outfit.clock.base().clone(),
                    cluster: driver.outfit.cluster.clone(),
                    unattended,
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                };
                driver.run.evolve(now, &started);
                driver.tell(now, vec![started]);
            }
            Begin::Again { how, unattended, .. } => driver.take(now, Input::Resumed { how, unattended }),
        }
        driver
    }

    pub fn handles(&self) -> Handles {
        self.handles.clone()
    }

    /// Carries the run to its end.
    pub async fn drive(mut self) -> Driven {
        let playbook = self.run.playbook.clone();
        Checks {
            probes: &*self.outfit.probes,
            clock: &self.outfit.clock,
            publisher: &self.outfit.checks,
            inputs: &self.handles.inputs,
            tasks: &self.tasks,
            gap: self.gap,
        }
        .start(&playbook);
        self.tasks
            .spawn(watch_wall(self.outfit.clock.clone(), self.handles.inputs.clone()));
        self.tasks.spawn(watch_ends(
            self.outfit.clock.clone(),
            (self.outfit.chaos.clone(), self.handles.owed.clone()),
            self.handles.inputs.clone(),
        ));
        self.take(self.outfit.clock.mark(), Input::Start);
        while !self.run.is_over() {
            let input = self.next().await;
            self.take(self.outfit.clock.mark(), input);
        }
        self.finish().await
    }

    async fn next(&mut self) -> Input {
        let deadline = self.run.deadline(self.outfit.clock.mark());
        let clock = self.outfit.clock.clone();
        let due = async {
            match deadline {
                Some(mark) => clock.reach(mark).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // `handles` holds a sender, so the inbox never ends.
            Some(input) = self.inbox.recv() => input,
            () = due => Input::Timeout,
        }
    }

    /// What else is on in the cluster: the limits count pods, not faults, and an orphan of an earlier run hurts too.
    fn on_already(&self) -> Vec<String> {
        let rows = Arc::clone(&self.outfit.chaos.borrow().1);
        let ours = |row: &&ChaosRow| row.run.as_deref() == Some(self.outfit.run.as_str());
        let on = rows.iter().filter(|row| !ours(row) && !row.ended);
        on.map(|row| {
            let whose = match &row.run {
                Some(run) => format!("run {run}"),
                None => "not ours".to_owned(),
            };
            format!("on already: {} ({whose}, {})", row.object, row.phase)
        })
        .collect()
    }

    fn take(&mut self, now: Mark, mut input: Input) {
        if let Input::Planned {
            outcome: Ok(plan), ..
        } = &mut input
        {
            plan.warnings.extend(self.on_already());
        }
        let facts = self.run.step(now, input);
        if !facts.is_empty() {
            self.tell(now, facts);
        }
    }

    /// Facts to the disk, to the readers and, as effects, to the executor.
    fn tell(&mut self, now: Mark, facts: Vec<Fact>) {
        let entries: Vec<Entry> = facts
            .into_iter()
            .map(|fact| {
                let seq = self.seq;
                self.seq += 1;
                let wall = self.outfit.clock.stamp_at(now);
                Entry {
                    seq,
                    at: now,
                    wall,
                    fact,
                }
            })
            .collect();
        // One batch a debt: its own word on the disk is what its effect waits for.
        let mut batch = Vec::new();
        let debts: Vec<Debt> = self.run.owed().cloned().collect();
        for entry in entries {
            self.publish(&entry);
            if let Fact::RunEnded { summary, .. } = &entry.fact {
                self.summary.clone_from(summary);
            }
            let effect = entry.fact.effect();
            batch.push(entry);
            if let Some(effect) = effect {
                let durable = self.recorder.keep(std::mem::take(&mut batch));
                self.executor.start(effect, &debts, durable);
            }
        }
        if !batch.is_empty() {
            // Nobody waits for it; an error comes as an input.
            drop(self.recorder.keep(batch));
        }
        self.owed.send_if_modified(|owed| {
            let changed = *owed != debts;
            *owed = debts;
            changed
        });
    }

    fn publish(&mut self, entry: &Entry) {
        self.readers.retain(|reader| reader.send(entry.clone()).is_ok());
    }

    async fn finish(mut self) -> Driven {
        // Not to have ended is to owe.
        let mut exit = self.run.ended.map_or(5, |(_, exit)| exit);
        // Closing the inbox ends the probe tasks.
        self.inbox.close();
        while let Ok(late) = self.inbox.try_recv() {
            if let Input::Injected {
                debt,
                outcome: Injected::Yes { .. },
            } = late
            {
                tracing::error!(%debt, "a fault was injected after the run had ended; it is owed");
            }
        }
        self.tasks.close();
        if tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await.is_err() {
            tracing::warn!("some tasks of the run are still busy");
        }
        let end = tokio::time::timeout(LAST_LINES, self.recorder.finish()).await;
        let journal_lost = end.unwrap_or_else(|_| Some(ErrorChain::message("the disk does not answer")));
        if let Some(error) = &journal_lost {
            // A run that cannot be shown is not one that went well.
            exit = exit.max(3);
            self.summary = format!("{}; the end of the journal is lost: {error}", self.summary);
        }
        Driven {
            exit,
            summary: self.summary,
            head: self.recorder.head(),
            journal_lost,
            run: self.run,
        }
    }
}

/// Tells when the system's wall time moves against the run's clock.
async fn watch_wall(clock: Clock, inputs: mpsc::UnboundedSender<Input>) {
    let mut known = clock.wall_drift().as_secs();
    loop {
        tokio::select! {
            () = inputs.closed() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        let drift = clock.wall_drift().as_secs();
        let by_seconds = drift - known;
        if by_seconds.abs() >= JUMP {
            known = drift;
            if inputs.send(Input::ClockJumped { by_seconds }).is_err() {
                return;
            }
        }
    }
}

type Seen = (
    watch::Receiver<(Freshness, Arc<Vec<ChaosRow>>)>,
    watch::Receiver<Vec<Debt>>,
);

/// Tells when a fault's own clock has ended it: every record recovered and nothing wanted any more.
async fn watch_ends(clock: Clock, seen: Seen, inputs: mpsc::UnboundedSender<Input>) {
    let (mut chaos, mut owed) = seen;
    loop {
        tokio::select! {
            () = inputs.closed() => return,
            changed = chaos.changed() => if changed.is_err() { return },
            // A fault may have ended before its uid was known.
            changed = owed.changed() => if changed.is_err() { return },
        }
        let at = clock.mark();
        let rows = Arc::clone(&chaos.borrow_and_update().1);
        let debts = owed.borrow_and_update().clone();
        for debt in debts {
            let crate::fault::Undo::DeleteChaos { object, uid, .. } = &debt.undo;
            let ended = rows
                .iter()
                .any(|row| row.object == *object && Some(&row.uid) == uid.as_ref() && row.ended);
            if ended {
                let _ = inputs.send(Input::FaultEnded { debt: debt.id, at });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{ChaosRef, Lasting, Undo};

    fn debt(uid: Option<&str>) -> Debt {
        Debt {
            id: "slow-1".into(),
            fault: "slow".into(),
            summary: String::new(),
            undo: Undo::DeleteChaos {
                cluster: ClusterPin {
                    context: String::new(),
                    kubeconfig: None,
                    server: String::new(),
                    ca_sha256: None,
                    uid: String::new(),
                },
                object: object(),
                lasting: Lasting::UntilUndone,
                uid: uid.map(str::to_owned),
            },
            own_clock: None,
        }
    }

    fn object() -> ChaosRef {
        ChaosRef {
            kind: "NetworkChaos".to_owned(),
            plural: "networkchaos".to_owned(),
            namespace: "default".to_owned(),
            name: "slow".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_fault_that_ended_before_its_uid_was_known_is_told() {
        let row = ChaosRow {
            object: object(),
            uid: "u".to_owned(),
            action: String::new(),
            created: None,
            duration: None,
            run: None,
            phase: String::new(),
            injected: (0, 1),
            targets: Vec::new(),
            deleting: false,
            ended: true,
        };
        let (_rows, chaos) = watch::channel((Freshness::Live, Arc::new(vec![row])));
        let (owes, owed) = watch::channel(vec![debt(None)]);
        let (inputs, mut inbox) = mpsc::unbounded_channel();
        tokio::spawn(watch_ends(Clock::start(1.0), (chaos, owed), inputs));
        owes.send_replace(vec![debt(Some("u"))]);
        // Under a watch of its own, so that a defect fails instead of hanging.
        let told = tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await;
        assert!(matches!(told, Ok(Some(Input::FaultEnded { .. }))), "{told:?}");
    }
}
