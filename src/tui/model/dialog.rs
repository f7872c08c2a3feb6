//! What lies over the body of the screen and takes the keys first. Pure.

use std::collections::BTreeSet;

use tui_input::Input;

use crate::run::{Refusal, Tag};

/// The tags of a note, in the order in which they are offered.
pub const TAGS: [Tag; 6] = [
    Tag::Observation,
    Tag::Decision,
    Tag::Surprise,
    Tag::ActionItem,
    Tag::Question,
    Tag::Risk,
];

/// Whether the context's name was typed where that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    Locked,
    Open,
}

/// Which line of a two-line dialog takes the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Time,
    Reason,
}

/// A correction of a time that is being written.
#[derive(Debug, Clone)]
pub struct Correction {
    pub seq: u64,
    pub what: String,
    pub time: Input,
    pub reason: Input,
    pub field: Field,
}

/// One layer over the body. The topmost takes the keys; the emergency keys come before it.
#[derive(Debug, Clone)]
pub enum Dialog {
    Help {
        scroll: usize,
    },
    Palette {
        input: Input,
        chosen: usize,
    },
    /// Drawn in the message line, so that the list can be seen shrinking.
    Filter {
        input: Input,
        /// What Esc brings back.
        before: String,
    },
    Note {
        input: Input,
        tags: BTreeSet<usize>,
        chosen: usize,
    },
    Arming {
        typed: Input,
        lock: Lock,
        refusal: Option<Refusal>,
        scroll: usize,
    },
    Answer {
        question: usize,
        input: Input,
    },
    Predictions {
        chosen: usize,
    },
    Override {
        input: Input,
    },
    Correct(Box<Correction>),
    Quit,
}

impl Dialog {
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Help { .. } => "KEYS",
            Self::Palette { .. } => "COMMANDS",
            Self::Filter { .. } => "FILTER",
            Self::Note { .. } => "NOTE",
            Self::Arming { .. } => "ARMING",
            Self::Answer { .. } => "ANSWER",
            Self::Predictions { .. } => "PREDICTIONS",
            Self::Override { .. } => "GO ON ANYWAY",
            Self::Correct(_) => "CORRECT A TIME",
            Self::Quit => "END THE RUN",
        }
    }

    /// The line of text that is being written.
    pub const fn input(&self) -> Option<&Input> {
        match self {
            Self::Palette { input, .. }
            | Self::Filter { input, .. }
            | Self::Note { input, .. }
            | Self::Answer { input, .. }
            | Self::Override { input } => Some(input),
            Self::Arming {
                typed,
                lock: Lock::Locked,
                refusal: None,
                ..
            } => Some(typed),
            Self::Correct(correction) => Some(match correction.field {
                Field::Time => &correction.time,
                Field::Reason => &correction.reason,
            }),
            Self::Help { .. } | Self::Arming { .. } | Self::Predictions { .. } | Self::Quit => None,
        }
    }

    /// The same, to be written to.
    pub const fn input_mut(&mut self) -> Option<&mut Input> {
        match self {
            Self::Palette { input, .. }
            | Self::Filter { input, .. }
            | Self::Note { input, .. }
            | Self::Answer { input, .. }
            | Self::Override { input } => Some(input),
            Self::Arming {
                typed,
                lock: Lock::Locked,
                refusal: None,
                ..
            } => Some(typed),
            Self::Correct(correction) => Some(match correction.field {
                Field::Time => &mut correction.time,
                Field::Reason => &mut correction.reason,
            }),
            Self::Help { .. } | Self::Arming { .. } | Self::Predictions { .. } | Self::Quit => None,
        }
    }

    /// Its keys, for the last line of the screen.
    pub const fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Help { .. } => &[("Up/Down", "scroll"), ("Esc", "close")],
            Self::Palette { .. } => &[("Enter", "do it"), ("Up/Down", "choose"), ("Esc", "close")],
            Self::Filter { .. } => &[("Enter", "keep"), ("Esc", "as before")],
            Self::Note { .. } => &[
                ("Enter", "write"),
                ("Up/Down", "which tag"),
                ("Tab", "set it"),
                ("Esc", "discard"),
            ],
            Self::Arming { refusal: Some(_), .. } => &[("f", "ask again"), ("Esc", "close")],
            Self::Arming {
                lock: Lock::Locked, ..
            } => &[("Enter", "check the name"), ("Esc", "disarm")],
            Self::Arming { .. } => &[("F", "FIRE"), ("Up/Down", "scroll"), ("Esc", "disarm")],
            Self::Answer { .. } => &[("Enter", "write"), ("Esc", "discard")],
            Self::Predictions { .. } => &[
                ("y", "came true"),
                ("n", "did not"),
                ("x", "not scored"),
                ("Up/Down", "choose"),
                ("Esc", "close"),
            ],
            Self::Override { .. } => &[("Enter", "go on"), ("Esc", "stay")],
            Self::Correct(_) => &[("Enter", "write"), ("Tab", "other line"), ("Esc", "discard")],
            Self::Quit => &[("y", "end the run"), ("Esc", "stay")],
        }
    }
}
