//! The YAML file that a game day follows: its types, its reading, its rules.
//!
//! [`load`] reads one file's text, [`open`] a path or a shipped name; both give everything that is wrong at once
//! as [`Findings`]. [`explain`] says what a run would do, `schema` is the format for editors.

mod builtin;
mod check;
mod explain;
pub mod findings;
mod lint;
pub mod model;
mod parse;
mod schema;
mod shelf;
mod span;

pub use builtin::builtin;
pub use explain::explain;
pub use findings::{Finding, Findings, Grade, LineColumn, Place};
pub use lint::{Rule, rules};
pub use model::*;
pub use parse::{FORMAT, Loaded, LoadedSuite, MAX_BYTES, is_suite, load, load_suite};
pub use schema::{playbook_schema, suite_schema};
pub use shelf::{Opened, find, open, shipped, shipped_suites};
pub use span::ParseSpanError;
