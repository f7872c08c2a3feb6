//! Why a run could not be put together, and what to do about it.

use crate::cluster::{ApiFault, ClusterError};
use crate::guard::{EXIT_LATCHED, FoundLatch};
use crate::journal::JournalError;

#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[cfg(feature = "sim")]
    #[error("the embedded cluster did not start")]
    Sim(#[from] crate::sim::wire::SimError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the journal's thread did not start")]
    Thread(#[source] std::io::Error),
    #[error("nothing starts here, the latch was {0}; open it with `firedrill reset` once all is well")]
    Latched(FoundLatch),
    #[error(
        "nothing starts here: whether the cluster is latched cannot be read ({0}); try again once it answers"
    )]
    LatchUnknown(String),
    #[error("cannot tell whether another run has the target: {0}")]
    Lease(ApiFault),
    #[error(
        "the target namespace {namespace} is taken by {holder}, which is alive; wait for its end, or take it over with `--take-over {holder}`"
    )]
    Taken { namespace: String, holder: String },
    #[error("run {id} cannot be taken up again: {why}")]
    Resume { id: String, why: String },
}

impl AssembleError {
    /// 3 where somebody stopped everything; 2 for what is not as it must be.
    pub const fn exit(&self) -> u8 {
        match self {
            Self::Latched(_) => EXIT_LATCHED,
            #[cfg(feature = "sim")]
            Self::Sim(_) => 2,
            Self::Cluster(_)
            | Self::LatchUnknown(_)
            | Self::Journal(_)
            | Self::Thread(_)
            | Self::Lease(_)
            | Self::Taken { .. }
            | Self::Resume { .. } => 2,
        }
    }
}
