//! Every place of a manifest that chooses pods, however deep: the spec itself, its `target`, the template of a
//! Schedule, the templates of a Workflow; and the clocks that end each. What is not known is refused. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::select::{Mode, Selector};
use crate::playbook::Span;
use crate::run::Refusal;

/// One place that chooses pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// `spec.target`: where it stands, for people.
    pub at: String,
    pub selector: Selector,
    pub mode: Mode,
    pub hits: Hits,
}

/// What a hit does to a pod that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hits {
    /// It does not serve for a while.
    Kills,
    Hurts,
}

/// One injection that a manifest describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    pub kind: String,
    pub action: String,
    /// JSON pointer of its spec, within the spec of the object.
    pub spec: String,
    /// JSON pointer of what ends it; `None` for what happens once.
    pub clock: Option<String>,
}

/// What a manifest would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub shots: Vec<Shot>,
    /// Pointers of further clocks that must be set: templates of a Workflow that only wait or repeat.
    pub clocks: Vec<String>,
}

/// Kinds that hit pods, and the field of a template that holds their spec.
const FIELDS: [(&str, &str); 10] = [
    ("PodChaos", "podChaos"),
    ("NetworkChaos", "networkChaos"),
    ("StressChaos", "stressChaos"),
    ("IOChaos", "ioChaos"),
    ("TimeChaos", "timeChaos"),
    ("DNSChaos", "dnsChaos"),
    ("HTTPChaos", "httpChaos"),
    ("KernelChaos", "kernelChaos"),
    ("JVMChaos", "jvmChaos"),
    ("BlockChaos", "blockChaos"),
];
const OUTSIDE: [&str; 4] = ["AWSChaos", "AzureChaos", "GCPChaos", "PhysicalMachineChaos"];

fn refuse(why: String, hint: &str) -> Refusal {
    Refusal {
        why,
        hint: Some(hint.to_owned()),
    }
}

fn uncounted(why: String) -> Refusal {
    refuse(why, "what cannot be counted is not fired")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn field_of(kind: &str) -> Option<&'static str> {
    FIELDS
        .iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, field)| *field)
}

/// `spec.target` of the pointer `/target`.
fn place(pointer: &str) -> String {
    format!("spec{}", pointer.replace('/', "."))
}

pub fn is_one_shot(kind: &str, action: &str) -> bool {
    kind == "PodChaos" && matches!(action, "pod-kill" | "container-kill")
}

/// What an object of this kind would do.
pub fn describe(kind: &str, spec: &Value) -> Result<Described, Refusal> {
    let mut found = Described {
        shots: Vec::new(),
        clocks: Vec::new(),
    };
    walk(&mut found, kind, spec, "")?;
    Ok(found)
}

fn walk(found: &mut Described, kind: &str, spec: &Value, at: &str) -> Result<(), Refusal> {
    match kind {
        "Schedule" => schedule(found, spec, at),
        "Workflow" => workflow(found, spec, at),
        "" => Err(refuse(
            "the manifest names no kind".to_owned(),
            "write `kind: PodChaos`, for instance",
        )),
        kind if OUTSIDE.contains(&kind) => Err(uncounted(format!("{kind} hits no pods"))),
        kind if field_of(kind).is_some() => {
            shot(found, kind, spec, at, format!("{at}/duration"));
            Ok(())
        }
        kind => {
            let known = FIELDS
                .iter()
                .map(|(known, _)| *known)
                .chain(["Schedule", "Workflow"]);
            let shown = crate::text::printable(kind);
            let hint = crate::text::nearest(kind, known).map(|near| format!("did you mean {near}?"));
            Err(Refusal {
                why: format!("{shown} is no kind of fault that is known here"),
                hint,
            })
        }
    }
}

fn shot(found: &mut Described, kind: &str, spec: &Value, at: &str, clock: String) {
    let action = match text(spec, "action") {
        "" => kind,
        action => action,
    };
    found.shots.push(Shot {
        kind: kind.to_owned(),
        action: action.to_owned(),
        spec: at.to_owned(),
        clock: (!is_one_shot(kind, action)).then_some(clock),
    });
}

fn schedule(found: &mut Described, spec: &Value, at: &str) -> Result<(), Refusal> {
    let kind = text(spec, "type");
    let field = if kind == "Workflow" {
        "workflow"
    } else {
        match field_of(kind) {
            Some(field) => field,
            // Says why not.
            None => return walk(found, kind, &Value::Null, at),
        }
    };
    let Some(template) = spec.get(field).filter(|template| template.is_object()) else {
        let why = format!("`{}` is of type {kind} and has no `{field}`", place(at));
        return Err(uncounted(why));
    };
    walk(found, kind, template, &format!("{at}/{field}"))
}

fn workflow(found: &mut Described, spec: &Value, at: &str) -> Result<(), Refusal> {
    let templates = spec.get("templates").and_then(Value::as_array);
    for (ix, template) in templates.into_iter().flatten().enumerate() {
        let at = format!("{at}/templates/{ix}");
        let clock = format!("{at}/deadline");
        match text(template, "templateType") {
            "Serial" | "Parallel" | "StatusCheck" => {}
            "Suspend" => found.clocks.push(clock),
            "Task" => return Err(uncounted(format!("`{}` runs a container of its own", place(&at)))),
            "Schedule" => {
                let Some(inner) = template.get("schedule") else {
                    return Err(uncounted(format!("`{}` has no `schedule`", place(&at))));
                };
                schedule(found, inner, &format!("{at}/schedule"))?;
                found.clocks.push(clock);
            }
            kind => {
                let Some(field) = field_of(kind) else {
                    return walk(found, kind, &Value::Null, &at);
                };
                let Some(inner) = template.get(field) else {
                    return Err(uncounted(format!("`{}` has no `{field}`", place(&at))));
                };
                shot(found, kind, inner, &format!("{at}/{field}"), clock);
            }
        }
    }
    Ok(())
}

impl Described {
    /// Pointers of every clock that must be set.
    pub fn all_clocks(&self) -> impl Iterator<Item = &String> {
        let ends = self.shots.iter().filter_map(|shot| shot.clock.as_ref());
        ends.chain(&self.clocks)
    }

    /// Every place that chooses pods. A selector that stands where none is known is refused.
    pub fn aims(&self, spec: &Value, namespace: &str) -> Result<Vec<Aim>, Refusal> {
        let mut aims = Vec::new();
        let mut known = BTreeSet::new();
        for shot in &self.shots {
            let part = spec.pointer(&shot.spec).unwrap_or(&Value::Null);
            if part
                .get("remoteCluster")
                .is_some_and(|name| !name.is_null() && name != "")
            {
                return Err(uncounted(format!(
                    "`{}` aims at another cluster",
                    place(&shot.spec)
                )));
            }
            let kills = matches!(
                (shot.kind.as_str(), shot.action.as_str()),
                ("PodChaos", "pod-kill" | "pod-failure" | "container-kill")
            );
            let hits = if kills { Hits::Kills } else { Hits::Hurts };
            let target = part.get("target").filter(|target| target.is_object());
            let parts = [
                (shot.spec.clone(), Some(part)),
                (format!("{}/target", shot.spec), target),
            ];
            for (at, part) in parts {
                let Some(part) = part else { continue };
                let shown = place(&at);
                let selector = part.get("selector").unwrap_or(&Value::Null);
                aims.push(Aim {
                    selector: Selector::read(selector, namespace, &format!("{shown}.selector"))?,
                    mode: Mode::read(part, &shown)?,
                    at: shown,
                    hits,
                });
                known.insert(format!("{at}/selector"));
            }
        }
        if let Some(stray) = stray(spec, "", &known) {
            return Err(uncounted(format!(
                "the selector at `{}` is not understood",
                place(&stray)
            )));
        }
        Ok(aims)
    }
}

/// A selector that stands where none is known.
fn stray(value: &Value, at: &str, known: &BTreeSet<String>) -> Option<String> {
    if known.contains(at) {
        return None;
    }
    if at.ends_with("/selector") {
        return Some(at.to_owned());
    }
    match value {
        Value::Object(map) => map
            .iter()
            .find_map(|(key, value)| stray(value, &format!("{at}/{key}"), known)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(ix, value)| stray(value, &format!("{at}/{ix}"), known)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The length that stands at a pointer of the spec; `None` when nothing stands there.
pub fn length_at(spec: &Value, clock: &str) -> Result<Option<Duration>, Refusal> {
    match spec.pointer(clock) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let written = value.as_str().unwrap_or_default();
            let span = written.parse::<Span>().map_err(|error| {
                let why = crate::text::printable(&error.to_string()).into_owned();
                uncounted(format!("`{}`: {why}", place(clock)))
            })?;
            Ok(Some(span.0))
        }
    }
}

/// The longest that a whole Workflow may take, every template at its deadline.
pub fn workflow_length(spec: &Value) -> Result<Duration, Refusal> {
    template_length(spec, text(spec, "entry"), (0, &mut 0))
}

/// Deeper and longer than this no Workflow is that a person wrote; one that calls itself is.
const DEPTH: usize = 32;
const STEPS: usize = 10_000;

fn template_length(
    spec: &Value,
    name: &str,
    (depth, steps): (usize, &mut usize),
) -> Result<Duration, Refusal> {
    let templates = spec.get("templates").and_then(Value::as_array);
    let shown = crate::text::printable(name);
    let found = templates
        .into_iter()
        .flatten()
        .enumerate()
        .find(|(_, template)| text(template, "name") == name);
    let Some((ix, template)) = found else {
        return Err(uncounted(format!("the Workflow has no template `{shown}`")));
    };
    *steps += 1;
    if depth > DEPTH || *steps > STEPS {
        return Err(uncounted(format!("the Workflow calls `{shown}` within itself")));
    }
    let limit = length_at(spec, &format!("/templates/{ix}/deadline"))?;
    let children = template.get("children").and_then(Value::as_array);
    let children: Vec<Duration> = children
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|child| template_length(spec, child, (depth + 1, &mut *steps)))
        .collect::<Result<_, _>>()?;
    let own = if text(template, "templateType") == "Parallel" {
        children.into_iter().max().unwrap_or_default()
    } else {
        children
            .into_iter()
            .fold(Duration::ZERO, Duration::saturating_add)
    };
    Ok(match limit {
        Some(limit) if own.is_zero() => limit,
        Some(limit) => limit.min(own),
        None => own,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pods(app: &str) -> Value {
        json!({"labelSelectors": {"app": app}})
    }

    fn aims(kind: &str, spec: &Value) -> Result<Vec<Aim>, Refusal> {
        describe(kind, spec)?.aims(spec, "default")
    }

    #[test]
    fn every_nested_selector_is_found() {
        let network = json!({"action": "partition", "mode": "all", "selector": pods("a"),
            "target": {"mode": "one", "selector": pods("b")}});
        let kill = json!({"action": "pod-kill", "mode": "one", "selector": pods("c")});
        let workflow = json!({"entry": "all", "templates": [
            {"name": "all", "templateType": "Parallel", "children": ["cut", "again"]},
            {"name": "cut", "templateType": "NetworkChaos", "networkChaos": network},
            {"name": "again", "templateType": "Schedule",
             "schedule": {"schedule": "@every 1m", "type": "PodChaos", "podChaos": kill}}]});
        let places = |kind: &str, spec: &Value| -> Vec<String> {
            aims(kind, spec)
                .expect(kind)
                .into_iter()
                .map(|aim| aim.at)
                .collect()
        };
        assert_eq!(places("NetworkChaos", &network), ["spec", "spec.target"]);
        assert_eq!(
            places("Schedule", &json!({"type": "PodChaos", "podChaos": kill})),
            ["spec.podChaos"]
        );
        let nested = [
            "spec.templates.1.networkChaos",
            "spec.templates.1.networkChaos.target",
            "spec.templates.2.schedule.podChaos",
        ];
        assert_eq!(places("Workflow", &workflow), nested);
        let scheduled = json!({"type": "Workflow", "workflow": workflow});
        assert_eq!(places("Schedule", &scheduled).len(), 3);
        let found = aims("Workflow", &workflow).expect("aims");
        assert_eq!(found[2].hits, Hits::Kills);
        assert_eq!(found[0].hits, Hits::Hurts);
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let kill = json!({"action": "pod-kill", "mode": "one", "selector": pods("c")});
        for (kind, spec, word) in [
            ("AWSChaos", json!({"action": "ec2-stop"}), "hits no pods"),
            (
                "PhysicalMachineChaos",
                json!({"action": "stress-cpu"}),
                "hits no pods",
            ),
            ("PodNetworkChaos", json!({}), "no kind of fault"),
            ("NetworkCaos", json!({}), "no kind of fault"),
            ("", json!({}), "names no kind"),
            (
                "Schedule",
                json!({"type": "GCPChaos", "gcpChaos": {}}),
                "hits no pods",
            ),
            (
                "Schedule",
                json!({"type": "PodChaos", "networkChaos": {}}),
                "has no `podChaos`",
            ),
            (
                "Workflow",
                json!({"templates": [{"templateType": "Task", "task": {}}]}),
                "container of its own",
            ),
            (
                "PodChaos",
                json!({"mode": "one", "selector": pods("a"), "remoteCluster": "x"}),
                "another cluster",
            ),
            ("PodChaos", json!({"mode": "one"}), "no selector"),
            (
                "PodChaos",
                json!({"mode": "one", "selector": pods("a"), "extra": {"selector": pods("b"), "mode": "all"}}),
                "spec.extra.selector",
            ),
            (
                "Workflow",
                json!({"entry": "a", "templates": [{"name": "a", "templateType": "PodChaos", "podChaos": kill,
                    "networkChaos": {"mode": "all", "selector": pods("x")}}]}),
                "networkChaos.selector",
            ),
        ] {
            let refusal = aims(kind, &spec).expect_err(kind);
            assert!(refusal.why.contains(word), "{kind}: {refusal}");
        }
        assert_eq!(
            describe("NetworkCaos", &Value::Null)
                .expect_err("refused")
                .hint
                .as_deref(),
            Some("did you mean NetworkChaos?")
        );
    }

    #[test]
    fn what_happens_once_has_no_clock() {
        let kill = json!({"action": "pod-kill"});
        assert_eq!(
            describe("PodChaos", &kill).expect("described").shots[0].clock,
            None
        );
        let failure = json!({"action": "pod-failure"});
        let shots = describe("PodChaos", &failure).expect("described").shots;
        assert_eq!(shots[0].clock.as_deref(), Some("/duration"));
    }

    #[test]
    fn a_workflow_is_as_long_as_its_longest_way() {
        let chaos = |name: &str, deadline: &str| json!({"name": name, "templateType": "PodChaos", "deadline": deadline});
        let spec = json!({"entry": "s", "templates": [
            {"name": "s", "templateType": "Serial", "children": ["p", "c"]},
            {"name": "p", "templateType": "Parallel", "children": ["a", "b"]},
            chaos("a", "1m"), chaos("b", "3m"), chaos("c", "30s")]});
        assert_eq!(
            workflow_length(&spec).expect("a length"),
            Duration::from_secs(210)
        );
        let turning =
            json!({"entry": "s", "templates": [{"name": "s", "templateType": "Serial", "children": ["s"]}]});
        assert!(
            workflow_length(&turning)
                .expect_err("refused")
                .why
                .contains("within itself")
        );
    }
}
