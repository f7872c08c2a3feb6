//! What follows from an input: the facts, in order. Every phase has a deadline, so that every run ends.

use std::time::Duration;

use super::state::Arming;
use super::{Fact, Injected, Input, Run, StepOutcome, Unattended, Why};
use crate::evidence::{Observed, Reading, Verdict};
use crate::fault::Gone;
use crate::playbook::{Step, StopCondition, When};
use crate::units::{CheckId, ErrorChain, Mark, StepIx, human};

/// How long people may take over one step before the run is ended for them.
pub(super) const PATIENCE: Duration = Duration::from_hours(12);
/// How long a plan may take.
pub(super) const PLANNING: Duration = Duration::from_mins(1);
/// How long an injection may take until nothing more is expected of it.
pub(super) const INJECTING: Duration = Duration::from_mins(2);
/// How long one undo may take until it is tried again.
pub(super) const REVERTING: Duration = Duration::from_mins(2);
/// Between two tries of an undo that did not succeed.
pub(super) const AGAIN: Duration = Duration::from_secs(10);
/// How long the end of a run tries to pay before it hands over.
pub(super) const ENDING: Duration = Duration::from_mins(3);
/// How long the kill switch may take until the run ends and leaves the rest to it.
pub(super) const KILLING: Duration = Duration::from_mins(10);
/// How long the hand that latched the cluster has before the engine pays by itself.
pub(super) const LATCHED: Duration = Duration::from_secs(10);
/// What a baseline may take beyond its own length.
pub(super) const BASELINE_SLACK: Duration = Duration::from_mins(2);

/// More rounds than the longest playbook can need at one moment.
pub(super) const ROUNDS: usize = 10_000;

/// A run while it is being decided about, and what has come of it.
pub(super) struct Out<'a> {
    pub run: &'a mut Run,
    pub now: Mark,
    pub facts: Vec<Fact>,
}

impl Out<'_> {
    pub(super) fn emit(&mut self, fact: Fact) {
        self.run.evolve(self.now, &fact);
        self.facts.push(fact);
    }

    pub(super) fn end_step(&mut self, step: StepIx, outcome: StepOutcome) {
        self.emit(Fact::StepEnded { step, outcome });
    }

    /// Ends the run early. Reasons only escalate.
    pub(super) fn abort(&mut self, why: Why) {
        let graver = |before: &Why| before.rank() < why.rank();
        // The kill of a process that died is not this one's.
        let anew = matches!(why, Why::Killed { .. }) && !self.run.is_killed();
        if anew || self.run.abort.as_ref().is_none_or(|(_, before)| graver(before)) {
            self.emit(Fact::AbortBegan { why });
        }
    }

    pub(super) fn fail_step(&mut self, step: StepIx, what: String) {
        self.end_step(step, StepOutcome::Failed { what: what.clone() });
        self.abort(Why::Step { step, what });
    }
}

impl Run {
    /// What follows from an input. The facts are already folded into `self` when they are returned.
    #[must_use]
    pub fn step(&mut self, now: Mark, input: Input) -> Vec<Fact> {
        let mut out = Out {
            run: self,
            now,
            facts: Vec::new(),
        };
        if out.run.is_over() {
            return out.facts;
        }
        out.take(input);
        // Each round makes at least one fact that cannot come twice at one moment, so this ends. A defect in that
        // must not take the console with it: what is left over waits for the next input.
        for _ in 0..ROUNDS {
            let before = out.facts.len();
            out.advance();
            if out.facts.len() == before || out.run.is_over() {
                return out.facts;
            }
        }
        debug_assert!(false, "no end at one moment");
        out.facts
    }

    /// When something must happen although nothing comes in; later than `now`, up to which all has been handled.
    pub fn deadline(&self, now: Mark) -> Option<Mark> {
        if self.is_over() || self.started.is_none() {
            return None;
        }
        let mut marks = Vec::new();
        for fired in self.fired.iter().filter(|fired| fired.gone.is_none()) {
            if fired.settled.is_none() {
                marks.push(fired.intended.after(INJECTING));
            }
            match (fired.reverting, &fired.last_seen) {
                (Some(at), _) => marks.push(at.after(REVERTING)),
                (None, Some((at, _))) => marks.push(at.after(AGAIN)),
                (None, None) => {}
            }
        }
        if let Some(Arming::Asked { at, .. }) = &self.arming {
            marks.push(at.after(PLANNING));
        }
        if let Some(at) = self.ending {
            marks.push(at.after(if self.is_killed() { KILLING } else { ENDING }));
        }
        if self.ending.is_some() {
            marks.push(self.own_turn());
        }
        marks.extend(self.stop_marks().map(|(_, mark)| mark));
        if let (Some(recovery), Some(since)) = (&self.playbook.recovery, self.recovering)
            && self.objective.is_none()
        {
            marks.push(since.after(recovery.hold.0));
        }
        marks.extend(self.step_marks());
        marks.into_iter().filter(|mark| *mark > now).min()
    }

    pub(super) const fn is_killed(&self) -> bool {
        self.killed_here
    }

    fn step_marks(&self) -> Vec<Mark> {
        let Some((ix, step)) = self.step_now() else {
            return Vec::new();
        };
        let Some(began) = self.steps[ix.0].began else {
            return Vec::new();
        };
        match step {
            Step::Baseline(step) => {
                let mut marks = vec![began.after(self.baseline_limit(step.for_.0))];
                marks.extend(self.baseline_since.map(|since| since.after(step.for_.0)));
                marks
            }
            Step::Observe(step) => vec![began.after(step.for_.0)],
            Step::Recover(step) => {
                let mut marks = vec![began.after(step.timeout.0)];
                marks.extend(self.quiet_until());
                marks
            }
            Step::Verify(step) => vec![began.after(step.timeout.0)],
            Step::Brief(_) | Step::Checklist(_) | Step::Debrief(_) | Step::Fault(_) => {
                vec![began.after(PATIENCE)]
            }
        }
    }

    /// From when the engine pays at the end of a run: whoever latched the cluster is sweeping it, and two hands at one
    /// object take each other's proof away.
    pub(super) fn own_turn(&self) -> Mark {
        match &self.abort {
            Some((at, Why::Latched { .. })) => at.after(LATCHED),
            Some(_) | None => Mark::ZERO,
        }
    }

    /// A check that wants fewer than before the fault is no data: all of fewer is not recovery.
    fn by_the_first_goal(&self, check: &CheckId, verdict: Verdict, reading: Reading) -> (Verdict, Reading) {
        let Observed::Parts { want, .. } = reading.observed else {
            return (verdict, reading);
        };
        match self.wanted.get(check) {
            Some(before) if want < *before => {
                let why = format!("the target was scaled from {before} to {want}");
                let observed = Observed::NoData { why };
                (Verdict::Unknown, Reading { observed, ..reading })
            }
            Some(_) | None => (verdict, reading),
        }
    }

    /// When a fault without impact has been watched for long enough after it was gone.
    pub(super) fn quiet_until(&self) -> Option<Mark> {
        let recovery = self.playbook.recovery.as_ref()?;
        let gone = self
            .fired
            .iter()
            .map(|fired| fired.gone)
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .max()?;
        Some(gone.after(recovery.hold.0))
    }

    fn stop_marks(&self) -> impl Iterator<Item = (CheckId, Mark)> {
        self.playbook.stop_when.iter().filter_map(|stop| {
            let signal = stop.signal();
            let since = self.stop_running.get(&signal)?;
            Some((signal, since.after(stop.broken_for.0)))
        })
    }

    /// How long a baseline may take: people may look into what is broken and wait until it holds.
    pub(super) fn baseline_limit(&self, length: Duration) -> Duration {
        match self.unattended {
            Unattended::Yes => length + BASELINE_SLACK,
            Unattended::No => PATIENCE,
        }
    }

    /// The checks that the baseline needs, and that can be measured.
    pub(super) fn baseline_checks(&self) -> Vec<CheckId> {
        let wanted = |when: &[When]| when.iter().any(|w| matches!(w, When::Before | When::Always));
        self.playbook
            .all_checks()
            .into_iter()
            .filter(|check| wanted(&check.when) && !self.not_measured.contains_key(&check.id))
            .map(|check| check.id)
            .collect()
    }

    pub(super) fn holds(&self, id: &CheckId) -> bool {
        self.checks
            .get(id)
            .is_some_and(|check| check.verdict == Verdict::Holds)
    }
}

impl Out<'_> {
    fn take(&mut self, input: Input) {
        match input {
            // A kill's end counts for the kill of this run only: an earlier one says nothing about what came after.
            Input::KillEnded { clear } if self.run.is_killed() => self.emit(Fact::KillEnded { clear }),
            Input::Start | Input::Timeout | Input::KillEnded { .. } => {}
            Input::Operator(order) => self.order(order),
            Input::Seen {
                check,
                verdict,
                reading,
            } => self.seen(check, verdict, reading),
            Input::ClockJumped { by_seconds } => self.emit(Fact::ClockJumped { by_seconds }),
            Input::Resumed { how, unattended } => {
                let unattended = Some(unattended);
                self.emit(Fact::RunResumed { how, unattended });
            }
            Input::NotMeasured { check, why } => {
                if !self.run.not_measured.contains_key(&check) {
                    self.emit(Fact::CheckNotMeasured { check, why });
                }
            }
            Input::Planned { fault, outcome } => {
                let asked = matches!(&self.run.arming, Some(Arming::Asked { fault: f, .. }) if *f == fault);
                // A late answer to an earlier attempt: what was owed once is never owed anew under the same name.
                let stale =
                    matches!(&outcome, Ok(plan) if self.run.fired.iter().any(|f| f.debt.id == plan.debt.id));
                if asked && !stale {
                    match outcome {
                        Ok(mut plan) => {
                            plan.warnings.extend(self.blind_stops());
                            self.emit(Fact::Armed { plan });
                        }
                        Err(refusal) => self.emit(Fact::Refused { fault, refusal }),
                    }
                }
            }
            Input::Injected { debt, outcome } => {
                if self
                    .run
                    .fired
                    .iter()
                    .any(|f| f.debt.id == debt && f.settled.is_none())
                {
                    self.emit(Fact::InjectSettled { debt, outcome });
                }
            }
            Input::FaultEnded { debt, at } => {
                let open = |f: &&super::Fired| f.debt.id == debt && f.ended.is_none() && f.gone.is_none();
                if self.run.fired.iter().any(|f| open(&f)) {
                    self.emit(Fact::FaultEnded { debt, at });
                }
            }
            Input::Reverted { debt, gone } | Input::KillSaw { debt, gone } => {
                let unanswered = |f: &super::Fired| f.debt.id == debt && f.settled.is_none();
                let gone = if gone.pays() && self.run.fired.iter().any(unanswered) {
                    // What is not there may be made yet.
                    let why = "its creation is not answered yet".to_owned();
                    Gone::Unknown { why }
                } else {
                    gone
                };
                let changed = |f: &super::Fired| {
                    let news = f.last_seen.as_ref().is_none_or(|(_, before)| *before != gone);
                    let ends_undo = f.reverting.is_some() && !gone.is_under_way();
                    news || ends_undo
                };
                let open = |f: &&super::Fired| f.debt.id == debt && f.gone.is_none();
                if self.run.fired.iter().find(open).is_some_and(changed) {
                    self.emit(Fact::RevertSettled { debt, gone });
                }
            }
            Input::Killed { by } => {
                if self.run.gate_closed.is_none() {
                    self.emit(Fact::GateClosed {
                        why: format!("kill switch: {by}"),
                    });
                }
                self.abort(Why::Killed { by });
            }
            Input::Latched { by } => {
                if self.run.gate_closed.is_none() {
                    self.emit(Fact::GateClosed {
                        why: format!("latched from elsewhere: {by}"),
                    });
                }
                self.abort(Why::Latched { by });
            }
            Input::JournalLost { error } => self.abort(Why::JournalLost { error }),
            Input::GateClosed { why } => {
                if self.run.gate_closed.is_none() {
                    self.emit(Fact::GateClosed { why });
                }
            }
        }
    }

    /// What the operator must know of stop conditions that nothing measures.
    fn blind_stops(&self) -> Vec<String> {
        let blind = |stop: &&StopCondition| self.run.not_measured.contains_key(&stop.signal());
        let stops = self.run.playbook.stop_when.iter().filter(blind);
        stops
            .map(|stop| {
                format!(
                    "{} is not measured: its stop condition cannot end this run",
                    stop.check
                )
            })
            .collect()
    }

    pub(super) fn seen(&mut self, check: CheckId, verdict: Verdict, reading: Reading) {
        let (verdict, reading) = self.run.by_the_first_goal(&check, verdict, reading);
        if self
            .run
            .checks
            .get(&check)
            .is_some_and(|before| before.verdict == verdict)
        {
            return;
        }
        let (at, resolution) = (reading.at, reading.resolution);
        self.emit(Fact::CheckChanged {
            check: check.clone(),
            verdict,
            reading,
        });
        let after_fault = self.run.first_intended().is_some_and(|intended| at >= intended);
        let is_stop = check.is_stop_signal();
        if verdict == Verdict::Broken && after_fault && !is_stop && self.run.symptom.is_none() {
            self.emit(Fact::Symptom {
                check: check.clone(),
                at,
                resolution,
            });
        }
        let running = self.run.stop_running.contains_key(&check);
        if running && verdict == Verdict::Holds {
            self.emit(Fact::StopConditionCleared { check });
        }
    }

    /// One round of what follows by itself.
    fn advance(&mut self) {
        if self.run.started.is_none() {
            return;
        }
        self.give_up_waiting();
        self.stop_conditions();
        self.recovery();
        if self.run.ending.is_some() {
            self.end();
        } else if self.run.current.is_some() {
            self.work();
        } else {
            let next = self.run.steps.iter().position(|step| step.began.is_none());
            match next {
                Some(ix) => self.emit(Fact::StepBegan { step: StepIx(ix) }),
                None => self.emit(Fact::EndingBegan),
            }
        }
    }

    fn give_up_waiting(&mut self) {
        let now = self.now;
        if let Some(Arming::Asked { fault, at, .. }) = self.run.arming.clone()
            && now >= at.after(PLANNING)
        {
            let refusal = super::Refusal {
                why: format!(
                    "the cluster did not say within {} what the fault would hit",
                    human(PLANNING)
                ),
                hint: Some("look at the console log, then arm again".to_owned()),
            };
            self.emit(Fact::Refused { fault, refusal });
        }
        for fired in self.run.fired.clone() {
            if fired.settled.is_none() && now >= fired.intended.after(INJECTING) {
                let error = ErrorChain::message(format!("not seen injected within {}", human(INJECTING)));
                self.emit(Fact::InjectSettled {
                    debt: fired.debt.id.clone(),
                    outcome: Injected::No { error },
                });
            }
            if fired.reverting.is_some_and(|at| now >= at.after(REVERTING)) {
                let gone = Gone::Unknown {
                    why: format!("no answer to the undo within {}", human(REVERTING)),
                };
                self.emit(Fact::RevertSettled {
                    debt: fired.debt.id,
                    gone,
                });
            }
        }
    }

    fn stop_conditions(&mut self) {
        // A signal that was broken before the fault counts from the fault on.
        if let Some(intended) = self.run.first_intended() {
            let signals: Vec<_> = self
                .run
                .playbook
                .stop_when
                .iter()
                .map(StopCondition::signal)
                .collect();
            for check in signals {
                let broken = self
                    .run
                    .checks
                    .get(&check)
                    .filter(|state| state.verdict == Verdict::Broken);
                let since = broken.map(|state| state.reading.at.max(intended));
                if let Some(since) = since.filter(|_| !self.run.stop_running.contains_key(&check)) {
                    self.emit(Fact::StopConditionRunning { check, since });
                }
            }
        }
        let due = self.run.stop_marks().find(|(_, mark)| self.now >= *mark);
        if let Some((check, _)) = due
            && self.run.abort.is_none()
        {
            self.abort(Why::StopCondition { check });
        }
    }

    fn recovery(&mut self) {
        let Some(recovery) = self.run.playbook.recovery.clone() else {
            return;
        };
        if self.run.objective_from.is_none() {
            match self.run.clock_start(&recovery) {
                Some(from) => self.emit(Fact::ObjectiveStarted { from }),
                None => return,
            }
        }
        let Some(from) = self.run.objective_from else {
            return;
        };
        match (self.run.all_back_since(&recovery, from), self.run.recovering) {
            (Some(since), None) => self.emit(Fact::Recovering { since }),
            (Some(since), Some(_))
                if self.run.objective.is_none() && self.now >= since.after(recovery.hold.0) =>
            {
                let objective = self.run.judge_stable(&recovery, from, since);
                self.emit(Fact::ObjectiveStopped { objective });
            }
            (None, Some(_)) => {
                // Once it was stable only a broken signal takes it back: data that is missing is no relapse.
                let check = if self.run.objective.is_some() {
                    self.run.first_broken(&recovery)
                } else {
                    self.run.first_not_back(&recovery)
                };
                if let Some(check) = check {
                    self.emit(Fact::Relapsed { check });
                }
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Asks for the undo of everything owed that is not being undone; a failed one again after `pause`.
    pub(super) fn pay(&mut self, pause: Duration) {
        for fired in self.run.fired.clone() {
            let rested = fired
                .last_seen
                .as_ref()
                .is_none_or(|(at, _)| self.now >= at.after(pause));
            if fired.gone.is_none() && fired.reverting.is_none() && rested {
                self.emit(Fact::RevertIntended { debt: fired.debt.id });
            }
        }
    }
}
