//! The engine: a pure, synchronous core that turns an input into facts. Never async, never a clock, never IO.

mod decide;
mod fact;
mod input;
mod order;
mod orders;
mod phases;
mod plan;
mod recovery;
mod state;

pub use fact::{Effect, Entry, Fact, Kept, Objective, StepOutcome, Ticked, Unattended, Why};
pub use input::{Injected, Input};
pub use order::{Order, Tag};
pub use plan::{Judged, Plan, PlannedPod, Refusal};
pub use state::{Arming, CheckState, Fired, Run, StepState};

#[cfg(test)]
mod tests;
