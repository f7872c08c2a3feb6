#![allow(clippy::unwrap_used, dead_code)]
#[path = "it/kill/mod.rs"]
mod kill;
#[path = "it/sim_wire.rs"]
mod sim_wire;
