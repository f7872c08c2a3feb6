//! Checks as types: what is looked at, how often, what is expected, and what stops a run.
//! Part of the model; never reads a file, never looks itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::Span;
use crate::evidence::Expect;
use crate::units::CheckId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    Before,
    Fault,
    After,
    Always,
    UntilRecovered,
}

fn default_when() -> Vec<When> {
    vec![When::Always]
}

/// What a reading without data counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoData {
    #[default]
    Unknown,
    Fail,
    Pass,
}

/// A probe, how often it looks, and what it expects to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    pub id: CheckId,
    #[serde(flatten)]
    pub probe: Probe,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub expect: Option<Expect>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    #[serde(default = "default_when")]
    pub when: Vec<When>,
    #[serde(default)]
    pub no_data: NoData,
    /// How long the expectation must be broken before the check counts as broken.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<Span>,
}

/// What a check looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Ready pods of the target, of as many as its owner wants.
    PodsReady(PodsReadyProbe),
    /// Ready endpoints of the target's services, of as many as there are wanted pods.
    Endpoints(EndpointsProbe),
    /// A query that gives one value.
    Prometheus(PrometheusProbe),
    /// A round trip through the broker, measured at the client.
    Mqtt(MqttProbe),
    Http(HttpProbe),
    /// How often a pattern stands in the logs of the target's pods.
    PodLogs(PodLogsProbe),
}

impl Probe {
    /// The probe's name in a playbook, with dashes as a check id has them.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PodsReady(_) => "pods-ready",
            Self::Endpoints(_) => "endpoints",
            Self::Prometheus(_) => "prometheus",
            Self::Mqtt(_) => "mqtt",
            Self::Http(_) => "http",
            Self::PodLogs(_) => "pod-logs",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PodsReadyProbe {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointsProbe {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusProbe {
    pub query: String,
    /// The source's name; `prometheus` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MqttProbe {
    pub qos: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// What is judged: `loss`, `p99`, `connected`, `duplicates`.
    #[serde(default)]
    pub measure: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PodLogsProbe {
    pub pattern: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// A check that, broken for long enough, aborts the run by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopCondition {
    pub check: CheckId,
    /// What must hold; the check's own expectation when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub expect: Option<Expect>,
    pub broken_for: Span,
}

impl StopCondition {
    /// What it listens to: the check, or the check's probe judged by the condition's own expectation.
    pub fn signal(&self) -> CheckId {
        match self.expect {
            Some(_) => self.check.stop_signal(),
            None => self.check.clone(),
        }
    }
}
