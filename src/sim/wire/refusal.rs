//! An answer that is an error. The world's own `Status`, and the few refusals that only a wire can give. Pure.

use serde_json::{Value, json};

use crate::sim::world::{Expired, Status};

/// Why a request was refused.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    Status(Status),
    /// A path that no handler serves: plain text, not a `Status`.
    NoSuchPage,
}

impl Refusal {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self::Status(Status::plain(code, reason, message))
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with_details(json!({}))
    }

    pub fn not_acceptable(offers: &str) -> Self {
        Self::new(
            406,
            "NotAcceptable",
            format!("only the following media types are accepted: {offers}"),
        )
    }

    pub fn unsupported_media_type(accepted: &str) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {accepted}"
            ),
        )
    }

    pub fn too_large() -> Self {
        Self::new(
            413,
            "RequestEntityTooLarge",
            "Request entity too large: limit is 3145728",
        )
    }

    pub fn internal(what: impl std::fmt::Display) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {what}"))
    }

    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        match self {
            Self::Status(status) => Self::Status(Status {
                details: Some(details),
                ..status
            }),
            Self::NoSuchPage => self,
        }
    }

    pub fn code(&self) -> u16 {
        match self {
            Self::Status(status) => status.code,
            Self::NoSuchPage => 404,
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Expired> for Refusal {
    fn from(expired: Expired) -> Self {
        Self::Status(expired.into())
    }
}
