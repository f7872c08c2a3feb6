//! Rules about the objective and the recovery clock.

use super::manifest;
use super::rules::{Out, Rule, faults};
use crate::playbook::findings::shown;
use crate::playbook::model::{ClockFrom, Probe, Step};
use crate::playbook::parse::draft::Draft;
use crate::playbook::parse::node::Way;
use crate::units::human;

pub const RULES: &[Rule] = &[
    Rule::error("target-above-acceptable", &["recovery"], target_above_acceptable),
    Rule::error("no-time-to-recover", &["recovery"], no_time_to_recover),
    Rule::error("no-recovery-signal", &["recovery"], no_recovery_signal),
    Rule::error(
        "fault-end-of-one-shot",
        &["recovery", "steps"],
        fault_end_of_one_shot,
    ),
    Rule::error("faults-share-clock", &["recovery", "steps"], faults_share_clock),
    Rule::warning("no-objective", &["recovery", "steps"], no_objective),
    Rule::warning("nothing-held", &["recovery"], nothing_held),
    Rule::warning("too-coarse", &["recovery", "checks"], too_coarse),
    Rule::warning("recover-too-short", &["recovery"], recover_too_short),
];

fn target_above_acceptable(draft: &Draft, out: &mut Out) {
    if let Some(recovery) = &draft.playbook.recovery
        && recovery.target > recovery.acceptable
    {
        out.say(
            Way::to("recovery").key("target"),
            format!(
                "the target ({}) is longer than what is acceptable ({})",
                recovery.target, recovery.acceptable
            ),
        );
    }
}

fn no_time_to_recover(draft: &Draft, out: &mut Out) {
    if let Some(recovery) = &draft.playbook.recovery
        && recovery.target.0.is_zero()
    {
        out.say(Way::to("recovery").key("target"), "nothing recovers in no time");
    }
}

fn no_recovery_signal(draft: &Draft, out: &mut Out) {
    if let Some(recovery) = &draft.playbook.recovery
        && recovery.when.is_empty()
    {
        out.advise(
            Way::to("recovery").key("when"),
            "no check says when it has recovered",
            "name the checks that must be back, such as [pods-ready, endpoints]",
        );
    }
}

fn fault_end_of_one_shot(draft: &Draft, out: &mut Out) {
    let Some(recovery) = draft
        .playbook
        .recovery
        .as_ref()
        .filter(|recovery| recovery.clock == ClockFrom::FaultEnd)
    else {
        return;
    };
    if let Some((_, fault)) = faults(draft).find(|(_, fault)| manifest::is_one_shot(fault)) {
        out.advise(
            Way::to("recovery").key("clock"),
            format!(
                "{} happens once and has no end that a clock could run from ({})",
                shown(fault.id.as_str()),
                recovery.clock
            ),
            "count from `fault-start`",
        );
    }
}

/// A run has one objective; with a second fault nobody could say what was recovered from.
fn faults_share_clock(draft: &Draft, out: &mut Out) {
    if draft.playbook.recovery.is_none() {
        return;
    }
    for (way, fault) in faults(draft).skip(1) {
        out.advise(
            way.key("id"),
            format!(
                "{} would share the recovery clock of the fault before it; a run times one objective",
                shown(fault.id.as_str())
            ),
            "write one playbook a fault and join them in a suite, or leave out `recovery`",
        );
    }
}

fn no_objective(draft: &Draft, out: &mut Out) {
    if draft.playbook.recovery.is_none()
        && let Some((way, _)) = faults(draft).next()
    {
        out.advise(
            way,
            "there is no `recovery:`, so nobody is told how long recovery took",
            "recovery: { target: 10s, acceptable: 30s, when: [pods-ready, endpoints], hold: 5s }",
        );
    }
}

fn nothing_held(draft: &Draft, out: &mut Out) {
    if let Some(recovery) = &draft.playbook.recovery
        && recovery.hold.0.is_zero()
    {
        out.say(
            Way::to("recovery").key("hold"),
            "with no hold a single good moment counts as recovered",
        );
    }
}

/// A verdict needs signals finer than a quarter of the target.
fn too_coarse(draft: &Draft, out: &mut Out) {
    let Some(recovery) = &draft.playbook.recovery else {
        return;
    };
    let finest = recovery.target.0 / 4;
    for (number, check) in draft.playbook.checks.iter().enumerate() {
        let polled = match &check.probe {
            Probe::Mqtt(mqtt) => mqtt.every.or(check.every),
            // These two are told by the cluster, not asked for.
            Probe::PodsReady(_) | Probe::Endpoints(_) => None,
            Probe::Prometheus(_) | Probe::Http(_) | Probe::PodLogs(_) => check.every,
        };
        if recovery.when.contains(&check.id)
            && let Some(every) = polled.filter(|every| every.0 > finest)
        {
            out.advise(
                draft.check_way(number).key("every"),
                format!(
                    "looking every {every} is too coarse to judge a target of {}: the run will say not judged",
                    recovery.target
                ),
                format!("look every {} or oftener", human(finest)),
            );
        }
    }
}

fn recover_too_short(draft: &Draft, out: &mut Out) {
    let Some(recovery) = &draft.playbook.recovery else {
        return;
    };
    for (number, step) in draft.playbook.steps.iter().enumerate() {
        if let Step::Recover(step) = step
            && step.timeout < recovery.acceptable
        {
            out.say(
                draft.step_way(number).key("timeout"),
                format!(
                    "the wait ends after {}, before what is acceptable ({}) is over",
                    step.timeout, recovery.acceptable
                ),
            );
        }
    }
}
