//! Which controller a change concerns, and which one does a piece of work.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{broker, collect, endpoints, events, kubelet, namespace, node, replicas, scheduler, statefulset};
use crate::sim::world::agenda::Due;
use crate::sim::world::chaos;
use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::resource::{
    CHAOS_GROUP, DAEMONSETS, DEPLOYMENTS, EVENTS, NAMESPACES, NODES, PODS, REPLICASETS, ResourceRef,
    SERVICES, STATEFULSETS,
};
use crate::sim::world::state::World;
use crate::sim::world::store::Change;

/// Looks at a change and asks for the work that follows from it. Objects are not changed here: a controller
/// sees a change a moment later, as behind a real watch.
pub fn react(world: &mut World, change: &Change) {
    let at = &change.at;
    if *at == EVENTS {
        return;
    }
    if *at == PODS {
        pod_changed(world, change);
    } else if is_workload(at) {
        later(world, (5, 25), Due::Workload(at.clone(), change.name.clone()));
        if let Some(owner) = object::controller(&change.last) {
            ask_owner(world, &change.name.namespace, &owner.clone());
        }
    } else if *at == SERVICES {
        later(world, (10, 60), Due::Endpoints(change.name.clone()));
    } else if *at == NAMESPACES && change.after.as_deref().is_some_and(object::is_terminating) {
        later(world, (20, 80), Due::Namespace(change.name.name.clone()));
    } else if *at == NODES {
        let waiting: Vec<Name> = scheduler::waiting(world);
        for pod in waiting {
            later(world, (20, 60), Due::Schedule(pod));
        }
    } else if at.group == CHAOS_GROUP {
        chaos::changed(world, change);
    }
    if change.after.is_none() {
        if *at != PODS {
            later(world, (30, 120), Due::Collect);
        }
        let namespace = Name::cluster(change.name.namespace.as_str());
        let dying = world
            .store
            .get(&NAMESPACES, &namespace)
            .is_some_and(|space| object::is_terminating(space));
        if dying {
            later(world, (20, 80), Due::Namespace(namespace.name));
        }
    }
}

fn is_workload(at: &ResourceRef) -> bool {
    [&STATEFULSETS, &DEPLOYMENTS, &DAEMONSETS, &REPLICASETS].contains(&at)
}

fn later(world: &mut World, (from, to): (u64, u64), due: Due) {
    let after = world.dice.millis(from, to);
    world.soon(after, due);
}

fn pod_changed(world: &mut World, change: &Change) {
    match (&change.before, &change.after) {
        (None, Some(pod)) => kubelet::adopt(world, pod),
        (Some(_), None) => kubelet::bury(world, &change.last),
        (Some(before), Some(after)) => pod_updated(world, before, after),
        (None, None) => {}
    }
    let owner = object::controller(&change.last).cloned();
    if let Some(owner) = owner {
        ask_owner(world, &change.name.namespace, &owner);
    }
    for service in endpoints::services_of(world, &change.last) {
        later(world, (15, 90), Due::Endpoints(service));
    }
    if change.after.is_none() {
        for pod in scheduler::waiting(world) {
            later(world, (20, 60), Due::Schedule(pod));
        }
    }
}

fn pod_updated(world: &mut World, before: &Arc<Value>, after: &Arc<Value>) {
    let bound = |pod: &Value| !object::text_at(pod, "spec.nodeName").is_empty();
    if object::is_terminating(after)
        && (!object::is_terminating(before)
            || object::meta(before, "deletionGracePeriodSeconds")
                != object::meta(after, "deletionGracePeriodSeconds"))
    {
        later(world, (5, 30), Due::Pod(object::uid(after).to_owned()));
    } else if bound(after) && !bound(before) {
        later(world, (10, 40), Due::Pod(object::uid(after).to_owned()));
    }
}

/// Wakes the workload that an owner reference names.
fn ask_owner(world: &mut World, namespace: &str, owner: &Value) {
    let kind = owner.get("kind").and_then(Value::as_str).unwrap_or_default();
    let at = match kind {
        "StatefulSet" => &STATEFULSETS,
        "ReplicaSet" => &REPLICASETS,
        "DaemonSet" => &DAEMONSETS,
        "Deployment" => &DEPLOYMENTS,
        _ => return,
    };
    let name = owner.get("name").and_then(Value::as_str).unwrap_or_default();
    later(
        world,
        (10, 70),
        Due::Workload(at.clone(), Name::new(namespace, name)),
    );
}

/// Does one piece of work.
pub fn run(world: &mut World, due: Due) {
    match due {
        Due::Workload(at, name) if at == STATEFULSETS => statefulset::reconcile(world, &name),
        Due::Workload(at, name) => replicas::reconcile(world, &at, &name),
        Due::Schedule(name) => scheduler::place(world, &name),
        Due::Pod(uid) => kubelet::step(world, &uid),
        Due::Endpoints(name) => endpoints::reconcile(world, &name),
        Due::Collect => collect::run(world),
        Due::Namespace(name) => namespace::empty(world, &name),
        Due::Node(name) => node::look(world, &name),
        Due::Chaos(at, name) => chaos::reconcile(world, &at, &name),
        Due::Cron(name) => chaos::cron(world, &name),
        Due::Workflow(name) => chaos::workflow(world, &name),
        Due::WorkflowNode(name) => chaos::workflow_node(world, &name),
        Due::OutOfMemory(uid, container) => chaos::out_of_memory(world, &uid, &container),
        Due::Heartbeat(uid) => broker::speak(world, &uid),
        Due::ForgetEvents => {
            events::forget(world);
            world.soon(Duration::from_mins(10), Due::ForgetEvents);
        }
    }
}
