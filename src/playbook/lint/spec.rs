//! Rules about what a manifest injects: kind, action, fields, duration. The cluster's own schema has the last word.

use serde_json::Value;

use super::kinds::{KEPT, KINDS, OUTSIDE, SPAWNERS};
use super::manifest::{Part, first_firing, parts};
use super::rules::{Out, Rule, faults};
use crate::playbook::findings::shown;
use crate::playbook::model::{Fault, Span, Step};
use crate::playbook::parse::draft::Draft;
use crate::playbook::parse::node::Way;
use crate::text::nearest;
use crate::units::human;

pub const RULES: &[Rule] = &[
    Rule::error("unknown-kind", &[], unknown_kind),
    Rule::error("wrong-api-version", &[], wrong_api_version),
    Rule::error("no-spec", &[], no_spec),
    Rule::error("unknown-spec-field", &[], unknown_spec_field),
    Rule::error("missing-spec-field", &[], missing_spec_field),
    Rule::error("unknown-action", &[], unknown_action),
    Rule::error("remote-cluster", &[], remote_cluster),
    Rule::error("bad-duration", &[], bad_duration),
    Rule::error("duration-over-limit", &["limits"], duration_over_limit),
    Rule::warning("duration-ignored", &[], duration_ignored),
    Rule::error("direction-without-target", &[], direction_without_target),
    Rule::error("pattern-wildcard", &[], pattern_wildcard),
    Rule::warning("random-is-no-failure", &[], random_is_no_failure),
    Rule::warning("late-schedule", &["steps"], late_schedule),
];

fn manifest_way(way: Way) -> Way {
    way.key("chaos_mesh")
}

fn each_part(draft: &Draft) -> Vec<(Way, Part<'_>)> {
    faults(draft)
        .flat_map(|(way, fault)| {
            let way = manifest_way(way);
            parts(fault).into_iter().map(move |part| (way.clone(), part))
        })
        .collect()
}

fn unknown_kind(draft: &Draft, out: &mut Out) {
    for (way, fault) in faults(draft) {
        let (kind, way) = (fault.kind(), manifest_way(way).key("kind"));
        let names = || KINDS.iter().map(|kind| kind.name).chain(SPAWNERS);
        if names().any(|name| name == kind) {
            continue;
        }
        if kind.is_empty() {
            out.say(way, "the manifest has no `kind`");
        } else if KEPT.contains(&kind) {
            out.say(
                way,
                format!(
                    "{} injects nothing; Chaos Mesh keeps its own books in it",
                    shown(kind)
                ),
            );
        } else if OUTSIDE.contains(&kind) {
            out.say(
                way,
                format!(
                    "{} hurts what is outside the cluster, and no limit can count that",
                    shown(kind)
                ),
            );
        } else {
            let near = (kind.len() <= 64).then(|| nearest(kind, names())).flatten();
            let hint = near.map_or_else(
                || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            out.advise(way, format!("Chaos Mesh has no kind {}", shown(kind)), hint);
        }
    }
}

fn wrong_api_version(draft: &Draft, out: &mut Out) {
    for (way, fault) in faults(draft) {
        let version = fault.chaos_mesh.get("apiVersion").and_then(Value::as_str);
        if version != Some("chaos-mesh.org/v1alpha1") {
            let message = match version {
                Some(version) => format!("{} is not served by Chaos Mesh", shown(version)),
                None => "the manifest has no `apiVersion`".to_owned(),
            };
            let way = manifest_way(way).key("apiVersion");
            out.advise(way, message, "apiVersion: chaos-mesh.org/v1alpha1");
        }
    }
}

fn no_spec(draft: &Draft, out: &mut Out) {
    for (way, fault) in faults(draft) {
        let spawner = SPAWNERS.contains(&fault.kind());
        if !fault.chaos_mesh.get("spec").is_some_and(Value::is_object) {
            out.say(manifest_way(way), "the manifest has no `spec`");
        } else if spawner && parts(fault).is_empty() {
            out.say(
                manifest_way(way).key("spec"),
                format!("this {} makes nothing that firedrill can count", fault.kind()),
            );
        }
    }
}

fn unknown_spec_field(draft: &Draft, out: &mut Out) {
    for (way, part) in each_part(draft) {
        let Some(spec) = part.spec.as_object() else {
            continue;
        };
        for field in spec
            .keys()
            .filter(|field| !part.kind.fields.contains(&field.as_str()))
        {
            let way = way.clone().join(&part.field(field));
            let message = format!("{} has no field {}", part.kind.name, shown(field));
            if field == "scheduler" {
                let hint = "it went with Chaos Mesh 2.0; what repeats is a manifest of kind Schedule";
                out.advise(way, message, hint);
                continue;
            }
            let known = part.kind.fields;
            let near = (field.len() <= 64)
                .then(|| nearest(field, known.iter().copied()))
                .flatten();
            let hint = near.map_or_else(
                || format!("it has {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            out.advise(way, message, hint);
        }
    }
}

fn missing_spec_field(draft: &Draft, out: &mut Out) {
    for (way, part) in each_part(draft) {
        for field in part.kind.required {
            if part.spec.get(field).is_none() {
                let message = format!("{} needs the field `{field}`", part.kind.name);
                out.say(way.clone().join(&part.way), message);
            }
        }
    }
}

fn unknown_action(draft: &Draft, out: &mut Out) {
    for (way, part) in each_part(draft) {
        let Some(action) = part.spec.get("action").filter(|_| !part.kind.actions.is_empty()) else {
            continue;
        };
        let said = action.as_str().unwrap_or_default();
        if part.kind.actions.contains(&said) {
            continue;
        }
        let near = (said.len() <= 64)
            .then(|| nearest(said, part.kind.actions.iter().copied()))
            .flatten();
        let hint = near.map_or_else(
            || format!("it has {}", part.kind.actions.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("{} has no action {}", part.kind.name, shown(said));
        out.advise(way.join(&part.field("action")), message, hint);
    }
}

fn remote_cluster(draft: &Draft, out: &mut Out) {
    for (way, part) in each_part(draft) {
        if part.spec.get("remoteCluster").is_some() {
            let way = way.join(&part.field("remoteCluster"));
            let message = "a fault in another cluster can be neither counted nor seen gone";
            out.advise(way, message, "run firedrill against that cluster");
        }
    }
}

/// Durations of the manifest, each with its way and the part that it is for.
fn durations(draft: &Draft) -> Vec<(Way, Part<'_>, Option<Span>)> {
    each_part(draft)
        .into_iter()
        .filter_map(|(way, part)| {
            let duration = part.spec.get("duration")?;
            let span = duration.as_str().and_then(|text| text.parse().ok());
            Some((way.join(&part.field("duration")), part, span))
        })
        .collect()
}

fn bad_duration(draft: &Draft, out: &mut Out) {
    for (way, _, span) in durations(draft) {
        if span.is_none_or(|span| span.0.is_zero()) {
            out.advise(
                way,
                "cannot read this duration",
                "a length of time in text, such as \"2m\"",
            );
        }
    }
}

fn duration_over_limit(draft: &Draft, out: &mut Out) {
    let limit = draft.playbook.limits.duration;
    for (way, part, span) in durations(draft) {
        if let Some(span) = span.filter(|span| *span > limit && !part.is_one_shot()) {
            out.say(way, format!("the fault lasts {span}, and the limit is {limit}"));
        }
    }
}

fn duration_ignored(draft: &Draft, out: &mut Out) {
    for (way, part, _) in durations(draft) {
        if part.is_one_shot() {
            let action = part.text("action").unwrap_or_default();
            out.say(
                way,
                format!("{action} happens once; Chaos Mesh takes no notice of its duration"),
            );
        }
    }
}

fn direction_without_target(draft: &Draft, out: &mut Out) {
    for (way, part) in each_part(draft) {
        let netem = part.text("action") != Some("partition");
        let direction = part.text("direction").unwrap_or("to");
        let targets = part.spec.get("target").is_some() || part.spec.get("externalTargets").is_some();
        if part.kind.name == "NetworkChaos" && netem && direction != "to" && !targets {
            out.advise(
                way.join(&part.field("direction")),
                format!("Chaos Mesh refuses direction `{direction}` without a `target`"),
                "give the pods on the other side as `target`, or write `direction: to`",
            );
        }
    }
}

fn pattern_wildcard(draft: &Draft, out: &mut Out) {
    for (way, part) in each_part(draft) {
        if part.kind.name != "DNSChaos" {
            continue;
        }
        let patterns = part.spec.get("patterns").and_then(Value::as_array);
        for (number, pattern) in patterns.into_iter().flatten().enumerate() {
            let text = pattern.as_str().unwrap_or_default();
            if text.find('*').is_some_and(|at| at + 1 < text.len()) {
                let way = way.clone().join(&part.field("patterns")).item(number);
                out.advise(
                    way,
                    format!("a `*` may stand only at the end of a pattern: {}", shown(text)),
                    "Chaos Mesh takes it, and then never injects",
                );
            }
        }
    }
}

fn random_is_no_failure(draft: &Draft, out: &mut Out) {
    for (way, part) in each_part(draft) {
        if part.kind.name == "DNSChaos" && part.text("action") == Some("random") {
            let way = way.join(&part.field("action"));
            let message = "`random` answers with random addresses; lookups do not fail";
            out.advise(way, message, "`action: error` makes lookups fail");
        }
    }
}

fn late_schedule(draft: &Draft, out: &mut Out) {
    let watched: std::time::Duration = draft
        .playbook
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Observe(step) => Some(step.for_.0),
            Step::Brief(_)
            | Step::Checklist(_)
            | Step::Baseline(_)
            | Step::Fault(_)
            | Step::Recover(_)
            | Step::Verify(_)
            | Step::Debrief(_) => None,
        })
        .sum();
    for (way, fault) in faults(draft).filter(|(_, fault)| fault.kind() == "Schedule") {
        let Some(rule) = schedule_of(fault) else {
            continue;
        };
        let way = manifest_way(way).key("spec").key("schedule");
        let message = match first_firing(rule) {
            Some(first) if first > watched => format!(
                "the Schedule first fires after {}, and only {} are observed",
                human(first),
                human(watched)
            ),
            Some(first) => format!("the Schedule first fires {} after it is created", human(first)),
            None => format!(
                "the Schedule fires by {}, not when the key is pressed",
                shown(rule)
            ),
        };
        out.advise(way, message, "a one-shot manifest fires at once");
    }
}

fn schedule_of(fault: &Fault) -> Option<&str> {
    fault.chaos_mesh.pointer("/spec/schedule").and_then(Value::as_str)
}
