//! What a change of a Chaos Mesh object asks for.

use std::time::Duration;

use super::kinds::is_injection;
use crate::sim::world::agenda::Due;
use crate::sim::world::happening::What;
use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::resource::{SCHEDULES, WORKFLOWNODES, WORKFLOWS};
use crate::sim::world::state::World;
use crate::sim::world::store::Change;

pub fn changed(world: &mut World, change: &Change) {
    let kind = object::text_at(&change.last, "kind");
    let soon = world.dice.millis(4, 18);
    let name = change.name.clone();
    if change.at == SCHEDULES {
        world.soon(soon, Due::Cron(name));
    } else if change.at == WORKFLOWS {
        world.soon(soon, Due::Workflow(name));
    } else if change.at == WORKFLOWNODES {
        world.soon(soon, Due::WorkflowNode(name));
    } else if is_injection(&kind) {
        if change.after.is_some() {
            world.soon(soon, Due::Chaos(change.at.clone(), name));
        } else {
            abandoned(world, change);
        }
    }
    wake_owner(world, change);
}

/// A child that changes wakes what spawned it.
fn wake_owner(world: &mut World, change: &Change) {
    let Some(owner) = object::controller(&change.last) else {
        return;
    };
    let name = Name::new(change.name.namespace.as_str(), object::text_at(owner, "name"));
    let due = match object::text_at(owner, "kind").as_str() {
        "Schedule" => Due::Cron(name),
        "Workflow" => Due::Workflow(name),
        "WorkflowNode" => Due::WorkflowNode(name),
        _ => return,
    };
    world.soon(Duration::from_millis(15), due);
}

/// The object is gone: whatever is still on was left behind.
fn abandoned(world: &mut World, change: &Change) {
    let uid = object::uid(&change.last);
    world.chaos.forget(uid);
    let left: Vec<What> = world
        .effects
        .iter()
        .filter(|effect| effect.by.uid == uid)
        .map(|effect| What::EffectAbandoned {
            by: effect.by.clone(),
            on: effect.on.clone(),
        })
        .collect();
    for what in left {
        world.note(what);
    }
}
