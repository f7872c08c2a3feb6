//! One thing that happened, as data; the journal is the list of these. And what each asks to be done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Injected, Plan, Refusal, Tag};
use crate::clock::{ClockBase, Resumed};
use crate::evidence::{Reading, Verdict};
use crate::fault::{ClusterPin, Debt, Gone};
use crate::playbook::Playbook;
use crate::units::{CheckId, DebtId, ErrorChain, FaultId, Mark, RunId, StepIx};

/// Why a run is ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "why")]
pub enum Why {
    /// The operator left.
    Quit,
    /// A step took too long or failed and the run cannot go on.
    Step { step: StepIx, what: String },
    /// A stop condition was broken for long enough.
    StopCondition { check: CheckId },
    /// The journal cannot be written: no fault without a record.
    JournalLost { error: ErrorChain },
    /// Somebody latched the cluster from elsewhere: this run pays its own debts, whatever is swept there.
    Latched { by: String },
    /// The kill switch.
    Killed { by: String },
}

impl Why {
    /// How grave it is: reasons only escalate.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Quit => 0,
            Self::Step { .. } => 1,
            Self::StopCondition { .. } => 2,
            Self::JournalLost { .. } => 3,
            Self::Latched { .. } => 4,
            Self::Killed { .. } => 5,
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "outcome")]
pub enum StepOutcome {
    Passed,
    /// A person went on although it was not as it should be.
    Overridden {
        reason: String,
    },
    Skipped,
    Failed {
        what: String,
    },
}

/// The verdict on an objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "verdict")]
pub enum Kept {
    Met,
    Acceptable,
    Missed,
    NotJudged { why: String },
}

/// What came of an objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    pub kept: Kept,
    /// From the clock's start to *recovered*.
    pub took: Option<Duration>,
    /// From when the clock counted.
    pub from: Option<Mark>,
    /// Start of the span in which every recovery signal held.
    pub recovered: Option<Mark>,
    /// End of that span.
    pub stable: Option<Mark>,
    /// The signal that came back last, and how fine its clock is.
    pub slowest: Option<(CheckId, Duration)>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "fact")]
pub enum Fact {
    RunStarted {
        run: RunId,
        playbook: Box<Playbook>,
        clock: ClockBase,
        cluster: ClusterPin,
        /// Nobody is at the screen: manual steps follow their policy.
        unattended: Unattended,
        version: String,
    },
    /// The run was taken up again after a crash.
    RunResumed {
        how: Resumed,
        /// Whether somebody is at the screen now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unattended: Option<Unattended>,
    },
    /// A check cannot be measured in this run. Never a pass.
    CheckNotMeasured {
        check: CheckId,
        why: String,
    },
    CheckChanged {
        check: CheckId,
        verdict: Verdict,
        reading: Reading,
    },
    StepBegan {
        step: StepIx,
    },
    StepEnded {
        step: StepIx,
        outcome: StepOutcome,
    },
    ItemTicked {
        step: StepIx,
        item: usize,
        ticked: Ticked,
    },
    Answered {
        step: StepIx,
        question: usize,
        text: String,
    },
    PredictionsLocked,
    PredictionScored {
        prediction: usize,
        came_true: Option<bool>,
    },
    BaselineBegan,
    /// The steady state did not hold; the baseline begins anew when it does.
    BaselineBroken {
        check: CheckId,
    },
    ArmAsked {
        fault: FaultId,
        attempt: u32,
    },
    Armed {
        plan: Box<Plan>,
    },
    Refused {
        fault: FaultId,
        refusal: Refusal,
    },
    Disarmed {
        fault: FaultId,
    },
    /// Durable before its effect starts.
    InjectIntended {
        debt: Debt,
        manifest: serde_json::Value,
    },
    InjectSettled {
        debt: DebtId,
        outcome: Injected,
    },
    /// The first recovery signal or check that broke after the fault.
    Symptom {
        check: CheckId,
        at: Mark,
        resolution: Duration,
    },
    Detected,
    Mitigated,
    /// It ended by its own clock, and is still owed until its object is gone.
    FaultEnded {
        debt: DebtId,
        at: Mark,
    },
    RevertIntended {
        debt: DebtId,
    },
    RevertSettled {
        debt: DebtId,
        gone: Gone,
    },
    ObjectiveStarted {
        from: Mark,
    },
    /// Every recovery signal holds since `since`.
    Recovering {
        since: Mark,
    },
    /// A recovery signal broke again before the hold was over, or before the step ended.
    Relapsed {
        check: CheckId,
    },
    ObjectiveStopped {
        objective: Objective,
    },
    StopConditionRunning {
        check: CheckId,
        since: Mark,
    },
    StopConditionCleared {
        check: CheckId,
    },
    GateClosed {
        why: String,
    },
    AbortBegan {
        why: Why,
    },
    ClockJumped {
        by_seconds: i64,
    },
    NoteAdded {
        text: String,
        tags: Vec<Tag>,
        author: Option<String>,
    },
    TimeCorrected {
        seq: u64,
        at: Mark,
        reason: String,
    },
    /// All steps are over; what is still owed is being paid.
    EndingBegan,
    /// The kill switch is through.
    KillEnded {
        clear: bool,
    },
    /// The run ends owing: another hand must pay.
    HandedOver {
        owed: Vec<DebtId>,
    },
    RunEnded {
        exit: u8,
        summary: String,
    },
    /// A fact of a later version: kept and shown, not understood.
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

/// Whether a person is at the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unattended {
    Yes,
    No,
}

/// Whether an item of a checklist is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ticked {
    Yes,
    No,
}

/// What a fact asks to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Resolve selectors, judge limits, dry-run: create nothing.
    Plan { fault: FaultId, attempt: u32 },
    /// Create the fault. Waits for the disk: its fact must be durable first.
    Inject {
        debt: Box<Debt>,
        manifest: serde_json::Value,
    },
    /// Undo and prove it. Never waits for the disk.
    Revert { debt: DebtId },
}

impl Fact {
    /// What must be done because of this; exhaustive, so that no fact is forgotten.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        match self {
            Self::ArmAsked { fault, attempt } => Some(Effect::Plan {
                fault: fault.clone(),
                attempt: *attempt,
            }),
            Self::InjectIntended { debt, manifest } => Some(Effect::Inject {
                debt: Box::new(debt.clone()),
                manifest: manifest.clone(),
            }),
            Self::RevertIntended { debt } => Some(Effect::Revert { debt: debt.clone() }),
            Self::RunStarted { .. }
            | Self::RunResumed { .. }
            | Self::CheckNotMeasured { .. }
            | Self::CheckChanged { .. }
            | Self::StepBegan { .. }
            | Self::StepEnded { .. }
            | Self::ItemTicked { .. }
            | Self::Answered { .. }
            | Self::PredictionsLocked
            | Self::PredictionScored { .. }
            | Self::BaselineBegan
            | Self::BaselineBroken { .. }
            | Self::Armed { .. }
            | Self::Refused { .. }
            | Self::Disarmed { .. }
            | Self::InjectSettled { .. }
            | Self::FaultEnded { .. }
            | Self::Symptom { .. }
            | Self::Detected
            | Self::Mitigated
            | Self::RevertSettled { .. }
            | Self::ObjectiveStarted { .. }
            | Self::Recovering { .. }
            | Self::Relapsed { .. }
            | Self::ObjectiveStopped { .. }
            | Self::StopConditionRunning { .. }
            | Self::StopConditionCleared { .. }
            | Self::GateClosed { .. }
            | Self::AbortBegan { .. }
            | Self::ClockJumped { .. }
            | Self::NoteAdded { .. }
            | Self::TimeCorrected { .. }
            | Self::EndingBegan
            | Self::KillEnded { .. }
            | Self::HandedOver { .. }
            | Self::RunEnded { .. }
            | Self::Unknown(_) => None,
        }
    }

    /// Whether its effect would create a debt, and so must wait until it is durable.
    pub const fn creates_debt(&self) -> bool {
        matches!(self, Self::InjectIntended { .. })
    }
}

/// A fact with its place and time in the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub seq: u64,
    pub at: Mark,
    pub wall: crate::units::Stamp,
    pub fact: Fact,
}
