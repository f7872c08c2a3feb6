//! Rules about the steps and their order.

use super::rules::{Out, Rule};
use crate::playbook::model::{Headless, Step};
use crate::playbook::parse::draft::Draft;
use crate::playbook::parse::node::Way;

pub const RULES: &[Rule] = &[
    Rule::error("no-steps", &["steps"], no_steps),
    Rule::error("empty-step", &[], empty_step),
    Rule::error("no-baseline-length", &[], no_baseline_length),
    Rule::warning("no-fault", &["steps"], no_fault),
    Rule::warning("never-recovered", &["steps"], never_recovered),
    Rule::warning("nothing-to-recover", &["steps"], nothing_to_recover),
    Rule::warning("late-baseline", &["steps"], late_baseline),
    Rule::warning("unreachable-unattended", &[], unreachable_unattended),
    Rule::warning("instant-observe", &[], instant_observe),
];

fn no_steps(draft: &Draft, out: &mut Out) {
    if draft.playbook.steps.is_empty() {
        out.say(Way::to("steps"), "a playbook without steps does nothing");
    }
}

fn empty_step(draft: &Draft, out: &mut Out) {
    for (number, step) in draft.playbook.steps.iter().enumerate() {
        let message = match step {
            Step::Brief(step) if step.text.in_language("en").trim().is_empty() => "the briefing says nothing",
            Step::Checklist(step) if step.items.is_empty() => "the checklist has nothing to tick",
            Step::Verify(step) if step.checks.is_empty() => "nothing is verified",
            Step::Debrief(step) if step.questions.is_empty() => "nothing is asked",
            Step::Brief(_)
            | Step::Checklist(_)
            | Step::Verify(_)
            | Step::Debrief(_)
            | Step::Baseline(_)
            | Step::Fault(_)
            | Step::Observe(_)
            | Step::Recover(_) => continue,
        };
        out.say(draft.step_way(number), message);
    }
}

fn no_baseline_length(draft: &Draft, out: &mut Out) {
    for (number, step) in draft.playbook.steps.iter().enumerate() {
        if let Step::Baseline(step) = step
            && step.for_.0.is_zero()
        {
            let way = draft.step_way(number).key("for");
            out.advise(way, "a baseline of no length proves nothing", "such as 30s");
        }
    }
}

fn instant_observe(draft: &Draft, out: &mut Out) {
    for (number, step) in draft.playbook.steps.iter().enumerate() {
        if let Step::Observe(step) = step
            && step.for_.0.is_zero()
        {
            let way = draft.step_way(number).key("for");
            out.say(way, "nothing can be observed in no time");
        }
    }
}

fn positions(draft: &Draft, wanted: fn(&Step) -> bool) -> Vec<usize> {
    let steps = draft.playbook.steps.iter().enumerate();
    steps
        .filter(|(_, step)| wanted(step))
        .map(|(number, _)| number)
        .collect()
}

const fn is_fault(step: &Step) -> bool {
    matches!(step, Step::Fault(_))
}

const fn is_recover(step: &Step) -> bool {
    matches!(step, Step::Recover(_))
}

fn no_fault(draft: &Draft, out: &mut Out) {
    if !draft.playbook.steps.is_empty() && positions(draft, is_fault).is_empty() {
        out.say(
            Way::to("steps"),
            "no step breaks anything: a rehearsal without a fault",
        );
    }
}

fn never_recovered(draft: &Draft, out: &mut Out) {
    let Some(last) = positions(draft, is_recover).last().copied() else {
        // Then a recovery is implied, behind every fault.
        return;
    };
    for number in positions(draft, is_fault)
        .into_iter()
        .filter(|number| *number > last)
    {
        out.advise(
            draft.step_way(number),
            "no `recover` follows this fault; it stays on until the run ends",
            "put a `recover` step behind it",
        );
    }
}

fn nothing_to_recover(draft: &Draft, out: &mut Out) {
    let first = positions(draft, is_fault).first().copied().unwrap_or(usize::MAX);
    for number in positions(draft, is_recover) {
        if number < first {
            out.say(
                draft.step_way(number),
                "no fault comes before this step, so there is nothing to recover",
            );
        }
    }
}

fn late_baseline(draft: &Draft, out: &mut Out) {
    let faults = positions(draft, is_fault);
    let recovers = positions(draft, is_recover);
    for number in positions(draft, |step| matches!(step, Step::Baseline(_))) {
        let fault = faults.iter().rev().find(|fault| **fault < number);
        let healed = |fault: &usize| {
            recovers
                .iter()
                .any(|recover| fault < recover && *recover < number)
        };
        if fault.is_some_and(|fault| !healed(fault)) {
            out.advise(
                draft.step_way(number),
                "a baseline while a fault is on records the fault",
                "put it before the fault, or behind a `recover` step",
            );
        }
    }
}

fn unreachable_unattended(draft: &Draft, out: &mut Out) {
    for (number, step) in draft.playbook.steps.iter().enumerate() {
        if step.unattended() == Some(Headless::Fail) && number + 1 < draft.playbook.steps.len() {
            out.say(
                draft.step_way(number).key("headless"),
                "an unattended run ends here, and never gets to the steps behind",
            );
        }
    }
}
