//! What a fact says, for people. The one place of the console that turns facts into sentences.

use crate::fault::Gone;
use crate::playbook::{Playbook, Step};
use crate::run::{Fact, Injected, Kept, StepOutcome, Tag, Ticked, Why};
use crate::units::{Mark, StepIx, human};

/// The word of a tag.
pub const fn tag(tag: Tag) -> &'static str {
    match tag {
        Tag::Observation => "observation",
        Tag::Decision => "decision",
        Tag::Surprise => "surprise",
        Tag::ActionItem => "action item",
        Tag::Question => "question",
        Tag::Risk => "risk",
    }
}

/// `4 fault kill-one`.
pub fn step(playbook: Option<&Playbook>, ix: StepIx) -> String {
    let number = ix.number();
    match playbook.and_then(|playbook| playbook.steps.get(ix.0)) {
        Some(Step::Fault(fault)) => format!("{number} fault {}", fault.id),
        Some(step) => format!("{number} {}", step.word()),
        None => number.to_string(),
    }
}

/// Why a run is ended early.
pub fn why(why: &Why, playbook: Option<&Playbook>) -> String {
    match why {
        Why::Quit => "the operator ends the run".to_owned(),
        Why::Step { step: ix, what } => format!("step {}: {what}", step(playbook, *ix)),
        Why::StopCondition { check } => format!("stop condition: {check} was broken for too long"),
        Why::JournalLost { error } => format!("the journal cannot be written: {error}"),
        Why::Killed { by } => format!("kill switch, by {by}"),
    }
}

/// The verdict on an objective.
pub fn kept(kept: &Kept) -> String {
    match kept {
        Kept::Met => "met".to_owned(),
        Kept::Acceptable => "acceptable".to_owned(),
        Kept::Missed => "missed".to_owned(),
        Kept::NotJudged { why } => format!("not judged: {why}"),
    }
}

fn outcome(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Passed => "done".to_owned(),
        StepOutcome::Overridden { reason } => format!("overridden: {reason}"),
        StepOutcome::Skipped => "skipped".to_owned(),
        StepOutcome::Failed { what } => format!("failed: {what}"),
    }
}

/// One sentence, as long as it must be; not yet made safe to show.
#[allow(clippy::too_many_lines, reason = "one arm a fact, and no fact forgotten")]
pub fn sentence(fact: &Fact, playbook: Option<&Playbook>, language: &str) -> String {
    let step = |ix: StepIx| step(playbook, ix);
    let title = |list: Option<&crate::playbook::Title>| {
        list.map_or(String::new(), |title| title.in_language(language).to_owned())
    };
    match fact {
        Fact::RunStarted {
            run,
            playbook,
            cluster,
            ..
        } => format!("run {run} of {} on {} started", playbook.name, cluster.context),
        Fact::RunResumed { .. } => "the run was taken up again".to_owned(),
        Fact::CheckNotMeasured { check, why } => format!("{check} is not measured: {why}"),
        Fact::CheckChanged {
            check,
            verdict,
            reading,
        } => format!("{check} {verdict}: {}", reading.observed),
        Fact::StepBegan { step: ix } => format!("step {} began", step(*ix)),
        Fact::StepEnded { step: ix, outcome: o } => format!("step {} {}", step(*ix), outcome(o)),
        Fact::ItemTicked {
            step: ix,
            item,
            ticked,
        } => {
            let text = title(playbook.and_then(|p| match p.steps.get(ix.0) {
                Some(Step::Checklist(list)) => list.items.get(*item),
                _ => None,
            }));
            match ticked {
                Ticked::Yes => format!("ticked: {text}"),
                Ticked::No => format!("unticked: {text}"),
            }
        }
        Fact::Answered {
            step: ix,
            question,
            text,
        } => {
            let asked = title(playbook.and_then(|p| match p.steps.get(ix.0) {
                Some(Step::Debrief(debrief)) => debrief.questions.get(*question),
                _ => None,
            }));
            format!("{asked} {text}")
        }
        Fact::PredictionsLocked => "the predictions are locked".to_owned(),
        Fact::PredictionScored {
            prediction,
            came_true,
        } => {
            let text = title(playbook.and_then(|p| p.predict.get(*prediction)));
            let score = match came_true {
                Some(true) => "came true",
                Some(false) => "did not come true",
                None => "not scored",
            };
            format!("prediction {score}: {text}")
        }
        Fact::BaselineBegan => "the steady state holds".to_owned(),
        Fact::BaselineBroken { check } => format!("the steady state is broken: {check}"),
        Fact::ArmAsked { fault, .. } => format!("{fault} is being armed"),
        Fact::Armed { plan } => format!("{} armed: {}", plan.debt.fault, plan.debt.summary),
        Fact::Refused { fault, refusal } => format!("{fault} refused: {}", refusal.why),
        Fact::Disarmed { fault } => format!("{fault} disarmed"),
        Fact::InjectIntended { debt, .. } => format!("fired: {} ({})", debt.summary, debt.id),
        Fact::InjectSettled { debt, outcome } => match outcome {
            Injected::Yes { targets, .. } => format!("{debt} is injected: {}", targets.join(", ")),
            Injected::No { error } => format!("{debt} was not seen injected: {error}"),
        },
        Fact::Symptom { check, .. } => format!("first symptom: {check}"),
        Fact::Detected => "detected".to_owned(),
        Fact::Mitigated => "mitigated".to_owned(),
        Fact::RevertIntended { debt } => format!("{debt} is being undone"),
        Fact::RevertSettled { debt, gone } => match gone {
            Gone::Proven => format!("{debt} is proven gone"),
            gone => format!("{debt}: {gone}"),
        },
        Fact::ObjectiveStarted { from } => format!("the recovery clock counts from {from}"),
        Fact::Recovering { since } => format!("every recovery signal holds since {since}"),
        Fact::Relapsed { check } => format!("relapse: {check}"),
        Fact::ObjectiveStopped { objective } => {
            let took = objective.took.map_or_else(
                || "not recovered".to_owned(),
                |took| format!("recovered in {}", human(took)),
            );
            format!("{took}: {}", kept(&objective.kept))
        }
        Fact::StopConditionRunning { check, .. } => format!("stop condition counts: {check} is broken"),
        Fact::StopConditionCleared { check } => format!("stop condition cleared: {check} holds"),
        Fact::GateClosed { why } => format!("the gate is closed: {why}"),
        Fact::AbortBegan { why: w } => format!("the run ends early: {}", why(w, playbook)),
        Fact::ClockJumped { by_seconds } => format!("the system's clock jumped by {by_seconds} s"),
        Fact::NoteAdded { text, author, .. } => match author {
            Some(author) => format!("{author}: {text}"),
            None => text.clone(),
        },
        Fact::TimeCorrected { seq, at, reason } => format!("entry {seq} was at {at}: {reason}"),
        Fact::EndingBegan => "all steps are over".to_owned(),
        Fact::KillEnded { clear } => {
            let how = if *clear { "all clear" } else { "something is left" };
            format!("the kill switch is through: {how}")
        }
        Fact::HandedOver { owed } => format!("{} faults are still owed", owed.len()),
        Fact::RunEnded { exit, summary } => format!("the run ended with {exit}: {summary}"),
        Fact::Unknown(value) => format!("a fact of a later version: {value}"),
    }
}

/// A length of time since a mark, in words.
pub fn since(now: Mark, then: Mark) -> String {
    human(std::time::Duration::from_secs(now.since(then).as_secs()))
}
