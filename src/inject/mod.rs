//! What can break and restore one kind of target. One injector a target; this file is the registry.
//!
//! `chaos_mesh` Chaos Mesh: `plan` what would be hit (`manifest` the object to be, `aims` every selector in it,
//! `select` one selector, `resolve` asks the cluster, `limits` the blast radius) · `fire` creates and follows ·
//! `revert` undoes and proves (`family` with everything that the object spawned, `witness` remembers how things
//! ended). Never decides when.

mod aims;
mod chaos_mesh;
mod family;
mod fire;
mod limits;
mod manifest;
mod plan;
mod resolve;
mod revert;
mod select;
mod witness;

use std::sync::Arc;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::ports::Injector;

/// The injector of Chaos Mesh on a cluster. One a run: it remembers what it made.
pub fn chaos_mesh(cluster: Cluster, clock: Clock) -> Arc<dyn Injector> {
    Arc::new(chaos_mesh::ChaosMesh::new(cluster, clock))
}
