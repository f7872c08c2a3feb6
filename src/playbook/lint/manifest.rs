//! A fault's manifest taken apart: what it injects, through which selectors, nested ones too. Pure; judges nothing.

use std::time::Duration;

use serde_json::Value;

use super::kinds::{self, Kind};
use crate::playbook::model::{Fault, Span};
use crate::playbook::parse::node::Down;

/// One injection in a manifest: the manifest's own, or one that its Schedule or Workflow makes.
#[derive(Debug)]
pub struct Part<'m> {
    pub kind: &'static Kind,
    /// The way from the manifest to the spec.
    pub way: Vec<Down>,
    pub spec: &'m Value,
}

/// A selector with its mode.
#[derive(Debug)]
pub struct Side<'m> {
    /// The way from the manifest to what holds `mode` and `selector`.
    pub way: Vec<Down>,
    pub holder: &'m Value,
    pub selector: Option<&'m Value>,
}

fn key(way: &[Down], key: &str) -> Vec<Down> {
    let mut way = way.to_vec();
    way.push(Down::Key(key.to_owned()));
    way
}

fn item(way: &[Down], item: usize) -> Vec<Down> {
    let mut way = way.to_vec();
    way.push(Down::Item(item));
    way
}

/// Every injection of a manifest, in its order.
pub fn parts(fault: &Fault) -> Vec<Part<'_>> {
    let Some(spec) = fault.chaos_mesh.get("spec") else {
        return Vec::new();
    };
    let way = key(&[], "spec");
    match fault.kind() {
        "Schedule" => embedded(spec, &way),
        "Workflow" => templates(spec, &way),
        name => kinds::kind(name)
            .map(|kind| Part { kind, way, spec })
            .into_iter()
            .collect(),
    }
}

fn templates<'m>(spec: &'m Value, way: &[Down]) -> Vec<Part<'m>> {
    let list = spec.get("templates").and_then(Value::as_array);
    let way = key(way, "templates");
    list.into_iter()
        .flatten()
        .enumerate()
        .flat_map(|(number, template)| {
            let way = item(&way, number);
            let mut parts = embedded(template, &way);
            if let Some(schedule) = template.get("schedule").filter(|schedule| schedule.is_object()) {
                parts.extend(embedded(schedule, &key(&way, "schedule")));
            }
            parts
        })
        .collect()
}

/// The injections that stand in a Schedule's spec or in a Workflow's template; a Schedule may hold a Workflow.
fn embedded<'m>(holder: &'m Value, way: &[Down]) -> Vec<Part<'m>> {
    let mut parts: Vec<Part<'m>> = kinds::KINDS
        .iter()
        .filter_map(|kind| {
            let spec = holder.get(kind.embedded)?;
            Some(Part {
                kind,
                way: key(way, kind.embedded),
                spec,
            })
        })
        .collect();
    if let Some(workflow) = holder.get("workflow") {
        parts.extend(templates(workflow, &key(way, "workflow")));
    }
    parts
}

impl<'m> Part<'m> {
    pub fn text(&self, field: &str) -> Option<&'m str> {
        self.spec.get(field).and_then(Value::as_str)
    }

    /// The selector, and the one of the target where the kind has a second side.
    pub fn sides(&self) -> Vec<Side<'m>> {
        let side = |way: Vec<Down>, holder: &'m Value| Side {
            way,
            holder,
            selector: holder.get("selector"),
        };
        let mut sides = vec![side(self.way.clone(), self.spec)];
        // HTTPChaos has a `target` too, and it is a word.
        if let Some(target) = self.spec.get("target").filter(|target| target.is_object()) {
            sides.push(side(key(&self.way, "target"), target));
        }
        sides
    }

    /// Whether it happens once, and a duration means nothing to it.
    pub fn is_one_shot(&self) -> bool {
        self.kind.name == "PodChaos" && matches!(self.text("action"), Some("pod-kill" | "container-kill"))
    }

    pub fn field(&self, name: &str) -> Vec<Down> {
        key(&self.way, name)
    }
}

impl<'m> Side<'m> {
    pub fn field(&self, name: &str) -> Vec<Down> {
        key(&self.way, name)
    }

    pub fn selector_field(&self, name: &str) -> Vec<Down> {
        key(&self.field("selector"), name)
    }

    pub fn mode(&self) -> Option<&'m str> {
        self.holder.get("mode").and_then(Value::as_str)
    }

    /// Namespaces that the selector names, each with its way; none when it names none.
    pub fn namespaces(&self) -> Vec<(Vec<Down>, &'m str)> {
        let Some(selector) = self.selector else {
            return Vec::new();
        };
        let listed = selector.get("namespaces").and_then(Value::as_array);
        let way = self.selector_field("namespaces");
        let listed = listed
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(number, name)| Some((item(&way, number), name.as_str()?)));
        let way = self.selector_field("pods");
        let named = selector.get("pods").and_then(Value::as_object);
        let named = named
            .into_iter()
            .flatten()
            .map(|(name, _)| (key(&way, name), name.as_str()));
        listed.chain(named).collect()
    }

    /// Pods that the selector names one by one, with their namespaces.
    pub fn named_pods(&self) -> Vec<(&'m str, &'m str)> {
        let named = self
            .selector
            .and_then(|selector| selector.get("pods")?.as_object());
        named
            .into_iter()
            .flatten()
            .flat_map(|(namespace, names)| {
                let names = names.as_array().into_iter().flatten();
                names.filter_map(move |name| Some((namespace.as_str(), name.as_str()?)))
            })
            .collect()
    }
}

/// Whether everything that a fault does happens once.
pub fn is_one_shot(fault: &Fault) -> bool {
    let parts = parts(fault);
    !parts.is_empty() && parts.iter().all(Part::is_one_shot)
}

/// How long a Schedule waits until it fires for the first time, where its rule says so (`@every 5m`).
pub fn first_firing(schedule: &str) -> Option<Duration> {
    let every = schedule.trim().strip_prefix("@every")?;
    every.trim().parse::<Span>().ok().map(|span| span.0)
}
