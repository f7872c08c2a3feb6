//! What is seen: a scope is a kind, everywhere or in one namespace; each has a watch and is listed again and again.
//! A round is one list of everything. Never deletes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};

use super::Effect;
use super::books::{Known, Stage, Witness};
use super::engine::Sweep;
use super::keep::Origin;
use super::requests::{self, Again};
use crate::cluster::{ApiFault, ChaosKind, ChaosObject, Followed, Following, Role, known_kinds};
use crate::units::Mark;

/// Between the starts of two rounds: a spawner's tick that was under way can make one more meanwhile.
const RELIST: Duration = Duration::from_secs(1);
/// The same while something is still on its way out.
const RELIST_SLOW: Duration = Duration::from_secs(2);
/// So long an object that only a list has seen waits for the watch of its kind, so that its end is known.
const WATCH_FIRST: Duration = Duration::from_secs(1);
/// So long the watch has to tell the end of what a list found gone.
const EXPLAIN: Duration = Duration::from_millis(1500);
/// Lists under way at once; in namespaces there may be hundreds to make.
const LISTS: usize = 24;

pub(super) type ScopeIx = usize;
pub(super) type Watching = Pin<Box<dyn Stream<Item = (ScopeIx, Followed)> + Send>>;

/// How a scope can be seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sight {
    /// Not answered yet.
    Unknown,
    Listed,
    Forbidden(String),
    /// Forbidden as a whole; the namespaces stand for it.
    Split,
    /// The server has no such kind.
    NotServed,
    Failing(ApiFault),
}

/// Where the watch of a scope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    None,
    Starting,
    Live,
    /// It may come back.
    Lost,
}

/// A kind, everywhere or in one namespace.
#[derive(Debug)]
pub(super) struct Scope {
    pub kind: ChaosKind,
    pub namespace: Option<String>,
    pub sight: Sight,
    pub watch: Watch,
    attempts: u32,
}

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
    listing: usize,
    /// Uids of what is there and ought not to be.
    standing: BTreeSet<String>,
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

/// Whether a name can be a segment of a path. What the server or a journal says is not trusted to be one.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
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

    fn add_scope(&mut self, kind: ChaosKind, namespace: Option<String>) -> ScopeIx {
        let ix = self.scopes.len();
        let wide = namespace.is_none() || self.request.namespace.is_some();
        self.scopes.push(Scope {
            kind,
            namespace,
            sight: Sight::Unknown,
            watch: Watch::None,
            attempts: 0,
        });
        // One watch a kind; in many namespaces only where there is something to watch.
        if wide {
            self.watch(ix);
        }
        ix
    }

    fn watch(&mut self, ix: ScopeIx) {
        let scope = &mut self.scopes[ix];
        if !matches!(self.request.effect, Effect::Real) || scope.watch != Watch::None {
            return;
        }
        scope.watch = Watch::Starting;
        let followed = self.cluster.follow_closely(Following {
            kind: scope.kind.clone(),
            namespace: scope.namespace.clone(),
            name: None,
        });
        // A missing right does not come back within a kill.
        let told = followed.scan(Goes::On, move |state, told| {
            let item = match *state {
                Goes::On => Some((ix, told)),
                Goes::NoMore => None,
            };
            if matches!(item, Some((_, Followed::Lost(ApiFault::Forbidden { .. })))) {
                *state = Goes::NoMore;
            }
            std::future::ready(item)
        });
        self.watching.push(Box::pin(told));
    }

    pub fn heard(&mut self, ix: ScopeIx, told: Followed) {
        match told {
            Followed::Seen(object) => self.seen(ix, *object, Source::Watch),
            Followed::Gone(object) => self.gone(*object, Witness::Watch),
            Followed::Vanished(object) => self.gone(*object, Witness::Absence),
            Followed::Listed => self.scopes[ix].watch = Watch::Live,
            Followed::Lost(fault) => {
                tracing::debug!(kind = %self.scopes[ix].kind.kind, %fault, "the watch is lost");
                self.scopes[ix].watch = match fault {
                    ApiFault::Forbidden { .. } => Watch::None,
                    _ => Watch::Lost,
                };
            }
        }
    }

    fn gone(&mut self, object: ChaosObject, witness: Witness) {
        let uid = object.uid.clone();
        self.outside.remove(&uid);
        let Some(known) = self.objects.get_mut(&uid) else {
            return;
        };
        // A list that missed the end knows no later state than we do.
        let last = (witness == Witness::Watch).then_some(object);
        known.end(last, witness);
        self.tell(&uid);
    }

    pub fn listed(&mut self, ix: ScopeIx, asked: Mark, outcome: Result<Vec<ChaosObject>, ApiFault>) {
        self.round.listing = self.round.listing.saturating_sub(1);
        let wait = Wait::Scope(ix);
        match outcome {
            Ok(objects) => {
                let scope = &mut self.scopes[ix];
                scope.sight = Sight::Listed;
                scope.attempts = 0;
                let there: BTreeSet<String> = objects.iter().map(|object| object.uid.clone()).collect();
                for object in objects {
                    self.seen(ix, object, Source::List { asked });
                }
                for known in self.objects.values_mut() {
                    let is_here = known.scope == ix && known.first_seen < asked;
                    if is_here && known.stage != Stage::Over && !there.contains(&known.object.uid) {
                        known.missing.get_or_insert(asked);
                    }
                }
                self.answered(&wait);
            }
            Err(ApiFault::Forbidden { right }) => {
                self.refused(ix, right);
                self.answered(&wait);
            }
            Err(fault) => {
                let unserved = fault == ApiFault::NotFound && !self.is_served(ix);
                let scope = &mut self.scopes[ix];
                let attempts = scope.attempts;
                scope.attempts += 1;
                let told = fault.clone();
                scope.sight = Sight::Failing(fault);
                if unserved {
                    scope.sight = Sight::NotServed;
                    self.answered(&wait);
                    return;
                }
                self.tell_fault(&told, attempts);
                let pause = requests::pause(attempts);
                self.work.push(requests::again(pause, Again::Ask(wait)));
            }
        }
    }

    /// Whether the kind is there as far as discovery has said.
    fn is_served(&self, ix: ScopeIx) -> bool {
        let kind = &self.scopes[ix].kind;
        match &self.round.served {
            Served::Unknown => true,
            Served::These(served) => served.iter().any(|one| one.plural == kind.plural),
            Served::Untold => false,
        }
    }

    /// No right to list it: where everything was asked for, each namespace is asked for.
    fn refused(&mut self, ix: ScopeIx, right: String) {
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

    fn answered(&mut self, wait: &Wait) {
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

    /// An object is there.
    pub fn seen(&mut self, ix: ScopeIx, object: ChaosObject, source: Source) {
        if !self.is_meant(&object) {
            return;
        }
        let now = self.now();
        let uid = object.uid.clone();
        if let Some(known) = self.objects.get_mut(&uid) {
            if known.stage == Stage::Over {
                return;
            }
            match source {
                Source::Watch => {
                    known.missing = None;
                    known.update(object, now);
                    if known.stage == Stage::Due && known.attempts == 0 {
                        self.ready_now(&uid);
                    }
                }
                Source::List { asked } => {
                    known.missing = None;
                    // The server forgot what it was asked.
                    let again = known.asked.is_some_and(|before| before < asked) && !object.deleting;
                    // Beside a watch that works a list is older news.
                    if self.scopes[known.scope].watch != Watch::Live {
                        known.update(object, now);
                    }
                    if known.stage != Stage::LeftAlone {
                        self.round.standing.insert(uid.clone());
                    }
                    if again && known.stage == Stage::Asked {
                        self.enlist(&uid);
                    }
                }
            }
            // It may have become an injection.
            let known = &self.objects[&uid];
            if known.stage == Stage::LeftAlone && known.object.injects {
                self.is_new();
                self.enlist(&uid);
            }
            self.tell(&uid);
            return;
        }
        self.meet(ix, object, source);
    }

    /// An object is there for the first time.
    fn meet(&mut self, ix: ScopeIx, object: ChaosObject, source: Source) {
        let now = self.now();
        let uid = object.uid.clone();
        let role = self.scopes[ix].kind.role;
        let mut known = Known::new(object, role, ix, now);
        known.debt = self.debt_of(&known.object);
        let active = match role {
            Role::Spawner | Role::Injection => true,
            Role::Unknown => known.object.injects,
            Role::Kept => false,
        };
        if !active {
            known.stage = Stage::LeftAlone;
            let kind = self.scopes[ix].kind.kind.clone();
            self.objects.insert(uid, known);
            self.told.left_alone(kind);
            return;
        }
        self.is_new();
        if let Source::List { .. } = source {
            self.round.standing.insert(uid.clone());
            self.watch(ix);
        }
        self.latch(known.object.object.namespace.clone());
        let foreign = !known.object.is_ours() && known.debt.is_none();
        let waits = matches!(source, Source::List { .. })
            && role != Role::Spawner
            && !known.object.one_shot
            && matches!(self.scopes[ix].watch, Watch::Starting | Watch::Lost);
        self.objects.insert(uid.clone(), known);
        if foreign {
            self.keep(&uid);
        }
        if waits {
            self.delayed.insert((now.after(WATCH_FIRST), uid.clone()));
        } else {
            self.enlist(&uid);
        }
        self.tell(&uid);
    }

    /// Something came: what lists agreed on before is void.
    fn is_new(&mut self) {
        self.round.last_new = self.now();
        self.round.same = 0;
        self.round.before = None;
    }

    fn keep(&mut self, uid: &str) {
        let object = &self.objects[uid].object;
        let origin = if object.owners.iter().any(|owner| self.objects.contains_key(owner)) {
            Origin::Child
        } else {
            Origin::Own
        };
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(object, origin);
        } else if self.is_real() && self.request.keep.is_none() {
            self.told
                .once("manifests of what is not ours are not kept: there is no place for them".to_owned());
        }
    }

    /// Whether it is to go at all.
    fn is_meant(&mut self, object: &ChaosObject) -> bool {
        if self
            .request
            .namespace
            .as_ref()
            .is_some_and(|only| *only != object.object.namespace)
        {
            return false;
        }
        let Some(run) = &self.request.run else { return true };
        let is_run = object.run() == Some(run.as_str());
        let is_made_by_it = object.owners.iter().any(|owner| self.meant.contains(owner));
        let is_owed = self.debt_of(object).is_some();
        if is_run || is_made_by_it || is_owed {
            self.outside.remove(&object.uid);
            self.meant.insert(object.uid.clone());
            return true;
        }
        self.outside.insert(object.uid.clone());
        false
    }

    /// What lists do not have and no watch saw go is gone all the same, after a while.
    pub fn settle_missing(&mut self) {
        let now = self.now();
        let over = |known: &Known| {
            let watch = self.scopes[known.scope].watch;
            let patience = if watch == Watch::None {
                Duration::ZERO
            } else {
                EXPLAIN
            };
            known.missing.is_some_and(|since| now.since(since) >= patience)
        };
        let gone: Vec<String> = self
            .objects
            .iter()
            .filter(|(_, known)| known.stage != Stage::Over && over(known))
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in gone {
            if let Some(known) = self.objects.get_mut(&uid) {
                if known.stage == Stage::LeftAlone {
                    self.objects.remove(&uid);
                    continue;
                }
                known.end(None, Witness::Absence);
            }
            self.tell(&uid);
        }
    }

    /// What could not be seen, by kind: what, and why.
    pub fn unseen(&self) -> BTreeMap<String, String> {
        let mut unseen = BTreeMap::new();
        let mut places: BTreeMap<&str, (Vec<&str>, String)> = BTreeMap::new();
        for scope in &self.scopes {
            let plural = scope.kind.plural.as_str();
            let namespace = scope.namespace.as_deref();
            match (&scope.sight, namespace) {
                (Sight::Listed | Sight::NotServed, _) => {}
                (Sight::Split, _) if self.round.all_namespaces => {}
                (Sight::Split, _) => {
                    let listed: Vec<&str> = self.round.namespaces().collect();
                    let what = format!("{plural} outside the namespaces {}", listed.join(", "));
                    unseen.insert(
                        what,
                        format!("no right to list {plural}.chaos-mesh.org in every namespace"),
                    );
                }
                (Sight::Forbidden(right), Some(namespace)) => {
                    let place = places.entry(plural).or_default();
                    place.0.push(namespace);
                    place.1 = format!("no right to {right}");
                }
                (Sight::Forbidden(right), None) => {
                    unseen.insert(plural.to_owned(), format!("no right to {right}"));
                }
                (Sight::Failing(fault), _) => {
                    unseen.insert(in_place(plural, namespace), fault.to_string());
                }
                (Sight::Unknown, _) => {
                    unseen.insert(in_place(plural, namespace), "no answer".to_owned());
                }
            }
        }
        for (plural, (namespaces, why)) in places {
            unseen.insert(format!("{plural} in {}", namespaces.join(", ")), why);
        }
        if !self.round.is_served_known() {
            unseen.insert(
                "kinds of chaos-mesh.org that this program does not know".to_owned(),
                "the API server did not say which it has".to_owned(),
            );
        }
        unseen
    }

    /// Whether the place of an object was listed, by a list that was asked for after `since`.
    pub fn covers(&self, plural: &str, namespace: &str) -> bool {
        self.scopes.iter().any(|scope| {
            let here = scope.namespace.as_deref().is_none_or(|one| one == namespace);
            scope.kind.plural == plural && here && matches!(scope.sight, Sight::Listed | Sight::NotServed)
        })
    }
}

fn in_place(plural: &str, namespace: Option<&str>) -> String {
    namespace.map_or_else(
        || plural.to_owned(),
        |namespace| format!("{plural} in {namespace}"),
    )
}

/// Whether a stream goes on.
#[derive(Debug, Clone, Copy)]
enum Goes {
    On,
    NoMore,
}

/// Where something was seen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Watch,
    List { asked: Mark },
}
