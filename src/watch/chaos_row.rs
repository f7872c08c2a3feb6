//! What is said of one chaos object: its phase in a few words, and whether it hurts now. Pure.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::cluster::{ChaosKind, ChaosObject, Desired, Role};
use crate::fault::Gone;
use crate::ports::ChaosRow;
use crate::units::Stamp;

/// Where a chaos object stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum Phase {
    /// Nothing is injected yet.
    Selecting,
    Injecting {
        done: usize,
        of: usize,
    },
    Injected,
    /// It could not be injected, or not everywhere.
    Failing {
        why: String,
        at: String,
    },
    /// It happened, once; only the object is left.
    Happened,
    Paused,
    Recovering {
        done: usize,
        of: usize,
    },
    Stuck {
        why: String,
        at: String,
    },
    /// Its time is over and everything is recovered; only the object is left.
    Ended,
    /// A Schedule or Workflow: makes chaos, is none itself.
    Making,
    /// A kind that this version does not know, and nothing says that it injects.
    NotKnown,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Selecting => f.write_str("selecting"),
            Self::Injecting { done, of } => write!(f, "injecting {done}/{of}"),
            Self::Injected => f.write_str("injected"),
            Self::Failing { why, at } => write!(f, "failing ({why}, {at})"),
            Self::Happened => f.write_str("happened"),
            Self::Paused => f.write_str("paused"),
            Self::Recovering { done, of } => write!(f, "recovering {done}/{of}"),
            Self::Stuck { why, at } => write!(f, "stuck ({why}, {at})"),
            Self::Ended => f.write_str("ended"),
            Self::Making => f.write_str("makes chaos"),
            Self::NotKnown => f.write_str("kind not known"),
        }
    }
}

impl Phase {
    pub fn of(kind: &ChaosKind, object: &ChaosObject) -> Self {
        if kind.role == Role::Unknown && !object.injects {
            return Self::NotKnown;
        }
        let (recovered, of) = object.recovered();
        let (injected, _) = object.injected();
        if object.deleting {
            return match object.going() {
                Gone::Stuck { why, at } => Self::Stuck {
                    why,
                    at: at.unwrap_or_default(),
                },
                _ => Self::Recovering { done: recovered, of },
            };
        }
        if kind.role == Role::Spawner {
            return if object.paused { Self::Paused } else { Self::Making };
        }
        let stopped = object.desired == Some(Desired::Stop);
        if stopped && recovered < of {
            return match object.going() {
                Gone::Stuck { why, at } => Self::Stuck {
                    why,
                    at: at.unwrap_or_default(),
                },
                _ => Self::Recovering { done: recovered, of },
            };
        }
        if let Some((why, at)) = object.failure().filter(|_| !stopped) {
            return Self::Failing {
                why: why.to_owned(),
                at: at.to_owned(),
            };
        }
        if object.one_shot && of > 0 && injected == of {
            return Self::Happened;
        }
        if object.paused && !object.one_shot {
            return Self::Paused;
        }
        match (stopped, injected) {
            (true, _) => Self::Ended,
            (false, 0) => Self::Selecting,
            (false, done) if done < of => Self::Injecting { done, of },
            (false, _) => Self::Injected,
        }
    }

    /// Whether something is done to a target now, or may be at any moment.
    pub const fn hurts(&self) -> bool {
        match self {
            Self::Selecting
            | Self::Injecting { .. }
            | Self::Injected
            | Self::Failing { .. }
            | Self::Recovering { .. }
            | Self::Stuck { .. }
            | Self::Paused
            | Self::Making
            | Self::NotKnown => true,
            Self::Happened | Self::Ended => false,
        }
    }
}

/// The row of an object.
pub(super) fn row(kind: &ChaosKind, object: &ChaosObject) -> ChaosRow {
    let phase = Phase::of(kind, object);
    ChaosRow {
        object: object.object.clone(),
        uid: object.uid.clone(),
        action: object.action.clone(),
        created: object.created,
        duration: object.duration,
        run: object.run().map(str::to_owned),
        injected: object.injected(),
        targets: object.targets(),
        deleting: object.deleting,
        ended: phase == Phase::Ended && !object.one_shot,
        phase: phase.to_string(),
    }
}

/// How long an object will go on by its own clock, which began when it was created; nothing for a one-shot.
pub fn remaining(object: &ChaosObject, now: Stamp) -> Option<Duration> {
    let duration = object.duration.filter(|_| !object.one_shot)?;
    Some(duration.saturating_sub(age(object.created?, now)))
}

/// How long ago a server's stamp is; zero when its clock is ahead of ours.
pub fn age(created: Stamp, now: Stamp) -> Duration {
    Duration::try_from(now.0.duration_since(created.0)).unwrap_or_default()
}
