//! One object as it goes: what is known of it and what that is worth. Pure; never asks, never tells.

use std::time::Duration;

use super::seeing::ScopeIx;
use crate::cluster::{ChaosObject, Role};
use crate::fault::Gone;
use crate::units::Mark;

/// Without a step for so long an object is said to be stuck.
pub(super) const STALLED: Duration = Duration::from_secs(5);

/// How far an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// To be deleted.
    Due,
    /// The delete is under way.
    Sending,
    /// The server has taken the delete.
    Asked,
    /// Nothing that can be done here removes it.
    Refused,
    Over,
    /// Of a kind that is not known, and without the marks of an injection.
    LeftAlone,
}

/// Who says that it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Witness {
    /// The watch, with the last state.
    Watch,
    /// Only that it is not there any more.
    Absence,
}

/// What an object is to the sweep.
#[derive(Debug)]
pub(super) struct Known {
    pub object: ChaosObject,
    pub role: Role,
    pub scope: ScopeIx,
    pub stage: Stage,
    pub first_seen: Mark,
    /// When something of its recovery last changed.
    pub moved: Mark,
    pub attempts: u32,
    /// When the server took the delete.
    pub asked: Option<Mark>,
    /// What a request said, until another says otherwise.
    pub fault: Option<Gone>,
    /// What the cluster says about why it does not go on.
    pub warning: Option<String>,
    pub wondered: bool,
    pub forced: bool,
    /// Whether it ever carried what an injection carries.
    pub injected: bool,
    /// Since when lists do not have it although nobody saw it go.
    pub missing: Option<Mark>,
    pub debt: Option<usize>,
    ended: Option<(Gone, Witness)>,
}

fn progress(object: &ChaosObject) -> (bool, (usize, usize), bool) {
    let stopped = object.desired == Some(crate::cluster::Desired::Stop);
    (object.deleting, object.recovered(), stopped)
}

impl Known {
    pub fn new(object: ChaosObject, role: Role, scope: ScopeIx, now: Mark) -> Self {
        let injected = object.injects;
        Self {
            role,
            scope,
            stage: Stage::Due,
            first_seen: now,
            moved: now,
            attempts: 0,
            asked: None,
            fault: None,
            warning: None,
            wondered: false,
            forced: false,
            injected,
            missing: None,
            debt: None,
            ended: None,
            object,
        }
    }

    /// Takes a newer state.
    pub fn update(&mut self, object: ChaosObject, now: Mark) {
        if progress(&object) != progress(&self.object) {
            self.moved = now;
            self.warning = None;
            if self.stage == Stage::Asked {
                self.fault = None;
            }
        }
        self.injected |= object.injects;
        self.object = object;
    }

    pub fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Over | Stage::Refused | Stage::LeftAlone)
    }

    /// Nothing of its recovery has changed for a while.
    pub fn is_stalled(&self, now: Mark) -> bool {
        self.stage == Stage::Asked && now.since(self.moved) >= STALLED
    }

    /// It is gone. What the watch saw outweighs what was only not found.
    pub fn end(&mut self, last: Option<ChaosObject>, witness: Witness) {
        if matches!(self.ended, Some((_, Witness::Watch)))
            || (self.ended.is_some() && witness == Witness::Absence)
        {
            return;
        }
        if let Some(last) = last {
            self.injected |= last.injects;
            self.object = last;
        }
        self.stage = Stage::Over;
        self.ended = Some((self.judge(witness), witness));
    }

    fn judge(&self, witness: Witness) -> Gone {
        let gone = self.object.once_gone();
        if gone.pays() {
            return Gone::Proven;
        }
        if self.forced {
            return Gone::ForcedUnverified;
        }
        match witness {
            // The finalizer is written before the first injection: what the watch never saw with one was never injected.
            Witness::Watch if self.role == Role::Injection && !self.injected => Gone::Proven,
            Witness::Watch => gone,
            Witness::Absence => {
                let (done, of) = self.object.recovered();
                Gone::Unverified {
                    why: format!("its end was not seen; before that {done} of {of} records were recovered"),
                }
            }
        }
    }

    /// The verdict as things stand.
    pub fn gone(&self, now: Mark) -> Gone {
        let fault = || self.fault.clone();
        match self.stage {
            Stage::Over => self
                .ended
                .as_ref()
                .map_or_else(|| unknown("it is gone"), |(gone, _)| gone.clone()),
            Stage::Due | Stage::Sending | Stage::Refused | Stage::LeftAlone => {
                fault().unwrap_or_else(|| unknown("not asked to go yet"))
            }
            Stage::Asked => match (fault(), self.object.going()) {
                (Some(fault), _) => fault,
                (None, Gone::Recovering { done, of }) if self.is_stalled(now) => Gone::Stuck {
                    why: self.warning.clone().unwrap_or_else(|| {
                        format!(
                            "{done} of {of} records recovered and no reason given: is the Chaos Mesh controller running?"
                        )
                    }),
                    at: None,
                },
                (None, going) => going,
            },
        }
    }
}

pub(super) fn unknown(why: &str) -> Gone {
    Gone::Unknown { why: why.to_owned() }
}
