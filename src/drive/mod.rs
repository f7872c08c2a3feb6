//! Carries a run: the loop between the engine and the world. `record` keeps facts on disk without making anyone
//! wait who need not · `executor` turns effects into tasks and answers into inputs, `claim` says
//! whether a create or its undo comes first · `probes` runs the checks ·
//! `hold` keeps the target's lease · `driver` is the loop. Decides nothing: that is the engine's.

mod claim;
mod driver;
mod executor;
mod hold;
mod probes;
mod record;

pub use driver::{Begin, Driven, Driver, Handles, Outfit};
pub use hold::{HoldOutcome, TargetHold};
pub use probes::CheckPublisher;
pub use record::{Durable, Recorder};
