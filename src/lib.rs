//! firedrill: a game-day console for the terminal.
//!
//! # The map of the house
//!
//! A file imports only lower floors or its own folder; `tests/it/floors.rs` holds this.
//!
//! | floor | room | what it does |
//! |---|---|---|
//! | 1 | [`units`] | marks, stamps, ids, percent, error chains |
//! | 1 | [`text`] | makes text from outside safe to show, measures and wraps it |
//! | 2 | [`clock`] | the only reader of clocks |
//! | 2 | [`fault`] | what a fault owes, as data enough to undo it |
//! | 2 | [`evidence`] | readings, expectations, bounded history |
//! | 3 | [`playbook`] | the file that a game day follows |
//! | 4 | [`run`] | the engine: inputs in, facts out; state, decisions, recovery clock |
//! | 4 | [`ports`] | what the driver needs of the outside world, as traits |
//! | 5 | [`cluster`] | the one owner of Kubernetes clients |
//! | 5 | [`journal`] | append-only record: chained lines, one file a process, runs on disk |
//! | 5 | [`sim`] | the embedded cluster: a pure world and its wire |
//! | 9 | [`tui`] | the console: model, keys, screens |
//! | 7 | [`guard`] | gate, latch and the sweep: what stops everything |
//! | 8 | [`drive`] | the loop of a run: journal, executor, probes, lease |
//! | 6 | [`report`] | words for facts; a run folded, and written down for people and machines |
//! | 6 | [`inject`] | what can break and restore a target: Chaos Mesh |
//! | 6 | [`watch`] | what is seen while a run is on: pods, chaos, events, logs; the probes |
//! | 9 | [`headless`] | the console without a screen: one line a fact |
//! | 9 | [`assemble`] | the only place that knows everything: cluster, watchers, journal, driver, kill switch |
//! | 10 | [`cli`] | one file a command |
//!
//! `text` is a room that the plan of the house did not have: the screen, the headless lines and the reports must
//! agree on what a hostile character looks like, so it lies below all of them.
//!
//! # Where the house differs from its plan
//!
//! - [`ports`] lies above [`run`], not beside it: the traits speak the engine's words.
//! - The recovery clock from the fault's start counts from the first symptom when that came before the cluster's word: a
//!   fault that is felt has begun, and the later mark would flatter.
//! - A run that is latched from elsewhere pays its own debts, ten seconds after whoever latched it had the first hand: two
//!   hands at one object take each other's proof away.
//! - [`watch`] lists and watches by itself where freshness is shown: the client's watcher hides its reconnects, and
//!   resolution is made of those.
//! - The console is opened once the cluster has answered; before that a line says that it is connecting.

pub mod text;
pub mod units;

pub mod clock;
pub mod evidence;
pub mod fault;

pub mod playbook;

pub mod ports;
pub mod run;

pub mod cluster;
pub mod inject;
pub mod journal;

#[cfg(feature = "sim")]
pub mod sim;

pub mod drive;
pub mod guard;
pub mod headless;
pub mod report;
pub mod tui;

pub mod watch;

pub mod assemble;

pub mod cli;
