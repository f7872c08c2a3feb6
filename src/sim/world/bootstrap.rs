//! The cluster as it stands at mark zero.

use super::world::World;

pub fn build(_world: &mut World) {}
