//! What an operator can ask for. Data, so that it can be recorded and compared.

use serde::{Deserialize, Serialize};

/// What kind of note it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tag {
    Observation,
    Decision,
    Surprise,
    ActionItem,
    Question,
    Risk,
}

/// What an operator asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case", tag = "order")]
pub enum Order {
    /// Enter: the step is done, as far as people are concerned.
    GoOn,
    /// Ticks or unticks an item of the checklist.
    Tick {
        item: usize,
    },
    /// Answers a question of the debriefing.
    Answer {
        question: usize,
        text: String,
    },
    /// Whether a prediction came true.
    Score {
        prediction: usize,
        came_true: Option<bool>,
    },
    /// Shows what the fault of this step would do, and whether it may.
    Arm,
    Disarm,
    Fire,
    /// Goes on although the baseline does not hold, or skips a step. Always with a reason.
    Override {
        reason: String,
    },
    Note {
        text: String,
        tags: Vec<Tag>,
    },
    /// Somebody noticed the impact.
    Detected,
    /// Somebody stopped the bleeding.
    Mitigated,
    /// The recorded time of an earlier fact was wrong.
    Correct {
        seq: u64,
        at_nanos: u64,
        reason: String,
    },
    /// Tries once more to undo what is still owed.
    PayAgain,
    /// Ends the run gracefully: undo what is owed, then leave.
    Quit,
}
