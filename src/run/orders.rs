//! What an operator's order comes to: what may be done now, and nothing else.

use std::time::Duration;

use super::decide::Out;
use super::state::Arming;
use super::{Fact, Order, StepOutcome, Ticked, Why};
use crate::playbook::Step;
use crate::units::{CheckId, Mark};

impl Out<'_> {
    pub(super) fn order(&mut self, order: Order) {
        let current = self.run.current;
        match order {
            Order::GoOn => self.go_on(),
            Order::Tick { item } => {
                if let Some((ix, Step::Checklist(list))) = self.run.step_now()
                    && item < list.items.len()
                {
                    let ticked = if self.run.steps[ix.0].ticked.contains(&item) {
                        Ticked::No
                    } else {
                        Ticked::Yes
                    };
                    self.emit(Fact::ItemTicked {
                        step: ix,
                        item,
                        ticked,
                    });
                }
            }
            Order::Answer { question, text } => {
                if let Some((ix, Step::Debrief(_))) = self.run.step_now() {
                    self.emit(Fact::Answered {
                        step: ix,
                        question,
                        text,
                    });
                }
            }
            Order::Score {
                prediction,
                came_true,
            } => {
                if prediction < self.run.playbook.predict.len() {
                    self.emit(Fact::PredictionScored {
                        prediction,
                        came_true,
                    });
                }
            }
            Order::Arm => self.arm(),
            Order::Disarm => {
                if let Some(Arming::Ready { plan }) = &self.run.arming {
                    let fault = plan.debt.fault.clone();
                    self.emit(Fact::Disarmed { fault });
                }
            }
            Order::Fire => self.fire(),
            Order::Override { reason } => {
                if let Some(step) = current {
                    self.end_step(step, StepOutcome::Overridden { reason });
                }
            }
            Order::Note { text, tags } => self.emit(Fact::NoteAdded {
                text,
                tags,
                author: None,
            }),
            Order::Detected if self.run.detected.is_none() => self.emit(Fact::Detected),
            Order::Mitigated if self.run.mitigated.is_none() => self.emit(Fact::Mitigated),
            Order::Detected | Order::Mitigated => {}
            Order::Correct {
                seq,
                at_nanos,
                reason,
            } => {
                self.emit(Fact::TimeCorrected {
                    seq,
                    at: Mark::from_nanos(at_nanos),
                    reason,
                });
            }
            // After a kill there is one hand, and it is not the engine's.
            Order::PayAgain if self.run.is_killed() => {}
            Order::PayAgain => self.pay(Duration::ZERO),
            Order::Quit => self.abort(Why::Quit),
        }
    }

    pub(super) fn go_on(&mut self) {
        let Some((ix, step)) = self.run.step_now() else {
            return;
        };
        let may = match step {
            Step::Brief(_) | Step::Debrief(_) | Step::Observe(_) => true,
            Step::Checklist(list) => self.run.steps[ix.0].ticked.len() == list.items.len(),
            Step::Baseline(_) | Step::Fault(_) | Step::Recover(_) | Step::Verify(_) => false,
        };
        if may {
            self.end_step(ix, StepOutcome::Passed);
        }
    }

    pub(super) fn arm(&mut self) {
        let Some((_, Step::Fault(fault))) = self.run.step_now() else {
            return;
        };
        let fired_already = self
            .run
            .fired
            .iter()
            .any(|f| f.debt.fault == fault.id && f.gone.is_none());
        if self.run.arming.is_some() || fired_already {
            return;
        }
        let fault = fault.id.clone();
        if let Some(why) = self.run.gate_closed.clone() {
            let refusal = super::Refusal {
                why: format!("the gate is closed: {why}"),
                hint: None,
            };
            self.emit(Fact::Refused { fault, refusal });
            return;
        }
        if let Some(check) = self.unsteady() {
            let refusal = super::Refusal {
                why: format!("the steady state does not hold: {check}"),
                hint: Some(
                    "what is broken now would be taken for the fault's doing; wait until it holds".to_owned(),
                ),
            };
            self.emit(Fact::Refused { fault, refusal });
            return;
        }
        let attempt = self.run.attempts.get(&fault).map_or(1, |n| n + 1);
        self.emit(Fact::ArmAsked { fault, attempt });
    }

    /// A check of the steady state that does not hold before the first fault, unless somebody went on without it.
    pub(super) fn unsteady(&self) -> Option<CheckId> {
        let mut baselines =
            self.run
                .playbook
                .steps
                .iter()
                .zip(&self.run.steps)
                .filter_map(|(step, state)| {
                    matches!(step, Step::Baseline(_))
                        .then_some(state.ended.as_ref().map(|(_, outcome)| outcome))
                });
        let watched = baselines.all(|ended| matches!(ended, Some(StepOutcome::Passed)));
        let first = self.run.fired.is_empty();
        let mut checks = self.run.baseline_checks().into_iter();
        checks.find(|id| watched && first && !self.run.holds(id))
    }

    pub(super) fn fire(&mut self) {
        if self.run.gate_closed.is_some() || self.run.abort.is_some() {
            return;
        }
        let Some(Arming::Ready { plan }) = self.run.arming.clone() else {
            return;
        };
        if self.run.predictions_locked.is_none() && !self.run.playbook.predict.is_empty() {
            self.emit(Fact::PredictionsLocked);
        }
        self.emit(Fact::InjectIntended {
            debt: plan.debt,
            manifest: plan.manifest,
        });
    }
}
