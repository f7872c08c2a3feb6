//! Schedules: children at their times, with history, concurrency and pause as the real one has them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cron::Cron;
use super::kinds::{self, PAUSE};
use super::pipeline::tell;
use crate::sim::world::agenda::Due;
use crate::sim::world::controller::events::Report;
use crate::sim::world::object;
use crate::sim::world::query::{DeleteQuery, Name};
use crate::sim::world::resource::{ResourceRef, SCHEDULES, chaos_resource};
use crate::sim::world::state::World;
use crate::units::Mark;

/// More runs missed than this, and the controller refuses to catch up.
const MISSED_MOST: usize = 100;

pub fn reconcile(world: &mut World, name: &Name) {
    let Some(schedule) = world.store.get(&SCHEDULES, name).cloned() else {
        return;
    };
    if object::is_terminating(&schedule) {
        return;
    }
    let kind = object::text_at(&schedule, "spec.type");
    let Some(at) = chaos_resource(&kind) else { return };
    let children = children(world, &at, &schedule);
    hand_down_pause(world, &at, &schedule, &children);
    tidy(world, &at, &schedule, &children);
    if !kinds::is_paused(&schedule) {
        fire(world, &at, &schedule, &children);
    }
    write_active(world, &at, name);
}

fn children(world: &World, at: &ResourceRef, schedule: &Value) -> Vec<Arc<Value>> {
    let ours = |child: &Value| {
        object::labels(child)
            .and_then(|all| all.get("managed-by"))
            .and_then(Value::as_str)
            == Some(object::name(schedule))
    };
    world
        .store
        .within(at, object::namespace(schedule))
        .filter(|(_, one)| ours(one))
        .map(|(_, one)| Arc::clone(one))
        .collect()
}

fn is_finished(child: &Value) -> bool {
    let holds = |kind: &str| {
        let conditions = child.pointer("/status/conditions").and_then(Value::as_array);
        conditions
            .into_iter()
            .flatten()
            .any(|one| object::text_at(one, "type") == kind && object::text_at(one, "status") == "True")
    };
    if object::text_at(child, "kind") == "Workflow" {
        return holds("Accomplished");
    }
    if kinds::is_one_shot(child) {
        return holds("AllInjected");
    }
    object::text_at(child, "status.experiment.desiredPhase") == "Stop" && holds("AllRecovered")
}

/// The schedule's pause goes to its children, but not to Workflows.
fn hand_down_pause(world: &mut World, at: &ResourceRef, schedule: &Value, children: &[Arc<Value>]) {
    if object::text_at(schedule, "spec.type") == "Workflow" {
        return;
    }
    let wanted = object::annotation(schedule, PAUSE).map(str::to_owned);
    for child in children.iter().filter(|child| !is_finished(child)) {
        if object::annotation(child, PAUSE).map(str::to_owned) == wanted {
            continue;
        }
        let mut changed = (**child).clone();
        let annotations = object::child_mut(&mut changed["metadata"], "annotations");
        match &wanted {
            Some(wanted) => annotations.insert(PAUSE.into(), json!(wanted)),
            None => annotations.remove(PAUSE),
        };
        world.write(at, changed);
    }
}

/// Finished children beyond the limit go, oldest first.
fn tidy(world: &mut World, at: &ResourceRef, schedule: &Value, children: &[Arc<Value>]) {
    let limit = schedule
        .pointer("/spec/historyLimit")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    let mut done: Vec<&Arc<Value>> = children
        .iter()
        .filter(|child| is_finished(child) && !object::is_terminating(child))
        .collect();
    done.sort_by_key(|child| object::meta_str(child, "creationTimestamp").to_owned());
    let surplus = done
        .len()
        .saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    for child in done.into_iter().take(surplus) {
        let name = Name::new(object::namespace(child), object::name(child));
        // Gone meanwhile is what is wanted.
        let _ = world.delete(at, &name, &DeleteQuery::default());
    }
}

/// The newest run that is due, and the next one after now.
fn due(
    cron: &Cron,
    from: Timestamp,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Option<Timestamp>), String> {
    let (mut last, mut at, mut count) = (None, from, 0);
    loop {
        match cron.next(at) {
            Some(next) if next <= now => {
                last = Some(next);
                at = next;
                count += 1;
                if count > MISSED_MOST {
                    return Err("too many missed start time (> 100). Set or decrease \
                                .spec.startingDeadlineSeconds or check clock skew"
                        .to_owned());
                }
            }
            next => return Ok((last, next)),
        }
    }
}

fn fire(world: &mut World, at: &ResourceRef, schedule: &Arc<Value>, children: &[Arc<Value>]) {
    let Some(cron) = Cron::parse(&object::text_at(schedule, "spec.schedule")) else {
        return;
    };
    let now = world.wall().0;
    let name = Name::new(object::namespace(schedule), object::name(schedule));
    let last = object::text_at(schedule, "status.time");
    let born = object::meta_str(schedule, "creationTimestamp").to_owned();
    let mut from: Timestamp = if last.is_empty() { born } else { last }.parse().unwrap_or(now);
    let deadline = schedule
        .pointer("/spec/startingDeadlineSeconds")
        .and_then(Value::as_i64);
    if let Some(deadline) = deadline
        && let Ok(earliest) = now.checked_sub(jiff::SignedDuration::from_secs(deadline.clamp(0, 1 << 40)))
    {
        from = from.max(earliest);
    }
    let (missed, next) = match due(&cron, from, now) {
        Ok(found) => found,
        Err(why) => {
            tell(
                world,
                schedule,
                "schedule-cron",
                Report::warning("Failed", &format!("Failed to get run time: {why}")),
            );
            return;
        }
    };
    if let Some(next) = next {
        let wait = next.duration_since(now);
        let wait = Duration::try_from(wait).unwrap_or(Duration::ZERO);
        let mark: Mark = world.now.after(wait);
        world.agenda.at(mark, Due::Cron(name.clone()));
    }
    if missed.is_none() {
        return;
    }
    let forbids = object::text_at(schedule, "spec.concurrencyPolicy") != "Allow";
    if forbids && let Some(running) = children.iter().find(|child| !is_finished(child)) {
        let message = format!(
            "Forbid spawning new job because: {} is still running",
            object::name(running)
        );
        tell(
            world,
            schedule,
            "schedule-cron",
            Report::warning("Forbid", &message),
        );
        // Nothing is written, so that the missed run is tried again when the child is done.
        return;
    }
    spawn(world, at, schedule);
    let mut changed = (**schedule).clone();
    object::child_mut(&mut changed, "status").insert("time".into(), world.timestamp());
    world.write(&SCHEDULES, changed);
}

fn spawn(world: &mut World, at: &ResourceRef, schedule: &Arc<Value>) {
    let kind = object::text_at(schedule, "spec.type");
    let spec = schedule
        .pointer(&format!("/spec/{}", kinds::field_of(&kind)))
        .cloned()
        .unwrap_or_default();
    let name = format!("{}-{}", object::name(schedule), world.dice.suffix(5));
    let child = json!({
        "kind": kind, "apiVersion": "chaos-mesh.org/v1alpha1",
        "metadata": {
            "name": name, "namespace": object::namespace(schedule),
            "labels": {"managed-by": object::name(schedule)},
            "ownerReferences": [{
                "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Schedule", "name": object::name(schedule),
                "uid": object::uid(schedule), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    if world.make(at, child).is_some() {
        let message = format!("Create new object: {name}");
        tell(
            world,
            schedule,
            "schedule-cron",
            Report::normal("Spawned", &message),
        );
    }
}

fn write_active(world: &mut World, at: &ResourceRef, name: &Name) {
    let Some(schedule) = world.store.get(&SCHEDULES, name).cloned() else {
        return;
    };
    let active: Vec<Value> = children(world, at, &schedule)
        .iter()
        .filter(|child| !is_finished(child))
        .map(|child| {
            json!({
                "apiVersion": "chaos-mesh.org/v1alpha1", "kind": object::text_at(child, "kind"),
                "name": object::name(child), "namespace": object::namespace(child), "uid": object::uid(child),
            })
        })
        .collect();
    if active.is_empty() && schedule.pointer("/status/active").is_none() {
        return;
    }
    let mut changed = (*schedule).clone();
    object::child_mut(&mut changed, "status").insert("active".into(), Value::Array(active));
    world.write(&SCHEDULES, changed);
}
