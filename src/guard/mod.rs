//! What stops everything: the gate of this process, the latch of this machine, the sweep of a cluster.
//!
//! `gate` one flag · `latch` one file a cluster, across processes · `sweep` deletes every chaos object and says of
//! each what became of it · `tell` what a start has to know of latches, here and in the cluster · `record` facts of
//! a kill on disk · `words` lines to paste. Ctrl-K and `firedrill kill` are this code. Never drives a run, never
//! draws.

mod gate;
mod latch;
mod record;
mod sweep;
mod tell;
pub mod words;

pub use gate::Gate;
pub use latch::{Closed, Latch, LatchError, Latched, private_folder};
pub use record::KillRecord;
pub use sweep::{Effect, Force, KillRequest, KnownDebt, kill};
pub use tell::{
    CHAOS_MESH_NAMESPACE, EXIT_LATCHED, FoundLatch, LatchLook, LatchPlace, OpenedLatches, all_latches,
    find_latch, open_latches, who,
};
