//! Deployments, ReplicaSets, DaemonSets: so many pods, or one a node. Enough for what runs beside the brokers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::events::Report;
use super::scheduler::is_open;
use crate::sim::world::names::hash_suffix;
use crate::sim::world::object;
use crate::sim::world::query::{DeleteQuery, Name};
use crate::sim::world::requests::remove::is_ready;
use crate::sim::world::resource::{DAEMONSETS, DEPLOYMENTS, NODES, PODS, REPLICASETS, ResourceRef};
use crate::sim::world::state::World;

/// Pods created in one pass at most: what is made wakes the next.
const BURST: usize = 20;

pub fn reconcile(world: &mut World, at: &ResourceRef, name: &Name) {
    let Some(owner) = world.store.get(at, name).cloned() else {
        return;
    };
    if object::is_terminating(&owner) {
        return;
    }
    if *at == DEPLOYMENTS {
        deployment(world, &owner);
    } else if *at == REPLICASETS {
        replica_set(world, &owner);
    } else if *at == DAEMONSETS {
        daemon_set(world, &owner);
    }
}

fn owned(world: &World, at: &ResourceRef, owner: &Value) -> Vec<Arc<Value>> {
    let all = world.store.within(at, object::namespace(owner));
    let ours = |one: &Value| {
        object::controller(one).is_some_and(|by| object::text_at(by, "uid") == object::uid(owner))
    };
    all.filter(|(_, one)| ours(one))
        .map(|(_, one)| Arc::clone(one))
        .collect()
}

/// Every hash of a template is a ReplicaSet; only the newest has replicas.
fn deployment(world: &mut World, owner: &Arc<Value>) {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let hash = hash_suffix(&template.to_string());
    let wanted = owner
        .pointer("/spec/replicas")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    let name = format!("{}-{hash}", object::name(owner));
    let sets = owned(world, &REPLICASETS, owner);
    if !sets.iter().any(|set| object::name(set) == name) {
        let mut template = template;
        let labels = object::child_mut(&mut template["metadata"], "labels");
        labels.insert("pod-template-hash".into(), json!(hash));
        let labels = Value::Object(labels.clone());
        let set = json!({
            "kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": {
                "name": name, "namespace": object::namespace(owner), "labels": labels,
                "ownerReferences": [reference("Deployment", owner)],
            },
            "spec": {"replicas": wanted, "selector": {"matchLabels": labels}, "template": template},
        });
        world.make(&REPLICASETS, set);
    }
    for set in &sets {
        let target = if object::name(set) == name { wanted } else { 0 };
        if set.pointer("/spec/replicas").and_then(Value::as_u64) != Some(target) {
            let mut scaled = (**set).clone();
            scaled["spec"]["replicas"] = json!(target);
            world.write(&REPLICASETS, scaled);
        }
    }
    let sets = owned(world, &REPLICASETS, owner);
    let sum = |field: &str| -> u64 {
        sets.iter()
            .filter_map(|set| set.get("status")?.get(field)?.as_u64())
            .sum()
    };
    let (all, ready) = (sum("replicas"), sum("readyReplicas"));
    let status = json!({
        "observedGeneration": generation(owner), "replicas": all, "updatedReplicas": all,
        "readyReplicas": ready, "availableReplicas": ready,
    });
    write_status(world, &DEPLOYMENTS, owner, status);
}

fn replica_set(world: &mut World, owner: &Arc<Value>) {
    let wanted = owner
        .pointer("/spec/replicas")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    let active = |world: &World| -> Vec<Arc<Value>> {
        owned(world, &PODS, owner)
            .into_iter()
            .filter(|pod| !object::is_terminating(pod))
            .collect()
    };
    let pods = active(world);
    for _ in (pods.len() as u64..wanted).take(BURST) {
        create(world, "ReplicaSet", owner, None);
    }
    for pod in pods.iter().skip(usize::try_from(wanted).unwrap_or(usize::MAX)) {
        delete(world, pod);
    }
    let pods = active(world);
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let status = json!({
        "observedGeneration": generation(owner), "replicas": pods.len(), "fullyLabeledReplicas": pods.len(),
        "readyReplicas": ready, "availableReplicas": ready,
    });
    write_status(world, &REPLICASETS, owner, status);
}

fn daemon_set(world: &mut World, owner: &Arc<Value>) {
    let nodes: Vec<String> = world
        .store
        .all(&NODES)
        .filter(|(_, node)| is_open(node))
        .map(|(name, _)| name.name.clone())
        .collect();
    let pods = owned(world, &PODS, owner);
    for node in &nodes {
        if !pods
            .iter()
            .any(|pod| object::text_at(pod, "spec.nodeName") == *node)
        {
            create(world, "DaemonSet", owner, Some(node));
        }
    }
    let pods = owned(world, &PODS, owner);
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let status = json!({
        "currentNumberScheduled": pods.len(), "desiredNumberScheduled": nodes.len(), "numberMisscheduled": 0,
        "numberReady": ready, "numberAvailable": ready, "updatedNumberScheduled": pods.len(),
        "observedGeneration": generation(owner),
    });
    write_status(world, &DAEMONSETS, owner, status);
}

fn generation(object: &Value) -> u64 {
    object::meta(object, "generation")
        .and_then(Value::as_u64)
        .unwrap_or(1)
}

fn reference(kind: &str, owner: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": kind, "name": object::name(owner), "uid": object::uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

fn create(world: &mut World, kind: &str, owner: &Arc<Value>, node: Option<&str>) {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let mut spec = template.get("spec").cloned().unwrap_or_default();
    if let Some(node) = node {
        spec["nodeName"] = json!(node);
    }
    let mut meta = json!({
        "generateName": format!("{}-", object::name(owner)), "namespace": object::namespace(owner),
        "labels": object::labels(&template), "ownerReferences": [reference(kind, owner)],
    });
    if let Some(annotations) = object::meta(&template, "annotations") {
        meta["annotations"] = annotations.clone();
    }
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec});
    if let Some(pod) = world.make(&PODS, pod) {
        let message = format!("Created pod: {}", object::name(&pod));
        let component = if kind == "DaemonSet" {
            "daemonset-controller"
        } else {
            "replicaset-controller"
        };
        world.report(owner, &Report::normal("SuccessfulCreate", &message).by(component));
    }
}

fn delete(world: &mut World, pod: &Value) {
    let name = Name::new(object::namespace(pod), object::name(pod));
    // Gone already is as good as deleted.
    let _ = world.delete(&PODS, &name, &DeleteQuery::default());
}

fn write_status(world: &mut World, at: &ResourceRef, owner: &Value, status: Value) {
    let name = Name::new(object::namespace(owner), object::name(owner));
    if let Some(present) = world.store.get(at, &name) {
        let mut changed = (**present).clone();
        changed["status"] = status;
        world.write(at, changed);
    }
}
