//! What a fault would do if it were fired now, and what forbids it. Plain data.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Debt;
use crate::units::Percent;

/// A pod that the fault's selectors match right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPod {
    pub namespace: String,
    pub name: String,
    pub ready: bool,
    pub node: Option<String>,
}

/// One limit, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// `pods 1 of at most 1`.
    pub limit: String,
    pub held: bool,
}

/// Why a fault may not be fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What forbids it, and on what.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{}; {hint}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

/// The arming card: what would be hurt, how much of it, for how long, and how it is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What firing would owe.
    pub debt: Debt,
    /// The object that would be created.
    pub manifest: serde_json::Value,
    /// `pod-kill`, `delay 250ms ±100ms`: what people read.
    pub action: String,
    /// The pods that match right now.
    pub pods: Vec<PlannedPod>,
    /// At most so many of them are hurt (mode `one`, `fixed`, …).
    pub hurt: usize,
    /// That as a share of the target's ready pods.
    pub share: Percent,
    pub limits: Vec<Judged>,
    /// How long it lasts; `None` for a one-shot.
    pub duration: Option<Duration>,
    /// Things to know that forbid nothing.
    pub warnings: Vec<String>,
}
