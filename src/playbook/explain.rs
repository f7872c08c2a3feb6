//! What a run of a playbook would do, step by step, in words. Asks no cluster, so it names no pod.

use std::fmt::Write as _;

use serde_json::Value;

use super::lint::manifest::{self, Part, Side};
use super::model::{Check, Fault, Headless, Limits, Playbook, Probe, Step, Title, When};
use crate::text::{printable, width, wrap};
use crate::units::human;

/// Columns of the text.
const COLUMNS: usize = 100;

/// Lines, made safe as they are written.
#[derive(Default)]
struct Paper(String);

impl Paper {
    /// One line, or several where it is long, the later ones a little further in.
    fn line(&mut self, indent: usize, text: &str) {
        self.labelled(indent, "", 2, text);
    }

    /// A label of `columns`, and text beside it that stays beside it.
    fn labelled(&mut self, indent: usize, label: &str, columns: usize, text: &str) {
        let label = printable(label);
        let text = printable(text.trim_end());
        let (hang, lead) = if label.is_empty() {
            (indent + columns, 0)
        } else {
            (indent + columns, width(&label))
        };
        let first = if label.is_empty() {
            indent
        } else {
            hang.max(indent + lead + 1)
        };
        let room = COLUMNS.saturating_sub(first).max(20);
        for (number, line) in wrap(&text, room).iter().enumerate() {
            // Writing into a string cannot fail.
            let _ = match number {
                0 if label.is_empty() => writeln!(self.0, "{:indent$}{line}", ""),
                0 => {
                    let pad = first - indent - lead;
                    writeln!(self.0, "{:indent$}{label}{:pad$}{line}", "", "")
                }
                _ => writeln!(self.0, "{:hang$}{line}", ""),
            };
        }
    }

    fn field(&mut self, name: &str, text: &str) {
        self.labelled(0, name, 10, text);
    }

    fn text(&mut self, indent: usize, title: &Title) {
        for line in title.to_string().lines() {
            self.line(indent, line);
        }
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }
}

/// What will happen, what is fired, what it owes and how it is undone, the limits and the objective.
pub fn explain(playbook: &Playbook) -> String {
    let mut paper = Paper::default();
    let severity = playbook
        .severity
        .map_or(String::new(), |severity| format!("  [{severity:?}]"));
    paper.line(0, &format!("{}{severity}  {}", playbook.name, playbook.title));
    if let Some(description) = &playbook.description {
        paper.text(2, description);
    }
    paper.gap();
    let labels: Vec<String> = playbook
        .target
        .pods
        .iter()
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    paper.field(
        "target",
        &format!("pods {} in {}", labels.join(","), playbook.target.namespace),
    );
    paper.field("limits", &limits(&playbook.limits, &playbook.target.namespace));
    if let Some(load) = &playbook.load {
        paper.field(
            "load",
            &format!(
                "{} clients, {} in all, {} topics, {} a message (there is no load generator yet: no load is made)",
                load.clients, load.rate, load.topics, load.payload
            ),
        );
    }
    objective(playbook, &mut paper);
    paper.gap();
    paper.line(0, "checks");
    let all = playbook.all_checks();
    let longest = all
        .iter()
        .map(|check| width(check.id.as_str()))
        .max()
        .unwrap_or(0);
    for check in &all {
        paper.labelled(2, check.id.as_str(), longest.min(24) + 2, &check_line(check));
    }
    if all.iter().any(|check| !probe(&check.probe).1) {
        paper.line(
            2,
            "a probe that is not measured yet is shown as not measured, never as passed",
        );
    }
    if !playbook.predict.is_empty() {
        paper.gap();
        paper.line(0, "predictions, locked when the first fault is fired");
        for (number, title) in playbook.predict.iter().enumerate() {
            paper.line(2, &format!("{} {title}", number + 1));
        }
    }
    paper.gap();
    paper.line(0, "steps");
    for (number, step) in playbook.steps.iter().enumerate() {
        explain_step(playbook, number + 1, step, &mut paper);
    }
    paper.gap();
    paper.line(
        0,
        "at the end, or when it is stopped early, every fault of this run is undone and seen gone, or the run says \
         what is owed (exit code 5)",
    );
    paper.0
}

fn limits(limits: &Limits, own: &str) -> String {
    let namespaces = match limits.namespaces.as_slice() {
        [] => own.to_owned(),
        listed => listed.join(", "),
    };
    format!(
        "at most {} {}, {} of the ready ones, {} long, in {namespaces}; more is refused before firing",
        limits.pods,
        if limits.pods == 1 { "pod" } else { "pods" },
        limits.percent,
        limits.duration
    )
}

fn names<T: ToString>(ids: &[T]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn objective(playbook: &Playbook, paper: &mut Paper) {
    match &playbook.recovery {
        None => paper.field("recovery", "not timed: there is no objective"),
        Some(recovery) => {
            paper.field(
                "recovery",
                &format!(
                    "within {} from {}, acceptable up to {}: {} must hold for {}",
                    recovery.target,
                    recovery.clock,
                    recovery.acceptable,
                    names(&recovery.when),
                    recovery.hold
                ),
            );
            paper.line(
                10,
                "not judged when none of these was seen broken, or when they are seen too coarsely",
            );
        }
    }
    for stop in &playbook.stop_when {
        let expect = stop
            .expect
            .as_ref()
            .map_or(String::new(), |expect| format!(" ({expect})"));
        paper.field(
            "stop",
            &format!(
                "{}{expect} broken for {}: the run ends and undoes everything",
                stop.check, stop.broken_for
            ),
        );
    }
}

/// What a probe looks at; and whether this version can.
fn probe(probe: &Probe) -> (String, bool) {
    match probe {
        Probe::PodsReady(_) => (
            "ready pods of the target, of as many as are wanted".to_owned(),
            true,
        ),
        Probe::Endpoints(_) => ("ready endpoints of its services".to_owned(), true),
        Probe::Prometheus(probe) => (format!("Prometheus: {}", probe.query), false),
        Probe::Mqtt(probe) => (
            format!("MQTT round trip at QoS {}: {}", probe.qos, probe.measure),
            false,
        ),
        Probe::Http(probe) => (format!("GET {}", probe.url), true),
        Probe::PodLogs(probe) => (format!("lines of the pods' logs with /{}/", probe.pattern), true),
    }
}

fn when(when: &[When]) -> String {
    let words: Vec<&str> = when
        .iter()
        .map(|when| match when {
            When::Before => "before",
            When::Fault => "during the fault",
            When::After => "after",
            When::Always => "always",
            When::UntilRecovered => "until recovered",
        })
        .collect();
    words.join(", ")
}

fn check_line(check: &Check) -> String {
    let (what, measured) = probe(&check.probe);
    let expect = check.expect.as_ref().map_or_else(
        || "expects the usual".to_owned(),
        |expect| format!("expects {expect}"),
    );
    let note = if measured { "" } else { "; not measured yet" };
    format!("{what}; {expect}; {}{note}", when(&check.when))
}

const fn unattended(headless: Headless) -> &'static str {
    match headless {
        Headless::Pass => "unattended: passed",
        Headless::Skip => "unattended: skipped",
        Headless::Fail => "unattended: the run fails here",
    }
}

fn explain_step(playbook: &Playbook, number: usize, step: &Step, paper: &mut Paper) {
    let label = format!("{number:>2} {}", step.word());
    let head = |paper: &mut Paper, text: String| paper.labelled(1, &label, 14, &text);
    match step {
        Step::Brief(step) => {
            head(paper, format!("read, then go on; {}", unattended(step.headless)));
            paper.text(6, &step.text);
        }
        Step::Checklist(step) => {
            let text = format!(
                "{} things to tick; {}",
                step.items.len(),
                unattended(step.headless)
            );
            head(paper, text);
            for item in &step.items {
                paper.line(6, &format!("[ ] {item}"));
            }
        }
        Step::Baseline(step) => head(
            paper,
            format!(
                "the steady state must hold for {}, else nothing is fired",
                step.for_
            ),
        ),
        Step::Fault(fault) => {
            head(paper, format!("{}: {}", fault.id, action(fault)));
            explain_fault(playbook, fault, paper);
        }
        Step::Observe(step) => head(paper, format!("watch for {}", step.for_)),
        Step::Recover(step) => {
            let text = format!(
                "undo what is still on, wait until the recovery clock stops, at most {}",
                step.timeout
            );
            head(paper, text);
        }
        Step::Verify(step) => {
            let text = format!("must hold within {}: {}", step.timeout, names(&step.checks));
            head(paper, text);
        }
        Step::Debrief(step) => {
            let text = format!(
                "{} questions; {}",
                step.questions.len(),
                unattended(step.headless)
            );
            head(paper, text);
            for question in &step.questions {
                paper.line(6, &format!("? {question}"));
            }
        }
    }
}

fn action(fault: &Fault) -> String {
    if fault.action() == fault.kind() {
        fault.kind().to_owned()
    } else {
        format!("{} {}", fault.kind(), fault.action())
    }
}

fn side(side: &Side<'_>) -> String {
    let value = side
        .holder
        .get("value")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let how = match side.mode().unwrap_or("one") {
        "one" => "one pod, chosen at random,".to_owned(),
        "all" => "every pod".to_owned(),
        "fixed" => format!("{value} pods"),
        "fixed-percent" => format!("{value} % of the pods"),
        "random-max-percent" => format!("up to {value} % of the pods"),
        other => other.to_owned(),
    };
    format!("{how} of {}", selector(side.selector))
}

/// A selector as people read it: `app=emqx-go in default`.
fn selector(selector: Option<&Value>) -> String {
    let Some(fields) = selector.and_then(Value::as_object) else {
        return "nothing".to_owned();
    };
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let list = |value: &Value| match value {
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| format!("{name}={}", plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => plain(other),
    };
    let mut parts = Vec::new();
    for (field, value) in fields.iter().filter(|(field, _)| *field != "namespaces") {
        parts.push(match (field.as_str(), value) {
            ("labelSelectors", _) => list(value),
            ("pods", Value::Object(map)) => map
                .iter()
                .map(|(namespace, names)| format!("{} in {namespace}", list(names)))
                .collect::<Vec<_>>()
                .join(" and "),
            _ => format!("{field} {}", list(value)),
        });
    }
    if let Some(namespaces) = fields.get("namespaces") {
        parts.push(format!("in {}", list(namespaces)));
    }
    parts.join(" ")
}

fn explain_part(part: &Part<'_>, paper: &mut Paper) {
    let action = part.text("action").unwrap_or(part.kind.name);
    let sides: Vec<String> = part.sides().iter().map(side).collect();
    paper.line(6, &format!("{action} on {}", sides.join(" against ")));
    let skipped = ["action", "mode", "value", "selector", "target", "duration"];
    let details: Vec<String> = part
        .spec
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, value)| {
            !skipped.contains(&field.as_str()) || (*field == "target" && !value.is_object())
        })
        .map(|(field, value)| format!("{field} {value}"))
        .collect();
    if !details.is_empty() {
        paper.line(6, &format!("with {}", details.join(", ")));
    }
}

fn explain_fault(playbook: &Playbook, fault: &Fault, paper: &mut Paper) {
    for part in manifest::parts(fault) {
        explain_part(&part, paper);
    }
    paper.line(
        6,
        "armed first (who would be hit, are the limits held), then fired by a person; unattended: at once",
    );
    let object = fault.kind();
    let owes = match fault.kind() {
        "Schedule" => {
            let rule = fault
                .chaos_mesh
                .pointer("/spec/schedule")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let first = manifest::first_firing(rule).map_or(String::new(), |first| {
                format!(", the first time after {}", human(first))
            });
            format!("owes the Schedule, which fires by {rule}{first}, until it is deleted")
        }
        "Workflow" => "owes the Workflow, which makes its chaos again until it is deleted".to_owned(),
        _ if fault.is_one_shot() => {
            format!("happens once; owes the {object} object alone, and there is nothing to undo on the pods")
        }
        _ => {
            let lasts = match fault.duration() {
                Some(duration) => human(duration),
                None => format!(
                    "{} (the limit, as the manifest says nothing)",
                    playbook.limits.duration
                ),
            };
            format!(
                "owes the {object} object and what it does to the pods; ends by itself {lasts} after its creation"
            )
        }
    };
    paper.line(6, &owes);
    let undo = if fault.is_one_shot() {
        "undone by deleting the object; gone when the cluster has it no more"
    } else {
        "undone by deleting the object; gone when every record says that it was taken back"
    };
    paper.line(6, undo);
}
