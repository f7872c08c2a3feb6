//! The parts of a folded run: one fault, one check, one step, the objective. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moment::{Marked, Moment, moved};
use super::words::step_title;
use crate::evidence::{Reading, Verdict};
use crate::fault::{Debt, Gone, Lasting, Undo};
use crate::playbook::{Check, Playbook, Recovery, Step};
use crate::run::{Fact, Injected, Kept, Objective, StepOutcome, StepState};
use crate::units::{CheckId, Mark};

/// A second: as fine as the API server's own stamps are.
const SERVER_STAMP: Duration = Duration::from_secs(1);

/// One fault that was fired, from the intention to the proof that it is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultStory {
    pub debt: Debt,
    pub intended: Marked,
    pub injected: Option<Marked>,
    /// The server's own word for when it was injected, and how fine that clock is.
    pub server_stamp: Option<(String, Duration)>,
    pub targets: Vec<String>,
    /// Why it was not seen injected.
    pub failed: Option<String>,
    /// When its undo was first asked for.
    pub undone: Option<Moment>,
    /// When the fault itself was over; for a one-shot that is when it happened.
    pub gone: Option<Marked>,
    /// When its object was proven gone.
    pub removed: Option<Marked>,
    /// What was last seen of its undo, and by which process.
    pub last: Option<(Gone, String)>,
    pub owed: bool,
}

impl FaultStory {
    pub(super) fn new(debt: Debt, moment: Moment) -> Self {
        Self {
            debt,
            intended: Marked {
                moment,
                source: "the journal, before the effect".to_owned(),
                resolution: None,
            },
            injected: None,
            server_stamp: None,
            targets: Vec::new(),
            failed: None,
            undone: None,
            gone: None,
            removed: None,
            last: None,
            owed: true,
        }
    }

    /// Whether it happened once, so that nothing but its object is left.
    pub const fn is_one_shot(&self) -> bool {
        let Undo::DeleteChaos { lasting, .. } = &self.debt.undo;
        matches!(lasting, Lasting::OneShot)
    }

    pub(super) fn take(&mut self, moment: &Moment, fact: &Fact) {
        match fact {
            Fact::InjectSettled { outcome, .. } => self.settled(moment, outcome),
            Fact::FaultEnded { at, .. } if self.gone.is_none() => {
                self.gone = Some(Marked {
                    moment: moved(moment, *at),
                    source: "its own clock, as the cluster said".to_owned(),
                    resolution: None,
                });
            }
            Fact::RevertIntended { .. } => {
                self.undone.get_or_insert_with(|| moment.clone());
            }
            Fact::RevertSettled { gone, .. } => {
                self.last = Some((gone.clone(), moment.file.clone()));
                if gone.pays() && self.removed.is_none() {
                    let proof = Marked {
                        moment: moment.clone(),
                        source: format!("proof seen by {}", moment.file),
                        resolution: None,
                    };
                    // What was over before its object went is not over again.
                    if !self.is_one_shot() && self.gone.is_none() {
                        self.gone = Some(proof.clone());
                    }
                    self.removed = Some(proof);
                }
            }
            _ => {}
        }
    }

    fn settled(&mut self, moment: &Moment, outcome: &Injected) {
        match outcome {
            Injected::Yes {
                at,
                server_stamp,
                targets,
                undo,
            } => {
                self.debt.undo = (**undo).clone();
                self.targets.clone_from(targets);
                self.server_stamp = server_stamp.clone().map(|stamp| (stamp, SERVER_STAMP));
                let seen = Marked {
                    moment: moved(moment, *at),
                    source: "the cluster's word, as it arrived here".to_owned(),
                    resolution: None,
                };
                if self.is_one_shot() {
                    self.gone = Some(Marked {
                        source: "a one-shot is over as it happens".to_owned(),
                        ..seen.clone()
                    });
                }
                self.injected = Some(seen);
            }
            Injected::No { error } => self.failed = Some(error.to_string()),
        }
    }
}

/// What a check saw in the run.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckStory {
    pub id: CheckId,
    pub expect: Option<String>,
    /// Why it was not measured. Never a pass.
    pub not_measured: Option<String>,
    /// When it was first seen broken after the first fault was intended.
    pub first_broken: Option<Moment>,
    /// How often it broke, and for how long in all, before and after the fault.
    pub times_broken: usize,
    pub broken_for: Duration,
    /// How it stood at the end, and what was seen.
    pub last: Option<(Verdict, String)>,
    broken_since: Option<Mark>,
}

impl CheckStory {
    pub(super) const fn new(id: CheckId) -> Self {
        Self {
            id,
            expect: None,
            not_measured: None,
            first_broken: None,
            times_broken: 0,
            broken_for: Duration::ZERO,
            last: None,
            broken_since: None,
        }
    }

    /// With what the playbook says of it.
    pub(super) fn of(mut self, check: &Check) -> Self {
        self.expect = check.expect.as_ref().map(ToString::to_string);
        self
    }

    pub(super) fn changed(&mut self, seen: Moment, verdict: Verdict, reading: &Reading, after_fault: bool) {
        self.close(Some(seen.at));
        if verdict == Verdict::Broken {
            self.times_broken += 1;
            self.broken_since = Some(seen.at);
            if after_fault && self.first_broken.is_none() {
                self.first_broken = Some(seen);
            }
        }
        self.last = Some((verdict, reading.observed.to_string()));
    }

    /// Counts what is broken until `end`.
    pub(super) fn close(&mut self, end: Option<Mark>) {
        if let (Some(since), Some(end)) = (self.broken_since.take(), end) {
            self.broken_for += end.since(since);
        }
    }
}

/// A step and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStory {
    pub title: String,
    pub began: Option<Mark>,
    pub ended: Option<(Mark, StepOutcome)>,
    /// Items ticked, of items in all; for a checklist.
    pub ticked: Option<(usize, usize)>,
}

impl StepStory {
    pub(super) fn new(step: &Step, state: &StepState) -> Self {
        let ticked = match step {
            Step::Checklist(list) => Some((state.ticked.len(), list.items.len())),
            Step::Brief(_)
            | Step::Baseline(_)
            | Step::Fault(_)
            | Step::Observe(_)
            | Step::Recover(_)
            | Step::Verify(_)
            | Step::Debrief(_) => None,
        };
        Self {
            title: step_title(step),
            began: state.began,
            ended: state.ended.clone(),
            ticked,
        }
    }
}

/// A prediction and whether it came true; `None` when nobody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    pub text: String,
    pub came_true: Option<bool>,
}

impl Score {
    pub(super) fn all(playbook: &Playbook, scores: &BTreeMap<usize, bool>) -> Vec<Self> {
        let predictions = playbook.predict.iter().enumerate();
        predictions
            .map(|(number, text)| Self {
                text: text.to_string(),
                came_true: scores.get(&number).copied(),
            })
            .collect()
    }
}

/// The objective as it was judged, and as it would be by corrected times.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveStory {
    pub objective: Objective,
    pub recovery: Option<Recovery>,
    /// Recovery time and verdict by corrected times, when one of them was corrected.
    pub corrected: Option<(Duration, Kept)>,
}

impl ObjectiveStory {
    pub(super) const fn new(objective: Objective) -> Self {
        Self {
            objective,
            recovery: None,
            corrected: None,
        }
    }

    /// Judges by corrected times; the verdict that was given stays as it is.
    pub(super) fn judge_again<'a>(
        &mut self,
        recovery: &Recovery,
        mut starts: impl Iterator<Item = &'a Moment>,
        recovered: Option<&Moment>,
    ) {
        self.recovery = Some(recovery.clone());
        let (Some(from), Some(recovered)) = (self.objective.from, recovered) else {
            return;
        };
        let start = starts.find(|moment| moment.at == from);
        let better_from = start.map_or(from, Moment::best);
        if better_from == from && recovered.corrected.is_none() {
            return;
        }
        let took = recovered.best().since(better_from);
        let kept = match &self.objective.kept {
            kept @ Kept::NotJudged { .. } => kept.clone(),
            _ if took <= recovery.target.0 => Kept::Met,
            _ if took <= recovery.acceptable.0 => Kept::Acceptable,
            _ => Kept::Missed,
        };
        self.corrected = Some((took, kept));
    }
}
