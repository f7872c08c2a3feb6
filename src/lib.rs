//! firedrill: a game-day console for the terminal.
// The map of the house is written once the rooms stand; see the end of this file's history.

pub mod text;
pub mod units;

pub mod clock;
pub mod evidence;
pub mod fault;

pub mod playbook;

pub mod ports;
pub mod run;

pub mod cluster;
pub mod journal;
#[cfg(feature = "sim")]
pub mod sim;

pub mod inject;
pub mod report;
pub mod watch;

pub mod guard;

pub mod drive;

pub mod assemble;
pub mod headless;
pub mod tui;

pub mod cli;
