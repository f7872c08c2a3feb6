//! The loop of a sweep: watches, answers and the clock in; requests and verdicts out. One task, no locks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{FuturesUnordered, SelectAll};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::books::Known;
use super::debts::DebtState;
use super::keep::Keeper;
use super::requests::{self, Again, Done, Work};
use super::rounds::Round;
use super::seeing::{Scope, Watching};
use super::telling::Told;
use super::{Effect, KillRequest};
use crate::clock::{self, Clock};
use crate::cluster::Cluster;
use crate::guard::latch::{Closed, Latch, LatchError, Latched};
use crate::guard::tell::{CHAOS_MESH_NAMESPACE, who};
use crate::ports::{KillSummary, KillTells};
use crate::units::Mark;

/// How often what depends on the time is looked at.
const TICK: Duration = Duration::from_millis(100);
/// So long the disk has to take the latch before the sweep begins without it.
const LATCH_FIRST: Duration = Duration::from_millis(500);
/// So long the end waits for the latches of the cluster.
const LATCH_LAST: Duration = Duration::from_secs(3);
/// So long the end waits for the manifests to be on the disk.
const KEEP_LAST: Duration = Duration::from_secs(5);

/// A sweep under way.
pub(super) struct Sweep<'a> {
    pub cluster: &'a Cluster,
    pub request: &'a KillRequest,
    pub clock: Clock,
    pub deadline: Mark,
    pub told: Told,
    pub objects: BTreeMap<String, Known>,
    /// Uids of what is meant when only a run is: its own, and what was made by that.
    pub meant: BTreeSet<String>,
    /// Uids of what is there and belongs to no such run.
    pub outside: BTreeSet<String>,
    pub debts: Vec<DebtState>,
    pub scopes: Vec<Scope>,
    pub round: Round,
    pub watching: SelectAll<Watching>,
    pub work: FuturesUnordered<Work>,
    /// Deletes to send: spawners, then the rest.
    pub ready: [VecDeque<String>; 2],
    pub delayed: BTreeSet<(Mark, String)>,
    pub sending: usize,
    pub keeper: Option<Keeper>,
    /// Namespaces whose latch is asked for, and whether that is settled.
    pub latches: BTreeMap<String, bool>,
    /// Whether the local latch has answered.
    pub latched: bool,
}

/// Closes the latch on a thread of its own: a disk that hangs must not hold the sweep.
fn close(latch: &Latch, latched: &Latched) -> oneshot::Receiver<Result<Closed, LatchError>> {
    let (tell, closed) = oneshot::channel();
    let (latch, latched) = (latch.clone(), latched.clone());
    let spawned = std::thread::Builder::new()
        .name("latch".to_owned())
        .spawn(move || {
            // Who waits may have gone on.
            let _ = tell.send(latch.close(&latched));
        });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread to close the latch");
    }
    closed
}

impl<'a> Sweep<'a> {
    pub fn new(
        cluster: &'a Cluster,
        request: &'a KillRequest,
        tells: mpsc::UnboundedSender<KillTells>,
    ) -> Self {
        let clock = Clock::start(1.0);
        Self {
            cluster,
            request,
            deadline: clock.mark().after(request.timeout),
            clock,
            told: Told::new(tells),
            objects: BTreeMap::new(),
            meant: BTreeSet::new(),
            outside: BTreeSet::new(),
            debts: Vec::new(),
            scopes: Vec::new(),
            round: Round::default(),
            watching: SelectAll::new(),
            work: FuturesUnordered::new(),
            ready: [VecDeque::new(), VecDeque::new()],
            delayed: BTreeSet::new(),
            sending: 0,
            keeper: None,
            latches: BTreeMap::new(),
            latched: true,
        }
    }

    pub const fn is_real(&self) -> bool {
        matches!(self.request.effect, Effect::Real)
    }

    pub fn now(&self) -> Mark {
        self.clock.mark()
    }

    pub fn left(&self) -> Duration {
        self.deadline.since(self.now())
    }

    pub async fn run(mut self, latch: &Latch) -> KillSummary {
        if self.is_real() {
            self.close_latches(latch).await;
            self.keeper = self
                .request
                .keep
                .as_deref()
                .and_then(|folder| self.keeper(folder));
        }
        self.take_debts();
        self.begin_round();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            self.pump();
            if self.is_through() || self.left().is_zero() {
                break;
            }
            tokio::select! {
                Some((scope, told)) = self.watching.next(), if !self.watching.is_empty() => self.heard(scope, told),
                Some(done) = self.work.next(), if !self.work.is_empty() => self.take(done),
                _ = tick.tick() => self.tick(),
            }
        }
        self.finish().await
    }

    async fn close_latches(&mut self, latch: &Latch) {
        let latched = Latched {
            who: who(),
            at: clock::wall(),
            why: self.request.by.clone(),
            context: self.cluster.pin().context.clone(),
            pid: std::process::id(),
        };
        let mut closed = close(latch, &latched);
        match tokio::time::timeout(LATCH_FIRST, &mut closed).await {
            Ok(Ok(outcome)) => self.latch_closed(outcome),
            Ok(Err(_)) => self.told.note(
                "this machine's latch could not be closed: runs started here are not refused".to_owned(),
            ),
            Err(_) => {
                self.latched = false;
                self.work.push(Box::pin(async move {
                    match closed.await {
                        Ok(outcome) => Done::Closed(outcome),
                        Err(_) => std::future::pending().await,
                    }
                }));
            }
        }
        self.told.tell(KillTells::GateClosed);
        self.latch(CHAOS_MESH_NAMESPACE.to_owned());
    }

    fn latch_closed(&mut self, outcome: Result<Closed, LatchError>) {
        self.latched = true;
        if let Err(error) = outcome {
            let why = crate::units::ErrorChain::of(&error);
            self.told
                .note(format!("{why}: runs started on this machine are not refused"));
        }
    }

    fn keeper(&mut self, folder: &Path) -> Option<Keeper> {
        Keeper::start(folder)
            .inspect_err(|error| {
                let text = format!("manifests of what is not ours are not kept: {error}");
                self.told.note(text);
            })
            .ok()
    }

    /// Latches a namespace of the cluster, beside everything else.
    pub fn latch(&mut self, namespace: String) {
        if self.is_real() && !self.latches.contains_key(&namespace) {
            self.latches.insert(namespace.clone(), false);
            self.ask_latch(namespace, 0);
        }
    }

    fn ask_latch(&mut self, namespace: String, attempts: u32) {
        let by = who();
        let work = requests::latch(self.cluster, (namespace, attempts), (&by, &self.request.by));
        self.work.push(work);
    }

    fn cluster_latched(
        &mut self,
        namespace: String,
        attempts: u32,
        outcome: Result<(), crate::cluster::ApiFault>,
    ) {
        use crate::cluster::ApiFault as Fault;
        match outcome {
            // There is no such namespace: nobody looks there either.
            Err(Fault::NotFound) if namespace == CHAOS_MESH_NAMESPACE => {
                self.told.once(format!("other machines look for the latch in {CHAOS_MESH_NAMESPACE}, and there is no such namespace"));
            }
            Ok(()) | Err(Fault::NotFound) => {}
            Err(fault @ (Fault::Forbidden { .. } | Fault::Refused { code: 400..=428, .. })) => {
                self.told.once(format!("other machines were not told: {fault}"));
            }
            Err(fault) => {
                if attempts == 3 {
                    self.told
                        .once(format!("other machines were not told yet: {fault}"));
                }
                let again = Again::Latch {
                    namespace,
                    attempts: attempts + 1,
                };
                self.work.push(requests::again(requests::pause(attempts), again));
                return;
            }
        }
        self.latches.insert(namespace, true);
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Listed {
                scope,
                asked,
                outcome,
            } => self.listed(scope, asked, outcome),
            Done::Discovered(outcome) => self.discovered(outcome),
            Done::Namespaces(outcome) => self.namespaces_listed(outcome),
            Done::Deleted { uid, abort, outcome } => self.deleted(&uid, abort, outcome),
            Done::Forced { uid, outcome } => self.forced(&uid, outcome),
            Done::Wondered { uid, why } => self.wondered(&uid, why),
            Done::SeenOut { debt, removed } => self.seen_out(debt, removed),
            Done::Events { debt, outcome } => self.events_told(debt, outcome),
            Done::Latched {
                namespace,
                attempts,
                outcome,
            } => self.cluster_latched(namespace, attempts, outcome),
            Done::Closed(outcome) => self.latch_closed(outcome),
            Done::Again(Again::Ask(wait)) => self.ask(&wait),
            Done::Again(Again::Latch { namespace, attempts }) => self.ask_latch(namespace, attempts),
        }
    }

    fn tick(&mut self) {
        self.push_on();
        self.settle_missing();
        self.settle_debts();
        if self.round.is_due(self.now()) {
            self.begin_round();
        }
    }

    /// Nothing is left that may still change, and two full lists in a row said so.
    fn is_through(&self) -> bool {
        let latched = self.latched && self.latches.values().all(|settled| *settled);
        self.round.agreed(self.request.effect)
            && self.objects.values().all(Known::is_settled)
            && self.debts.iter().all(|debt| debt.is_settled(&self.objects))
            && (latched || self.now().elapsed() >= LATCH_LAST)
    }

    async fn finish(mut self) -> KillSummary {
        self.settle_debts();
        self.last_words();
        if let Some(mut keeper) = self.keeper.take().filter(Keeper::is_used) {
            let kept = tokio::time::timeout(KEEP_LAST, keeper.finish()).await;
            self.say_kept(keeper.folder(), kept.ok().flatten());
        }
        self.sum_up()
    }
}
