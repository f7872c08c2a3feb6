//! The one word that says how a pod is, the ready containers and the restarts, as `kubectl get pods` has them. Pure.

use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStatus, Pod, PodStatus};

/// What `kubectl get pods` says of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub state: String,
    pub ready: (u32, u32),
    pub restarts: u32,
}

pub(super) fn is_true(status: &PodStatus, condition: &str) -> bool {
    let conditions = status.conditions.iter().flatten();
    conditions
        .into_iter()
        .any(|one| one.type_ == condition && one.status == "True")
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn of_size(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// An init container that goes on running beside the others.
fn is_sidecar(containers: &[Container], name: &str) -> bool {
    let mut named = containers.iter().filter(|one| one.name == name);
    named.any(|one| one.restart_policy.as_deref() == Some("Always"))
}

fn ended(state: &ContainerState) -> Option<String> {
    let ended = state.terminated.as_ref()?;
    Some(match (ended.reason.as_deref(), ended.signal) {
        (Some(reason), _) if !reason.is_empty() => reason.to_owned(),
        (_, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        _ => format!("ExitCode:{}", ended.exit_code),
    })
}

fn waiting(state: &ContainerState) -> Option<&str> {
    let reason = state.waiting.as_ref()?.reason.as_deref()?;
    (!reason.is_empty()).then_some(reason)
}

/// What the init containers say, while they are not through.
struct Beginning {
    reason: Option<String>,
    restarts: u32,
    sidecar_restarts: u32,
    sidecars_ready: u32,
}

fn beginning(containers: &[Container], statuses: &[ContainerStatus]) -> Beginning {
    let mut seen = Beginning {
        reason: None,
        restarts: 0,
        sidecar_restarts: 0,
        sidecars_ready: 0,
    };
    for (at, status) in statuses.iter().enumerate() {
        let sidecar = is_sidecar(containers, &status.name);
        seen.restarts += count(status.restart_count);
        if sidecar {
            seen.sidecar_restarts += count(status.restart_count);
        }
        let state = status.state.clone().unwrap_or_default();
        if state
            .terminated
            .as_ref()
            .is_some_and(|ended| ended.exit_code == 0)
        {
            continue;
        }
        if sidecar && status.started == Some(true) {
            seen.sidecars_ready += u32::from(status.ready);
            continue;
        }
        seen.reason = Some(match (ended(&state), waiting(&state)) {
            (Some(reason), _) => format!("Init:{reason}"),
            (None, Some(reason)) if reason != "PodInitializing" => format!("Init:{reason}"),
            (None, _) => format!("Init:{at}/{}", containers.len()),
        });
        break;
    }
    seen
}

/// How a pod is.
pub(super) fn of(pod: &Pod) -> Word {
    let spec = pod.spec.as_ref();
    let containers = spec.map_or(&[][..], |spec| &spec.containers);
    let inits = spec
        .and_then(|spec| spec.init_containers.as_deref())
        .unwrap_or_default();
    let empty = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&empty);
    let phase = status.phase.as_deref().unwrap_or("Unknown");
    let told = status.reason.as_deref().filter(|reason| !reason.is_empty());
    let gated = status
        .conditions
        .iter()
        .flatten()
        .any(|one| one.type_ == "PodScheduled" && one.reason.as_deref() == Some("SchedulingGated"));
    let mut state = if gated {
        "SchedulingGated"
    } else {
        told.unwrap_or(phase)
    }
    .to_owned();
    let sidecars = inits.iter().filter(|one| is_sidecar(inits, &one.name)).count();
    let init = beginning(
        inits,
        status.init_container_statuses.as_deref().unwrap_or_default(),
    );
    let mut ready = init.sidecars_ready;
    let mut restarts = init.restarts;
    let initializing = init.reason.is_some();
    if let Some(reason) = init.reason {
        state = reason;
    }
    if !initializing || is_true(status, "Initialized") {
        restarts = init.sidecar_restarts;
        let mut runs = false;
        for one in status.container_statuses.iter().flatten().rev() {
            restarts += count(one.restart_count);
            let now = one.state.clone().unwrap_or_default();
            if let Some(reason) = waiting(&now) {
                reason.clone_into(&mut state);
            } else if let Some(reason) = ended(&now) {
                state = reason;
            } else if one.ready && now.running.is_some() {
                runs = true;
                ready += 1;
            }
        }
        if state == "Completed" && runs {
            let word = if is_true(status, "Ready") {
                "Running"
            } else {
                "NotReady"
            };
            word.clone_into(&mut state);
        }
    }
    if pod.metadata.deletion_timestamp.is_some() {
        if told == Some("NodeLost") {
            "Unknown".clone_into(&mut state);
        } else if !matches!(phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut state);
        }
    }
    Word {
        state,
        ready: (ready, of_size(containers.len() + sidecars)),
        restarts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn word(spec: &Value, status: &Value, deleted: bool) -> (String, (u32, u32), u32) {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": spec, "status": status});
        if deleted {
            pod["metadata"]["deletionTimestamp"] = json!("2026-11-21T00:00:00Z");
        }
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        let word = of(&pod);
        (word.state, word.ready, word.restarts)
    }

    fn running(restarts: i32, ready: bool) -> Value {
        json!({"name": "a", "image": "", "imageID": "", "ready": ready, "restartCount": restarts,
            "state": {"running": {"startedAt": "2026-11-21T00:00:00Z"}}})
    }

    fn state(state: &Value) -> Value {
        json!({"name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 3, "state": state})
    }

    #[test]
    fn the_words_are_those_of_kubectl() {
        let one = json!({"containers": [{"name": "a"}]});
        let crash = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let exit = json!({"terminated": {"exitCode": 2}});
        let signal = json!({"terminated": {"exitCode": 137, "signal": 9}});
        let done = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
        for (status, deleted, expected) in [
            (json!({"phase": "Pending"}), false, ("Pending", (0, 1), 0)),
            (
                json!({"phase": "Running", "containerStatuses": [running(1, true)]}),
                false,
                ("Running", (1, 1), 1),
            ),
            (
                json!({"phase": "Running", "containerStatuses": [running(0, true)]}),
                true,
                ("Terminating", (1, 1), 0),
            ),
            (
                json!({"phase": "Running", "containerStatuses": [state(&crash)]}),
                false,
                ("CrashLoopBackOff", (0, 1), 3),
            ),
            (
                json!({"phase": "Running", "containerStatuses": [state(&exit)]}),
                false,
                ("ExitCode:2", (0, 1), 3),
            ),
            (
                json!({"phase": "Running", "containerStatuses": [state(&signal)]}),
                false,
                ("Signal:9", (0, 1), 3),
            ),
            (
                json!({"phase": "Succeeded", "containerStatuses": [state(&done)]}),
                true,
                ("Completed", (0, 1), 3),
            ),
            (
                json!({"phase": "Failed", "reason": "Evicted"}),
                false,
                ("Evicted", (0, 1), 0),
            ),
            (
                json!({"phase": "Running", "reason": "NodeLost"}),
                true,
                ("Unknown", (0, 1), 0),
            ),
            (
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
                false,
                ("SchedulingGated", (0, 1), 0),
            ),
            (
                json!({"phase": "Running", "containerStatuses": [running(0, true), state(&done)],
                    "conditions": [{"type": "Ready", "status": "False"}]}),
                false,
                ("NotReady", (1, 1), 3),
            ),
        ] {
            let (word, ready, restarts) = word(&one, &status, deleted);
            assert_eq!((word.as_str(), ready, restarts), expected, "{status}");
        }
    }

    #[test]
    fn init_containers_come_first_and_sidecars_count() {
        let spec = json!({"initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
            "containers": [{"name": "a"}]});
        let init = |name: &str, state: Value, started: bool| {
            json!({"name": name, "image": "", "imageID": "", "ready": started, "started": started,
                "restartCount": 1, "state": state})
        };
        let waits = json!({"waiting": {"reason": "PodInitializing"}});
        let first = json!({"phase": "Pending", "initContainerStatuses": [init("i", json!({"running": {}}), false)],
            "containerStatuses": [state(&waits)]});
        assert_eq!(word(&spec, &first, false), ("Init:0/2".to_owned(), (0, 2), 1));
        let failed = json!({"phase": "Pending",
            "initContainerStatuses": [init("i", json!({"terminated": {"exitCode": 1, "reason": "Error"}}), false)]});
        assert_eq!(word(&spec, &failed, false).0, "Init:Error");
        let through = json!({"phase": "Running", "containerStatuses": [running(2, true)], "initContainerStatuses": [
            init("i", json!({"terminated": {"exitCode": 0}}), false), init("s", json!({"running": {}}), true)]});
        assert_eq!(word(&spec, &through, false), ("Running".to_owned(), (2, 2), 3));
    }
}
