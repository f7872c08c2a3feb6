//! The embedded cluster: a pure, seeded world and its wire on loopback.

pub mod wire;
pub mod world;
