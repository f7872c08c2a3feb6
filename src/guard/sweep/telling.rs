//! What a sweep tells: a verdict an object whenever it changes, each with the next act; what could not be seen; the
//! summary. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tokio::sync::mpsc;

use super::Effect;
use super::books::Stage;
use super::engine::Sweep;
use super::keep::Kept;
use crate::cluster::ChaosObject;
use crate::fault::{ChaosRef, ClusterPin, Gone};
use crate::guard::words;
use crate::ports::{KillSummary, KillTells, ObjectVerdict};
use crate::text::printable;

/// More files than this get one line for all of them.
const LINES: usize = 12;

/// What was told so far.
pub(super) struct Told {
    tells: mpsc::UnboundedSender<KillTells>,
    /// The latest of each object, by uid or by what it owes.
    verdicts: BTreeMap<String, ObjectVerdict>,
    notes: BTreeSet<String>,
    unseen: BTreeSet<String>,
    left_alone: BTreeMap<String, usize>,
}

impl Told {
    pub const fn new(tells: mpsc::UnboundedSender<KillTells>) -> Self {
        Self {
            tells,
            verdicts: BTreeMap::new(),
            notes: BTreeSet::new(),
            unseen: BTreeSet::new(),
            left_alone: BTreeMap::new(),
        }
    }

    pub fn tell(&self, what: KillTells) {
        // Nobody may be listening; the work goes on.
        let _ = self.tells.send(what);
    }

    pub fn note(&self, text: String) {
        self.tell(KillTells::Note { text });
    }

    /// The same text only once.
    pub fn once(&mut self, text: String) {
        if self.notes.insert(text.clone()) {
            self.note(text);
        }
    }

    pub fn left_alone(&mut self, kind: String) {
        *self.left_alone.entry(kind).or_default() += 1;
    }

    /// How to get past a webhook, when one is in the way.
    pub fn webhook(&mut self, pin: &ClusterPin, why: &str) {
        if why.contains("failed calling webhook") {
            let (past, back) = words::without_webhooks(pin);
            self.once(format!(
                "the webhooks of Chaos Mesh do not answer; without them: {past}  (this disables a guard for everyone; put it back with: {back})"
            ));
        }
    }

    fn verdict(&mut self, key: String, verdict: ObjectVerdict) {
        if self.verdicts.get(&key) != Some(&verdict) {
            self.tell(KillTells::Object(Box::new(verdict.clone())));
            self.verdicts.insert(key, verdict);
        }
    }
}

/// Whether the sweep goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    UnderWay,
    Over,
}

fn next(
    pin: &ClusterPin,
    at: &ChaosRef,
    object: Option<&ChaosObject>,
    (gone, moment): (&Gone, Moment),
) -> Option<String> {
    let restart = || object.and_then(|object| words::restart(pin, object));
    match gone {
        Gone::Proven => None,
        Gone::Recovering { .. } if moment == Moment::UnderWay => None,
        Gone::Recovering { .. } => Some(words::look(pin, at)),
        Gone::Stuck { .. } => Some(restart().unwrap_or_else(|| words::force(pin, at))),
        Gone::Unverified { .. } | Gone::ForcedUnverified => {
            Some(restart().unwrap_or_else(|| words::events(pin, at)))
        }
        Gone::Failed { why } if why.starts_with("its finalizers") => Some(words::force(pin, at)),
        Gone::Forbidden { .. } | Gone::Failed { .. } | Gone::Unknown { .. } => Some(words::delete(pin, at)),
    }
}

impl Sweep<'_> {
    pub fn tell(&mut self, uid: &str) {
        self.tell_object(uid, Moment::UnderWay);
    }

    fn tell_object(&mut self, uid: &str, moment: Moment) {
        let now = self.now();
        let Some(known) = self.objects.get(uid) else {
            return;
        };
        if known.stage == Stage::LeftAlone {
            return;
        }
        let object = &known.object;
        let gone = known.gone(now);
        let debt = known.debt.and_then(|ix| self.debts.get(ix));
        let run = debt
            .and_then(|debt| debt.known.run.as_ref())
            .map(ToString::to_string);
        let dry = self.request.effect == Effect::DryRun;
        let act = next(self.cluster.pin(), &object.object, Some(object), (&gone, moment));
        let verdict = ObjectVerdict {
            object: object.object.clone(),
            uid: Some(object.uid.clone()),
            debt: debt.map(|debt| debt.known.debt.id.clone()),
            run: run.or_else(|| object.run().map(str::to_owned)),
            targets: object.targets(),
            next: act.filter(|_| !dry),
            gone,
        };
        self.told.verdict(uid.to_owned(), verdict);
    }

    /// A debt that no object pays so far.
    pub fn tell_debt(&mut self, ix: usize) {
        let debt = &self.debts[ix];
        if debt.object.is_some() {
            return;
        }
        let (pin, object, _, uid) = debt.parts();
        let act = if pin.is_same_cluster(self.cluster.pin()) {
            next(self.cluster.pin(), object, None, (&debt.gone, Moment::UnderWay))
        } else {
            Some(words::kill(pin))
        };
        let verdict = ObjectVerdict {
            object: object.clone(),
            uid: uid.map(str::to_owned),
            debt: Some(debt.known.debt.id.clone()),
            run: debt.known.run.as_ref().map(ToString::to_string),
            targets: Vec::new(),
            gone: debt.gone.clone(),
            next: act,
        };
        self.told.verdict(format!("debt {ix}"), verdict);
    }

    /// What cannot be seen, once each.
    pub fn tell_unseen(&mut self) {
        for (what, why) in self.unseen() {
            if self.told.unseen.insert(what.clone()) {
                self.told.tell(KillTells::NotSeen { what, why });
            }
        }
    }

    /// A list did not come.
    pub fn tell_fault(&mut self, fault: &crate::cluster::ApiFault, attempts: u32) {
        if attempts >= 2 {
            self.told.once(format!(
                "the API server does not answer as it should, trying again: {fault}"
            ));
        }
    }

    /// The verdicts as they stand at the end.
    pub fn last_words(&mut self) {
        let uids: Vec<String> = self.objects.keys().cloned().collect();
        for uid in uids {
            self.tell_object(&uid, Moment::Over);
        }
        for ix in 0..self.debts.len() {
            self.tell_debt(ix);
        }
        self.tell_unseen();
        let left: Vec<String> = self
            .told
            .left_alone
            .iter()
            .map(|(kind, count)| format!("{count} of the kind {}", printable(kind)))
            .collect();
        if !left.is_empty() {
            self.told.note(format!(
                "left alone, not known to this program and without the marks of an injection: {}",
                left.join(", ")
            ));
        }
        if !self.outside.is_empty() {
            self.told.note(format!(
                "{} objects that this run did not make are left as they are",
                self.outside.len()
            ));
        }
        if self.latches.values().any(|settled| !settled) {
            self.told.once(
                "other machines may not have been told: a latch in the cluster was not answered for"
                    .to_owned(),
            );
        }
    }

    pub fn say_kept(&self, folder: &Path, kept: Option<Kept>) {
        let Some(kept) = kept else {
            self.told.note(format!(
                "manifests in {} may be incomplete: the disk did not answer in time",
                folder.display()
            ));
            return;
        };
        for lost in kept.lost.iter().take(LINES) {
            self.told
                .note(format!("this manifest could not be kept: {}", printable(lost)));
        }
        let pin = self.cluster.pin();
        if kept.files.len() > LINES {
            let line = words::create(pin, folder);
            self.told.note(format!(
                "{} objects were not ours; to make them again: {line}",
                kept.files.len()
            ));
        } else {
            for file in &kept.files {
                self.told.note(format!(
                    "not ours; to make it again: {}",
                    words::create(pin, file)
                ));
            }
        }
        if kept.redacted > 0 {
            self.told.note(format!(
                "secrets were left out of {} manifests: put them back first",
                kept.redacted
            ));
        }
    }

    pub fn sum_up(&self) -> KillSummary {
        let verdicts = self.told.verdicts.iter().filter(|(key, _)| {
            // A debt that an object pays is told with the object.
            key.strip_prefix("debt ")
                .and_then(|ix| ix.parse::<usize>().ok())
                .and_then(|ix| self.debts.get(ix))
                .is_none_or(|debt| debt.object.is_none())
        });
        let verdicts: Vec<&ObjectVerdict> = verdicts.map(|(_, verdict)| verdict).collect();
        let proven = verdicts.iter().filter(|verdict| verdict.gone.pays()).count();
        let not_seen: Vec<String> = self.unseen().into_keys().collect();
        let now = self.now();
        let paid = self.debts.iter().all(|debt| debt.gone(&self.objects, now).pays());
        let summary = KillSummary {
            all_clear: not_seen.is_empty()
                && self.round.agreed(self.request.effect)
                && proven == verdicts.len()
                && paid,
            objects: verdicts.len(),
            proven,
            not_seen,
            took_ms: u64::try_from(now.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        self.told.tell(KillTells::Ended(summary.clone()));
        summary
    }
}
