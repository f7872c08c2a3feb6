//! What the engine's driver needs from the outside world, as traits. No implementations.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::evidence::{Reading, Verdict};
use crate::fault::{Debt, Gone};
use crate::playbook::{Check, Fault, Limits, Target};
use crate::run::{Injected, Plan, Refusal};
use crate::units::{CheckId, RunId};

pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an injector is asked to plan.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    pub run: RunId,
    pub fault: Fault,
    pub attempt: u32,
    pub target: Target,
    pub limits: Limits,
}

/// A fault that is to be created now.
#[derive(Clone, Copy)]
pub struct Firing<'a> {
    pub debt: &'a Debt,
    pub manifest: &'a serde_json::Value,
    pub target: &'a Target,
    /// Judged at arming; the world may have changed since, so they are judged again.
    pub limits: &'a Limits,
    /// Asked once, immediately before the request that creates. After a refusal nothing may be sent.
    pub may: &'a (dyn Fn() -> Result<(), Refusal> + Send + Sync),
}

/// What can break and restore one kind of target.
pub trait Injector: Send + Sync {
    /// What the fault would do now; resolves selectors, judges limits, dry-runs. Creates nothing.
    fn plan(&self, request: PlanRequest) -> Task<'_, Result<Plan, Refusal>>;
    /// Creates the fault, if it may still be created, and follows it until the cluster says that it is injected.
    /// Dropped before `may` has agreed, it has created nothing.
    fn inject<'a>(&'a self, firing: Firing<'a>) -> Task<'a, Injected>;
    /// Undoes and follows until it is proven gone or the injector gives up; says what it sees on the way.
    fn revert<'a>(&'a self, debt: &'a Debt, seen: mpsc::UnboundedSender<Gone>) -> Task<'a, Gone>;
}

/// One check's latest state, for the screen: latest wins.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckNow {
    pub reading: Reading,
    pub verdict: Verdict,
}

/// What a probe tells: readings, judged, in order. `None` at the end of the probe.
pub type Readings = mpsc::UnboundedReceiver<CheckNow>;

/// Starts the probe of a check, or says why it cannot be measured.
pub trait Probes: Send + Sync {
    fn start(&self, check: &Check) -> Result<Readings, String>;
}

/// The rows of the pods screen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PodRow {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub ready: (u32, u32),
    pub state: String,
    pub restarts: u32,
    /// When the pod was created, by the server's clock.
    pub created: Option<crate::units::Stamp>,
    pub node: String,
    pub terminating: bool,
}

/// A line of a pod's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    pub pod: String,
    pub container: String,
    /// The server's stamp, when the line carries one.
    pub stamp: Option<crate::units::Stamp>,
    pub text: String,
}

/// An event of the cluster, as people read it.
#[derive(Debug, Clone, PartialEq)]
pub struct EventLine {
    pub stamp: Option<crate::units::Stamp>,
    pub warning: bool,
    pub reason: String,
    pub object: String,
    pub message: String,
    pub count: u32,
}

/// A chaos object that is in the cluster now, whoever made it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChaosRow {
    pub object: crate::fault::ChaosRef,
    pub uid: String,
    pub action: String,
    pub created: Option<crate::units::Stamp>,
    pub duration: Option<std::time::Duration>,
    /// The run that made it, when it carries our labels.
    pub run: Option<String>,
    pub phase: String,
    /// Records injected, of records in all.
    pub injected: (usize, usize),
    pub targets: Vec<String>,
    pub deleting: bool,
    /// Its own clock ended it: it wants nothing any more and every record is recovered. Never so for a one-shot.
    pub ended: bool,
}

/// Whether a source is live.
#[derive(Debug, Clone, PartialEq)]
pub enum Freshness {
    Connecting,
    Live,
    /// Since when, on the run's clock, and why.
    Stale {
        since: crate::units::Mark,
        why: String,
    },
    Forbidden {
        right: String,
    },
}

/// What the watchers show, latest wins; each part is replaced whole.
#[derive(Debug, Clone)]
pub struct Views {
    pub pods: watch::Receiver<(Freshness, Arc<Vec<PodRow>>)>,
    pub chaos: watch::Receiver<(Freshness, Arc<Vec<ChaosRow>>)>,
}

/// What streams: lines and events. What could not be kept is counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Streamed {
    Log(LogLine),
    Event(EventLine),
    /// So many lines were let go because the reader was too slow.
    Dropped(u64),
}

/// What the kill switch tells while it works.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "tells")]
pub enum KillTells {
    GateClosed,
    /// The latest of one object; replaces what was told of it before.
    Object(Box<ObjectVerdict>),
    /// A kind or namespace that could not be listed.
    NotSeen {
        what: String,
        why: String,
    },
    /// Something worth a line.
    Note {
        text: String,
    },
    Ended(KillSummary),
}

/// One object under the kill switch.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ObjectVerdict {
    pub object: crate::fault::ChaosRef,
    pub uid: Option<String>,
    /// The debt of ours that it pays, if any.
    pub debt: Option<crate::units::DebtId>,
    pub run: Option<String>,
    pub targets: Vec<String>,
    pub gone: Gone,
    /// What to do next, when something is left to do.
    pub next: Option<String>,
}

/// How a kill ended.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct KillSummary {
    /// Every kind could be listed, every list was empty twice, and everything is proven gone.
    pub all_clear: bool,
    pub objects: usize,
    pub proven: usize,
    pub not_seen: Vec<String>,
    pub took_ms: u64,
}

/// Which checks a run has and what they say now; the probe tasks publish, the screen reads.
pub type CheckBoard = watch::Receiver<std::collections::BTreeMap<CheckId, CheckNow>>;

/// What pulls the kill switch. Never blocks and takes no lock that the engine or the screen can hold; the
/// argument says by what (`ctrl-k`, `panic`, …).
pub type KillSwitch = Arc<dyn Fn(&str) + Send + Sync>;

/// A place at the console of a run: what it sees, and what it can ask for.
pub struct Seat {
    pub clock: crate::clock::Clock,
    /// Every entry of the run from the first one on.
    pub entries: mpsc::UnboundedReceiver<crate::run::Entry>,
    pub views: Views,
    pub checks: CheckBoard,
    pub streamed: mpsc::Receiver<Streamed>,
    pub kill_tells: mpsc::UnboundedReceiver<KillTells>,
    pub orders: mpsc::UnboundedSender<crate::run::Order>,
    pub kill: KillSwitch,
    /// Why the context looks like production, if it does: firing wants its name typed.
    pub production: Option<String>,
}
