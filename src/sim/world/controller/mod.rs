//! One file a controller.

mod kubelet;

pub use kubelet::{PodRun, target_of};

use super::agenda::Due;
use super::store::Change;
use super::world::World;

/// Looks at a change and asks for the work that follows from it. It changes nothing itself.
pub fn react(_world: &mut World, _change: &Change) {}

/// Does one piece of work.
pub fn run(_world: &mut World, _due: Due) {}
