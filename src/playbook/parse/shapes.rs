//! What each part of a playbook is made of: its fields, its short forms, its defaults.
//! The one list of field names; the JSON Schema is held against it by a test.

use super::node::{Data, Node};
use super::reader::{Fields, Read, Reader, word};
use crate::evidence::Expect;
use crate::playbook::findings::{Place, shown};
use crate::playbook::model::{
    BaselineStep, BriefStep, ChecklistStep, ClockFrom, DebriefStep, Fault, Headless, Limits, Load,
    ObserveStep, RecoverStep, Recovery, Severity, Step, StopCondition, Suite, Target, VerifyStep,
};

/// Part and field names, in the order in which people write them.
pub const FIELDS: &[(&str, &[&str])] = &[
    (
        "playbook",
        &[
            "firedrill",
            "name",
            "title",
            "description",
            "severity",
            "vars",
            "target",
            "limits",
            "sources",
            "load",
            "checks",
            "stop_when",
            "recovery",
            "predict",
            "steps",
        ],
    ),
    ("target", &["namespace", "pods"]),
    ("limits", &["pods", "percent", "duration", "namespaces"]),
    ("load", &["clients", "rate", "topics", "payload", "qos"]),
    (
        "check",
        &[
            "id",
            "pods_ready",
            "endpoints",
            "prometheus",
            "mqtt",
            "http",
            "pod_logs",
            "expect",
            "every",
            "when",
            "no_data",
            "for",
        ],
    ),
    ("pods_ready", &[]),
    ("endpoints", &[]),
    ("prometheus", &["query", "source"]),
    ("mqtt", &["qos", "every", "measure"]),
    ("http", &["url", "status"]),
    ("pod_logs", &["pattern", "within"]),
    ("stop_when", &["check", "expect", "broken_for"]),
    ("recovery", &["clock", "target", "acceptable", "when", "hold"]),
    ("brief", &["text", "headless"]),
    ("checklist", &["items", "headless"]),
    ("baseline", &["for"]),
    ("fault", &["id", "chaos_mesh"]),
    ("observe", &["for"]),
    ("recover", &["timeout"]),
    ("verify", &["checks", "timeout"]),
    ("debrief", &["questions", "headless"]),
    ("suite", &["firedrill", "suite", "title", "pause", "playbooks"]),
];

/// The words of the steps.
pub const STEPS: [&str; 8] = [
    "brief",
    "checklist",
    "baseline",
    "fault",
    "observe",
    "recover",
    "verify",
    "debrief",
];

impl Read for Severity {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        word(
            reader,
            node,
            &[("P0", Self::P0), ("P1", Self::P1), ("P2", Self::P2)],
        )
    }
}

impl Read for ClockFrom {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let words = [
            ("fault-start", Self::FaultStart),
            ("first-symptom", Self::FirstSymptom),
            ("fault-end", Self::FaultEnd),
        ];
        word(reader, node, &words)
    }
}

impl Read for Headless {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let words = [("pass", Self::Pass), ("skip", Self::Skip), ("fail", Self::Fail)];
        word(reader, node, &words)
    }
}

impl Read for Target {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "target")?;
        let (namespace, pods) = (fields.need(reader, "namespace"), fields.need(reader, "pods"));
        Some(Self {
            namespace: namespace?,
            pods: pods?,
        })
    }
}

impl Read for Limits {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "limits")?;
        let default = Self::default();
        let pods = fields.or(reader, "pods", default.pods);
        let percent = fields.or(reader, "percent", default.percent);
        let duration = fields.or(reader, "duration", default.duration);
        let namespaces = fields.or(reader, "namespaces", default.namespaces);
        Some(Self {
            pods: pods?,
            percent: percent?,
            duration: duration?,
            namespaces: namespaces?,
        })
    }
}

impl Read for Load {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "load")?;
        let clients = fields.need(reader, "clients");
        let rate = fields.need(reader, "rate");
        let topics = fields.need(reader, "topics");
        let payload = fields.need(reader, "payload");
        let qos = fields.need(reader, "qos");
        Some(Self {
            clients: clients?,
            rate: rate?,
            topics: topics?,
            payload: payload?,
            qos: qos?,
        })
    }
}

impl Read for StopCondition {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "stop_when")?;
        let check = fields.need(reader, "check");
        let expect = fields.maybe::<Expect>(reader, "expect");
        let broken_for = fields.need(reader, "broken_for");
        Some(Self {
            check: check?,
            expect: expect?,
            broken_for: broken_for?,
        })
    }
}

impl Read for Recovery {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "recovery")?;
        let clock = fields.or(reader, "clock", ClockFrom::default());
        let target = fields.need(reader, "target");
        let acceptable = fields.need(reader, "acceptable");
        let when = fields.need(reader, "when");
        let hold = fields.need(reader, "hold");
        Some(Self {
            clock: clock?,
            target: target?,
            acceptable: acceptable?,
            when: when?,
            hold: hold?,
        })
    }
}

impl Read for Suite {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "suite")?;
        let firedrill = fields.need(reader, "firedrill");
        let suite = fields.need(reader, "suite");
        let title = fields.or(reader, "title", crate::playbook::Title::default());
        let pause = fields.or(reader, "pause", crate::playbook::Span::default());
        let playbooks = fields.need(reader, "playbooks");
        Some(Self {
            firedrill: firedrill?,
            suite: suite?,
            title: title?,
            pause: pause?,
            playbooks: playbooks?,
        })
    }
}

impl Read for Step {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let Data::Map(entries) = &node.data else {
            return reader.wrong(
                node,
                &format!("a step, such as `brief: …` (one of {})", STEPS.join(", ")),
            );
        };
        let known: Vec<_> = entries
            .iter()
            .filter(|entry| STEPS.contains(&entry.key.as_str()))
            .collect();
        let strange = entries
            .iter()
            .filter(|entry| !STEPS.contains(&entry.key.as_str()));
        for entry in strange {
            let mut finding = crate::playbook::findings::Finding::error(
                "unknown-step",
                entry.place,
                format!("no step is called {}", shown(&entry.key)),
            );
            if let [step] = known.as_slice() {
                finding.message = format!("{} stands beside `{}`", shown(&entry.key), step.key);
                finding = finding.hint(format!(
                    "a step is one word with its fields indented below it: put it into `{}`",
                    step.key
                ));
            } else {
                let near = (entry.key.len() <= 64)
                    .then(|| crate::text::nearest(&entry.key, STEPS))
                    .flatten();
                finding = finding.hint(near.map_or_else(
                    || format!("one of {}", STEPS.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                ));
            }
            reader.findings.push(finding);
        }
        match known.as_slice() {
            [] => {
                if entries.is_empty() {
                    let place = Place::new(node.place.start, node.place.start + 1);
                    reader.error("unknown-step", place, "the step is empty");
                }
                None
            }
            [step] => read_step(reader, &step.key, &step.value),
            [_, second, ..] => {
                let message = format!("`{}` is a second step in one item", second.key);
                reader.error("two-steps", second.place, message);
                None
            }
        }
    }
}

fn read_step(reader: &mut Reader, kind: &str, node: &Node) -> Option<Step> {
    match kind {
        "brief" => Some(Step::Brief(brief(reader, node)?)),
        "checklist" => {
            let (items, headless) = listed(reader, node, ("checklist", "items"), Headless::Pass)?;
            Some(Step::Checklist(ChecklistStep { items, headless }))
        }
        "debrief" => {
            let (questions, headless) = listed(reader, node, ("debrief", "questions"), Headless::Skip)?;
            Some(Step::Debrief(DebriefStep { questions, headless }))
        }
        "verify" => Some(Step::Verify(verify(reader, node)?)),
        "baseline" => {
            let for_ = reader.fields(node, "baseline")?.need(reader, "for")?;
            Some(Step::Baseline(BaselineStep { for_ }))
        }
        "observe" => {
            let for_ = reader.fields(node, "observe")?.need(reader, "for")?;
            Some(Step::Observe(ObserveStep { for_ }))
        }
        "recover" => {
            let timeout = reader.fields(node, "recover")?.need(reader, "timeout")?;
            Some(Step::Recover(RecoverStep { timeout }))
        }
        _ => Some(Step::Fault(fault(reader, node)?)),
    }
}

fn brief(reader: &mut Reader, node: &Node) -> Option<BriefStep> {
    // A map with languages is a short form too; with `text` in it, it is the long one.
    let long = node.get("text").is_some() || node.get("headless").is_some();
    if !long {
        return Some(BriefStep {
            text: Read::read(reader, node)?,
            headless: Headless::Pass,
        });
    }
    let fields = reader.fields(node, "brief")?;
    let (text, headless) = (
        fields.need(reader, "text"),
        fields.or(reader, "headless", Headless::Pass),
    );
    Some(BriefStep {
        text: text?,
        headless: headless?,
    })
}

/// A step whose short form is its list alone.
fn listed<T: Read>(
    reader: &mut Reader,
    node: &Node,
    (what, list): (&'static str, &'static str),
    headless: Headless,
) -> Option<(Vec<T>, Headless)> {
    if matches!(node.data, Data::List(_)) {
        return Some((Read::read(reader, node)?, headless));
    }
    let fields = reader.fields(node, what)?;
    let (items, headless) = (fields.need(reader, list), fields.or(reader, "headless", headless));
    Some((items?, headless?))
}

fn verify(reader: &mut Reader, node: &Node) -> Option<VerifyStep> {
    if matches!(node.data, Data::List(_)) {
        return Some(VerifyStep {
            checks: Read::read(reader, node)?,
            timeout: VerifyStep::default_timeout(),
        });
    }
    let fields = reader.fields(node, "verify")?;
    let checks = fields.need(reader, "checks");
    let timeout = fields.or(reader, "timeout", VerifyStep::default_timeout());
    Some(VerifyStep {
        checks: checks?,
        timeout: timeout?,
    })
}

fn fault(reader: &mut Reader, node: &Node) -> Option<Fault> {
    let fields: Fields<'_> = reader.fields(node, "fault")?;
    let id = fields.need(reader, "id");
    let chaos_mesh = match fields.get("chaos_mesh") {
        Some(node) if !matches!(node.data, Data::Map(_)) => {
            reader.wrong(node, "a Chaos Mesh manifest (a map with `kind` and `spec`)")
        }
        _ => fields.need(reader, "chaos_mesh"),
    };
    Some(Fault {
        id: id?,
        chaos_mesh: chaos_mesh?,
    })
}
