//! What comes in beside the facts, and the pieces that the model keeps of it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ports::{ChaosRow, CheckNow, Freshness, PodRow};
use crate::run::{Entry, Fact, Injected, Kept, StepOutcome, Tag};
use crate::units::{CheckId, Mark, Stamp};

/// The latest of something that is replaced whole.
#[derive(Debug, Clone)]
pub struct Seen<T> {
    pub fresh: Freshness,
    pub rows: Arc<Vec<T>>,
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self {
            fresh: Freshness::Connecting,
            rows: Arc::default(),
        }
    }
}

/// What was seen of the cluster; latest wins.
#[derive(Debug, Clone)]
pub enum Sight {
    Pods(Freshness, Arc<Vec<PodRow>>),
    Chaos(Freshness, Arc<Vec<ChaosRow>>),
    Checks(BTreeMap<CheckId, CheckNow>),
}

/// Which lines the logs screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lines {
    #[default]
    Logs,
    Events,
}

/// What a fact means for people at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Amber,
    Wrong,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub seq: u64,
    pub at: Mark,
    pub wall: Stamp,
    pub text: String,
    pub tags: Vec<Tag>,
    pub tone: Tone,
}

impl Told {
    pub fn of(entry: &Entry, text: String) -> Self {
        let tags = match &entry.fact {
            Fact::NoteAdded { tags, .. } => tags.clone(),
            _ => Vec::new(),
        };
        Self {
            seq: entry.seq,
            at: entry.at,
            wall: entry.wall,
            text,
            tags,
            tone: tone(&entry.fact),
        }
    }
}

/// Something to say once, which goes away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    pub tone: Tone,
    pub at: Mark,
}

fn tone(fact: &Fact) -> Tone {
    use crate::evidence::Verdict;
    match fact {
        Fact::CheckChanged { verdict, .. } => match verdict {
            Verdict::Holds => Tone::Good,
            Verdict::Broken => Tone::Wrong,
            Verdict::Unknown => Tone::Amber,
        },
        Fact::StepEnded { outcome, .. } => match outcome {
            StepOutcome::Passed => Tone::Good,
            StepOutcome::Overridden { .. } | StepOutcome::Skipped => Tone::Amber,
            StepOutcome::Failed { .. } => Tone::Wrong,
        },
        Fact::InjectSettled { outcome, .. } => match outcome {
            Injected::Yes { .. } => Tone::Plain,
            Injected::No { .. } => Tone::Wrong,
        },
        Fact::RevertSettled { gone, .. } => {
            if gone.pays() {
                Tone::Good
            } else {
                Tone::Amber
            }
        }
        Fact::ObjectiveStopped { objective } => match objective.kept {
            Kept::Met => Tone::Good,
            Kept::Acceptable | Kept::NotJudged { .. } => Tone::Amber,
            Kept::Missed => Tone::Wrong,
        },
        Fact::KillEnded { clear: true } | Fact::Recovering { .. } | Fact::BaselineBegan => Tone::Good,
        Fact::RunEnded { exit, .. } => match exit {
            0 => Tone::Good,
            _ => Tone::Wrong,
        },
        Fact::CheckNotMeasured { .. }
        | Fact::Refused { .. }
        | Fact::BaselineBroken { .. }
        | Fact::StopConditionRunning { .. }
        | Fact::ClockJumped { .. } => Tone::Amber,
        Fact::Symptom { .. }
        | Fact::Relapsed { .. }
        | Fact::GateClosed { .. }
        | Fact::AbortBegan { .. }
        | Fact::HandedOver { .. }
        | Fact::KillEnded { clear: false } => Tone::Wrong,
        Fact::RunStarted { .. }
        | Fact::RunResumed { .. }
        | Fact::StepBegan { .. }
        | Fact::ItemTicked { .. }
        | Fact::Answered { .. }
        | Fact::PredictionsLocked
        | Fact::PredictionScored { .. }
        | Fact::ArmAsked { .. }
        | Fact::Armed { .. }
        | Fact::Disarmed { .. }
        | Fact::InjectIntended { .. }
        | Fact::Detected
        | Fact::Mitigated
        | Fact::RevertIntended { .. }
        | Fact::ObjectiveStarted { .. }
        | Fact::StopConditionCleared { .. }
        | Fact::NoteAdded { .. }
        | Fact::TimeCorrected { .. }
        | Fact::EndingBegan
        | Fact::Unknown(_) => Tone::Plain,
    }
}
