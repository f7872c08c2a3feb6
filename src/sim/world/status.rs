//! How a request is refused: a Kubernetes `Status` with the texts that a real API server uses.

use serde_json::{Value, json};

use super::resource::{Resource, ResourceRef};

/// A failed request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    pub code: u16,
    /// `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, …; empty where the server gives none.
    pub reason: &'static str,
    pub message: String,
    pub details: Option<Value>,
}

/// A version that the history no longer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    pub asked: u64,
    /// The oldest version from which a watch can still be replayed.
    pub oldest: u64,
}

impl From<Expired> for Status {
    fn from(expired: Expired) -> Self {
        Self::plain(
            410,
            "Expired",
            format!("too old resource version: {} ({})", expired.asked, expired.oldest),
        )
    }
}

/// One cause of an `Invalid` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    pub reason: &'static str,
    pub message: String,
    pub field: String,
}

impl Cause {
    pub fn unsupported(field: &str, got: &Value, supported: &[impl AsRef<str>]) -> Self {
        let list: Vec<String> = supported
            .iter()
            .map(|one| format!("\"{}\"", one.as_ref()))
            .collect();
        Self {
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {got}: supported values: {}", list.join(", ")),
            field: field.to_owned(),
        }
    }

    pub fn required(field: &str) -> Self {
        Self {
            reason: "FieldValueRequired",
            message: "Required value".to_owned(),
            field: field.to_owned(),
        }
    }

    pub fn invalid(field: &str, got: &Value, why: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {got}: {why}"),
            field: field.to_owned(),
        }
    }

    pub fn wrong_type(field: &str, got: &Value, wanted: &str) -> Self {
        let shown = match got {
            Value::Object(_) => "object".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Bool(_) => "boolean".to_owned(),
            Value::Null => "null".to_owned(),
            Value::Number(n) if n.is_f64() => "number".to_owned(),
            Value::Number(_) => "integer".to_owned(),
        };
        Self {
            reason: "FieldValueTypeInvalid",
            message: format!(
                "Invalid value: \"{shown}\": {field} in body must be of type {wanted}: \"{shown}\""
            ),
            field: field.to_owned(),
        }
    }
}

impl Status {
    pub fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    fn on(code: u16, reason: &'static str, at: &ResourceRef, name: &str, message: String) -> Self {
        Self {
            code,
            reason,
            message,
            details: Some(details(name, &at.group, &at.plural)),
        }
    }

    pub fn not_found(at: &ResourceRef, name: &str) -> Self {
        Self::on(
            404,
            "NotFound",
            at,
            name,
            format!("{} \"{name}\" not found", at.qualified()),
        )
    }

    pub fn already_exists(at: &ResourceRef, name: &str) -> Self {
        Self::on(
            409,
            "AlreadyExists",
            at,
            name,
            format!("{} \"{name}\" already exists", at.qualified()),
        )
    }

    pub fn being_deleted(at: &ResourceRef, name: &str) -> Self {
        let message = format!(
            "object is being deleted: {} \"{name}\" already exists",
            at.qualified()
        );
        Self::on(409, "AlreadyExists", at, name, message)
    }

    pub fn conflict(at: &ResourceRef, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": {why}",
            at.qualified()
        );
        Self::on(409, "Conflict", at, name, message)
    }

    pub fn stale(at: &ResourceRef, name: &str) -> Self {
        Self::conflict(
            at,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::plain(403, "Forbidden", message)
    }

    pub fn method_not_allowed() -> Self {
        Self::plain(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    /// 422 with its causes; several errors stand in brackets, in the order found.
    pub fn invalid(resource: &Resource, name: &str, causes: &[Cause]) -> Self {
        let told: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let told = if let [one] = told.as_slice() {
            one.clone()
        } else {
            format!("[{}]", told.join(", "))
        };
        let subject = if resource.at.group.is_empty() {
            resource.kind.to_string()
        } else {
            format!("{}.{}", resource.kind, resource.at.group)
        };
        let mut details = details(name, &resource.at.group, &resource.kind);
        details["causes"] = causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        Self {
            code: 422,
            reason: "Invalid",
            message: format!("{subject} \"{name}\" is invalid: {told}"),
            details: Some(details),
        }
    }

    /// The body of the answer.
    pub fn to_value(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            body["reason"] = Value::from(self.reason);
        }
        if let Some(details) = &self.details {
            body["details"] = details.clone();
        }
        body
    }
}

fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut details = json!({"name": name, "kind": kind});
    if !group.is_empty() {
        details["group"] = Value::from(group);
    }
    details
}
