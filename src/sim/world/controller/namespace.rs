//! A namespace on its way out takes everything in it along, then goes.

use std::time::Duration;

use crate::sim::world::agenda::Due;
use crate::sim::world::object;
use crate::sim::world::query::{DeleteQuery, Name};
use crate::sim::world::resource::{NAMESPACES, ResourceRef};
use crate::sim::world::state::World;

pub fn empty(world: &mut World, name: &str) {
    let at = Name::cluster(name);
    if !world
        .store
        .get(&NAMESPACES, &at)
        .is_some_and(|space| object::is_terminating(space))
    {
        return;
    }
    let inside: Vec<(ResourceRef, Name, bool)> = world
        .store
        .resources()
        .flat_map(|at| {
            let objects = world.store.within(at, name);
            objects.map(|(name, object)| (at.clone(), name.clone(), object::is_terminating(object)))
        })
        .collect();
    if inside.is_empty() {
        world.take_out(&NAMESPACES, &at);
        return;
    }
    for (at, name, dying) in inside {
        if !dying {
            // Gone meanwhile is what is wanted.
            let _ = world.delete(&at, &name, &DeleteQuery::default());
        }
    }
    world.soon(Duration::from_millis(500), Due::Namespace(name.to_owned()));
}
