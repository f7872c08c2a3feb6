//! Answers on their way out: JSON, text and streams, with the headers a Kubernetes client expects.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use futures::Stream;
use serde_json::Value;

use super::refusal::Refusal;

/// An answer or why there is none.
pub(super) type Answer = Result<Reply, Refusal>;

enum Content {
    Json(Value),
    /// Serialised once and kept.
    Ready(Bytes),
    Stream(Body),
}

/// An answer that is not an error.
pub(super) struct Reply {
    code: u16,
    content_type: &'static str,
    headers: Vec<(HeaderName, String)>,
    content: Content,
}

const JSON: &str = "application/json";

impl Reply {
    fn new(code: u16, content_type: &'static str, content: Content) -> Self {
        Self {
            code,
            content_type,
            headers: Vec::new(),
            content,
        }
    }

    pub fn json(value: Value) -> Self {
        Self::new(200, JSON, Content::Json(value))
    }

    pub fn created(value: Value) -> Self {
        Self::new(201, JSON, Content::Json(value))
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::new(
            200,
            "text/plain; charset=utf-8",
            Content::Ready(Bytes::from(text.into())),
        )
    }

    /// Bytes that were serialised before.
    pub fn ready(content_type: &'static str, bytes: Bytes) -> Self {
        Self::new(200, content_type, Content::Ready(bytes))
    }

    /// A body that grows until its stream ends.
    pub fn stream<S>(content_type: &'static str, stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static,
    {
        Self::new(200, content_type, Content::Stream(Body::from_stream(stream)))
    }

    #[must_use]
    pub fn of_type(self, content_type: &'static str) -> Self {
        Self { content_type, ..self }
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Nothing new since the client's own copy.
    pub fn not_modified() -> Self {
        Self::new(304, JSON, Content::Ready(Bytes::new()))
    }

    /// Warnings as the `Warning` header carries them.
    #[must_use]
    pub fn with_warnings(mut self, warnings: &[String]) -> Self {
        for warning in warnings {
            let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
            self.headers.push((header::WARNING, format!("299 - \"{text}\"")));
        }
        self
    }

    fn into_response(self) -> Response<Body> {
        let body = match self.content {
            Content::Json(value) => {
                let mut text = value.to_string();
                text.push('\n');
                Body::from(text)
            }
            Content::Ready(bytes) => Body::from(bytes),
            Content::Stream(body) => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, private"),
        );
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        response
    }
}

/// Any answer as HTTP.
pub(super) fn respond(answer: Answer) -> Response<Body> {
    let reply = answer.unwrap_or_else(|refusal| {
        let code = refusal.code();
        match refusal {
            Refusal::NoSuchPage => {
                let text = Bytes::from_static(b"404 page not found\n");
                Reply::new(code, "text/plain; charset=utf-8", Content::Ready(text))
            }
            Refusal::Status(status) => {
                // Clients wait and ask again by themselves where this header stands.
                let wait = status
                    .details
                    .as_ref()
                    .and_then(|details| details["retryAfterSeconds"].as_u64());
                let reply = Reply::new(code, JSON, Content::Json(status.to_value()));
                match wait {
                    Some(seconds) => reply.with_header(header::RETRY_AFTER, seconds.to_string()),
                    None => reply,
                }
            }
        }
    });
    reply.into_response()
}
