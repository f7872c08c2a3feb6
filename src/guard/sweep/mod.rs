//! Deletes every chaos object of a cluster and says of each what became of it.
//!
//! One watch a kind stands before its objects are deleted, so that the last status of each is known: one watch an
//! object would be hundreds of connections. Lists go on beside the watches, because an open watch proves nothing,
//! and the sweep is over when two full lists in a row agree.
//!
//! `engine` the loop · `seeing` watches and lists · `rounds` lists of everything · `going` deletes, force · `debts` what local journals say is
//! owed · `books` one object as it goes, pure · `telling` verdicts and the summary · `keep` manifests of what is not
//! ours · `requests` single requests in time. Nothing waits for the disk, and nothing waits for a stage.

mod books;
mod debts;
mod engine;
mod going;
mod keep;
mod requests;
mod rounds;
mod seeing;
mod telling;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::latch::Latch;
use crate::cluster::Cluster;
use crate::fault::Debt;
use crate::ports::{KillSummary, KillTells};
use crate::units::{RunId, Stamp};

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Says what would be deleted; latches nothing.
    DryRun,
    Real,
}

/// Whether finalizers are taken off what does not go otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// The fault may then stay where it is, and nobody knows.
    Yes,
    No,
}

/// A debt, and what the journal around it says.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownDebt {
    pub debt: Debt,
    pub run: Option<RunId>,
    /// When it was intended: a create in doubt is waited out from then on, from the start of the kill if unknown.
    pub intended: Option<Stamp>,
}

impl From<Debt> for KnownDebt {
    fn from(debt: Debt) -> Self {
        Self {
            debt,
            run: None,
            intended: None,
        }
    }
}

/// What is to be swept, and how.
#[derive(Debug, Clone)]
pub struct KillRequest {
    /// What pulled it: `ctrl-k`, `firedrill kill`, …
    pub by: String,
    /// Only what this run made, and what was made by that.
    pub run: Option<String>,
    /// Only what lies in this namespace.
    pub namespace: Option<String>,
    pub effect: Effect,
    pub force: Force,
    /// Real time; when it is over the verdicts stand as they are.
    pub timeout: Duration,
    /// What local journals say is owed, on this cluster or another.
    pub debts: Vec<KnownDebt>,
    /// Where manifests of what is not ours are kept; `None` keeps none, and says so.
    pub keep: Option<PathBuf>,
}

/// Closes the latch, deletes what is active and follows it to its end. Ends when two full lists agree and nothing
/// is left that may still change, or at the timeout. Tells on the way; never fails.
pub async fn kill(
    cluster: &Cluster,
    latch: &Latch,
    request: &KillRequest,
    tells: mpsc::UnboundedSender<KillTells>,
) -> KillSummary {
    engine::Sweep::new(cluster, request, tells).run(latch).await
}
