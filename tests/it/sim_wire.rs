//! What the tests of the embedded cluster's wire share: a running cluster, a plain HTTPS client, recorded
//! exchanges of a real server, and the comparison of shapes.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill::sim::wire::{self, Sim, SimOptions};
use serde_json::Value;

/// Longer than anything here takes; what runs into it hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster and a client that knows nothing of Kubernetes.
pub struct Peer {
    pub sim: Sim,
    http: reqwest::Client,
}

/// An answer, taken apart.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub warnings: Vec<String>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// One request as recorded.
#[derive(Clone)]
pub struct Recorded {
    pub request: Value,
    pub response: Value,
}

/// The recorded exchange of this name.
pub fn recorded(name: &str) -> Recorded {
    let path = format!(
        "{}/tests/fixtures/kube-api/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut exchange: Value = serde_json::from_str(&text).unwrap();
    Recorded {
        request: exchange["request"].take(),
        response: exchange["response"].take(),
    }
}

impl Peer {
    pub async fn start(options: SimOptions) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sim = wire::start(options).await.unwrap();
        let ca = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .build()
            .unwrap();
        Self { sim, http }
    }

    pub async fn usual() -> Self {
        Self::start(SimOptions::default()).await
    }

    pub fn token_of(&self, user: &str) -> String {
        self.sim
            .seats()
            .iter()
            .find(|seat| seat.user == user)
            .unwrap()
            .token
            .clone()
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.sim.server());
        self.http.request(method.parse().unwrap(), url).timeout(PATIENCE)
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let values = response.headers().get_all(name).iter();
            values
                .map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        Answer {
            status: response.status().as_u16(),
            content_type: header("content-type").concat(),
            warnings: header("warning"),
            text: response.text().await.unwrap(),
        }
    }

    /// Sends a recorded request as a user.
    pub async fn replay_as(&self, recorded: &Recorded, token: &str) -> Answer {
        let asked = &recorded.request;
        let mut request = self.request(asked["method"].as_str().unwrap(), asked["path"].as_str().unwrap());
        request = request.bearer_auth(token);
        for (name, value) in asked["headers"].as_object().into_iter().flatten() {
            request = request.header(name, value.as_str().unwrap());
        }
        if let Some(kind) = asked["content_type"].as_str() {
            request = request
                .header("content-type", kind)
                .body(asked["body"].to_string());
        }
        self.send(request).await
    }

    pub async fn replay(&self, name: &str) -> (Answer, Recorded) {
        let recorded = recorded(name);
        let answer = self.replay_as(&recorded, self.sim.token()).await;
        (answer, recorded)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).bearer_auth(self.sim.token()))
            .await
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let kind = match method {
            "PATCH" => "application/merge-patch+json",
            _write => "application/json",
        };
        let request = self.request(method, path).bearer_auth(self.sim.token());
        self.send(request.header("content-type", kind).body(body.to_string()))
            .await
    }

    /// Reads lines of a stream until `enough` of them are there.
    pub async fn lines(&self, path: &str, mut enough: impl FnMut(&[String]) -> bool) -> Vec<String> {
        let response = self
            .request("GET", path)
            .bearer_auth(self.sim.token())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let (mut response, mut rest, mut lines) = (response, Vec::new(), Vec::new());
        while !enough(&lines) {
            let chunk = tokio::time::timeout(PATIENCE, response.chunk()).await;
            let Some(chunk) = chunk
                .unwrap_or_else(|_| panic!("no more came after {lines:#?}"))
                .unwrap()
            else {
                break;
            };
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                lines.push(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
        }
        lines
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

/// Maps whose keys are data.
const FREE: [&str; 7] = [
    "labels",
    "annotations",
    "matchLabels",
    "labelSelectors",
    "capacity",
    "allocatable",
    "nodeSelector",
];

fn walk(value: &Value, path: &str, found: &mut BTreeMap<String, &'static str>) {
    found.insert(path.to_owned(), kind_of(value));
    match value {
        Value::Object(map) if !FREE.iter().any(|free| path.ends_with(free)) => {
            for (key, value) in map {
                walk(value, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| walk(value, &format!("{path}[]"), found)),
        _leaf => {}
    }
}

/// Every path of a value and the type at its end; lists are seen as the union of their elements.
pub fn shape(value: &Value) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    walk(value, "", &mut found);
    found
}

/// The paths of `wanted` that `got` lacks or has with another type.
pub fn missing(got: &Value, wanted: &Value) -> Vec<String> {
    let got = shape(got);
    shape(wanted)
        .into_iter()
        .filter(|(path, kind)| got.get(path) != Some(kind))
        .map(|(path, kind)| format!("{path}: {kind}, not {}", got.get(&path).unwrap_or(&"there")))
        .collect()
}
