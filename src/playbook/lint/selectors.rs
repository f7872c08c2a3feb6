//! Rules about whom a manifest hurts: modes, namespaces, labels, both sides of a partition.

use std::collections::BTreeSet;

use serde_json::Value;

use super::head::PROTECTED;
use super::kinds::{MODES, SELECTORS};
use super::manifest::{Side, parts};
use super::rules::{Out, Rule, faults};
use crate::playbook::findings::shown;
use crate::playbook::parse::draft::Draft;
use crate::playbook::parse::node::Way;
use crate::text::nearest;

pub const RULES: &[Rule] = &[
    Rule::error("bad-mode", &[], bad_mode),
    Rule::error("bad-mode-value", &[], bad_mode_value),
    Rule::error("over-limit", &["limits"], over_limit),
    Rule::error("unknown-selector", &[], unknown_selector),
    Rule::error("selects-everything", &[], selects_everything),
    Rule::error("outside-limits", &["limits", "target"], outside_limits),
    Rule::error("protected-target", &[], protected_target),
    Rule::warning("off-target", &["target"], off_target),
    Rule::warning("partition-with-itself", &[], partition_with_itself),
];

/// Every selector of every fault, with the way to its manifest.
fn each_side(draft: &Draft) -> Vec<(Way, Side<'_>)> {
    faults(draft)
        .flat_map(|(way, fault)| {
            let way = way.key("chaos_mesh");
            parts(fault)
                .into_iter()
                .flat_map(|part| part.sides())
                .map(move |side| (way.clone(), side))
        })
        .collect()
}

fn bad_mode(draft: &Draft, out: &mut Out) {
    for (way, side) in each_side(draft) {
        let Some(mode) = side.holder.get("mode") else {
            continue;
        };
        let said = mode.as_str().unwrap_or_default();
        if !MODES.contains(&said) {
            let near = (said.len() <= 64).then(|| nearest(said, MODES)).flatten();
            let hint = near.map_or_else(
                || format!("one of {}", MODES.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("{} is no mode", shown(&mode.to_string()));
            out.advise(way.join(&side.field("mode")), message, hint);
        }
    }
}

fn bad_mode_value(draft: &Draft, out: &mut Out) {
    for (way, side) in each_side(draft) {
        let mode = side.mode().unwrap_or_default();
        let (most, wanted) = match mode {
            "fixed" => (u32::MAX, "how many pods, as text: \"1\""),
            "fixed-percent" | "random-max-percent" => (100, "a percentage as text, \"1\" to \"100\""),
            _ => continue,
        };
        let mode_way = way.clone().join(&side.field("mode"));
        let way = way.join(&side.field("value"));
        match side.holder.get("value") {
            None => out.advise(mode_way, format!("the mode `{mode}` needs a `value`"), wanted),
            Some(Value::String(text)) => {
                if !text
                    .parse::<u32>()
                    .is_ok_and(|number| (1..=most).contains(&number))
                {
                    let message = format!("{} is no value for the mode `{mode}`", shown(text));
                    out.advise(way, message, wanted);
                }
            }
            Some(other) => {
                let message = format!("the value of a mode is text, found {}", shown(&other.to_string()));
                out.advise(way, message, wanted);
            }
        }
    }
}

/// What is known to be too much before a cluster is asked; what labels match is counted when it is armed.
fn over_limit(draft: &Draft, out: &mut Out) {
    let limit = draft.playbook.limits.pods as usize;
    for (way, fault) in faults(draft) {
        let way = way.key("chaos_mesh");
        for part in parts(fault) {
            let sides = part.sides();
            let named: BTreeSet<_> = sides
                .iter()
                .filter(|side| side.mode() == Some("all"))
                .flat_map(Side::named_pods)
                .collect();
            let counted = sides.iter().filter_map(known_count).max().unwrap_or(0);
            let all = counted.max(named.len());
            if all > limit {
                out.advise(
                    way.clone().join(&part.field("mode")),
                    format!("{all} pods are hurt, and the limit is {limit}"),
                    "raise `limits.pods` if that is meant",
                );
            }
        }
    }
}

/// How many pods a mode takes, where the mode alone says so.
fn known_count(side: &Side<'_>) -> Option<usize> {
    match side.mode()? {
        "one" => Some(1),
        "fixed" => side.holder.get("value")?.as_str()?.parse().ok(),
        _ => None,
    }
}

fn unknown_selector(draft: &Draft, out: &mut Out) {
    for (way, side) in each_side(draft) {
        let Some(selector) = side.selector.and_then(Value::as_object) else {
            continue;
        };
        for field in selector
            .keys()
            .filter(|field| !SELECTORS.contains(&field.as_str()))
        {
            let near = (field.len() <= 64).then(|| nearest(field, SELECTORS)).flatten();
            let hint = near.map_or_else(
                || format!("it has {}", SELECTORS.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let way = way.clone().join(&side.selector_field(field));
            out.advise(way, format!("a selector has no field {}", shown(field)), hint);
        }
    }
}

fn selects_everything(draft: &Draft, out: &mut Out) {
    for (way, side) in each_side(draft) {
        let selector = side.selector.and_then(Value::as_object);
        let narrows = |name: &str| {
            selector
                .and_then(|selector| selector.get(name))
                .is_some_and(|part| match part {
                    Value::Array(items) => !items.is_empty(),
                    Value::Object(fields) => !fields.is_empty(),
                    _ => false,
                })
        };
        let narrowed = SELECTORS
            .iter()
            .any(|name| !matches!(*name, "namespaces" | "podPhaseSelectors") && narrows(name));
        if !narrowed {
            out.advise(
                way.join(&side.field("selector")),
                "this selects every pod of the namespace",
                "name labels (`labelSelectors`) or pods (`pods`)",
            );
        }
    }
}

fn outside_limits(draft: &Draft, out: &mut Out) {
    let playbook = &draft.playbook;
    let own = [playbook.target.namespace.clone()];
    let allowed: &[String] = match playbook.limits.namespaces.as_slice() {
        [] => &own,
        listed => listed,
    };
    let list = allowed
        .iter()
        .map(|name| shown(name))
        .collect::<Vec<_>>()
        .join(", ");
    let is_outside = |name: &str| !allowed.iter().any(|one| one == name) && !PROTECTED.contains(&name);
    for (way, side) in each_side(draft) {
        for (down, name) in side.namespaces() {
            if is_outside(name) {
                out.advise(
                    way.clone().join(&down),
                    format!("the namespace {} is outside the limits", shown(name)),
                    format!("the limits allow {list}"),
                );
            }
        }
    }
    for (way, fault) in faults(draft) {
        let name = fault
            .chaos_mesh
            .pointer("/metadata/namespace")
            .and_then(Value::as_str);
        if let Some(name) = name.filter(|name| is_outside(name)) {
            out.advise(
                way.key("chaos_mesh").key("metadata").key("namespace"),
                format!("the namespace {} is outside the limits", shown(name)),
                format!("the limits allow {list}"),
            );
        }
    }
}

fn protected_target(draft: &Draft, out: &mut Out) {
    for (way, side) in each_side(draft) {
        for (down, name) in side.namespaces() {
            if PROTECTED.contains(&name) {
                out.say(
                    way.clone().join(&down),
                    format!("nothing is ever hurt in {}", shown(name)),
                );
            }
        }
    }
}

/// A fault at other pods than the target is counted and judged by pods that it does not touch.
fn off_target(draft: &Draft, out: &mut Out) {
    let target = &draft.playbook.target;
    for (way, fault) in faults(draft) {
        let way = way.key("chaos_mesh");
        for part in parts(fault) {
            let Some(side) = part.sides().into_iter().next() else {
                continue;
            };
            let labels = side
                .selector
                .and_then(|selector| selector.get("labelSelectors"))
                .and_then(Value::as_object);
            let other = labels.into_iter().flatten().find(|(label, value)| {
                target
                    .pods
                    .get(*label)
                    .is_some_and(|wanted| value.as_str() != Some(wanted))
            });
            if let Some((label, _)) = other {
                let way = way.clone().join(&side.selector_field("labelSelectors"));
                out.say(
                    way.key(label),
                    "the fault is aimed at other pods than `target`, by which it is judged",
                );
            }
        }
    }
}

fn partition_with_itself(draft: &Draft, out: &mut Out) {
    for (way, fault) in faults(draft) {
        let way = way.key("chaos_mesh");
        for part in parts(fault) {
            let sides = part.sides();
            let [source, target] = sides.as_slice() else {
                continue;
            };
            let labels = |side: &Side<'_>| {
                side.selector
                    .filter(|selector| selector.get("pods").is_none())
                    .map(|selector| selector.get("labelSelectors").cloned().unwrap_or_default())
            };
            let partition = part.text("action") == Some("partition");
            if partition && labels(source).is_some() && labels(source) == labels(target) {
                out.advise(
                    way.clone().join(&part.field("target")),
                    "both sides select by the same labels: a pod of the other side is on this one too",
                    "name the pods of each side with `pods: { namespace: [names] }`",
                );
            }
        }
    }
}
