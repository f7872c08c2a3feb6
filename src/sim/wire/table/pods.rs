//! The columns of pods: above all the one word that says how a pod is. Pure.

use serde_json::Value;

use super::cells::{count, elements, since, text_or_none};
use crate::units::Stamp;

fn containers(pod: &Value) -> &[Value] {
    elements(&pod["status"]["containerStatuses"])
}

fn waiting_or_ended(status: &Value) -> Option<String> {
    let (waiting, ended) = (&status["state"]["waiting"], &status["state"]["terminated"]);
    if let Some(reason) = waiting["reason"].as_str().filter(|reason| !reason.is_empty()) {
        return Some(reason.to_owned());
    }
    if !ended.is_object() {
        return None;
    }
    Some(
        match ended["reason"].as_str().filter(|reason| !reason.is_empty()) {
            Some(reason) => reason.to_owned(),
            None if count(&ended["signal"]) > 0 => format!("Signal:{}", ended["signal"]),
            None => format!("ExitCode:{}", ended["exitCode"].as_i64().unwrap_or(0)),
        },
    )
}

/// The reason that init containers give, while they are not through.
fn initializing(pod: &Value) -> Option<String> {
    let statuses = elements(&pod["status"]["initContainerStatuses"]);
    let total = elements(&pod["spec"]["initContainers"]).len();
    for (at, status) in statuses.iter().enumerate() {
        if status["state"]["terminated"]["exitCode"] == 0 {
            continue;
        }
        return Some(match waiting_or_ended(status) {
            Some(reason) if reason != "PodInitializing" => format!("Init:{reason}"),
            _waiting => format!("Init:{at}/{total}"),
        });
    }
    None
}

fn has_ready_condition(pod: &Value) -> bool {
    elements(&pod["status"]["conditions"])
        .iter()
        .any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// How a pod is, in the one word of `kubectl get pods`.
pub(super) fn status(pod: &Value, _now: Stamp) -> Value {
    let phase = pod["status"]["phase"].as_str().unwrap_or("Unknown");
    let told = pod["status"]["reason"].as_str().filter(|text| !text.is_empty());
    let mut reason = told.unwrap_or(phase).to_owned();
    if let Some(init) = initializing(pod) {
        reason = init;
    } else {
        let mut running = false;
        for status in containers(pod).iter().rev() {
            if let Some(why) = waiting_or_ended(status) {
                reason = why;
            } else if status["ready"] == true && status["state"]["running"].is_object() {
                running = true;
            }
        }
        if reason == "Completed" && running {
            return if has_ready_condition(pod) {
                "Running".into()
            } else {
                "NotReady".into()
            };
        }
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        if told == Some("NodeLost") {
            return "Unknown".into();
        }
        if !["Succeeded", "Failed"].contains(&phase) {
            return "Terminating".into();
        }
    }
    reason.into()
}

/// `1/1`.
pub(super) fn ready(pod: &Value, _now: Stamp) -> Value {
    let ready = containers(pod)
        .iter()
        .filter(|status| status["ready"] == true)
        .count();
    format!("{ready}/{}", elements(&pod["spec"]["containers"]).len()).into()
}

/// `2 (3m ago)`.
pub(super) fn restarts(pod: &Value, now: Stamp) -> Value {
    let restarts: u64 = containers(pod)
        .iter()
        .map(|status| count(&status["restartCount"]))
        .sum();
    let last = containers(pod)
        .iter()
        .map(|status| &status["lastState"]["terminated"]["finishedAt"])
        .filter(|time| time.is_string())
        .max_by_key(|time| time.as_str().unwrap_or_default().to_owned());
    match last {
        Some(time) if restarts > 0 => format!("{restarts} ({} ago)", since(time, now)).into(),
        _never => restarts.to_string().into(),
    }
}

pub(super) fn ip(pod: &Value, _now: Stamp) -> Value {
    text_or_none(&pod["status"]["podIP"])
}

pub(super) fn node(pod: &Value, _now: Stamp) -> Value {
    text_or_none(&pod["spec"]["nodeName"])
}

pub(super) fn nominated(pod: &Value, _now: Stamp) -> Value {
    text_or_none(&pod["status"]["nominatedNodeName"])
}

pub(super) fn gates(pod: &Value, _now: Stamp) -> Value {
    let gates = elements(&pod["spec"]["readinessGates"]);
    if gates.is_empty() {
        return super::cells::NONE.into();
    }
    let conditions = elements(&pod["status"]["conditions"]);
    let holds = |gate: &&Value| {
        conditions
            .iter()
            .any(|c| c["type"] == gate["conditionType"] && c["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(holds).count(), gates.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_word_says_how_a_pod_is() {
        let now = Stamp("2026-11-21T00:10:00Z".parse().unwrap());
        let pod = |status: Value, deleted: bool| {
            let mut pod = json!({"metadata": {}, "spec": {"containers": [{"name": "a"}]}, "status": status});
            if deleted {
                pod["metadata"]["deletionTimestamp"] = json!("2026-11-21T00:00:00Z");
            }
            pod
        };
        for (status_of, deleted, word) in [
            (json!({"phase": "Pending"}), false, "Pending"),
            (
                json!({"phase": "Running", "containerStatuses": [{"ready": true, "state": {"running": {}}}]}),
                false,
                "Running",
            ),
            (
                json!({"phase": "Running", "containerStatuses": [{"ready": true, "state": {"running": {}}}]}),
                true,
                "Terminating",
            ),
            (
                json!({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}),
                false,
                "ContainerCreating",
            ),
            (
                json!({"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 137}}}]}),
                false,
                "ExitCode:137",
            ),
            (
                json!({"phase": "Running", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}),
                false,
                "OOMKilled",
            ),
            (json!({"phase": "Failed", "reason": "Evicted"}), false, "Evicted"),
        ] {
            assert_eq!(status(&pod(status_of, deleted), now), word);
        }
        let restarted = pod(
            json!({"containerStatuses": [{"restartCount": 2, "lastState": {"terminated": {"finishedAt": "2026-11-21T00:07:00Z"}}}]}),
            false,
        );
        assert_eq!(restarts(&restarted, now), "2 (3m ago)");
    }
}
