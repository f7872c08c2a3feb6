//! The playbook as types: what the YAML means once it is read. The JSON Schema is made from these.
//! Never reads a file, never judges.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::builtin::builtin;
pub use super::check::{
    Check, EndpointsProbe, HttpProbe, MqttProbe, NoData, PodLogsProbe, PodsReadyProbe, Probe,
    PrometheusProbe, StopCondition, When,
};
use crate::units::{CheckId, FaultId, Percent};

/// A length of time as people write it: `90s`, `2m 30s`, `200ms`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub Duration);

/// Text in one language, or one text a language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Title {
    One(String),
    Each(BTreeMap<String, String>),
}

impl Title {
    /// The text in `language` (`en`, `zh`), else in English, else whatever there is.
    pub fn in_language(&self, language: &str) -> &str {
        match self {
            Self::One(text) => text,
            Self::Each(texts) => texts
                .get(language)
                .or_else(|| texts.get("en"))
                .or_else(|| texts.values().next())
                .map_or("", String::as_str),
        }
    }
}

impl Default for Title {
    fn default() -> Self {
        Self::One(String::new())
    }
}

impl fmt::Display for Title {
    /// English first; with a second language behind a slash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(text) => f.write_str(text),
            Self::Each(texts) => {
                let first = self.in_language("en");
                f.write_str(first)?;
                for text in texts.values().filter(|text| text.as_str() != first) {
                    write!(f, " / {text}")?;
                }
                Ok(())
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    P0,
    P1,
    P2,
}

/// A playbook, variables filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// The version of this format: 1.
    pub firedrill: u32,
    pub name: String,
    #[serde(default)]
    pub title: Title,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Title>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Values for `${name}` anywhere in the file; `--set name=value` overrides them.
    #[serde(default)]
    pub vars: BTreeMap<String, serde_json::Value>,
    pub target: Target,
    #[serde(default)]
    pub limits: Limits,
    /// Where Prometheus, Loki, brokers and Alertmanager are, by name.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    #[serde(default)]
    pub checks: Vec<Check>,
    #[serde(default)]
    pub stop_when: Vec<StopCondition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// What the team expects to see; locked before the fault, scored after it.
    #[serde(default)]
    pub predict: Vec<Title>,
    pub steps: Vec<Step>,
}

impl Playbook {
    /// The fault of this id.
    pub fn fault(&self, id: &FaultId) -> Option<&Fault> {
        self.steps.iter().find_map(|step| match step {
            Step::Fault(fault) if fault.id == *id => Some(fault),
            _ => None,
        })
    }

    /// Every check of a run: the built-in ones first unless the file overrides them. `pods-ready` and `endpoints` are
    /// always among them, `metrics` and `errors` only where the playbook names them.
    pub fn all_checks(&self) -> Vec<Check> {
        let own = |id: &CheckId| self.checks.iter().any(|check| check.id == *id);
        ["pods-ready", "endpoints"]
            .into_iter()
            .chain(["metrics", "errors"].into_iter().filter(|id| self.names(id)))
            .filter_map(|id| builtin(id, &self.target))
            .filter(|check| !own(&check.id))
            .chain(self.checks.iter().cloned())
            .collect()
    }

    /// Whether recovery, a stop condition or a verification names this check.
    fn names(&self, id: &str) -> bool {
        let recovery = self.recovery.iter().flat_map(|recovery| &recovery.when);
        let stops = self.stop_when.iter().map(|stop| &stop.check);
        let verified = self.steps.iter().flat_map(|step| match step {
            Step::Verify(step) => step.checks.as_slice(),
            Step::Brief(_)
            | Step::Checklist(_)
            | Step::Baseline(_)
            | Step::Fault(_)
            | Step::Observe(_)
            | Step::Recover(_)
            | Step::Debrief(_) => &[],
        });
        recovery
            .chain(stops)
            .chain(verified)
            .any(|named| named.as_str() == id)
    }
}

impl Playbook {
    /// The stop conditions with an expectation of their own, as checks: the same probe, judged by it.
    pub fn stop_checks(&self) -> Vec<Check> {
        let all = self.all_checks();
        let own = self.stop_when.iter().filter_map(|stop| {
            let expect = stop.expect.clone()?;
            let check = all.iter().find(|check| check.id == stop.check)?.clone();
            Some(Check {
                id: stop.signal(),
                expect: Some(expect),
                for_: None,
                ..check
            })
        });
        own.collect()
    }
}

/// What the drill is aimed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub namespace: String,
    /// Labels that the pods carry.
    pub pods: BTreeMap<String, String>,
}

/// The blast radius, enforced before firing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// At most so many pods.
    pub pods: u32,
    /// At most this share of the target's ready pods.
    pub percent: Percent,
    /// The longest that a fault may last; given to manifests without a duration of their own.
    pub duration: Span,
    /// Where pods may be hurt; empty means the target's namespace only.
    pub namespaces: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pods: 1,
            percent: Percent(34.0),
            duration: Span(Duration::from_mins(10)),
            namespaces: Vec::new(),
        }
    }
}

/// The MQTT load that runs beside the drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub clients: u32,
    /// All clients together: `100/s`.
    pub rate: String,
    pub topics: u32,
    pub payload: String,
    /// Share in percent of each quality of service.
    pub qos: BTreeMap<String, u32>,
}

/// From when the recovery time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClockFrom {
    #[default]
    FaultStart,
    FirstSymptom,
    FaultEnd,
}

impl fmt::Display for ClockFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FaultStart => "fault start",
            Self::FirstSymptom => "first symptom",
            Self::FaultEnd => "fault end",
        })
    }
}

/// The objective: how soon everything must be back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    #[serde(default)]
    pub clock: ClockFrom,
    pub target: Span,
    pub acceptable: Span,
    /// The recovery signals: all must hold.
    pub when: Vec<CheckId>,
    /// For how long they must hold to prove it; never added to the recovery time.
    pub hold: Span,
}

/// What an unattended run does with a step that needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Headless {
    Pass,
    Skip,
    Fail,
}

/// One thing that happens or that people do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Brief(BriefStep),
    Checklist(ChecklistStep),
    Baseline(BaselineStep),
    Fault(Fault),
    Observe(ObserveStep),
    Recover(RecoverStep),
    Verify(VerifyStep),
    Debrief(DebriefStep),
}

impl Step {
    /// The step's word in a playbook.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Brief(_) => "brief",
            Self::Checklist(_) => "checklist",
            Self::Baseline(_) => "baseline",
            Self::Fault(_) => "fault",
            Self::Observe(_) => "observe",
            Self::Recover(_) => "recover",
            Self::Verify(_) => "verify",
            Self::Debrief(_) => "debrief",
        }
    }

    /// What an unattended run does here; `None` for a step that needs nobody.
    pub const fn unattended(&self) -> Option<Headless> {
        match self {
            Self::Brief(step) => Some(step.headless),
            Self::Checklist(step) => Some(step.headless),
            Self::Debrief(step) => Some(step.headless),
            Self::Fault(_) | Self::Baseline(_) | Self::Observe(_) | Self::Recover(_) | Self::Verify(_) => {
                None
            }
        }
    }
}

const fn pass() -> Headless {
    Headless::Pass
}

const fn skip() -> Headless {
    Headless::Skip
}

/// A text for everybody, acknowledged by a person. Short form: the text alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BriefStep {
    pub text: Title,
    #[serde(default = "pass")]
    pub headless: Headless,
}

/// Things to tick. Short form: the list alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecklistStep {
    pub items: Vec<Title>,
    #[serde(default = "pass")]
    pub headless: Headless,
}

/// Records the steady state; the run does not go on if it does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineStep {
    #[serde(rename = "for")]
    pub for_: Span,
}

/// A fault: armed and fired by a person, fired at once when unattended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub id: FaultId,
    /// A Chaos Mesh manifest; only its `spec` is taken verbatim, name and labels are ours.
    pub chaos_mesh: serde_json::Value,
}

impl Fault {
    /// `PodChaos`, `NetworkChaos`, …; empty when the manifest says none.
    pub fn kind(&self) -> &str {
        self.chaos_mesh
            .get("kind")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    }

    /// `pod-kill`, `delay`, …; the kind where the kind has no actions.
    pub fn action(&self) -> &str {
        self.chaos_mesh
            .pointer("/spec/action")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_else(|| self.kind())
    }

    /// Whether it happens once, and `duration` means nothing to it.
    pub fn is_one_shot(&self) -> bool {
        matches!(
            (self.kind(), self.action()),
            ("PodChaos", "pod-kill" | "container-kill")
                | ("AWSChaos", "ec2-restart")
                | ("AzureChaos", "vm-restart")
                | ("GCPChaos", "node-reset")
        )
    }

    /// The manifest's own duration.
    pub fn duration(&self) -> Option<Duration> {
        self.chaos_mesh
            .pointer("/spec/duration")
            .and_then(serde_json::Value::as_str)
            .and_then(|text| text.parse::<Span>().ok())
            .map(|span| span.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObserveStep {
    #[serde(rename = "for")]
    pub for_: Span,
}

/// Removes what is still on and waits until the recovery clock has stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverStep {
    pub timeout: Span,
}

/// Checks that must hold now. Short form: the list alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyStep {
    pub checks: Vec<CheckId>,
    #[serde(default = "VerifyStep::default_timeout")]
    pub timeout: Span,
}

impl VerifyStep {
    pub(super) const fn default_timeout() -> Span {
        Span(Duration::from_secs(30))
    }
}

/// Questions to answer. Short form: the list alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DebriefStep {
    pub questions: Vec<Title>,
    #[serde(default = "skip")]
    pub headless: Headless,
}

/// Playbooks run one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The version of this format: 1.
    pub firedrill: u32,
    /// The suite's name.
    pub suite: String,
    #[serde(default)]
    pub title: Title,
    /// Between two playbooks.
    #[serde(default)]
    pub pause: Span,
    /// Paths, beside the suite's own file.
    pub playbooks: Vec<String>,
}
