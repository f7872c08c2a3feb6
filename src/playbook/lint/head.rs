//! Rules about the head of a playbook: names, target, limits, load, sources.

use std::collections::BTreeSet;

use super::rules::{Out, Rule, faults};
use crate::playbook::findings::shown;
use crate::playbook::parse::draft::Draft;
use crate::playbook::parse::node::Way;

pub const RULES: &[Rule] = &[
    Rule::error("bad-name", &[], bad_name),
    Rule::error("duplicate-id", &[], duplicate_id),
    Rule::error("empty-target", &["target"], empty_target),
    Rule::error("protected-namespace", &[], protected_namespace),
    Rule::error("senseless-limit", &["limits"], senseless_limit),
    Rule::error("bad-load", &["load"], bad_load),
];

/// Where a cluster keeps itself; nothing is ever hurt there.
pub const PROTECTED: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Names become file names, labels and parts of object names.
pub fn is_plain_name(text: &str, most: usize) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= most
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn bad_name(draft: &Draft, out: &mut Out) {
    let mut judge = |way: Way, what: &str, name: &str, most: usize| {
        if !is_plain_name(name, most) {
            out.advise(
                way,
                format!("{what} cannot be called {}", shown(name)),
                format!("lower-case letters, digits and dashes, at most {most} of them"),
            );
        }
    };
    if !draft.damaged.contains("name") {
        judge(Way::to("name"), "a playbook", &draft.playbook.name, 63);
    }
    for (item, id) in &draft.written {
        judge(
            Way::to("checks").item(*item).key("id"),
            "a check",
            id.as_str(),
            63,
        );
    }
    for (way, fault) in faults(draft) {
        // `<fault>-<attempt>-<xxxx>` must fit a label of 63.
        judge(way.key("id"), "a fault", fault.id.as_str(), 40);
    }
}

fn duplicate_id(draft: &Draft, out: &mut Out) {
    let written = draft.written.iter().map(|(item, id)| (*item, id.as_str()));
    // What one check with several measures becomes may collide with another one.
    let expanded = draft.check_items.iter().zip(&draft.playbook.checks);
    let expanded = expanded.map(|(item, check)| (*item, check.id.as_str()));
    let mut told = BTreeSet::new();
    for ids in [written.collect::<Vec<_>>(), expanded.collect()] {
        let mut seen = BTreeSet::new();
        for (item, id) in ids {
            if !seen.insert(id) && told.insert(item) {
                let way = Way::to("checks").item(item).key("id");
                out.say(way, format!("a second check is called {}", shown(id)));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (way, fault) in faults(draft) {
        if !seen.insert(fault.id.as_str()) {
            let message = format!("a second fault is called {}", shown(fault.id.as_str()));
            out.say(way.key("id"), message);
        }
    }
}

fn empty_target(draft: &Draft, out: &mut Out) {
    let target = &draft.playbook.target;
    if target.namespace.is_empty() {
        out.say(Way::to("target").key("namespace"), "the target has no namespace");
    }
    if target.pods.is_empty() {
        out.advise(
            Way::to("target").key("pods"),
            "the target has no labels, so every pod of the namespace would be meant",
            "give the labels that the pods carry, such as { app: emqx-go }",
        );
    }
}

fn protected_namespace(draft: &Draft, out: &mut Out) {
    let mut judge = |way: Way, name: &str| {
        if PROTECTED.contains(&name) {
            out.say(way, format!("nothing is ever hurt in {}", shown(name)));
        }
    };
    judge(
        Way::to("target").key("namespace"),
        &draft.playbook.target.namespace,
    );
    for (number, name) in draft.playbook.limits.namespaces.iter().enumerate() {
        judge(Way::to("limits").key("namespaces").item(number), name);
    }
}

fn senseless_limit(draft: &Draft, out: &mut Out) {
    let limits = &draft.playbook.limits;
    let way = |field| Way::to("limits").key(field);
    if limits.pods == 0 {
        out.say(way("pods"), "a limit of 0 pods lets no fault through");
    }
    let percent = limits.percent.0;
    if !(percent > 0.0 && percent <= 100.0) {
        out.say(
            way("percent"),
            format!("a limit of {percent} percent is no share; it is above 0 and at most 100"),
        );
    }
    if limits.duration.0.is_zero() {
        out.say(way("duration"), "a limit of no time lets no fault through");
    }
}

/// A number with one of the units behind it.
fn has_unit(text: &str, units: &[&str]) -> bool {
    units.iter().any(|unit| {
        text.trim().strip_suffix(unit).is_some_and(|number| {
            number
                .trim()
                .parse::<f64>()
                .is_ok_and(|n| n.is_finite() && n > 0.0)
        })
    })
}

fn bad_load(draft: &Draft, out: &mut Out) {
    let Some(load) = &draft.playbook.load else {
        return;
    };
    let way = |field| Way::to("load").key(field);
    if load.clients == 0 {
        out.say(way("clients"), "a load without clients is none");
    }
    if load.topics == 0 {
        out.say(way("topics"), "a load needs a topic");
    }
    if !has_unit(&load.rate, &["/s", "/m"]) {
        let message = format!("cannot read the rate {}", shown(&load.rate));
        out.advise(
            way("rate"),
            message,
            "messages of all clients together, such as 100/s",
        );
    }
    if !has_unit(&load.payload, &["KiB", "MiB", "KB", "MB", "B"]) {
        let message = format!("cannot read the size {}", shown(&load.payload));
        out.advise(way("payload"), message, "such as 256B or 4KiB");
    }
    for level in load.qos.keys() {
        if !["0", "1", "2"].contains(&level.as_str()) {
            out.say(way("qos").key(level), format!("MQTT has no QoS {}", shown(level)));
        }
    }
    let sum: u64 = load.qos.values().copied().map(u64::from).sum();
    if sum != 100 {
        out.say(
            way("qos"),
            format!("the shares of QoS come to {sum} percent, not to 100"),
        );
    }
}
