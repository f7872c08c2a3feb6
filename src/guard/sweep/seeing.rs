//! What is seen: a scope is a kind, everywhere or in one namespace; each has a watch and is listed again and again.
//! Never deletes.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};

use super::Effect;
use super::books::{Known, Stage, Witness};
use super::engine::Sweep;
use super::keep::Origin;
use super::requests::{self, Again};
use super::rounds::Wait;
use crate::cluster::{ApiFault, ChaosKind, ChaosObject, Followed, Following, Role};
use crate::units::Mark;

/// So long an object that only a list has seen waits for the watch of its kind, so that its end is known.
const WATCH_FIRST: Duration = Duration::from_secs(1);
/// So long the watch has to tell the end of what a list found gone.
const EXPLAIN: Duration = Duration::from_millis(1500);

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
    pub attempts: u32,
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
    pub fn add_scope(&mut self, kind: ChaosKind, namespace: Option<String>) -> ScopeIx {
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

    fn keep(&mut self, uid: &str) {
        let object = &self.objects[uid].object;
        // Its maker may be listed after it.
        let origin =
            if object.made_by_chaos || object.owners.iter().any(|owner| self.objects.contains_key(owner)) {
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
