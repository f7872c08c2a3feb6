//! What a run is at a moment: the fold of its facts. `evolve` never decides; `decide` never writes here but through it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Fact, Injected, Objective, Plan, StepOutcome, Ticked, Unattended, Why};
use crate::evidence::{Observed, Reading, Verdict};
use crate::fault::{Debt, Gone};
use crate::playbook::{Playbook, Step};
use crate::units::{CheckId, DebtId, FaultId, Mark, StepIx};

/// A check as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckState {
    pub verdict: Verdict,
    /// The reading that brought the verdict; its `at` is since when it is so.
    pub reading: Reading,
    /// Whether it was seen broken since the first fault was intended.
    pub broken_since_fault: Option<Mark>,
}

/// A step as it stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepState {
    pub began: Option<Mark>,
    pub ended: Option<(Mark, StepOutcome)>,
    pub ticked: BTreeSet<usize>,
    pub answers: BTreeMap<usize, String>,
}

/// Where the arming of a fault stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Arming {
    /// The plan is being made.
    Asked { fault: FaultId, attempt: u32, at: Mark },
    /// The card is on the table.
    Ready { plan: Box<Plan> },
}

/// One fault that was fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    pub debt: Debt,
    pub intended: Mark,
    pub settled: Option<Mark>,
    /// When the cluster's word arrived that it is injected.
    pub injected: Option<Mark>,
    pub targets: Vec<String>,
    /// Since when an undo is under way.
    pub reverting: Option<Mark>,
    pub last_seen: Option<(Mark, Gone)>,
    /// When its own clock had ended it, as the cluster said.
    pub ended: Option<Mark>,
    /// When it was proven gone.
    pub gone: Option<Mark>,
}

impl Fired {
    /// When nothing of it was injected any more, as far as that is known.
    pub fn over(&self) -> Option<Mark> {
        match (self.ended, self.gone) {
            (Some(ended), Some(gone)) => Some(ended.min(gone)),
            (ended, gone) => ended.or(gone),
        }
    }

    /// Whether waiting may pay it: an undo is under way, none was tried yet, or looking again may help.
    pub fn may_move(&self) -> bool {
        self.reverting.is_some() || self.last_seen.as_ref().is_none_or(|(_, gone)| gone.is_moving())
    }
}

/// A run at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub playbook: Playbook,
    pub unattended: Unattended,
    pub started: Option<Mark>,
    pub steps: Vec<StepState>,
    pub current: Option<StepIx>,
    pub checks: BTreeMap<CheckId, CheckState>,
    pub not_measured: BTreeMap<CheckId, String>,
    /// Since when the steady state has held, within the baseline step.
    pub baseline_since: Option<Mark>,
    pub arming: Option<Arming>,
    pub fired: Vec<Fired>,
    pub attempts: BTreeMap<FaultId, u32>,
    pub symptom: Option<(Mark, CheckId, Duration)>,
    pub detected: Option<Mark>,
    pub mitigated: Option<Mark>,
    pub objective_from: Option<Mark>,
    pub recovering: Option<Mark>,
    pub objective: Option<Objective>,
    pub predictions_locked: Option<Mark>,
    pub scores: BTreeMap<usize, bool>,
    pub stop_running: BTreeMap<CheckId, Mark>,
    pub gate_closed: Option<String>,
    pub abort: Option<(Mark, Why)>,
    /// Since when the run has been paying what it owes, all steps being over.
    pub ending: Option<Mark>,
    /// As many as a check wanted when the first fault was intended: who wants fewer later has moved the goal.
    pub wanted: BTreeMap<CheckId, u32>,
    /// The kill switch was pulled in the process that carries the run now: it pays, not the engine.
    pub killed_here: bool,
    pub kill_ended: bool,
    /// Whether the kill switch saw everything proven gone, once it has said so.
    pub kill_clear: Option<bool>,
    pub ended: Option<(Mark, u8)>,
}

impl Run {
    /// A run that has not begun.
    pub fn new(playbook: Playbook, unattended: Unattended) -> Self {
        let steps = vec![StepState::default(); playbook.steps.len()];
        Self {
            playbook,
            unattended,
            started: None,
            steps,
            current: None,
            checks: BTreeMap::new(),
            not_measured: BTreeMap::new(),
            baseline_since: None,
            arming: None,
            fired: Vec::new(),
            attempts: BTreeMap::new(),
            symptom: None,
            detected: None,
            mitigated: None,
            objective_from: None,
            recovering: None,
            objective: None,
            predictions_locked: None,
            scores: BTreeMap::new(),
            stop_running: BTreeMap::new(),
            gate_closed: None,
            abort: None,
            ending: None,
            wanted: BTreeMap::new(),
            killed_here: false,
            kill_ended: false,
            kill_clear: None,
            ended: None,
        }
    }

    /// The run that these entries tell of; `None` when they do not tell of its beginning.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a super::Entry>) -> Option<Self> {
        let mut run: Option<Self> = None;
        for entry in entries {
            if let Fact::RunStarted {
                playbook, unattended, ..
            } = &entry.fact
            {
                run.get_or_insert_with(|| Self::new((**playbook).clone(), *unattended));
            }
            if let Some(run) = &mut run {
                run.evolve(entry.at, &entry.fact);
            }
        }
        run
    }

    /// The step that is under way.
    pub fn step_now(&self) -> Option<(StepIx, &Step)> {
        let ix = self.current?;
        self.playbook.steps.get(ix.0).map(|step| (ix, step))
    }

    /// What was intended and has not been proven gone.
    pub fn owed(&self) -> impl Iterator<Item = &Debt> {
        self.fired
            .iter()
            .filter(|fired| fired.gone.is_none())
            .map(|fired| &fired.debt)
    }

    pub const fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// When the first fault was intended: what breaks from here on may be its doing.
    pub fn first_intended(&self) -> Option<Mark> {
        self.fired.iter().map(|fired| fired.intended).min()
    }

    /// Applies a fact. Total: any sequence of facts gives a run.
    pub fn evolve(&mut self, at: Mark, fact: &Fact) {
        match fact {
            Fact::RunStarted {
                playbook, unattended, ..
            } => {
                *self = Self::new((**playbook).clone(), *unattended);
                self.started = Some(at);
            }
            Fact::CheckNotMeasured { check, why } => {
                self.not_measured.insert(check.clone(), why.clone());
            }
            Fact::CheckChanged {
                check,
                verdict,
                reading,
            } => self.check_changed(check, *verdict, reading),
            Fact::StepBegan { step } => {
                self.current = Some(*step);
                self.baseline_since = None;
                if let Some(state) = self.steps.get_mut(step.0) {
                    state.began = Some(at);
                }
            }
            Fact::StepEnded { step, outcome } => {
                self.current = None;
                self.arming = None;
                if let Some(state) = self.steps.get_mut(step.0) {
                    state.ended = Some((at, outcome.clone()));
                }
            }
            Fact::ItemTicked { .. } | Fact::Answered { .. } => self.people_did(fact),
            Fact::PredictionsLocked => self.predictions_locked = Some(at),
            Fact::PredictionScored {
                prediction,
                came_true,
            } => {
                match came_true {
                    Some(yes) => self.scores.insert(*prediction, *yes),
                    None => self.scores.remove(prediction),
                };
            }
            Fact::BaselineBegan => self.baseline_since = Some(at),
            Fact::BaselineBroken { .. } => self.baseline_since = None,
            Fact::Symptom {
                check,
                at,
                resolution,
            } => self.symptom = Some((*at, check.clone(), *resolution)),
            Fact::Detected => self.detected = self.detected.or(Some(at)),
            Fact::Mitigated => self.mitigated = self.mitigated.or(Some(at)),
            Fact::ObjectiveStarted { from } => self.objective_from = Some(*from),
            Fact::Recovering { since } => self.recovering = Some(*since),
            Fact::Relapsed { .. } => {
                self.recovering = None;
                self.objective = None;
            }
            Fact::ObjectiveStopped { objective } => self.objective = Some(objective.clone()),
            Fact::StopConditionRunning { check, since } => {
                self.stop_running.insert(check.clone(), *since);
            }
            Fact::StopConditionCleared { check } => {
                self.stop_running.remove(check);
            }
            Fact::GateClosed { why } => self.gate_closed = Some(why.clone()),
            Fact::AbortBegan { why } => {
                if matches!(why, Why::Killed { .. }) {
                    (self.killed_here, self.kill_ended, self.kill_clear) = (true, false, None);
                }
                self.abort = Some((at, why.clone()));
                self.arming = None;
                self.ending = self.ending.or(Some(at));
            }
            Fact::RunEnded { exit, .. } => self.ended = Some((at, *exit)),
            Fact::ArmAsked { .. }
            | Fact::Armed { .. }
            | Fact::Refused { .. }
            | Fact::Disarmed { .. }
            | Fact::InjectIntended { .. }
            | Fact::InjectSettled { .. }
            | Fact::FaultEnded { .. }
            | Fact::RevertIntended { .. }
            | Fact::RevertSettled { .. } => self.fault_changed(at, fact),
            Fact::EndingBegan => self.ending = Some(at),
            // An earlier kill's end says nothing of a later one.
            Fact::KillEnded { clear } => {
                if self.killed_here {
                    (self.kill_ended, self.kill_clear) = (true, Some(*clear));
                }
            }
            Fact::RunResumed { unattended, .. } => {
                self.unattended = unattended.unwrap_or(self.unattended);
                self.resumed(at);
            }
            Fact::ClockJumped { .. }
            | Fact::NoteAdded { .. }
            | Fact::TimeCorrected { .. }
            | Fact::HandedOver { .. }
            | Fact::Unknown(_) => {}
        }
    }

    /// What was under way in the process that died is under way no more, and nobody looked meanwhile.
    fn resumed(&mut self, at: Mark) {
        self.arming = None;
        // Nobody saw that it stayed broken.
        self.stop_running.clear();
        // Its end begins anew, and there is no sweep any more that could pay instead of the engine.
        self.ending = self.ending.map(|_| at);
        (self.killed_here, self.kill_ended, self.kill_clear) = (false, false, None);
        for fired in &mut self.fired {
            fired.reverting = None;
        }
        for check in self.checks.values_mut() {
            check.verdict = Verdict::Unknown;
            check.reading.at = at;
            check.reading.observed = Observed::NoData {
                why: "the console was not running".to_owned(),
            };
        }
    }

    fn check_changed(&mut self, check: &CheckId, verdict: Verdict, reading: &Reading) {
        let after_fault = self
            .first_intended()
            .is_some_and(|intended| reading.at >= intended);
        let before = self.checks.get(check).and_then(|state| state.broken_since_fault);
        let broken_since_fault =
            before.or_else(|| (after_fault && verdict == Verdict::Broken).then_some(reading.at));
        self.checks.insert(
            check.clone(),
            CheckState {
                verdict,
                reading: reading.clone(),
                broken_since_fault,
            },
        );
    }

    fn people_did(&mut self, fact: &Fact) {
        match fact {
            Fact::ItemTicked { step, item, ticked } => {
                if let Some(state) = self.steps.get_mut(step.0) {
                    match ticked {
                        Ticked::Yes => state.ticked.insert(*item),
                        Ticked::No => state.ticked.remove(item),
                    };
                }
            }
            Fact::Answered { step, question, text } => {
                if let Some(state) = self.steps.get_mut(step.0) {
                    state.answers.insert(*question, text.clone());
                }
            }
            _ => {}
        }
    }

    fn fault_changed(&mut self, at: Mark, fact: &Fact) {
        match fact {
            Fact::ArmAsked { fault, attempt } => {
                self.attempts.insert(fault.clone(), *attempt);
                self.arming = Some(Arming::Asked {
                    fault: fault.clone(),
                    attempt: *attempt,
                    at,
                });
            }
            Fact::Armed { plan } => self.arming = Some(Arming::Ready { plan: plan.clone() }),
            Fact::Refused { .. } | Fact::Disarmed { .. } => self.arming = None,
            Fact::InjectIntended { debt, .. } => {
                self.arming = None;
                if self.fired.is_empty() {
                    let parts = self
                        .checks
                        .iter()
                        .filter_map(|(id, check)| match check.reading.observed {
                            Observed::Parts { want, .. } => Some((id.clone(), want)),
                            Observed::Number { .. } | Observed::NoData { .. } => None,
                        });
                    self.wanted = parts.collect();
                }
                // One name is one debt: said twice, it is owed anew, and not two of which one can never be paid.
                self.fired.retain(|fired| fired.debt.id != debt.id);
                self.fired.push(Fired {
                    debt: debt.clone(),
                    intended: at,
                    settled: None,
                    injected: None,
                    targets: Vec::new(),
                    reverting: None,
                    last_seen: None,
                    ended: None,
                    gone: None,
                });
            }
            Fact::InjectSettled { debt, outcome } => {
                if let Some(fired) = self.fired_mut(debt) {
                    fired.settled = Some(at);
                    if let Injected::Yes {
                        at, targets, undo, ..
                    } = outcome
                    {
                        fired.injected = Some(*at);
                        fired.targets.clone_from(targets);
                        fired.debt.undo = (**undo).clone();
                    }
                }
            }
            Fact::FaultEnded { debt, at } => {
                if let Some(fired) = self.fired_mut(debt) {
                    fired.ended = fired.ended.or(Some(*at));
                }
            }
            Fact::RevertIntended { debt } => {
                if let Some(fired) = self.fired_mut(debt) {
                    fired.reverting = Some(at);
                }
            }
            Fact::RevertSettled { debt, gone } => {
                if let Some(fired) = self.fired_mut(debt) {
                    // What gets on is still under way, and is given new time.
                    fired.reverting = fired.reverting.filter(|_| gone.is_under_way()).map(|_| at);
                    fired.last_seen = Some((at, gone.clone()));
                    if gone.pays() {
                        fired.gone = fired.gone.or(Some(at));
                    }
                }
            }
            _ => {}
        }
    }

    fn fired_mut(&mut self, debt: &DebtId) -> Option<&mut Fired> {
        self.fired.iter_mut().find(|fired| fired.debt.id == *debt)
    }
}
