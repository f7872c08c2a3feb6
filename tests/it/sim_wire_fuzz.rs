//! Requests that nobody would send, in great number: none may break the server.

use firedrill::sim::wire::SimOptions;
use serde_json::{Value, json};

use crate::sim_wire::Peer;

/// A small generator: the same requests in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

const PATHS: [&str; 14] = [
    "/api/v1/namespaces/default/pods",
    "/api/v1/namespaces/default/pods/emqx-go-0",
    "/api/v1/namespaces/default/pods/emqx-go-0/log",
    "/api/v1/namespaces/default/pods/emqx-go-1/eviction",
    "/api/v1/namespaces/default/pods/emqx-go-1/status",
    "/api/v1/nodes/node-1",
    "/api/v1/namespaces/default",
    "/apis/apps/v1/namespaces/default/statefulsets/emqx-go",
    "/apis/apps/v1/namespaces/default/statefulsets/emqx-go/scale",
    "/apis/chaos-mesh.org/v1alpha1/namespaces/default/networkchaos",
    "/apis/chaos-mesh.org/v1alpha1/namespaces/default/networkchaos/x",
    "/apis/coordination.k8s.io/v1/namespaces/default/leases/x",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/batch/v1/namespaces/default/jobs",
];

const QUERIES: [&str; 12] = [
    "",
    "?dryRun=All",
    "?dryRun=None",
    "?limit=1",
    "?limit=-1",
    "?continue=00",
    "?fieldManager=f&force=true",
    "?fieldValidation=Strict",
    "?labelSelector=%21%2C%28",
    "?fieldSelector=metadata.name%3Dx",
    "?gracePeriodSeconds=99999999999999999999",
    "?propagationPolicy=Foreground",
];

const TYPES: [&str; 6] = [
    "application/json",
    "application/yaml",
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// A value that fits nowhere in particular.
fn odd(dice: &mut Dice) -> Value {
    match dice.roll(9) {
        0 => Value::Null,
        1 => json!(-1),
        2 => json!(1e300),
        3 => json!("\u{0}\u{1b}[31m\u{202e}"),
        4 => json!([null, [], {}]),
        5 => json!({"": {"$patch": "delete"}}),
        6 => json!([{"$patch": "replace"}, 1]),
        7 => json!(true),
        _text => json!("x"),
    }
}

/// A manifest with odd values in some of its places.
fn body(dice: &mut Dice) -> Value {
    let mut body = json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos",
        "metadata": {"name": "x", "namespace": "default", "labels": {"a": "b"}, "finalizers": ["f/x"], "annotations": {}},
        "spec": {"action": "delay", "mode": "one", "selector": {"namespaces": ["default"]}, "replicas": 3,
            "delay": {"latency": "1s"}, "duration": "1s", "template": {"spec": {"containers": [{"name": "a"}]}}},
        "status": {"conditions": [{"type": "Ready"}]}, "preconditions": {"uid": "u"}, "deleteOptions": {},
    });
    for _place in 0..=dice.roll(3) {
        let pointer = dice.pick(&[
            "/apiVersion",
            "/kind",
            "/metadata",
            "/metadata/name",
            "/metadata/namespace",
            "/metadata/labels",
            "/metadata/finalizers",
            "/metadata/annotations",
            "/spec",
            "/spec/action",
            "/spec/mode",
            "/spec/selector",
            "/spec/selector/namespaces",
            "/spec/replicas",
            "/spec/delay",
            "/spec/delay/latency",
            "/spec/duration",
            "/spec/template",
            "/spec/template/spec/containers",
            "/status",
            "/status/conditions",
            "/preconditions",
            "/deleteOptions",
            "",
        ]);
        if let Some(place) = body.pointer_mut(pointer) {
            *place = odd(dice);
        }
    }
    if dice.roll(2) == 0
        && let Some(map) = body.as_object_mut()
    {
        map.remove("kind");
        map.remove("apiVersion");
    }
    if dice.roll(4) == 0 {
        body = json!([{"op": dice.pick(&["add", "remove", "move", "copy", "test", "fly"]),
            "path": dice.pick(&["/spec", "/spec/replicas", "/metadata/finalizers/-", "", "nope", "/status/conditions/0"]),
            "from": "/spec", "value": odd(dice)}]);
    }
    body
}

#[tokio::test]
async fn no_request_breaks_the_server() {
    let peer = Peer::start(SimOptions {
        speed: 50.0,
        ..SimOptions::default()
    })
    .await;
    let mut dice = Dice(7);
    for round in 0..1500 {
        let method = dice.pick(&["GET", "POST", "PUT", "PATCH", "DELETE"]);
        let path = format!("{}{}", dice.pick(&PATHS), dice.pick(&QUERIES));
        let kind = dice.pick(&TYPES);
        let body = body(&mut dice).to_string();
        let request = peer
            .request(method, &path)
            .bearer_auth(peer.sim.token())
            .header("content-type", kind);
        let answer = peer.send(request.body(body.clone())).await;
        let told = format!(
            "round {round}: {method} {path} as {kind} with {body}\n{}",
            answer.text
        );
        assert!(
            answer.status < 500 || answer.text.contains("failed to create typed patch object"),
            "{told}"
        );
        if answer.status >= 400 && answer.content_type == "application/json" {
            let status = answer.json();
            assert_eq!(
                (status["kind"].as_str(), status["code"].as_u64()),
                (Some("Status"), Some(answer.status.into())),
                "{told}"
            );
        }
    }
    let pods = peer.get("/api/v1/pods").await;
    assert_eq!((pods.status, &pods.json()["kind"]), (200, &json!("PodList")));
    peer.sim.shutdown().await;
}
