//! What local journals say is owed: which object pays it, and what remains of it when there is none. A debt is
//! never dropped in silence.

use std::collections::BTreeMap;
use std::time::Duration;

use super::KnownDebt;
use super::books::{Known, unknown};
use super::engine::Sweep;
use super::requests;
use super::seeing::is_plain;
use crate::clock;
use crate::cluster::{ApiFault, ChaosObject, Removed};
use crate::fault::{ChaosRef, ClusterPin, Gone, Lasting, Undo};
use crate::units::Mark;

/// A create that is under way may still make its object so long after it was intended.
const IN_DOUBT: Duration = Duration::from_secs(20);

/// The cluster forgets its events after an hour; what was intended longer ago they do not tell of.
const REMEMBERED: Duration = Duration::from_mins(30);

/// A debt in the sweep.
#[derive(Debug)]
pub(super) struct DebtState {
    pub known: KnownDebt,
    /// The object that pays it.
    pub object: Option<String>,
    /// Until when its create is in doubt.
    doubt: Mark,
    pub gone: Gone,
    /// Whether the verdict stands.
    settled: bool,
    /// Something that decides it is under way: its place cannot be listed and it is seen out by itself, or the
    /// events are asked for.
    asking: bool,
    /// Intended so short a time ago that the cluster would still tell of it.
    recent: bool,
}

impl DebtState {
    pub fn parts(&self) -> (&ClusterPin, &ChaosRef, Lasting, Option<&str>) {
        let Undo::DeleteChaos {
            cluster,
            object,
            lasting,
            uid,
        } = &self.known.debt.undo;
        (cluster, object, *lasting, uid.as_deref())
    }

    pub fn object(&self) -> &ChaosRef {
        self.parts().1
    }

    /// What is known of it: of the object that pays it, if there is one.
    pub fn gone(&self, objects: &BTreeMap<String, Known>, now: Mark) -> Gone {
        self.object
            .as_ref()
            .and_then(|uid| objects.get(uid))
            .map_or_else(|| self.gone.clone(), |known| known.gone(now))
    }

    pub fn is_settled(&self, objects: &BTreeMap<String, Known>) -> bool {
        match self.object.as_ref().and_then(|uid| objects.get(uid)) {
            Some(known) => known.is_settled(),
            None => self.settled,
        }
    }
}

impl Sweep<'_> {
    /// Takes the debts that are meant; says which are not.
    pub fn take_debts(&mut self) {
        let mut elsewhere = 0;
        for known in self.request.debts.clone() {
            let Undo::DeleteChaos {
                cluster, object, uid, ..
            } = &known.debt.undo;
            let here = cluster.is_same_cluster(self.cluster.pin());
            let other_place = self
                .request
                .namespace
                .as_ref()
                .is_some_and(|only| *only != object.namespace);
            let run = known.run.as_ref().map(ToString::to_string);
            let other_run = self.request.run.is_some() && run.is_some() && run != self.request.run;
            if other_place || other_run {
                elsewhere += 1;
                continue;
            }
            let known_since = known.intended.map(|at| {
                let since = clock::wall().0.duration_since(at.0);
                Duration::try_from(since).unwrap_or_default()
            });
            let doubt = match uid {
                Some(_) => Mark::ZERO,
                None => Mark::ZERO.after(IN_DOUBT.saturating_sub(known_since.unwrap_or_default())),
            };
            let plain = [&object.name, &object.namespace, &object.plural]
                .into_iter()
                .all(|part| is_plain(part));
            let (gone, settled) = if !here {
                (unknown("owed in another cluster than the one that answers"), true)
            } else if !plain {
                let why = "its name is none that can be put into a request".to_owned();
                (Gone::Failed { why }, true)
            } else if self.is_real() {
                (unknown("not looked for yet"), false)
            } else {
                (unknown("dry run: it would be looked for and undone"), true)
            };
            if here && plain {
                self.latch(object.namespace.clone());
            }
            self.debts.push(DebtState {
                known,
                object: None,
                doubt,
                gone,
                settled,
                asking: false,
                recent: known_since.is_some_and(|since| since < REMEMBERED),
            });
        }
        if elsewhere > 0 {
            self.told.note(format!(
                "{elsewhere} unpaid debts lie outside what was asked for and are left alone"
            ));
        }
        for ix in 0..self.debts.len() {
            self.tell_debt(ix);
        }
    }

    /// The debt that this object pays.
    pub fn debt_of(&mut self, object: &ChaosObject) -> Option<usize> {
        let is_it = |debt: &DebtState| {
            let (cluster, owed, _, uid) = debt.parts();
            cluster.is_same_cluster(self.cluster.pin())
                && owed.plural == object.object.plural
                && owed.namespace == object.object.namespace
                && owed.name == object.object.name
                && uid.is_none_or(|uid| uid == object.uid)
        };
        let ix = self.debts.iter().position(is_it)?;
        self.debts[ix].object.get_or_insert_with(|| object.uid.clone());
        Some(ix)
    }

    /// Says what remains of debts whose object is not there, once that is certain.
    pub fn settle_debts(&mut self) {
        let Some(looked) = self.round.last_whole else {
            return;
        };
        let (mut settled, mut asking) = (Vec::new(), Vec::new());
        for (ix, debt) in self.debts.iter().enumerate() {
            if debt.settled || debt.asking || debt.object.is_some() || looked < debt.doubt {
                continue;
            }
            let (_, object, lasting, uid) = debt.parts();
            if self.round.rounds < 2 || !self.covers(&object.plural, &object.namespace) {
                continue;
            }
            if lasting == Lasting::UntilUndone && uid.is_none() && debt.recent {
                asking.push(ix);
                self.work.push(requests::events(self.cluster, (ix, object)));
            } else {
                settled.push((ix, absent(lasting, uid)));
            }
        }
        for ix in asking {
            self.debts[ix].asking = true;
        }
        for (ix, gone) in settled {
            self.settle(ix, gone);
        }
    }

    fn settle(&mut self, ix: usize, gone: Gone) {
        self.debts[ix].gone = gone;
        self.debts[ix].settled = true;
        self.tell_debt(ix);
    }

    /// What the cluster tells of an object that is not there.
    pub fn events_told(&mut self, ix: usize, events: Result<usize, ApiFault>) {
        let gone = match events {
            Ok(0) => Gone::Proven,
            Ok(_) => Gone::Unverified {
                why: "it was made, it is gone, and how it ended was not seen".to_owned(),
            },
            Err(fault) => Gone::Unverified {
                why: format!("nothing of it is there, and whether it ever was cannot be asked: {fault}"),
            },
        };
        self.settle(ix, gone);
    }

    /// Debts in places that cannot be listed are seen out one by one.
    pub fn see_debts_out(&mut self) {
        if !self.is_real() {
            return;
        }
        for ix in 0..self.debts.len() {
            let debt = &self.debts[ix];
            let (_, object, _, uid) = debt.parts();
            if debt.settled
                || debt.asking
                || debt.object.is_some()
                || self.covers(&object.plural, &object.namespace)
            {
                continue;
            }
            let patience = self.left().saturating_sub(Duration::from_millis(500));
            let work = requests::see_out(self.cluster, (ix, object), uid, patience);
            self.work.push(work);
            self.debts[ix].asking = true;
        }
    }

    pub fn seen_out(&mut self, ix: usize, removed: Removed) {
        let debt = &self.debts[ix];
        let (_, _, lasting, uid) = debt.parts();
        let gone = match removed {
            Removed::Told(gone) => gone,
            Removed::NeverSeen if self.now() < debt.doubt => {
                // Looked for again in the next round.
                self.debts[ix].asking = false;
                return;
            }
            Removed::NeverSeen => absent(lasting, uid),
        };
        self.settle(ix, gone);
    }
}

/// What the absence of an object means that nobody saw go.
fn absent(lasting: Lasting, uid: Option<&str>) -> Gone {
    match (lasting, uid) {
        (Lasting::OneShot, _) => Gone::Proven,
        (Lasting::UntilUndone, Some(_)) => Gone::Unverified {
            why: "it was gone before this kill looked, and how it ended was not seen".to_owned(),
        },
        (Lasting::UntilUndone, None) => Gone::Unverified {
            why: "there is no such object; nothing shows whether there ever was one".to_owned(),
        },
    }
}
