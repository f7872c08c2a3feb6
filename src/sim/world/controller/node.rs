//! Nodes whose kubelet falls silent, and those that come back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::events::Report;
use super::kubelet;
use crate::sim::world::agenda::Due;
use crate::sim::world::happening::What;
use crate::sim::world::object;
use crate::sim::world::query::{DeleteQuery, Name};
use crate::sim::world::resource::{NODES, PODS};
use crate::sim::world::state::World;

/// Pods tolerate an unreachable node for so long.
const TOLERATED: Duration = Duration::from_mins(5);

pub fn look(world: &mut World, name: &str) {
    let at = Name::cluster(name);
    let Some(node) = world.store.get(&NODES, &at).cloned() else {
        return;
    };
    let silent = world.knobs.silent_nodes.contains(name);
    let was_ready = ready_status(&node) == "True";
    let pods: Vec<Arc<Value>> = world
        .store
        .all(&PODS)
        .filter(|(_, pod)| object::text_at(pod, "spec.nodeName") == name)
        .map(|(_, pod)| Arc::clone(pod))
        .collect();
    match (silent, was_ready) {
        (true, true) => {
            turn(world, &node, "Unknown");
            for pod in &pods {
                lose_readiness(world, pod);
            }
            world.soon(TOLERATED, Due::Node(name.to_owned()));
        }
        (true, false) => {
            for pod in &pods {
                let pod = Name::new(object::namespace(pod), object::name(pod));
                // Deleted meanwhile: nothing left to evict.
                let _ = world.delete(&PODS, &pod, &DeleteQuery::default());
            }
        }
        (false, false) => {
            turn(world, &node, "True");
            for pod in &pods {
                if let Some(run) = world.pods.get_mut(object::uid(pod)) {
                    run.ready = false;
                }
                kubelet::recheck(world, object::uid(pod));
            }
        }
        (false, true) => pods
            .iter()
            .for_each(|pod| kubelet::recheck(world, object::uid(pod))),
    }
}

fn ready_status(node: &Value) -> String {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|one| object::text_at(one, "type") == "Ready");
    ready
        .map(|one| object::text_at(one, "status"))
        .unwrap_or_default()
}

fn turn(world: &mut World, node: &Value, status: &str) {
    let mut changed = node.clone();
    let now = world.timestamp();
    let up = status == "True";
    for condition in changed
        .pointer_mut("/status/conditions")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter(|one| one.is_object())
    {
        if object::text_at(condition, "type") == "Ready" || !up {
            condition["status"] = json!(status);
            condition["lastTransitionTime"] = now.clone();
            condition["reason"] = json!(if up { "KubeletReady" } else { "NodeStatusUnknown" });
            condition["message"] = json!(if up {
                "kubelet is posting ready status"
            } else {
                "Kubelet stopped posting node status."
            });
        } else {
            condition["status"] = json!("False");
        }
        if up {
            condition["lastHeartbeatTime"] = now.clone();
        }
    }
    if up {
        if let Some(spec) = changed.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("taints");
        }
    } else {
        let taints = json!([
            {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule", "timeAdded": now},
            {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": now},
        ]);
        object::child_mut(&mut changed, "spec").insert("taints".into(), taints);
    }
    world.write(&NODES, changed);
    let name = object::name(node);
    let (reason, message) = if up {
        ("NodeReady", format!("Node {name} status is now: NodeReady"))
    } else {
        ("NodeNotReady", format!("Node {name} status is now: NodeNotReady"))
    };
    world.report(node, &Report::normal(reason, &message).by("node-controller"));
}

/// The node's controller takes readiness away; the processes may run on unseen.
fn lose_readiness(world: &mut World, pod: &Value) {
    let now = world.timestamp();
    let mut status = pod.get("status").cloned().unwrap_or_default();
    for condition in status
        .pointer_mut("/conditions")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter(|one| one.is_object())
    {
        if object::text_at(condition, "type") == "Ready" {
            condition["status"] = json!("False");
            condition["lastTransitionTime"] = now.clone();
        }
    }
    let target = kubelet::target_of(pod);
    if let Some(run) = world.pods.get_mut(&target.pod_uid)
        && std::mem::take(&mut run.ready)
    {
        world.note(What::PodNotReady(target));
    }
    kubelet::set_status(world, pod, status);
    world.report(
        pod,
        &Report::warning("NodeNotReady", "Node is not ready").by("node-controller"),
    );
}
