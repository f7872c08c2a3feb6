//! Garbage: dependents whose owners are gone, and owners that wait for their dependents.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::world::agenda::Due;
use crate::sim::world::object;
use crate::sim::world::query::{DeleteQuery, Name, Propagation};
use crate::sim::world::resource::{EVENTS, ResourceRef};
use crate::sim::world::state::World;

type Found = (ResourceRef, Name, Arc<Value>);

pub fn run(world: &mut World) {
    let all: Vec<Found> = world
        .store
        .resources()
        .filter(|at| **at != EVENTS)
        .flat_map(|at| {
            world
                .store
                .all(at)
                .map(|(name, object)| (at.clone(), name.clone(), Arc::clone(object)))
        })
        .collect();
    let uids: BTreeSet<&str> = all.iter().map(|(_, _, object)| object::uid(object)).collect();
    for (at, name, dependent) in &all {
        let mut owners = object::owner_uids(dependent).peekable();
        if owners.peek().is_some()
            && owners.all(|owner| !uids.contains(owner))
            && !object::is_terminating(dependent)
        {
            delete(world, at, name, dependent);
        }
    }
    let mut waiting = false;
    for (at, name, owner) in all.iter().filter(|(_, _, one)| object::is_terminating(one)) {
        let holds = object::finalizers(owner);
        let of_owner = |one: &&Found| object::owner_uids(&one.2).any(|uid| uid == object::uid(owner));
        if holds.contains(&"orphan") {
            all.iter()
                .filter(of_owner)
                .for_each(|(at, name, _)| disown(world, at, name, object::uid(owner)));
            release(world, at, name, "orphan");
        } else if holds.contains(&"foregroundDeletion") {
            let dependents: Vec<&Found> = all.iter().filter(of_owner).collect();
            if dependents.is_empty() {
                release(world, at, name, "foregroundDeletion");
            }
            waiting |= !dependents.is_empty();
            for (at, name, dependent) in dependents {
                if !object::is_terminating(dependent) {
                    delete(world, at, name, dependent);
                }
            }
        }
    }
    if waiting {
        world.soon(Duration::from_millis(250), Due::Collect);
    }
}

fn delete(world: &mut World, at: &ResourceRef, name: &Name, object: &Value) {
    let query = DeleteQuery {
        uid: Some(object::uid(object).to_owned()),
        propagation: Propagation::Background,
        ..DeleteQuery::default()
    };
    // Gone or replaced meanwhile: nothing left to collect.
    let _ = world.delete(at, name, &query);
}

fn disown(world: &mut World, at: &ResourceRef, name: &Name, owner: &str) {
    let Some(present) = world.store.get(at, name) else {
        return;
    };
    let mut object = (**present).clone();
    let meta = object::meta_mut(&mut object);
    if let Some(Value::Array(owners)) = meta.get_mut("ownerReferences") {
        owners.retain(|one| one.get("uid").and_then(Value::as_str) != Some(owner));
        if owners.is_empty() {
            meta.remove("ownerReferences");
        }
    }
    world.write(at, object);
}

fn release(world: &mut World, at: &ResourceRef, name: &Name, finalizer: &str) {
    let Some(present) = world.store.get(at, name) else {
        return;
    };
    let mut object = (**present).clone();
    let left: Vec<&str> = object::finalizers(present)
        .into_iter()
        .filter(|one| *one != finalizer)
        .collect();
    let left = json!(left);
    object::meta_mut(&mut object).insert("finalizers".into(), left);
    world.settle(at, object);
}
