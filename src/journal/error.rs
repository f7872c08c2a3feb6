//! Why a journal could not be written, read or found. Plain data about failures, never a decision.

use std::io;
use std::path::{Path, PathBuf};

/// Why a journal could not be written, read or found.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot {what} {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is held by another process", path.display())]
    Held { path: PathBuf },
    #[error("{} could not be made durable before; nothing more is vouched for", path.display())]
    SyncLost { path: PathBuf },
    #[error("a fact cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    #[error(
        "`{}` is not a run id; one looks like 20250131-093000-1a2b",
        crate::text::printable(text)
    )]
    NotARunId { text: String },
    #[error("no run {id} in {}", runs.display())]
    NoSuchRun { id: String, runs: PathBuf },
    #[error("no runs yet in {}", runs.display())]
    NoRuns { runs: PathBuf },
    #[error("run {id} exists already")]
    Exists { id: String },
    #[error("no home directory to keep runs in; set FIREDRILL_STATE")]
    NoHome,
}

impl JournalError {
    /// For `map_err`: says what was tried, on what.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
