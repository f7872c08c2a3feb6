//! Gives pods a node: the one that is ready, open, and has the fewest pods of the same workload.

use std::time::Duration;

use serde_json::{Value, json};

use super::events::Report;
use super::pod_status;
use crate::sim::world::agenda::Due;
use crate::sim::world::happening::What;
use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::resource::{NODES, PODS};
use crate::sim::world::state::{World, seconds};

/// Pods that have no node yet.
pub fn waiting(world: &World) -> Vec<Name> {
    let runs = world.pods.values().filter(|run| run.node.is_none());
    runs.map(|run| Name::new(run.target.namespace.as_str(), run.target.pod.as_str()))
        .collect()
}

pub fn place(world: &mut World, name: &Name) {
    let Some(pod) = world.store.get(&PODS, name).cloned() else {
        return;
    };
    if !object::text_at(&pod, "spec.nodeName").is_empty() || object::is_terminating(&pod) {
        return;
    }
    let wanted = pod.pointer("/spec/nodeSelector").cloned().unwrap_or_default();
    let owner = object::controller(&pod)
        .map(|owner| object::text_at(owner, "uid"))
        .unwrap_or_default();
    let mut open: Vec<(usize, usize, String)> = Vec::new();
    let mut all = 0;
    for (_, node) in world.store.all(&NODES) {
        all += 1;
        if !is_open(node) || !fits(&wanted, node) {
            continue;
        }
        let node = object::name(node).to_owned();
        let mut siblings = 0;
        let mut pods = 0;
        for (_, other) in world
            .store
            .all(&PODS)
            .filter(|(_, other)| object::text_at(other, "spec.nodeName") == node)
        {
            pods += 1;
            let same = object::controller(other).is_some_and(|one| object::text_at(one, "uid") == owner);
            siblings += usize::from(same && !owner.is_empty());
        }
        open.push((siblings, pods, node));
    }
    let Some((_, _, node)) = open.into_iter().min() else {
        let message = format!("0/{all} nodes are available: {all} node(s) were unschedulable or not ready.");
        world.report(
            &pod,
            &Report::warning("FailedScheduling", &message).by("default-scheduler"),
        );
        world.soon(Duration::from_secs(5), Due::Schedule(name.clone()));
        return;
    };
    let now = seconds(world.wall());
    if let Some(run) = world.pods.get_mut(object::uid(&pod)) {
        run.node = Some(node.clone());
        run.scheduled = Some(now);
        let target = run.target.clone();
        world.note(What::PodScheduled {
            pod: target,
            node: node.clone(),
        });
    }
    let mut bound = (*pod).clone();
    bound["spec"]["nodeName"] = json!(node);
    if let Some(run) = world.pods.get(object::uid(&pod)) {
        bound["status"] = pod_status::render(&bound, run);
    }
    world.put(&PODS, bound);
    let message = format!("Successfully assigned {}/{} to {node}", name.namespace, name.name);
    world.report(
        &pod,
        &Report::normal("Scheduled", &message).by("default-scheduler"),
    );
}

/// Ready and not cordoned.
pub fn is_open(node: &Value) -> bool {
    let cordoned = node.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true);
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions
        .into_iter()
        .flatten()
        .any(|one| object::text_at(one, "type") == "Ready" && object::text_at(one, "status") == "True");
    ready && !cordoned
}

fn fits(wanted: &Value, node: &Value) -> bool {
    let labels = object::labels(node);
    wanted
        .as_object()
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.and_then(|all| all.get(key)) == Some(value))
}
