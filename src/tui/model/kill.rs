//! What is known of the kill switch: who pulled it, and what became of every object. Pure.

use std::collections::BTreeMap;

use crate::evidence::Ring;
use crate::fault::{ChaosRef, Gone};
use crate::ports::{KillSummary, KillTells, ObjectVerdict};
use crate::units::Mark;

/// The kill switch as the console sees it.
#[derive(Debug, Clone)]
pub struct KillState {
    /// When it was pulled first, and by what.
    pub pulled: Option<(Mark, String)>,
    /// Whether the hand has said that nothing can start any more.
    pub gate_closed: Option<Mark>,
    pub objects: BTreeMap<ChaosRef, ObjectVerdict>,
    /// What could not be listed, and why.
    pub not_seen: BTreeMap<String, String>,
    pub notes: Ring<String>,
    pub ended: Option<(Mark, KillSummary)>,
}

impl Default for KillState {
    fn default() -> Self {
        Self {
            pulled: None,
            gate_closed: None,
            objects: BTreeMap::new(),
            not_seen: BTreeMap::new(),
            notes: Ring::new(200),
            ended: None,
        }
    }
}

/// How many objects stand at which verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub proven: usize,
    pub unverified: usize,
    pub recovering: usize,
    /// Stuck, forbidden or failed.
    pub blocked: usize,
    pub unknown: usize,
}

impl KillState {
    pub fn pull(&mut self, now: Mark, by: &str) {
        // A second pull starts the hand again: what it said before is not the end.
        self.ended = None;
        if self.pulled.is_none() {
            self.pulled = Some((now, by.to_owned()));
        }
    }

    pub fn take(&mut self, now: Mark, tells: KillTells) {
        match tells {
            KillTells::GateClosed => self.gate_closed = self.gate_closed.or(Some(now)),
            KillTells::Object(verdict) => {
                self.objects.insert(verdict.object.clone(), *verdict);
            }
            KillTells::NotSeen { what, why } => {
                self.not_seen.insert(what, why);
            }
            KillTells::Note { text } => self.notes.push(text),
            KillTells::Ended(summary) => self.ended = Some((now, summary)),
        }
        if self.pulled.is_none() {
            self.pulled = Some((now, "another hand".to_owned()));
        }
    }

    /// Pulled, and not yet said to be through.
    pub const fn is_at_work(&self) -> bool {
        self.pulled.is_some() && self.ended.is_none()
    }

    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for verdict in self.objects.values() {
            *match verdict.gone {
                Gone::Proven => &mut tally.proven,
                Gone::Unverified { .. } | Gone::ForcedUnverified => &mut tally.unverified,
                Gone::Recovering { .. } => &mut tally.recovering,
                Gone::Stuck { .. } | Gone::Forbidden { .. } | Gone::Failed { .. } => &mut tally.blocked,
                Gone::Unknown { .. } => &mut tally.unknown,
            } += 1;
        }
        tally
    }
}
