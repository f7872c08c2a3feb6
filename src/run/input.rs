//! What can happen to a run, as data.

use serde::{Deserialize, Serialize};

use super::{Order, Plan, Refusal};
use crate::evidence::{Reading, Verdict};
use crate::fault::{Gone, Undo};
use crate::units::{CheckId, DebtId, ErrorChain, FaultId, Mark};

/// How an injection went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "injected")]
pub enum Injected {
    /// The cluster says that it is injected.
    Yes {
        /// Arrival here of the watch event that says so.
        at: Mark,
        /// The server's own stamp of it, in whole seconds.
        server_stamp: Option<String>,
        /// Which pods or containers, as the records name them.
        targets: Vec<String>,
        /// The undo with what is known now (the uid).
        undo: Box<Undo>,
    },
    /// It failed or nothing is known of it; it is still owed.
    No { error: ErrorChain },
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The run begins.
    Start,
    Operator(Order),
    /// A check's verdict changed, or it was seen for the first time. `at` of the reading is when the new
    /// verdict was first seen, hysteresis already counted out.
    Seen {
        check: CheckId,
        verdict: Verdict,
        reading: Reading,
    },
    /// The system's wall time moved against the run's clock.
    ClockJumped {
        by_seconds: i64,
    },
    /// The run was taken up again after a crash.
    Resumed {
        how: crate::clock::Resumed,
        unattended: super::Unattended,
    },
    /// A check has no probe here. It is never a pass.
    NotMeasured {
        check: CheckId,
        why: String,
    },
    /// The answer to an arming: the card, or why not.
    Planned {
        fault: FaultId,
        outcome: Result<Box<Plan>, Refusal>,
    },
    /// The answer to an injection.
    Injected {
        debt: DebtId,
        outcome: Injected,
    },
    /// The fault ended by its own clock: the cluster says that nothing of it is injected any more. The debt
    /// stays until its object is gone as well.
    FaultEnded {
        debt: DebtId,
        at: Mark,
    },
    /// What is seen of an undo; several may come for one.
    Reverted {
        debt: DebtId,
        gone: Gone,
    },
    /// The kill switch was pulled; the one hand pays from now on, not the engine.
    Killed {
        by: String,
    },
    /// The latch was closed from elsewhere.
    Latched {
        by: String,
    },
    /// What the kill switch saw of a debt of this run.
    KillSaw {
        debt: DebtId,
        gone: Gone,
    },
    /// The kill switch is through: nothing unknown is left, or its time is over.
    KillEnded {
        clear: bool,
    },
    /// The journal cannot be written.
    JournalLost {
        error: ErrorChain,
    },
    /// No new fault may start; for as long as it is not resumed.
    GateClosed {
        why: String,
    },
    /// A deadline may have passed.
    Timeout,
}
