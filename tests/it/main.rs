//! One crate of integration tests: everything that needs more than one floor, or a socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops there")]
#![allow(
    clippy::format_collect,
    reason = "what a failing test says may be slow to say"
)]

mod drive;
mod floors;
#[cfg(feature = "sim")]
mod gameday;
#[cfg(feature = "sim")]
mod inject;
#[cfg(feature = "sim")]
mod inject_rbac;
#[cfg(feature = "sim")]
mod inject_stage;
#[cfg(feature = "sim")]
mod inject_storms;
mod journal;
mod journal_samples;
#[cfg(feature = "sim")]
mod kill;
mod laws;
#[cfg(feature = "sim")]
mod laws_stage;
#[cfg(feature = "sim")]
mod laws_world;
mod playbook;
mod playbook_command;
mod playbook_schema;
#[cfg(feature = "sim")]
mod playbook_sim;
mod report;
mod report_command;
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
mod tui;
#[cfg(feature = "sim")]
mod watch;
#[cfg(feature = "sim")]
mod watch_gap;
#[cfg(feature = "sim")]
mod watch_status;
#[cfg(feature = "sim")]
mod watch_streams;
