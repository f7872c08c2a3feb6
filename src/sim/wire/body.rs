//! Bodies on their way in: bounded, JSON or YAML, never trusted.

use axum::body::Body;
use bytes::Bytes;
use serde_json::Value;

use super::protobuf;
use super::refusal::Refusal;

/// What a real server takes at most.
const LIMIT: usize = 3 * 1024 * 1024;

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Reads a whole body.
pub(super) async fn read(body: Body) -> Result<Bytes, Refusal> {
    axum::body::to_bytes(body, LIMIT).await.map_err(|error| {
        let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        if text.contains("length limit") {
            Refusal::too_large()
        } else {
            Refusal::bad_request(text)
        }
    })
}

/// The type of a body without its parameters, in lower case.
pub(super) fn media_type(header: Option<&str>) -> String {
    let kind = header.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn yaml(text: &str) -> Result<Value, Refusal> {
    // `on`, `no` and `y` are values and keys in manifests, not booleans.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| Refusal::bad_request(format!("error converting YAML to JSON: {error}")))
}

/// An object from a body of a write.
pub(super) fn decode(bytes: &Bytes, media_type: &str) -> Result<Value, Refusal> {
    if media_type == PROTOBUF {
        return protobuf::decode(bytes)
            .ok_or_else(|| Refusal::unsupported_media_type("application/json, application/yaml"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::bad_request("the body is not UTF-8"))?;
    match media_type {
        ""
        | "application/json"
        | "application/json-patch+json"
        | "application/merge-patch+json"
        | "application/strategic-merge-patch+json" => serde_json::from_str(text).map_err(|error| {
            let what = if bytes.is_empty() {
                "EOF".to_owned()
            } else {
                error.to_string()
            };
            Refusal::bad_request(format!(
                "the object provided is unrecognized (must be of type json): {what}"
            ))
        }),
        // Clients send JSON under this name too; it is quicker to read, and is YAML.
        "application/yaml" | "application/apply-patch+yaml" => {
            serde_json::from_str(text).or_else(|_| yaml(text))
        }
        _other => Err(Refusal::unsupported_media_type(
            "application/json, application/yaml",
        )),
    }
}
