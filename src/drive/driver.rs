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
use crate::units::{Mark, RunId};

/// How long tasks may go on after the run is over.
const LAST_WORDS: Duration = Duration::from_secs(2);
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
    /// The hash of the journal's last line.
    pub head: String,
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
        let (run, playbook, old, gap) = match &begin {
            Begin::New { playbook, unattended } => {
                let run = Run::new((**playbook).clone(), *unattended);
                (run, (**playbook).clone(), Vec::new(), Duration::ZERO)
            }
            Begin::Again { run, entries, .. } => {
                let playbook = run.playbook.clone();
                let last = entries.last().map_or(now, |entry| entry.at);
                ((**run).clone(), playbook, entries.clone(), now.since(last))
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
            seq: old.last().map_or(0, |entry| entry.seq + 1),
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

    fn take(&mut self, now: Mark, input: Input) {
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
        let exit = self.run.ended.map_or(5, |(_, exit)| exit);
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
        self.recorder.finish().await;
        Driven {
            exit,
            summary: self.summary,
            head: self.recorder.head(),
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
    let (mut chaos, owed) = seen;
    loop {
        tokio::select! {
            () = inputs.closed() => return,
            changed = chaos.changed() => if changed.is_err() { return },
        }
        let at = clock.mark();
        let rows = Arc::clone(&chaos.borrow_and_update().1);
        let debts = owed.borrow().clone();
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
