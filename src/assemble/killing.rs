//! The kill switch of a console: closes the gate at once, wherever it is pulled, then lets the sweep work until
//! everything is proven gone or a person leaves. The same code as `firedrill kill`. Takes no lock.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::drive::Handles;
use crate::guard::{self, Gate, KillRequest, KnownDebt, Latch};
use crate::ports::{KillSwitch, KillTells};
use crate::run::Input;
use crate::units::RunId;

/// One pass of the sweep.
const PASS: Duration = Duration::from_mins(2);
/// How long an injection that was under way when the gate closed may still take to say what came of it.
const IN_DOUBT: Duration = Duration::from_secs(30);
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
}

pub(super) struct Sweep {
    pub cluster: Cluster,
    pub latch: Arc<Latch>,
    pub run: RunId,
    /// Where manifests of what is not ours are kept before it is deleted.
    pub keep: PathBuf,
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
        };
        tokio::spawn(work(sweep, pulls, killing.left.clone()));
        killing
    }

    /// Closes the gate and starts the sweep. Never blocks.
    pub fn pull(&self, by: &str) {
        self.gate.close();
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
        if self.gate.is_open() {
            return;
        }
        self.left.cancel();
        let _ = self.inputs.send(Input::KillEnded { clear: false });
    }
}

async fn work(sweep: Sweep, mut pulls: mpsc::UnboundedReceiver<String>, left: CancellationToken) {
    let Some(by) = pulls.recv().await else { return };
    let mut pause = Duration::from_secs(1);
    loop {
        let clear = tokio::select! {
            () = left.cancelled() => return,
            clear = pass(&sweep, &by) => clear,
        };
        let mut injecting = sweep.handles.injecting.clone();
        if *injecting.borrow_and_update() > 0 {
            // What was on its way to the server when the gate closed is swept as well.
            let settled = tokio::time::timeout(IN_DOUBT, injecting.wait_for(|count| *count == 0)).await;
            if settled.is_ok() {
                continue;
            }
        }
        let owed = !sweep.handles.owed.borrow().is_empty();
        if clear && !owed {
            let _ = sweep.handles.inputs.send(Input::KillEnded { clear: true });
            return;
        }
        if sweep.patience == Patience::OnePass {
            let _ = sweep.handles.inputs.send(Input::KillEnded { clear: false });
            return;
        }
        tokio::select! {
            () = left.cancelled() => return,
            () = sweep.handles.inputs.closed() => return,
            // A second pull does not wait.
            _ = pulls.recv() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One pass; whether everything in reach is clear.
async fn pass(sweep: &Sweep, by: &str) -> bool {
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
        keep: Some(sweep.keep.clone()),
    };
    let (tells, mut told) = mpsc::unbounded_channel();
    let forward = async {
        while let Some(tells) = told.recv().await {
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
