//! What a run says about itself once it is folded: words for facts, a summary, and how it is written down.
//! Pure: facts in, text out; never opens a file, never reads a clock.

mod escape;
mod fold;
mod json;
mod lines;
mod markdown;
mod moment;
mod row;
mod stories;
pub mod table;
pub mod words;

pub use fold::Summary;
pub use json::{VERSION, entries, json, text as json_text};
pub use lines::lines;
pub use markdown::markdown;
pub use moment::{Answer, Correction, Kill, Life, Marked, Moment, Note, Outcome, Told};
pub use row::{NOT_IN_A_ROW, Row};
pub use stories::{CheckStory, FaultStory, ObjectiveStory, Score, StepStory};
