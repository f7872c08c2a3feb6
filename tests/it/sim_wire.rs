//! What the tests of the embedded cluster's wire share: a running cluster, a plain HTTPS client, recorded
//! exchanges of a real server, and the comparison of shapes. Also the tests of the server as such.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill::sim::wire::{self, Sim, SimOptions};
use serde_json::{Value, json};

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

#[tokio::test]
async fn health_and_version_need_no_token_and_the_rest_does() {
    let peer = Peer::usual().await;
    for path in ["/healthz", "/livez", "/readyz", "/version"] {
        let answer = peer.send(peer.request("GET", path)).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    for path in ["/api", "/apis", "/api/v1/pods", "/openapi/v3", "/nowhere"] {
        let answer = peer.send(peer.request("GET", path)).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn the_kubeconfig_is_private_and_goes_with_the_cluster() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let peer = Peer::start(SimOptions {
        runtime_dir: Some(parent.path().into()),
        ..SimOptions::default()
    })
    .await;
    let path = peer.sim.kubeconfig().to_owned();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        std::fs::metadata(path.parent().unwrap())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("current-context: firedrill-sim\n")
    );
    peer.sim.shutdown().await;
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_speed_that_cannot_be_is_refused() {
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(
            wire::start(SimOptions {
                speed,
                ..SimOptions::default()
            })
            .await
            .is_err(),
            "{speed}"
        );
    }
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused_and_nothing_breaks() {
    let peer = Peer::usual().await;
    let path = "/api/v1/namespaces/default/configmaps";
    for (body, kind, status) in [
        (String::new(), "application/json", 400),
        ("{".into(), "application/json", 400),
        ("[]".into(), "application/json", 400),
        ("null".into(), "application/json", 400),
        ("\"text\"".into(), "application/json", 400),
        ("{\"metadata\": 1}".into(), "application/json", 422),
        ("a: [".into(), "application/yaml", 400),
        ("{}".into(), "text/html", 415),
        (
            "k8s\0\u{1}\u{2}".into(),
            "application/vnd.kubernetes.protobuf",
            415,
        ),
        ("x".repeat(4 << 20), "application/json", 413),
        ("[".repeat(100_000), "application/json", 400),
    ] {
        let shown: String = body.chars().take(20).collect();
        let request = peer.request("POST", path).bearer_auth(peer.sim.token());
        let answer = peer.send(request.header("content-type", kind).body(body)).await;
        assert_eq!(answer.status, status, "{shown} as {kind}: {}", answer.text);
        assert_eq!(answer.json()["kind"], "Status", "{shown}");
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn odd_paths_and_methods_are_answered() {
    let peer = Peer::usual().await;
    for (method, path, status) in [
        ("GET", "/api/v1/nothings", 404),
        ("GET", "/api/v2", 404),
        ("GET", "/apis/nobody.example/v1", 404),
        ("GET", "/api/v1/pods/emqx-go-0", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", "/api/v1/namespaces/default/pods/emqx-go-0/exec", 404),
        ("POST", "/api/v1/pods", 405),
        ("PUT", "/api/v1/namespaces/default/pods", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("GET", "/api/v1/pods?labelSelector=a%20b%3Dc", 400),
        ("GET", "/api/v1/pods?fieldSelector=spec.nope%3D1", 400),
        ("GET", "/api/v1/pods?limit=many", 400),
        ("GET", "/api/v1/pods?continue=rubbish", 400),
        ("GET", "/api/v1/pods?watch=1&resourceVersion=x", 400),
        ("GET", "/%ff%fe/%00", 404),
    ] {
        let request = peer.request(method, path).bearer_auth(peer.sim.token());
        let answer = peer
            .send(request.header("content-type", "application/json").body("{}"))
            .await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn every_kind_of_patch_changes_what_it_says() {
    let peer = Peer::usual().await;
    let path = "/api/v1/namespaces/default/configmaps";
    let made = peer
        .call(
            "POST",
            path,
            &json!({"metadata": {"name": "m", "finalizers": ["x/a"]}, "data": {"a": "1"}}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("{path}/m");
    let patch = async |kind: &str, body: Value, query: &str| {
        let request = peer
            .request("PATCH", &format!("{path}{query}"))
            .bearer_auth(peer.sim.token());
        peer.send(request.header("content-type", kind).body(body.to_string()))
            .await
    };
    let merged = patch(
        "application/merge-patch+json",
        json!({"data": {"b": "2", "a": null}}),
        "",
    )
    .await;
    assert_eq!(merged.json()["data"], json!({"b": "2"}));
    let listed = patch(
        "application/json-patch+json",
        json!([{"op": "add", "path": "/data/c", "value": "3"}]),
        "",
    )
    .await;
    assert_eq!(listed.json()["data"], json!({"b": "2", "c": "3"}));
    let strategic = patch(
        "application/strategic-merge-patch+json",
        json!({"metadata": {"finalizers": ["x/b"]}}),
        "",
    )
    .await;
    assert_eq!(strategic.json()["metadata"]["finalizers"], json!(["x/a", "x/b"]));
    let applied =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"d": "4"}});
    let answer = patch(
        "application/apply-patch+yaml",
        applied.clone(),
        "?fieldManager=me",
    )
    .await;
    assert_eq!(
        (answer.status, answer.json()["data"].clone()),
        (200, json!({"b": "2", "c": "3", "d": "4"}))
    );
    let mut withdrawn = applied.clone();
    withdrawn["data"] = json!({"e": "5"});
    let answer = patch("application/apply-patch+yaml", withdrawn, "?fieldManager=me").await;
    assert_eq!(answer.json()["data"], json!({"b": "2", "c": "3", "e": "5"}));
    let mut other = applied.clone();
    other["data"] = json!({"e": "6"});
    let answer = patch("application/apply-patch+yaml", other.clone(), "?fieldManager=you").await;
    assert_eq!(answer.status, 409);
    assert_eq!(
        answer.json()["message"],
        "Apply failed with 1 conflict: conflict with \"me\": .data.e"
    );
    assert_eq!(
        answer.json()["details"]["causes"][0]["reason"],
        "FieldManagerConflict"
    );
    let answer = patch(
        "application/apply-patch+yaml",
        other,
        "?fieldManager=you&force=true",
    )
    .await;
    assert_eq!(answer.json()["data"]["e"], "6");
    let answer = patch("application/apply-patch+yaml", applied, "").await;
    assert_eq!(answer.status, 422);
    let answer = patch("text/plain", json!({}), "").await;
    assert_eq!(answer.status, 415);
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace() {
    let peer = Peer::usual().await;
    let path = "/api/v1/namespaces/default/configmaps";
    let before = peer
        .sim
        .world()
        .look(firedrill::sim::world::World::resource_version);
    let answer = peer
        .call(
            "POST",
            &format!("{path}?dryRun=All"),
            &json!({"metadata": {"name": "d"}}),
        )
        .await;
    assert_eq!(answer.status, 201);
    assert!(answer.json()["metadata"]["uid"].is_string());
    assert_eq!(peer.get(&format!("{path}/d")).await.status, 404);
    let watched = format!("{path}?watch=1&resourceVersion={before}&timeoutSeconds=1");
    assert!(peer.lines(&watched, |_| false).await.is_empty());
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn unknown_fields_of_built_in_kinds_are_judged_as_asked() {
    let peer = Peer::usual().await;
    let path = "/api/v1/namespaces/default/pods?dryRun=All";
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "a", "image": "b", "imagePullPolicie": "Always"}], "restart": "Never"}});
    let strict = peer
        .call("POST", &format!("{path}&fieldValidation=Strict"), &pod)
        .await;
    assert_eq!(strict.status, 400);
    assert_eq!(
        strict.json()["message"],
        "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown field \
         \"spec.containers[0].imagePullPolicie\", unknown field \"spec.restart\""
    );
    let warned = peer.call("POST", path, &pod).await;
    assert_eq!(warned.status, 201);
    assert_eq!(warned.warnings.len(), 2);
    assert!(warned.json()["spec"]["restart"].is_null());
    let ignored = peer
        .call("POST", &format!("{path}&fieldValidation=Ignore"), &pod)
        .await;
    assert_eq!((ignored.status, ignored.warnings.len()), (201, 0));
    peer.sim.shutdown().await;
}
