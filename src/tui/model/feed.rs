//! What comes in beside the facts, and the pieces that the model keeps of it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ports::{ChaosRow, CheckNow, Freshness, PodRow};
use crate::report::words::{self, Names, Sign};
use crate::run::{Entry, Fact, Tag};
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

/// How something that is said is meant.
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
    pub sign: Sign,
    /// Whether the list of steps says the same.
    pub is_step: bool,
}

impl Told {
    pub fn of(entry: &Entry, names: &Names) -> Self {
        let tags = match &entry.fact {
            Fact::NoteAdded { tags, .. } => tags.clone(),
            _ => Vec::new(),
        };
        Self {
            seq: entry.seq,
            at: entry.at,
            wall: entry.wall,
            text: words::sentence(&entry.fact, names),
            tags,
            sign: words::sign(&entry.fact),
            is_step: matches!(entry.fact, Fact::StepBegan { .. } | Fact::StepEnded { .. }),
        }
    }
}

impl From<words::Tone> for Tone {
    fn from(tone: words::Tone) -> Self {
        match tone {
            words::Tone::Plain | words::Tone::Fault | words::Tone::Person => Self::Plain,
            words::Tone::Good => Self::Good,
            words::Tone::Caution => Self::Amber,
            words::Tone::Bad => Self::Wrong,
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
