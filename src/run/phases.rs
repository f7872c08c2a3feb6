//! What each step of a playbook needs to go on, and how a run ends. Every phase has a deadline.

use std::time::Duration;

use super::decide::{AGAIN, ENDING, KILLING, Out, PATIENCE};
use super::state::Arming;
use super::{Fact, Kept, StepOutcome, Unattended, Why};
use crate::playbook::{Headless, Step};
use crate::units::{CheckId, Mark, StepIx, human};

impl Out<'_> {
    pub(super) fn work(&mut self) {
        let Some((ix, step)) = self.run.step_now() else {
            return;
        };
        let step = step.clone();
        let Some(began) = self.run.steps[ix.0].began else {
            return;
        };
        if self.run.unattended == Unattended::Yes
            && let Some(policy) = step.unattended()
        {
            match policy {
                Headless::Pass => self.end_step(ix, StepOutcome::Passed),
                Headless::Skip => self.end_step(ix, StepOutcome::Skipped),
                Headless::Fail => {
                    self.fail_step(ix, "needs a person, and nobody is at the screen".to_owned());
                }
            }
            return;
        }
        match &step {
            Step::Brief(_) | Step::Checklist(_) | Step::Debrief(_) => {
                if self.now >= began.after(PATIENCE) {
                    self.fail_step(ix, format!("nobody went on within {}", human(PATIENCE)));
                }
            }
            Step::Baseline(step) => self.baseline(ix, began, step.for_.0),
            Step::Fault(fault) => self.fault(ix, began, &fault.id),
            Step::Observe(step) => {
                if self.now >= began.after(step.for_.0) {
                    self.end_step(ix, StepOutcome::Passed);
                }
            }
            Step::Recover(step) => self.recover(ix, began.after(step.timeout.0)),
            Step::Verify(step) => self.verify(ix, &step.checks, began.after(step.timeout.0)),
        }
    }

    pub(super) fn baseline(&mut self, ix: StepIx, began: Mark, length: Duration) {
        let checks = self.run.baseline_checks();
        if checks.is_empty() {
            return self.fail_step(ix, "none of its checks can be measured".to_owned());
        }
        let broken = checks.iter().find(|id| !self.run.holds(id)).cloned();
        match (broken, self.run.baseline_since) {
            (Some(check), Some(_)) => self.emit(Fact::BaselineBroken { check }),
            (Some(check), None) if self.now >= began.after(self.run.baseline_limit(length)) => {
                self.fail_step(ix, format!("the steady state does not hold: {check}"));
            }
            (None, None) => self.emit(Fact::BaselineBegan),
            (None, Some(since)) if self.now >= since.after(length) => self.end_step(ix, StepOutcome::Passed),
            (Some(_), None) | (None, Some(_)) => {}
        }
    }

    pub(super) fn fault(&mut self, ix: StepIx, began: Mark, fault: &crate::units::FaultId) {
        let fired = self
            .run
            .fired
            .iter()
            .rev()
            .find(|f| f.debt.fault == *fault && f.intended >= began);
        match fired.map(|f| (f.settled.is_some(), f.injected.is_some())) {
            Some((_, true)) => return self.end_step(ix, StepOutcome::Passed),
            Some((true, false)) => return self.fail_step(ix, "the fault was not seen injected".to_owned()),
            Some((false, false)) => return,
            None => {}
        }
        if self.now >= began.after(PATIENCE) {
            self.fail_step(ix, format!("nobody fired within {}", human(PATIENCE)));
        } else if self.run.unattended == Unattended::Yes {
            self.fire_alone(ix, fault);
        }
    }

    /// Arms and fires with nobody at the screen; what forbids it ends the run.
    pub(super) fn fire_alone(&mut self, ix: StepIx, fault: &crate::units::FaultId) {
        if self.run.gate_closed.is_some() {
            return self.fail_step(ix, "the gate is closed".to_owned());
        }
        match self.run.arming {
            None if self.run.attempts.contains_key(fault) => {
                self.fail_step(ix, "the fault was refused".to_owned());
            }
            None => match self.unsteady() {
                Some(check) => {
                    self.fail_step(ix, format!("the steady state does not hold any more: {check}"));
                }
                None => self.arm(),
            },
            Some(Arming::Ready { .. }) => self.fire(),
            Some(Arming::Asked { .. }) => {}
        }
    }

    pub(super) fn recover(&mut self, ix: StepIx, until: Mark) {
        self.pay(AGAIN);
        let paid = self.run.owed().next().is_none();
        let over = self.now >= until;
        let Some(recovery) = self.run.playbook.recovery.clone() else {
            if paid {
                self.end_step(ix, StepOutcome::Passed);
            } else if over {
                self.end_step(
                    ix,
                    StepOutcome::Failed {
                        what: "a fault is not proven gone".to_owned(),
                    },
                );
            }
            return;
        };
        let stopped = self.run.objective.is_some();
        // What is no recovery signal may break and stay broken: the clock does not wait for it.
        let impact = recovery.when.iter().any(|id| {
            let check = self.run.checks.get(id);
            check.is_some_and(|check| check.broken_since_fault.is_some())
        });
        let quiet = !impact
            && self.run.first_not_back(&recovery).is_none()
            && self.run.quiet_until().is_some_and(|mark| self.now >= mark);
        if !(stopped && paid || quiet || over) {
            return;
        }
        if !stopped {
            let objective = self.run.judge_unfinished(&recovery);
            self.emit(Fact::ObjectiveStopped { objective });
        }
        let kept = self
            .run
            .objective
            .as_ref()
            .map(|objective| objective.kept.clone());
        let outcome = match kept {
            _ if !paid => StepOutcome::Failed {
                what: "a fault is not proven gone".to_owned(),
            },
            Some(Kept::Missed) => StepOutcome::Failed {
                what: "the objective was missed".to_owned(),
            },
            Some(Kept::NotJudged { why }) => StepOutcome::Failed {
                what: format!("not judged: {why}"),
            },
            Some(Kept::Met | Kept::Acceptable) | None => StepOutcome::Passed,
        };
        self.end_step(ix, outcome);
    }

    pub(super) fn verify(&mut self, ix: StepIx, checks: &[CheckId], until: Mark) {
        let measured = |id: &&CheckId| !self.run.not_measured.contains_key(*id);
        if !checks.iter().any(|id| measured(&id)) {
            let what = "none of its checks can be measured".to_owned();
            return self.end_step(ix, StepOutcome::Failed { what });
        }
        let open: Vec<String> = checks
            .iter()
            .filter(measured)
            .filter(|id| !self.run.holds(id))
            .map(ToString::to_string)
            .collect();
        if open.is_empty() {
            self.end_step(ix, StepOutcome::Passed);
        } else if self.now >= until {
            self.end_step(
                ix,
                StepOutcome::Failed {
                    what: format!("does not hold: {}", open.join(", ")),
                },
            );
        }
    }

    pub(super) fn end(&mut self) {
        let killed = self.run.is_killed();
        if let Some(ix) = self.run.current {
            self.end_step(ix, StepOutcome::Skipped);
        }
        // After a kill there is one hand, and it is not the engine's.
        if !killed && self.now >= self.run.own_turn() {
            self.pay(AGAIN);
        }
        let began = self.run.ending.unwrap_or(self.now);
        let owed: Vec<_> = self.run.owed().map(|debt| debt.id.clone()).collect();
        let limit = if killed { KILLING } else { ENDING };
        let waiting = if killed {
            !self.run.kill_ended
        } else {
            self.run
                .fired
                .iter()
                .any(|fired| fired.gone.is_none() && fired.may_move())
        };
        if waiting && self.now < began.after(limit) {
            return;
        }
        self.judge_at_the_end();
        let (exit, summary) = self.verdict(owed.len());
        if !owed.is_empty() {
            self.emit(Fact::HandedOver { owed });
        }
        self.emit(Fact::RunEnded { exit, summary });
    }

    /// A fault was to be fired, all steps are over, and the objective still waits: its time is over too.
    pub(super) fn judge_at_the_end(&mut self) {
        let Some(recovery) = self.run.playbook.recovery.clone() else {
            return;
        };
        let wanted = self
            .run
            .playbook
            .steps
            .iter()
            .any(|step| matches!(step, Step::Fault(_)));
        if wanted && self.run.abort.is_none() && self.run.objective.is_none() {
            let objective = self.run.judge_unfinished(&recovery);
            self.emit(Fact::ObjectiveStopped { objective });
        }
    }

    pub(super) fn verdict(&self, owed: usize) -> (u8, String) {
        if owed > 0 {
            let debts = if owed == 1 { "debt" } else { "debts" };
            return (5, format!("{owed} {debts} owed: not proven gone"));
        }
        match &self.run.abort {
            Some((_, Why::Killed { by })) if self.run.kill_clear == Some(true) => {
                return (4, format!("killed by {by}, clean"));
            }
            // Not everything was seen clear: that is no 4, whoever made what is left.
            Some((_, Why::Killed { by })) => {
                let what = "its own debts are paid, and not everything was seen clear";
                return (5, format!("killed by {by}; {what}"));
            }
            Some((_, Why::Latched { by })) => return (4, format!("latched from elsewhere ({by}), clean")),
            Some((_, Why::Step { step, what }))
                if matches!(self.run.playbook.steps.get(step.0), Some(Step::Baseline(_))) =>
            {
                return (1, what.clone());
            }
            Some((_, Why::Step { what, .. })) => return (3, format!("aborted, clean: {what}")),
            Some((_, Why::Quit)) => return (3, "ended by the operator, clean".to_owned()),
            Some((_, Why::StopCondition { check })) => {
                return (3, format!("aborted by the stop condition on {check}, clean"));
            }
            Some((_, Why::JournalLost { error })) => {
                return (3, format!("aborted, clean: journal lost: {error}"));
            }
            None => {}
        }
        let failed = self
            .run
            .steps
            .iter()
            .enumerate()
            .find_map(|(n, step)| match &step.ended {
                Some((_, StepOutcome::Failed { what })) => Some(format!("step {}: {what}", n + 1)),
                _ => None,
            });
        if let Some(what) = failed {
            return (1, what);
        }
        // A step may have been overridden; what was asked for stays what it was.
        match self.run.objective.as_ref().map(|objective| &objective.kept) {
            Some(Kept::Missed) => (1, "the objective was missed".to_owned()),
            Some(Kept::NotJudged { why }) => (1, format!("not judged: {why}")),
            Some(Kept::Met | Kept::Acceptable) | None => match self.unproven() {
                Some(what) => (1, what),
                None => (0, "held".to_owned()),
            },
        }
    }

    /// Why nothing was proven although nothing failed.
    fn unproven(&self) -> Option<String> {
        let steps = || self.run.playbook.steps.iter().zip(&self.run.steps).enumerate();
        let wanted = steps().any(|(_, (step, _))| matches!(step, Step::Fault(_)));
        if wanted && !self.run.fired.iter().any(|fired| fired.injected.is_some()) {
            return Some("nothing was injected".to_owned());
        }
        steps().find_map(|(n, (step, state))| {
            let proves = matches!(step, Step::Baseline(_) | Step::Verify(_));
            let overridden = matches!(&state.ended, Some((_, StepOutcome::Overridden { .. })));
            (proves && overridden).then(|| format!("step {}: {} was overridden", n + 1, step.word()))
        })
    }
}
