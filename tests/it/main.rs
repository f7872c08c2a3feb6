//! One crate of integration tests: everything that needs more than one floor, or a socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops there")]

mod drive;
mod floors;
#[cfg(feature = "sim")]
mod gameday;
mod kill;
mod journal;
mod journal_samples;
mod laws;
#[cfg(feature = "sim")]
mod laws_stage;
#[cfg(feature = "sim")]
mod laws_world;
mod report;
mod report_command;
mod inject;
#[cfg(feature = "sim")]
mod sim_wire;
#[cfg(feature = "sim")]
mod sim_wire_command;
#[cfg(feature = "sim")]
mod sim_wire_fuzz;
#[cfg(feature = "sim")]
mod sim_wire_kube;
#[cfg(feature = "sim")]
mod sim_wire_kubectl;
#[cfg(feature = "sim")]
mod sim_wire_recorded;
#[cfg(feature = "sim")]
mod sim_wire_server;
#[cfg(feature = "sim")]
mod sim_world;
#[cfg(feature = "sim")]
mod watch;
