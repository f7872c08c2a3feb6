//! One run, put together: latch and lease first, then watchers, journal, driver, kill switch, and a seat to watch from.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::killing::{Killing, Patience, Sweep};
use super::latching::Latching;
use super::{AssembleError, World};
use crate::clock::Clock;
use crate::cluster::looks_like_production;
use crate::drive::{Begin, CheckPublisher, Driven, Driver, HoldOutcome, Outfit, Recorder, TargetHold};
use crate::guard::{Gate, Latch, find_latch};
use crate::inject;
use crate::journal::{JournalError, Process, Record, RunDir, Store, Writer, owed};
use crate::playbook::Playbook;
use crate::ports::{Seat, Views};
use crate::run::{Fact, Refusal, Run, Unattended};
use crate::units::RunId;
use crate::watch;

/// Tells a person what takes long.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// A run that is wanted.
pub struct Wanted {
    pub playbook: Playbook,
    /// The playbook as it was read, for the record.
    pub text: String,
    pub unattended: Unattended,
    pub store: Store,
    /// The run whose lease on the target is taken over, as a person typed it.
    pub take_over: Option<String>,
    pub firing: Firing,
    /// Told what takes long before the run begins.
    pub say: Say,
}

/// Whether faults may be fired from this console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firing {
    Allowed,
    /// `--read-only`.
    Never,
}

/// A run that is taken up again.
pub struct Resuming {
    pub id: String,
    pub store: Store,
    pub take_over: Option<String>,
    pub firing: Firing,
    pub unattended: Unattended,
    /// Told what takes long before the run goes on.
    pub say: Say,
}

/// A run under way.
pub struct Assembled {
    seat: Option<Seat>,
    pub id: RunId,
    pub dir: RunDir,
    pub killing: Killing,
    /// Things to know that forbid nothing.
    pub notes: Vec<String>,
    drive: JoinHandle<Driven>,
    hold: TargetHold,
    // Ends the watchers when the run is over.
    _watching: watch::Stop,
}

impl Assembled {
    /// The place at the console; there is one.
    pub fn take_seat(&mut self) -> Option<Seat> {
        self.seat.take()
    }

    /// Waits for the end of the run and gives the lease back.
    pub async fn ended(self) -> Result<Driven, tokio::task::JoinError> {
        let driven = self.drive.await;
        self.hold.release().await;
        driven
    }
}

struct Parts {
    playbook: Playbook,
    id: RunId,
    clock: Clock,
    dir: RunDir,
    begin: Begin,
    unattended: Unattended,
    firing: Firing,
    hold: TargetHold,
    writer: Writer,
    store: Store,
}

impl World {
    /// Puts a new run together and starts it.
    pub async fn begin(&self, wanted: Wanted) -> Result<Assembled, AssembleError> {
        let latch = self.open_latch(&wanted.store, &wanted.playbook).await?;
        let clock = self.clock();
        // By this machine's time, whatever the drill's: ids are in the order in which runs were made.
        let id = RunId::at(crate::clock::wall(), fastrand::u16(..));
        let hold = self
            .hold(
                &wanted.playbook.target.namespace,
                &id,
                (wanted.take_over.as_deref(), &wanted.say),
            )
            .await?;
        let dir = wanted.store.create(&id, &wanted.text)?;
        let writer = dir.writer(Process::Console)?;
        let begin = Begin::New {
            playbook: Box::new(wanted.playbook.clone()),
            unattended: wanted.unattended,
        };
        let parts = Parts {
            playbook: wanted.playbook,
            id,
            clock,
            dir,
            begin,
            unattended: wanted.unattended,
            firing: wanted.firing,
            hold,
            writer,
            store: wanted.store,
        };
        self.start(parts, latch)
    }

    /// Takes a run up again whose process died.
    pub async fn resume(&self, wanted: Resuming) -> Result<Assembled, AssembleError> {
        let dir = wanted.store.open(&wanted.id)?;
        let refuse = |why: String| AssembleError::Resume {
            id: wanted.id.clone(),
            why,
        };
        // The lock before the look: whoever wrote has then written its last.
        let writer = dir.writer(Process::Console).map_err(|error| match error {
            JournalError::Held { .. } => refuse("its console lives".to_owned()),
            error => error.into(),
        })?;
        let journal = dir.read()?;
        if !journal.is_intact() {
            let damage: Vec<_> = journal.damage.iter().map(ToString::to_string).collect();
            return Err(refuse(format!(
                "its journal is damaged ({}); end what it owes with `firedrill kill`",
                damage.join("; ")
            )));
        }
        if !owed(journal.entries()).not_understood.is_empty() {
            return Err(refuse(
                "it was written by a later version, and owes what this one does not understand".to_owned(),
            ));
        }
        // Of other hands only what they paid: what a kill closed and ended was its own.
        let ours = |record: &&Record| {
            record.file == "console" || matches!(record.entry.fact, Fact::RevertSettled { .. })
        };
        let entries: Vec<_> = journal
            .records
            .iter()
            .filter(ours)
            .map(|record| record.entry.clone())
            .collect();
        let run = Run::of(&entries)
            .ok_or_else(|| refuse("its journal does not tell of its beginning".to_owned()))?;
        if run.is_over() {
            return Err(refuse("it has ended".to_owned()));
        }
        let started = entries.iter().find_map(|entry| match &entry.fact {
            Fact::RunStarted { clock, cluster, .. } => Some((clock.clone(), cluster.clone())),
            _ => None,
        });
        let Some((base, pin)) = started else {
            return Err(refuse("its journal does not tell of its beginning".to_owned()));
        };
        if !pin.is_same_cluster(self.cluster().pin()) {
            let why = format!(
                "it ran on {} ({}), and this is another cluster",
                pin.context, pin.server
            );
            return Err(refuse(why));
        }
        let (clock, how) = Clock::resume(&base);
        let namespace = run.playbook.target.namespace.clone();
        let latch = self.open_latch(&wanted.store, &run.playbook).await?;
        let id = dir.id().clone();
        // The lease may still carry this run's own name: that is no stranger.
        let hold = self
            .hold(&namespace, &id, (wanted.take_over.as_deref(), &wanted.say))
            .await?;
        let parts = Parts {
            playbook: run.playbook.clone(),
            id,
            clock,
            dir,
            unattended: wanted.unattended,
            begin: Begin::Again {
                run: Box::new(run),
                entries,
                next_seq: journal.next_seq(&Process::Console.to_string()),
                how,
                unattended: wanted.unattended,
            },
            firing: wanted.firing,
            hold,
            writer,
            store: wanted.store,
        };
        self.start(parts, latch)
    }

    fn start(&self, parts: Parts, latch: Latch) -> Result<Assembled, AssembleError> {
        let latch = Arc::new(latch);
        let cluster = self.cluster().clone();
        let (inputs, inbox) = mpsc::unbounded_channel();
        let recorder = Recorder::start(parts.writer, inputs.clone()).map_err(AssembleError::Thread)?;
        let watching = watch::start(&cluster, &parts.clock, &parts.playbook.target);
        let checks = CheckPublisher::new();
        let gate = Gate::new();
        let objection = objection(gate.clone(), parts.hold.clone(), parts.firing);
        let views: Views = watching.views;
        let outfit = Outfit {
            clock: parts.clock.clone(),
            run: parts.id.clone(),
            cluster: cluster.pin().clone(),
            injector: inject::chaos_mesh(cluster.clone(), parts.clock.clone()),
            probes: watching.probes,
            chaos: views.chaos.clone(),
            objection,
            checks: checks.clone(),
        };
        let (reader, entries) = mpsc::unbounded_channel();
        let driver = Driver::new(outfit, parts.begin, recorder, (inputs, inbox), vec![reader]);
        let handles = driver.handles();
        let (tells, kill_tells) = mpsc::unbounded_channel();
        let killing = Killing::new(
            gate.clone(),
            Sweep {
                cluster: cluster.clone(),
                latch: Arc::clone(&latch),
                run: parts.id.clone(),
                store: parts.store,
                handles: handles.clone(),
                tells,
                patience: match parts.unattended {
                    Unattended::Yes => Patience::OnePass,
                    Unattended::No => Patience::UntilLeft,
                },
            },
        );
        let latching = Latching {
            cluster: cluster.clone(),
            latch,
            namespace: parts.playbook.target.namespace.clone(),
            gate: gate.clone(),
            inputs: handles.inputs.clone(),
        };
        tokio::spawn(latching.watch());
        let mut notes = Vec::new();
        if let Some(right) = parts.hold.missing_right() {
            notes.push(format!(
                "other consoles are not told of this run: not allowed to {right}"
            ));
        }
        let seat = Seat {
            clock: parts.clock,
            entries,
            views,
            checks: checks.board(),
            streamed: watching.streamed,
            kill_tells,
            orders: orders_into(handles.inputs),
            kill: killing.switch(),
            production: looks_like_production(cluster.pin()),
        };
        Ok(Assembled {
            seat: Some(seat),
            id: parts.id,
            dir: parts.dir,
            killing,
            notes,
            drive: tokio::spawn(driver.drive()),
            hold: parts.hold,
            _watching: watching.stop,
        })
    }

    /// The latch of this cluster; an error when it is closed, here or in the cluster.
    async fn open_latch(&self, store: &Store, playbook: &Playbook) -> Result<Latch, AssembleError> {
        let latch = Latch::prepare(store.state(), &self.cluster().pin().uid);
        if let Some(why) = latch.unreserved() {
            tracing::warn!("no space is set aside for the latch: {why}");
        }
        let mut namespaces = playbook.limits.namespaces.clone();
        namespaces.push(playbook.target.namespace.clone());
        let look = find_latch(&latch, self.cluster(), &namespaces).await;
        // Who may not read it goes on: the local one was open.
        for unseen in &look.unseen {
            tracing::warn!("{unseen}");
        }
        if let Some(found) = look.found.first() {
            return Err(AssembleError::Latched(found.clone()));
        }
        // What could not be read may be closed.
        match look.undecided.first() {
            Some(fault) => Err(AssembleError::LatchUnknown(fault.clone())),
            None => Ok(latch),
        }
    }

    async fn hold(
        &self,
        namespace: &str,
        id: &RunId,
        how: (Option<&str>, &Say),
    ) -> Result<TargetHold, AssembleError> {
        let (take_over, say) = how;
        let outcome = TargetHold::take(self.cluster(), namespace, id, &**say)
            .await
            .map_err(AssembleError::Lease)?;
        match outcome {
            HoldOutcome::Held(hold) => Ok(hold),
            HoldOutcome::Foreign { holder } if take_over == Some(holder.as_str()) => {
                TargetHold::take_over(self.cluster(), namespace, id)
                    .await
                    .map_err(AssembleError::Lease)
            }
            HoldOutcome::Foreign { holder } => Err(AssembleError::Taken {
                namespace: namespace.to_owned(),
                holder,
            }),
        }
    }
}

fn objection(gate: Gate, hold: TargetHold, firing: Firing) -> Arc<dyn Fn() -> Option<Refusal> + Send + Sync> {
    Arc::new(move || {
        if firing == Firing::Never {
            return Some(Refusal {
                why: "this console is read-only".to_owned(),
                hint: None,
            });
        }
        if !gate.is_open() {
            return Some(Refusal {
                why: "the gate is closed".to_owned(),
                hint: Some("nothing starts until `firedrill reset`".to_owned()),
            });
        }
        hold.objection()
    })
}

/// Orders are one kind of input.
fn orders_into(inputs: mpsc::UnboundedSender<crate::run::Input>) -> mpsc::UnboundedSender<crate::run::Order> {
    let (orders, mut ordered) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = inputs.closed() => return,
                order = ordered.recv() => match order {
                    Some(order) => {
                        // The run may have ended in between.
                        let _ = inputs.send(crate::run::Input::Operator(order));
                    }
                    None => return,
                }
            }
        }
    });
    orders
}
