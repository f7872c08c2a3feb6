//! Workflows: nodes that hold a chaos object each and make it again until they are done or aborted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::{self, ABORT};
use super::pipeline::tell;
use super::units::parse_duration;
use crate::sim::world::agenda::Due;
use crate::sim::world::controller::events::Report;
use crate::sim::world::object;
use crate::sim::world::query::{DeleteQuery, Name};
use crate::sim::world::resource::{WORKFLOWNODES, WORKFLOWS, chaos_resource};
use crate::sim::world::state::World;
use crate::units::Mark;

const WORKFLOW_LABEL: &str = "chaos-mesh.org/workflow";
const PARENT_LABEL: &str = "chaos-mesh.org/controlled-by";

pub fn reconcile_workflow(world: &mut World, name: &Name) {
    let Some(workflow) = world.store.get(&WORKFLOWS, name).cloned() else {
        return;
    };
    if object::is_terminating(&workflow) {
        return;
    }
    let nodes = nodes_of(world, &workflow);
    if is_aborted(&workflow) {
        for node in &nodes {
            world.agenda.at(world.now, Due::WorkflowNode(name_of(node)));
        }
    }
    let mut changed = (*workflow).clone();
    let status = object::child_mut(&mut changed, "status");
    let now = world.timestamp();
    status.entry("startTime").or_insert(now.clone());
    let entry = nodes
        .iter()
        .find(|node| label(node, PARENT_LABEL) == name.name)
        .cloned();
    if entry.is_none() && !is_aborted(&workflow) {
        let template = object::text_at(&workflow, "spec.entry");
        let report = if let Some(node) = make_node(world, &workflow, &workflow, &template) {
            status.insert("entryNode".into(), json!(node));
            Report::normal("EntryCreated", &format!("entry node created, entry node {node}"))
        } else {
            let message = format!("failed to spawn new entry node of workflow, entry: {template}");
            Report::warning("InvalidEntry", &message)
        };
        tell(world, &workflow, "workflow-entry-reconciler", report);
    }
    let done = entry.as_deref().is_some_and(is_done);
    let condition = |kind: &str, holds: bool| json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": "", "startTime": now});
    let kept = |kind: &str, holds: bool| {
        let old = workflow.pointer("/status/conditions").and_then(Value::as_array);
        let text = if holds { "True" } else { "False" };
        old.into_iter()
            .flatten()
            .find(|one| object::text_at(one, "type") == kind && object::text_at(one, "status") == text)
            .cloned()
            .unwrap_or_else(|| condition(kind, holds))
    };
    let conditions = json!([kept("Scheduled", true), kept("Accomplished", done)]);
    status.insert("conditions".into(), conditions);
    if done && !status.contains_key("endTime") {
        status.insert("endTime".into(), now);
        tell(
            world,
            &workflow,
            "workflow-entry-reconciler",
            Report::normal("WorkflowAccomplished", "workflow accomplished"),
        );
    }
    world.write(&WORKFLOWS, changed);
}

fn name_of(object: &Value) -> Name {
    Name::new(object::namespace(object), object::name(object))
}

fn label(object: &Value, key: &str) -> String {
    object::labels(object)
        .and_then(|all| all.get(key))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn is_aborted(workflow: &Value) -> bool {
    object::annotation(workflow, ABORT) == Some("true")
}

fn nodes_of(world: &World, workflow: &Value) -> Vec<Arc<Value>> {
    let nodes = world.store.within(&WORKFLOWNODES, object::namespace(workflow));
    nodes
        .filter(|(_, node)| label(node, WORKFLOW_LABEL) == object::name(workflow))
        .map(|(_, node)| Arc::clone(node))
        .collect()
}

fn has(node: &Value, kind: &str) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|one| object::text_at(one, "type") == kind && object::text_at(one, "status") == "True")
}

fn is_done(node: &Value) -> bool {
    has(node, "Accomplished") || has(node, "DeadlineExceed") || has(node, "Aborted")
}

/// A node for a template, under the workflow or another node; its name.
fn make_node(world: &mut World, workflow: &Value, parent: &Value, template: &str) -> Option<String> {
    let templates = workflow.pointer("/spec/templates").and_then(Value::as_array)?;
    let found = templates
        .iter()
        .find(|one| object::text_at(one, "name") == template)?;
    let start = world.timestamp();
    let mut spec = json!({
        "templateName": template, "workflowName": object::name(workflow),
        "type": object::text_at(found, "templateType"), "startTime": start,
    });
    for (key, value) in found.as_object()? {
        if !["name", "templateType", "deadline"].contains(&key.as_str()) {
            spec[key] = value.clone();
        }
    }
    if let Some(deadline) = parse_duration(&object::text_at(found, "deadline")) {
        let ends = world.wall_at(world.now.after(deadline));
        spec["deadline"] = json!(crate::sim::world::state::seconds(ends));
    }
    let node = json!({
        "kind": "WorkflowNode", "apiVersion": "chaos-mesh.org/v1alpha1",
        "metadata": {
            "generateName": format!("{template}-"), "namespace": object::namespace(workflow),
            "finalizers": [],
            "labels": {WORKFLOW_LABEL: object::name(workflow), PARENT_LABEL: object::name(parent)},
            "ownerReferences": [{
                "apiVersion": "chaos-mesh.org/v1alpha1", "kind": object::text_at(parent, "kind"),
                "name": object::name(parent), "uid": object::uid(parent),
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    let made = world.make(&WORKFLOWNODES, node)?;
    Some(object::name(&made).to_owned())
}

pub fn reconcile_node(world: &mut World, name: &Name) {
    let Some(node) = world.store.get(&WORKFLOWNODES, name).cloned() else {
        return;
    };
    let workflow_name = Name::new(
        name.namespace.as_str(),
        object::text_at(&node, "spec.workflowName"),
    );
    let workflow = world.store.get(&WORKFLOWS, &workflow_name).cloned();
    let aborted = workflow.as_deref().is_none_or(is_aborted);
    let ends: Option<jiff::Timestamp> = object::text_at(&node, "spec.deadline").parse().ok();
    let exceeded = ends.is_some_and(|ends| ends <= world.wall().0);
    if let Some(ends) = ends.filter(|_| !exceeded) {
        let wait = std::time::Duration::try_from(ends.duration_since(world.wall().0)).unwrap_or_default();
        let at: Mark = world.now.after(wait);
        world.agenda.at(at, Due::WorkflowNode(name.clone()));
    }
    let over = aborted || exceeded || object::is_terminating(&node);
    let kind = object::text_at(&node, "spec.type");
    let accomplished = match kind.as_str() {
        "Serial" | "Parallel" => workflow
            .as_deref()
            .is_some_and(|workflow| group(world, workflow, &node, over)),
        _ if kinds::is_injection(&kind) => {
            hold_chaos(world, &node, &kind, over);
            false
        }
        _ => false,
    };
    write_node(world, name, (aborted, exceeded, accomplished));
}

/// Serial and parallel nodes make their children; whether all of them are done.
fn group(world: &mut World, workflow: &Value, node: &Arc<Value>, over: bool) -> bool {
    let wanted = object::strings(node.pointer("/spec/children"));
    let made: Vec<Arc<Value>> = nodes_of(world, workflow)
        .into_iter()
        .filter(|one| label(one, PARENT_LABEL) == object::name(node))
        .collect();
    let of = |template: &str| {
        made.iter()
            .find(|one| object::text_at(one, "spec.templateName") == template)
    };
    let mut all_done = true;
    for template in wanted {
        match of(template) {
            Some(child) if is_done(child) => {}
            Some(child) => {
                all_done = false;
                if over {
                    finish_child(world, child);
                } else if object::text_at(node, "spec.type") == "Serial" {
                    break;
                }
            }
            None => {
                all_done = false;
                if !over {
                    make_node(world, workflow, node, template);
                    if object::text_at(node, "spec.type") == "Serial" {
                        break;
                    }
                }
            }
        }
    }
    all_done
}

/// A parent that is over ends its children with it.
fn finish_child(world: &mut World, child: &Value) {
    let mut changed = child.clone();
    let now = world.timestamp();
    changed["spec"]["deadline"] = now;
    world.write(&WORKFLOWNODES, changed);
}

/// Makes the node's chaos object, again and again, until the node is over; then deletes it.
fn hold_chaos(world: &mut World, node: &Arc<Value>, kind: &str, over: bool) {
    let Some(at) = chaos_resource(kind) else { return };
    let children: Vec<Arc<Value>> = world
        .store
        .within(&at, object::namespace(node))
        .filter(|(_, one)| label(one, PARENT_LABEL) == object::name(node))
        .map(|(_, one)| Arc::clone(one))
        .collect();
    if over || is_done(node) {
        for child in children.iter().filter(|child| !object::is_terminating(child)) {
            let name = name_of(child);
            if world.delete(&at, &name, &DeleteQuery::default()).is_ok() {
                let message = format!("chaos CR {} deleted", name.name);
                tell(
                    world,
                    node,
                    "workflow-chaos-node-reconciler",
                    Report::normal("ChaosCRDeleted", &message),
                );
            }
        }
        return;
    }
    if !children.is_empty() {
        return;
    }
    let spec = node
        .pointer(&format!("/spec/{}", kinds::field_of(kind)))
        .cloned()
        .unwrap_or_default();
    let made = world.make(&at, json!({
        "kind": kind, "apiVersion": "chaos-mesh.org/v1alpha1",
        "metadata": {
            "generateName": format!("{}-", object::name(node)), "namespace": object::namespace(node),
            "labels": {WORKFLOW_LABEL: label(node, WORKFLOW_LABEL), PARENT_LABEL: object::name(node)},
            "ownerReferences": [{
                "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "WorkflowNode", "name": object::name(node),
                "uid": object::uid(node), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    }));
    if let Some(made) = made {
        let message = format!("chaos CR {} created", object::name(&made));
        tell(
            world,
            node,
            "workflow-chaos-node-reconciler",
            Report::normal("ChaosCRCreated", &message),
        );
        let mut changed = (**node).clone();
        object::child_mut(&mut changed, "status").insert(
            "chaosResource".into(),
            json!({"apiGroup": "chaos-mesh.org", "kind": kind, "name": object::name(&made)}),
        );
        world.write(&WORKFLOWNODES, changed);
    }
}

fn write_node(world: &mut World, name: &Name, (aborted, exceeded, accomplished): (bool, bool, bool)) {
    let Some(node) = world.store.get(&WORKFLOWNODES, name).cloned() else {
        return;
    };
    let condition = |kind: &str, holds: bool| json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": ""});
    let suspend = object::text_at(&node, "spec.type") == "Suspend" && exceeded;
    let mut changed = (*node).clone();
    object::child_mut(&mut changed, "status").insert(
        "conditions".into(),
        json!([
            condition(
                "Accomplished",
                has(&node, "Accomplished") || accomplished || suspend
            ),
            condition("DeadlineExceed", has(&node, "DeadlineExceed") || exceeded),
            condition("Aborted", has(&node, "Aborted") || aborted),
        ]),
    );
    world.write(&WORKFLOWNODES, changed);
}
