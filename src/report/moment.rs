//! What a summary is made of: moments, marks, lines of the timeline, what people wrote. Data only; folds nothing.

use std::time::Duration;

use super::words::Sign;
use crate::run::{Fact, Tag};
use crate::units::{Mark, Stamp};

/// Whether the process of a run still lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Running,
    Gone,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its process lives, and it has not ended.
    Running,
    /// Its process died before the run ended.
    Unfinished,
    Ended {
        exit: u8,
        summary: String,
    },
}

/// A time that somebody put right later. The original stays beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    pub at: Mark,
    pub reason: String,
}

/// When something happened, and which fact says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// `console`, `warden`, `kill-4711`.
    pub file: String,
    pub seq: u64,
    pub at: Mark,
    pub wall: Stamp,
    pub corrected: Option<Correction>,
}

impl Moment {
    /// The corrected time where there is one.
    pub fn best(&self) -> Mark {
        self.corrected
            .as_ref()
            .map_or(self.at, |correction| correction.at)
    }

    /// Wall time of [`Self::best`].
    pub fn best_wall(&self) -> Stamp {
        shifted(self.wall, self.at, self.best())
    }
}

/// A moment, who saw it, and how fine the clock was that saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    pub moment: Moment,
    pub source: String,
    pub resolution: Option<Duration>,
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub moment: Moment,
    pub sign: Sign,
    pub sentence: String,
    pub fact: Fact,
}

/// What a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub moment: Moment,
    pub text: String,
    pub tags: Vec<Tag>,
    pub author: Option<String>,
}

/// A question of the debriefing and what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub question: String,
    pub text: Option<String>,
}

/// What the kill switch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    pub moment: Moment,
    pub by: String,
    /// Whether everything was proven gone; `None` while nobody has said.
    pub clear: Option<bool>,
}

/// The same fact's moment at the time that it speaks of.
pub(super) fn moved(moment: &Moment, at: Mark) -> Moment {
    Moment {
        at,
        wall: shifted(moment.wall, moment.at, at),
        ..moment.clone()
    }
}

/// The wall time of `to`, when that of `from` is `wall`.
pub(super) fn shifted(wall: Stamp, from: Mark, to: Mark) -> Stamp {
    let by = |span: Duration| jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX);
    let moved = if to >= from {
        wall.0.checked_add(by(to.since(from)))
    } else {
        wall.0.checked_sub(by(from.since(to)))
    };
    moved.map_or(wall, Stamp)
}
