//! StatefulSets: pods with a name for good. Creation in order or at once, scaling from the top, rolling
//! updates one at a time from the highest ordinal.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::events::Report;
use crate::sim::world::names::hash_suffix;
use crate::sim::world::object;
use crate::sim::world::query::{DeleteQuery, Name};
use crate::sim::world::requests::remove::is_ready;
use crate::sim::world::resource::{PODS, STATEFULSETS};
use crate::sim::world::state::World;

/// Pods created in one pass at most: what is made wakes the next.
const BURST: u32 = 20;
const REVISION: &str = "controller-revision-hash";

/// The name of a template's revision.
pub fn revision(set: &Value) -> String {
    let template = set.pointer("/spec/template").cloned().unwrap_or_default();
    format!("{}-{}", object::name(set), hash_suffix(&template.to_string()))
}

/// What the controller sees of one set.
struct View {
    set: Arc<Value>,
    replicas: u64,
    pods: BTreeMap<u64, Arc<Value>>,
    update: String,
    current: String,
}

pub fn reconcile(world: &mut World, name: &Name) {
    let Some(set) = world.store.get(&STATEFULSETS, name).cloned() else {
        return;
    };
    if object::is_terminating(&set) {
        return;
    }
    let view = look(world, set);
    act(world, &view);
    let view = look(world, view.set);
    write_status(world, &view);
}

fn look(world: &World, set: Arc<Value>) -> View {
    let pods = world
        .store
        .within(&PODS, object::namespace(&set))
        .filter(|(_, pod)| {
            object::controller(pod).is_some_and(|one| object::text_at(one, "uid") == object::uid(&set))
        })
        .filter_map(|(name, pod)| {
            let ordinal = name.name.rsplit('-').next()?.parse().ok()?;
            Some((ordinal, Arc::clone(pod)))
        })
        .collect();
    let update = revision(&set);
    let current = match object::text_at(&set, "status.currentRevision") {
        none if none.is_empty() => update.clone(),
        current => current,
    };
    let replicas = set.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    View {
        set,
        replicas,
        pods,
        update,
        current,
    }
}

fn is_healthy(pod: &Value) -> bool {
    is_ready(pod) && !object::is_terminating(pod)
}

/// At most what the policy allows in one pass.
fn act(world: &mut World, view: &View) {
    let in_order = object::text_at(&view.set, "spec.podManagementPolicy") != "Parallel";
    let mut created = 0;
    for ordinal in 0..view.replicas {
        match view.pods.get(&ordinal) {
            None if created == BURST => return,
            None => {
                created += 1;
                create(world, view, ordinal);
            }
            Some(pod) if object::text_at(pod, "status.phase") == "Failed" && !object::is_terminating(pod) => {
                delete(world, pod);
            }
            Some(pod) if is_healthy(pod) || !in_order => continue,
            Some(_) => return,
        }
        if in_order {
            return;
        }
    }
    let mut surplus = view.pods.range(view.replicas..).rev();
    if in_order {
        if let Some((_, pod)) = surplus.next() {
            delete(world, pod);
            return;
        }
    } else {
        surplus.for_each(|(_, pod)| delete(world, pod));
    }
    roll(world, view);
}

fn roll(world: &mut World, view: &View) {
    if object::text_at(&view.set, "spec.updateStrategy.type") == "OnDelete" {
        return;
    }
    let partition = view
        .set
        .pointer("/spec/updateStrategy/rollingUpdate/partition")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    for ordinal in (partition.min(view.replicas)..view.replicas).rev() {
        // One that is missing is on its way back: the next waits for it.
        let Some(pod) = view.pods.get(&ordinal) else {
            return;
        };
        let revision = object::labels(pod)
            .map(|labels| object_label(labels, REVISION))
            .unwrap_or_default();
        if revision != view.update {
            delete(world, pod);
            return;
        }
        if !is_healthy(pod) {
            return;
        }
    }
}

fn object_label(labels: &Value, key: &str) -> String {
    labels
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn delete(world: &mut World, pod: &Arc<Value>) {
    if object::is_terminating(pod) {
        return;
    }
    let name = Name::new(object::namespace(pod), object::name(pod));
    let query = DeleteQuery {
        uid: Some(object::uid(pod).to_owned()),
        ..DeleteQuery::default()
    };
    let owner = object::controller(pod).cloned();
    if world.delete(&PODS, &name, &query).is_ok()
        && let Some(owner) = owner
    {
        let set = Name::new(name.namespace.as_str(), object::text_at(&owner, "name"));
        if let Some(set) = world.store.get(&STATEFULSETS, &set).cloned() {
            let message = format!(
                "delete Pod {} in StatefulSet {} successful",
                name.name,
                object::name(&set)
            );
            world.report(
                &set,
                &Report::normal("SuccessfulDelete", &message).by("statefulset-controller"),
            );
        }
    }
}

fn create(world: &mut World, view: &View, ordinal: u64) {
    let set = &view.set;
    let set_name = object::name(set);
    let name = format!("{set_name}-{ordinal}");
    // Below the partition, or before an update began, a pod comes back as it was: one template is all we keep,
    // so only its label tells.
    let partition = set
        .pointer("/spec/updateStrategy/rollingUpdate/partition")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let revision = if ordinal < partition {
        &view.current
    } else {
        &view.update
    };
    let template = set.pointer("/spec/template").cloned().unwrap_or_default();
    let mut labels: Map<String, Value> = object::labels(&template)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    labels.insert("apps.kubernetes.io/pod-index".into(), json!(ordinal.to_string()));
    labels.insert(REVISION.into(), json!(revision));
    labels.insert("statefulset.kubernetes.io/pod-name".into(), json!(name));
    let mut meta = json!({
        "name": name, "generateName": format!("{set_name}-"), "namespace": object::namespace(set),
        "labels": labels,
        "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "StatefulSet", "name": set_name, "uid": object::uid(set),
            "controller": true, "blockOwnerDeletion": true,
        }],
    });
    if let Some(annotations) = object::meta(&template, "annotations") {
        meta["annotations"] = annotations.clone();
    }
    let mut spec = template.get("spec").cloned().unwrap_or_default();
    spec["hostname"] = json!(name);
    spec["subdomain"] = json!(object::text_at(set, "spec.serviceName"));
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec});
    if world.make(&PODS, pod).is_some() {
        let message = format!("create Pod {name} in StatefulSet {set_name} successful");
        world.report(
            set,
            &Report::normal("SuccessfulCreate", &message).by("statefulset-controller"),
        );
    }
}

fn write_status(world: &mut World, view: &View) {
    let name = Name::new(object::namespace(&view.set), object::name(&view.set));
    let Some(set) = world.store.get(&STATEFULSETS, &name).cloned() else {
        return;
    };
    let alive: Vec<&Arc<Value>> = view
        .pods
        .values()
        .filter(|pod| !object::is_terminating(pod))
        .collect();
    let ready = alive.iter().filter(|pod| is_ready(pod)).count() as u64;
    let with = |revision: &str| {
        let of = |pod: &&&Arc<Value>| {
            object::labels(pod)
                .map(|all| object_label(all, REVISION))
                .as_deref()
                == Some(revision)
        };
        alive.iter().filter(of).count() as u64
    };
    let updated = with(&view.update);
    let done = updated == view.replicas && ready == view.replicas && view.pods.len() as u64 == view.replicas;
    let current = if done { &view.update } else { &view.current };
    let mut changed = (*set).clone();
    changed["status"] = json!({
        "observedGeneration": object::meta(&set, "generation").and_then(Value::as_u64).unwrap_or(1),
        "replicas": view.pods.len(), "readyReplicas": ready, "availableReplicas": ready,
        "currentReplicas": with(current), "updatedReplicas": updated,
        "currentRevision": current, "updateRevision": view.update, "collisionCount": 0,
    });
    world.write(&STATEFULSETS, changed);
}
