//! The kill switch of a console: closes the gate at once, wherever it is pulled, then lets the sweep work until
//! everything is proven gone or a person leaves. The same code as `firedrill kill`. Takes no lock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::drive::Handles;
use crate::guard::{self, Gate, KillRecord, KillRequest, KnownDebt, Latch};
use crate::journal::Store;
use crate::ports::{KillSwitch, KillTells, ObjectVerdict};
use crate::run::Input;
use crate::units::{DebtId, RunId};

/// One pass of the sweep.
const PASS: Duration = Duration::from_mins(2);
/// How long an injection that was under way when the gate closed may still take to say what came of it.
const IN_DOUBT: Duration = Duration::from_secs(30);
/// How long the engine may take to hear what the sweep saw.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the end of a kill waits for the disk.
const RECORD: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long the kill switch goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until a person leaves.
    UntilLeft,
    /// Nobody is there to leave: one pass, and another one for what was under way.
    OnePass,
}

/// The kill switch of one run.
#[derive(Clone)]
pub struct Killing {
    gate: Gate,
    inputs: mpsc::UnboundedSender<Input>,
    pulled: mpsc::UnboundedSender<String>,
    left: CancellationToken,
    /// The gate may have been closed by others; this one was pulled here.
    pulled_here: Arc<AtomicBool>,
}

pub(super) struct Sweep {
    pub cluster: Cluster,
    pub latch: Arc<Latch>,
    pub run: RunId,
    pub store: Store,
    pub handles: Handles,
    pub tells: mpsc::UnboundedSender<KillTells>,
    pub patience: Patience,
}

impl Killing {
    /// A switch, and the task that works once it is pulled.
    pub(super) fn new(gate: Gate, sweep: Sweep) -> Self {
        let (pulled, pulls) = mpsc::unbounded_channel();
        let killing = Self {
            gate,
            inputs: sweep.handles.inputs.clone(),
            pulled,
            left: CancellationToken::new(),
            pulled_here: Arc::new(AtomicBool::new(false)),
        };
        tokio::spawn(work(sweep, pulls, killing.left.clone()));
        killing
    }

    /// Closes the gate and starts the sweep. Never blocks.
    pub fn pull(&self, by: &str) {
        self.gate.close();
        self.pulled_here.store(true, Ordering::SeqCst);
        // Both ends live as long as the run; after it nothing is left to stop.
        let _ = self.inputs.send(Input::Killed { by: by.to_owned() });
        let _ = self.pulled.send(by.to_owned());
    }

    pub fn switch(&self) -> KillSwitch {
        let this = self.clone();
        Arc::new(move |by| this.pull(by))
    }

    /// A person leaves: a kill under way ends the run with what is owed. Without one nothing happens here.
    pub fn leave(&self) {
        if !self.pulled_here.load(Ordering::SeqCst) {
            return;
        }
        self.left.cancel();
        let _ = self.inputs.send(Input::KillEnded { clear: false });
    }
}

async fn work(sweep: Sweep, mut pulls: mpsc::UnboundedReceiver<String>, left: CancellationToken) {
    let Some(by) = pulls.recv().await else { return };
    let record = KillRecord::start(&sweep.store, &by);
    let clear = tokio::select! {
        () = left.cancelled() => false,
        clear = passes(&sweep, &by, (&record, &mut pulls)) => clear,
    };
    // Nobody waits for the record of it.
    for lost in tokio::time::timeout(RECORD, record.finish())
        .await
        .unwrap_or_default()
    {
        tracing::warn!("the record of the kill is not whole: {lost}");
    }
    let _ = sweep.handles.inputs.send(Input::KillEnded { clear });
}

/// Sweeps until everything in reach is clear, or patience is over.
async fn passes(sweep: &Sweep, by: &str, with: (&KillRecord, &mut mpsc::UnboundedReceiver<String>)) -> bool {
    let (record, pulls) = with;
    let mut pause = Duration::from_secs(1);
    loop {
        let known: BTreeSet<DebtId> = sweep
            .handles
            .owed
            .borrow()
            .iter()
            .map(|debt| debt.id.clone())
            .collect();
        let clear = pass(sweep, by, record).await;
        let mut injecting = sweep.handles.injecting.clone();
        if *injecting.borrow_and_update() > 0 {
            // What was on its way to the server when the gate closed is swept as well.
            let settled = tokio::time::timeout(IN_DOUBT, injecting.wait_for(|count| *count == 0)).await;
            if settled.is_ok() {
                continue;
            }
        }
        // What the sweep saw is on its way through the engine.
        let mut owed = sweep.handles.owed.clone();
        let paid = tokio::time::timeout(SETTLE, owed.wait_for(Vec::is_empty))
            .await
            .is_ok();
        if clear && paid {
            return true;
        }
        if sweep
            .handles
            .owed
            .borrow()
            .iter()
            .any(|debt| !known.contains(&debt.id))
        {
            // It was intended while the pass was on.
            continue;
        }
        if sweep.patience == Patience::OnePass {
            return false;
        }
        tokio::select! {
            () = sweep.handles.inputs.closed() => return false,
            // A second pull does not wait.
            _ = pulls.recv() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The debts of this run are in its own journal; the record is of everything else.
fn for_the_record(tells: &KillTells) -> KillTells {
    match tells {
        KillTells::Object(verdict) => KillTells::Object(Box::new(ObjectVerdict {
            debt: None,
            run: None,
            ..(**verdict).clone()
        })),
        told => told.clone(),
    }
}

/// One pass; whether everything in reach is clear.
async fn pass(sweep: &Sweep, by: &str, record: &KillRecord) -> bool {
    let owed = sweep.handles.owed.borrow().clone();
    let request = KillRequest {
        by: by.to_owned(),
        run: None,
        namespace: None,
        effect: guard::Effect::Real,
        force: guard::Force::No,
        timeout: PASS,
        debts: owed
            .into_iter()
            .map(|debt| KnownDebt {
                run: Some(sweep.run.clone()),
                ..KnownDebt::from(debt)
            })
            .collect(),
        keep: Some(record.manifests()),
    };
    let (tells, mut told) = mpsc::unbounded_channel();
    let forward = async {
        while let Some(tells) = told.recv().await {
            record.take(&for_the_record(&tells));
            if let KillTells::Object(verdict) = &tells
                && let Some(debt) = &verdict.debt
            {
                let saw = Input::KillSaw {
                    debt: debt.clone(),
                    gone: verdict.gone.clone(),
                };
                let _ = sweep.handles.inputs.send(saw);
            }
            // The screen may be gone; the sweep goes on.
            let _ = sweep.tells.send(tells);
        }
    };
    let (summary, ()) = tokio::join!(
        guard::kill(&sweep.cluster, &sweep.latch, &request, tells),
        forward
    );
    tracing::info!(run = %sweep.run, clear = summary.all_clear, "a pass of the kill switch is over");
    summary.all_clear
}
