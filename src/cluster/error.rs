//! What can go wrong between here and an API server, in words that tell what to do. Never retries.

use std::path::PathBuf;

use crate::units::ErrorChain;

/// Why no cluster could be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    #[error("cannot read the kubeconfig {}: {why}", path.as_ref().map_or_else(|| "of this user".to_owned(), |path| path.display().to_string()))]
    Kubeconfig { path: Option<PathBuf>, why: ErrorChain },
    #[error("cannot use the context `{context}`: {why}")]
    Context { context: String, why: ErrorChain },
    #[error("cannot make a client for {server}: {why}")]
    Client { server: String, why: ErrorChain },
    #[error("cannot ask {server} who it is: {why}")]
    Identity { server: String, why: ApiFault },
}

/// Why a request was not answered as hoped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiFault {
    #[error("not found")]
    NotFound,
    /// The right that is missing: `list networkchaos.chaos-mesh.org in every namespace`.
    #[error("no right to {right}")]
    Forbidden { right: String },
    #[error("the API server does not accept the credentials; log in again")]
    Unauthorized,
    #[error("{message}")]
    Conflict { message: String },
    /// The server answered, and said no.
    #[error("{message}")]
    Refused { code: u16, message: String },
    /// Whether the request had an effect is not known.
    #[error("{0}")]
    Unreachable(ErrorChain),
}

impl ApiFault {
    /// `right` is what would have been needed, in case that it is missing.
    pub(crate) fn of(error: &kube::Error, right: impl FnOnce() -> String) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::Unreachable(ErrorChain::of(error));
        };
        Self::of_status(status, right)
    }

    pub(crate) fn of_status(status: &kube::core::Status, right: impl FnOnce() -> String) -> Self {
        let message = crate::text::printable(&status.message).into_owned();
        match status.code {
            401 => Self::Unauthorized,
            // A webhook says 403 as well; what it refuses is the object, not the person.
            403 if !message.contains("admission webhook") => Self::Forbidden { right: right() },
            404 => Self::NotFound,
            409 => Self::Conflict { message },
            code => Self::Refused { code, message },
        }
    }

    /// Whether the request certainly had no effect.
    pub const fn is_definite(&self) -> bool {
        match self {
            Self::NotFound | Self::Forbidden { .. } | Self::Unauthorized | Self::Conflict { .. } => true,
            Self::Refused { code, .. } => *code < 500,
            Self::Unreachable(_) => false,
        }
    }
}
