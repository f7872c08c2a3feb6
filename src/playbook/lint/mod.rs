//! What a playbook may say and what it had better not: one small function a rule. Never does IO, never asks a cluster.

mod checks;
mod head;
pub(super) mod kinds;
pub(super) mod manifest;
mod recovery;
mod rules;
mod secrets;
mod selectors;
mod spec;
mod steps;

pub use rules::{Rule, lint, rules};
