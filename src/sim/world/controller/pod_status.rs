//! A pod's status, drawn from what its kubelet knows.

use serde_json::{Value, json};

use super::containers::{ContainerRun, Ended, PodRun, State};
use crate::sim::world::object;

/// The status as the kubelet would report it now.
pub fn render(pod: &Value, run: &PodRun) -> Value {
    let qos = qos_class(pod);
    let Some(node) = &run.node else {
        return json!({"phase": "Pending", "qosClass": qos});
    };
    let Some(started) = &run.started else {
        return json!({"phase": "Pending", "qosClass": qos, "conditions": [scheduled(run)]});
    };
    let all_ready = run.ready;
    let turned = run.turned.as_deref().unwrap_or(started);
    let over = !run.containers.is_empty() && run.containers.iter().all(|one| one.state == State::Finished);
    let ready = |kind: &str| {
        let mut condition = condition(kind, all_ready, turned);
        if !all_ready {
            let names: Vec<&str> = run
                .containers
                .iter()
                .filter(|one| !one.ready)
                .map(|one| one.name.as_str())
                .collect();
            condition["reason"] = json!(if over {
                "PodCompleted"
            } else {
                "ContainersNotReady"
            });
            condition["message"] = json!(format!("containers with unready status: [{}]", names.join(" ")));
        }
        condition
    };
    let sandbox = run.ip.is_some();
    let mut status = json!({
        "phase": phase(run, over),
        "conditions": [
            scheduled(run),
            condition("Initialized", true, started),
            condition("PodReadyToStartContainers", sandbox, started),
            ready("ContainersReady"),
            ready("Ready"),
        ],
        "hostIP": host_ip(node), "hostIPs": [{"ip": host_ip(node)}],
        "startTime": started,
        "containerStatuses": run.containers.iter().map(container).collect::<Vec<_>>(),
        "qosClass": qos,
    });
    if let Some(ip) = &run.ip {
        status["podIP"] = json!(ip);
        status["podIPs"] = json!([{"ip": ip}]);
    }
    status
}

fn phase(run: &PodRun, over: bool) -> &'static str {
    if over {
        let clean = run
            .containers
            .iter()
            .all(|one| one.last.as_ref().is_some_and(|last| last.how.code() == 0));
        return if clean { "Succeeded" } else { "Failed" };
    }
    if run.containers.iter().all(ContainerRun::has_started) {
        "Running"
    } else {
        "Pending"
    }
}

fn scheduled(run: &PodRun) -> Value {
    condition("PodScheduled", true, run.scheduled.as_deref().unwrap_or_default())
}

fn condition(kind: &str, holds: bool, since: &str) -> Value {
    json!({
        "type": kind, "status": if holds { "True" } else { "False" },
        "lastProbeTime": null, "lastTransitionTime": since,
    })
}

fn container(run: &ContainerRun) -> Value {
    let mut status = json!({
        "name": run.name, "state": state(run), "lastState": {}, "ready": run.ready,
        "restartCount": run.restarts, "image": run.image,
        "imageID": if run.has_started() { format!("sim://{}", run.image) } else { String::new() },
        "started": run.is_running(),
    });
    if let Some(last) = run
        .last
        .as_ref()
        .filter(|_| !matches!(run.state, State::Ended { .. } | State::Finished))
    {
        status["lastState"] = json!({"terminated": ended(last)});
    }
    if run.has_started() {
        status["containerID"] = json!(run.id);
    }
    status
}

fn state(run: &ContainerRun) -> Value {
    let waiting = |message: Option<String>| {
        let mut waiting = json!({"reason": run.waiting_reason()});
        if let Some(message) = message {
            waiting["message"] = json!(message);
        }
        json!({"waiting": waiting})
    };
    match &run.state {
        State::Creating { .. } => waiting(None),
        State::NoImage { .. } => waiting(Some(format!("Back-off pulling image \"{}\"", run.image))),
        State::Running { started, .. } => json!({"running": {"startedAt": started}}),
        State::BackOff { delay, .. } => waiting(Some(format!(
            "back-off {}s restarting failed container={}",
            delay.as_secs(),
            run.name
        ))),
        State::Ended { .. } | State::Finished => {
            json!({"terminated": run.last.as_ref().map(ended).unwrap_or_default()})
        }
    }
}

fn ended(ended: &Ended) -> Value {
    json!({
        "exitCode": ended.how.code(), "reason": ended.how.reason(),
        "startedAt": ended.started, "finishedAt": ended.finished, "containerID": ended.id,
    })
}

/// `node-3` has 10.10.0.3; a node without a number gets one from its name.
pub fn host_ip(node: &str) -> String {
    format!("10.10.0.{}", node_number(node))
}

pub fn node_number(node: &str) -> u64 {
    let digits = node.rsplit('-').next().unwrap_or_default();
    digits
        .parse()
        .unwrap_or_else(|_| 100 + crate::sim::world::names::fingerprint(node) % 100)
}

fn qos_class(pod: &Value) -> &'static str {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let mut any = false;
    let mut all = true;
    for one in containers.into_iter().flatten() {
        let (limits, requests) = (
            one.pointer("/resources/limits"),
            one.pointer("/resources/requests"),
        );
        any |= limits.is_some() || requests.is_some();
        let both = |key: &str| {
            limits.is_some_and(|limits| {
                let limit = object::text_at(limits, key);
                !limit.is_empty() && requests.is_none_or(|requests| object::text_at(requests, key) == limit)
            })
        };
        all &= both("cpu") && both("memory");
    }
    if !any {
        "BestEffort"
    } else if all {
        "Guaranteed"
    } else {
        "Burstable"
    }
}
