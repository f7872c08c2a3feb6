//! A round is one list of everything: which kinds there are, each of them everywhere, or in each namespace where
//! that is forbidden. When rounds in a row say the same, there is nothing left to find.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::Effect;
use super::books::Known;
use super::engine::Sweep;
use super::requests::{self, Again};
use super::seeing::{Scope, ScopeIx, Sight, is_plain};
use crate::cluster::{ApiFault, ChaosKind, known_kinds};
use crate::units::Mark;

/// Between the starts of two rounds: a spawner's tick that was under way can make one more meanwhile.
const RELIST: Duration = Duration::from_secs(1);
/// The same while something is still on its way out.
const RELIST_SLOW: Duration = Duration::from_secs(2);
/// Lists under way at once; in namespaces there may be hundreds to make.
const LISTS: usize = 24;

/// What a round waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    Discovery,
    Namespaces,
    Scope(ScopeIx),
}

/// Which kinds the server has.
#[derive(Debug, Default)]
enum Served {
    /// Discovery has not answered.
    #[default]
    Unknown,
    These(Vec<ChaosKind>),
    /// No right to ask: the kinds known to this program stand for it.
    Untold,
}

/// One list of everything.
#[derive(Debug, Default)]
pub(super) struct Round {
    began: Mark,
    ended: bool,
    waiting: BTreeSet<Wait>,
    /// Lists that wait for their turn.
    queue: VecDeque<ScopeIx>,
    pub listing: usize,
    /// Uids of what is there and ought not to be.
    pub standing: BTreeSet<String>,
    /// What the round before left standing, if that was all that can be done.
    before: Option<BTreeSet<String>>,
    next: Option<Mark>,
    /// Rounds in a row that said the same, each without anything new and without anything that may still go.
    same: u32,
    /// When something was seen for the first time last.
    last_new: Mark,
    pub rounds: u32,
    served: Served,
    /// Attempts at what has no scope.
    attempts: u32,
    /// The namespaces that stand for the cluster, and whether these are all.
    namespaces: BTreeSet<String>,
    pub all_namespaces: bool,
    /// When the last whole round began.
    pub last_whole: Option<Mark>,
}

impl Round {
    pub fn is_due(&self, now: Mark) -> bool {
        self.ended && self.next.is_some_and(|next| next <= now)
    }

    /// Whether lists in a row agree that nothing more can be done: two, or one when nothing is changed.
    pub fn agreed(&self, effect: Effect) -> bool {
        let enough = match effect {
            Effect::DryRun => 1,
            Effect::Real => 2,
        };
        self.ended && self.same >= enough
    }

    pub const fn is_served_known(&self) -> bool {
        matches!(self.served, Served::These(_))
    }

    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(String::as_str)
    }
}

impl Sweep<'_> {
    pub fn begin_round(&mut self) {
        let now = self.now();
        if self.scopes.is_empty() && self.round.rounds == 0 {
            for kind in known_kinds() {
                self.add_scope(kind, self.request.namespace.clone());
            }
        }
        let round = &mut self.round;
        round.rounds += 1;
        round.began = now;
        round.ended = false;
        round.standing.clear();
        round.next = None;
        round.waiting = BTreeSet::from([Wait::Discovery]);
        if self.scopes.iter().any(|scope| scope.sight == Sight::Split) {
            round.waiting.insert(Wait::Namespaces);
        }
        for (ix, scope) in self.scopes.iter().enumerate() {
            if !matches!(scope.sight, Sight::Split | Sight::NotServed) {
                round.waiting.insert(Wait::Scope(ix));
            }
        }
        let waits: Vec<Wait> = round.waiting.iter().cloned().collect();
        for wait in waits {
            self.ask(&wait);
        }
    }

    /// Asks for what a round waits for, in its turn.
    pub fn ask(&mut self, wait: &Wait) {
        if !self.round.waiting.contains(wait) {
            return;
        }
        match wait {
            Wait::Discovery => self.work.push(requests::discover(self.cluster)),
            Wait::Namespaces => self.work.push(requests::namespaces(self.cluster)),
            Wait::Scope(ix) => self.round.queue.push_back(*ix),
        }
    }

    /// Starts lists that wait, as many as may be under way.
    pub fn pump_lists(&mut self) {
        while self.round.listing < LISTS {
            let Some(ix) = self.round.queue.pop_front() else {
                return;
            };
            let scope = &self.scopes[ix];
            let what = (scope.kind.clone(), scope.namespace.clone());
            self.round.listing += 1;
            let asked = self.now();
            self.work.push(requests::list(self.cluster, what, (ix, asked)));
        }
    }

    /// Whether the kind is there as far as discovery has said.
    pub fn is_served(&self, ix: ScopeIx) -> bool {
        let kind = &self.scopes[ix].kind;
        match &self.round.served {
            Served::Unknown => true,
            Served::These(served) => served.iter().any(|one| one.plural == kind.plural),
            Served::Untold => false,
        }
    }

    /// No right to list it: where everything was asked for, each namespace is asked for.
    pub fn refused(&mut self, ix: ScopeIx, right: String) {
        let scope = &mut self.scopes[ix];
        if scope.namespace.is_some() {
            scope.sight = Sight::Forbidden(right);
            return;
        }
        scope.sight = Sight::Split;
        let kind = scope.kind.clone();
        if self.round.namespaces.is_empty() && self.round.waiting.insert(Wait::Namespaces) {
            self.ask(&Wait::Namespaces);
        }
        self.split(&kind);
    }

    /// Adds the namespaces that are known by now for a kind that cannot be listed as a whole.
    fn split(&mut self, kind: &ChaosKind) {
        let namespaces: Vec<String> = self.round.namespaces.iter().cloned().collect();
        for namespace in namespaces {
            let is_this =
                |scope: &Scope| scope.kind == *kind && scope.namespace.as_deref() == Some(&namespace);
            if !self.scopes.iter().any(is_this) {
                let ix = self.add_scope(kind.clone(), Some(namespace));
                self.round.waiting.insert(Wait::Scope(ix));
                self.ask(&Wait::Scope(ix));
            }
        }
    }

    pub fn namespaces_listed(&mut self, outcome: Result<Vec<String>, ApiFault>) {
        match outcome {
            Ok(names) => {
                self.round.all_namespaces = true;
                self.round
                    .namespaces
                    .extend(names.into_iter().filter(|name| is_plain(name)));
            }
            Err(ApiFault::Forbidden { .. } | ApiFault::NotFound) => {
                self.round.all_namespaces = false;
                let own = [
                    self.cluster.namespace().to_owned(),
                    crate::guard::tell::CHAOS_MESH_NAMESPACE.to_owned(),
                ];
                let owed: Vec<String> = self
                    .debts
                    .iter()
                    .map(|debt| debt.object().namespace.clone())
                    .collect();
                let all = own.into_iter().chain(owed).filter(|name| is_plain(name));
                self.round.namespaces.extend(all);
            }
            Err(_) => {
                let pause = requests::pause(self.round.attempts);
                self.round.attempts += 1;
                self.work
                    .push(requests::again(pause, Again::Ask(Wait::Namespaces)));
                return;
            }
        }
        let split: Vec<ChaosKind> = self
            .scopes
            .iter()
            .filter(|scope| scope.sight == Sight::Split)
            .map(|scope| scope.kind.clone())
            .collect();
        for kind in split {
            self.split(&kind);
        }
        self.answered(&Wait::Namespaces);
    }

    pub fn discovered(&mut self, outcome: Result<Vec<ChaosKind>, ApiFault>) {
        let served = match outcome {
            Ok(kinds) => kinds,
            Err(ApiFault::NotFound) => {
                self.told.once(
                    "Chaos Mesh is not installed here: the API server has no chaos-mesh.org".to_owned(),
                );
                Vec::new()
            }
            Err(ApiFault::Forbidden { .. }) => {
                self.round.served = Served::Untold;
                self.answered(&Wait::Discovery);
                return;
            }
            Err(_) => {
                let pause = requests::pause(self.round.attempts);
                self.round.attempts += 1;
                self.work
                    .push(requests::again(pause, Again::Ask(Wait::Discovery)));
                return;
            }
        };
        for kind in &served {
            let known = self.scopes.iter().any(|scope| scope.kind == *kind);
            if is_plain(&kind.plural) && is_plain(&kind.version) && !known {
                let ix = self.add_scope(kind.clone(), self.request.namespace.clone());
                self.round.waiting.insert(Wait::Scope(ix));
                self.ask(&Wait::Scope(ix));
            }
        }
        let mut unserved = Vec::new();
        for (ix, scope) in self.scopes.iter_mut().enumerate() {
            if !served.contains(&scope.kind) {
                scope.sight = Sight::NotServed;
                unserved.push(Wait::Scope(ix));
            } else if scope.sight == Sight::NotServed {
                // It was installed meanwhile; the next round lists it.
                scope.sight = Sight::Unknown;
            }
        }
        self.round.served = Served::These(served);
        for wait in unserved {
            self.answered(&wait);
        }
        self.answered(&Wait::Discovery);
    }

    pub fn answered(&mut self, wait: &Wait) {
        if self.round.waiting.remove(wait) && self.round.waiting.is_empty() {
            self.end_round();
        }
    }

    fn end_round(&mut self) {
        let now = self.now();
        let done = |uid: &String| self.objects.get(uid).is_none_or(Known::is_settled);
        let quiet = self.round.standing.iter().all(done) && self.round.last_new <= self.round.began;
        let round = &mut self.round;
        let standing = std::mem::take(&mut round.standing);
        let same = round.before.as_ref().is_none_or(|before| *before == standing);
        round.same = match (quiet, same) {
            (true, true) => round.same + 1,
            (true, false) => 1,
            (false, _) => 0,
        };
        round.before = quiet.then_some(standing);
        round.ended = true;
        round.attempts = 0;
        round.last_whole = Some(round.began);
        let pause = if round.same > 0 || round.rounds < 3 {
            RELIST
        } else {
            RELIST_SLOW
        };
        round.next = Some(round.began.after(pause).max(now));
        self.tell_unseen();
        self.see_debts_out();
    }

    /// Something came: what lists agreed on before is void.
    pub fn is_new(&mut self) {
        self.round.last_new = self.now();
        self.round.same = 0;
        self.round.before = None;
    }
}
