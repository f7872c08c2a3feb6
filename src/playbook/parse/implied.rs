//! The phases that a fault implies, where the playbook has no step of its own for them. Pure.

use std::time::Duration;

use crate::playbook::model::{
    BaselineStep, DebriefStep, Headless, ObserveStep, Playbook, RecoverStep, Span, Step, Title, VerifyStep,
};
use crate::units::CheckId;

/// How long an implied baseline is, and how long an implied look at a one-shot fault.
const SHORT: Duration = Duration::from_secs(30);
const LONGEST_LOOK: Duration = Duration::from_mins(5);

/// The six phases of a drill, in their order; a step that belongs to none has no rank.
const fn rank(step: &Step) -> Option<u8> {
    match step {
        Step::Brief(_) | Step::Checklist(_) => None,
        Step::Baseline(_) => Some(0),
        Step::Fault(_) => Some(1),
        Step::Observe(_) => Some(2),
        Step::Recover(_) => Some(3),
        Step::Verify(_) => Some(4),
        Step::Debrief(_) => Some(5),
    }
}

/// Adds the phases that the playbook has no step for; gives the words of what was added.
pub fn fill(playbook: &mut Playbook) -> Vec<&'static str> {
    let Some(first_fault) = playbook
        .steps
        .iter()
        .position(|step| matches!(step, Step::Fault(_)))
    else {
        return Vec::new();
    };
    let missing = |playbook: &Playbook, wanted: u8| {
        playbook
            .steps
            .iter()
            .all(|step| rank(step).is_none_or(|rank| rank != wanted))
    };
    let mut added = Vec::new();
    if missing(playbook, 0) {
        playbook
            .steps
            .insert(first_fault, Step::Baseline(BaselineStep { for_: Span(SHORT) }));
        added.push("baseline");
    }
    for wanted in 2..=5 {
        if !missing(playbook, wanted) {
            continue;
        }
        let step = implied(playbook, wanted);
        added.push(step.word());
        let behind = playbook
            .steps
            .iter()
            .rposition(|step| rank(step).is_some_and(|rank| (1..wanted).contains(&rank)))
            .map_or(playbook.steps.len(), |last| last + 1);
        playbook.steps.insert(behind, step);
    }
    added
}

fn implied(playbook: &Playbook, rank: u8) -> Step {
    let recovery = playbook.recovery.as_ref();
    match rank {
        2 => Step::Observe(ObserveStep {
            for_: Span(look(playbook)),
        }),
        3 => {
            let acceptable =
                recovery.map_or(Duration::ZERO, |recovery| recovery.acceptable.0 + recovery.hold.0);
            Step::Recover(RecoverStep {
                timeout: Span((acceptable * 2).max(Duration::from_mins(2))),
            })
        }
        4 => {
            let builtin = || vec![CheckId::new("pods-ready"), CheckId::new("endpoints")];
            Step::Verify(VerifyStep {
                checks: recovery.map_or_else(builtin, |recovery| recovery.when.clone()),
                timeout: VerifyStep::default_timeout(),
            })
        }
        _ => Step::Debrief(DebriefStep {
            questions: vec![Title::One("What surprised you?".to_owned())],
            headless: Headless::Skip,
        }),
    }
}

/// Until the longest fault has ended by itself, within reason; a one-shot leaves only its traces to be seen.
fn look(playbook: &Playbook) -> Duration {
    playbook
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Fault(fault) if !fault.is_one_shot() => {
                Some(fault.duration().unwrap_or(playbook.limits.duration.0))
            }
            _ => None,
        })
        .max()
        .unwrap_or(SHORT)
        .min(LONGEST_LOOK)
}
