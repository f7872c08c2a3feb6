//! The checks that every playbook has without saying so. Pure.

use super::model::{
    Check, EndpointsProbe, NoData, PodLogsProbe, PodsReadyProbe, Probe, PrometheusProbe, Target, When,
};
use crate::evidence::Expect;
use crate::units::CheckId;

/// A check that every playbook has without saying so, derived from its target; `None` for any other id.
pub fn builtin(id: &str, target: &Target) -> Option<Check> {
    let (probe, expect, when) = match id {
        "pods-ready" => (
            Probe::PodsReady(PodsReadyProbe {}),
            Expect::All,
            vec![When::Always],
        ),
        "endpoints" => (
            Probe::Endpoints(EndpointsProbe {}),
            Expect::All,
            vec![When::Always],
        ),
        "metrics" => {
            let job = target.pods.get("app").or_else(|| target.pods.values().next())?;
            let up = format!("up{{job={}}}", serde_json::Value::from(job.as_str()));
            let query = format!("sum({up}) / count({up})");
            let probe = Probe::Prometheus(PrometheusProbe { query, source: None });
            (probe, ">= 0.66".parse().ok()?, vec![When::After])
        }
        "errors" => {
            let pattern = "(?i)error|fatal|panic".to_owned();
            let probe = Probe::PodLogs(PodLogsProbe {
                pattern,
                within: None,
            });
            (probe, "< 5".parse().ok()?, vec![When::After])
        }
        _ => return None,
    };
    Some(Check {
        id: CheckId::new(id),
        probe,
        expect: Some(expect),
        every: None,
        when,
        no_data: NoData::Unknown,
        for_: None,
    })
}
