//! The embedded cluster's server as such: who comes in, what is refused, how objects are changed, when watches
//! end.

use firedrill::sim::wire::{self, SimOptions};
use serde_json::{Value, json};

use crate::sim_wire::Peer;

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

#[tokio::test]
async fn each_user_may_do_what_the_role_says_and_no_more() {
    let peer = Peer::usual().await;
    let chaos = "/apis/chaos-mesh.org/v1alpha1/namespaces/default/networkchaos";
    let pods = "/api/v1/namespaces/default/pods";
    for (user, method, path, may) in [
        ("admin", "DELETE", "/api/v1/namespaces/default/configmaps/x", true),
        ("console", "GET", pods, true),
        ("console", "POST", chaos, true),
        ("console", "DELETE", "/api/v1/namespaces/default/pods/x", false),
        ("viewer", "GET", pods, true),
        ("viewer", "GET", chaos, false),
        ("viewer", "GET", "/api/v1/nodes", false),
        ("abort-only", "GET", chaos, true),
        ("abort-only", "DELETE", chaos, true),
        ("abort-only", "POST", chaos, false),
        ("abort-only", "GET", pods, false),
        ("nobody", "GET", pods, false),
        ("nobody", "GET", "/api/v1/namespaces", false),
        ("nobody", "GET", "/api", true),
    ] {
        let token = peer.token_of(user);
        let request = peer
            .request(method, path)
            .bearer_auth(&token)
            .header("content-type", "application/json");
        let answer = peer.send(request.body("{}")).await;
        assert_eq!(
            answer.status != 403,
            may,
            "{user} {method} {path}: {}",
            answer.text
        );
        assert_eq!(
            answer.text.contains(&format!("User \\\"{user}\\\" cannot")),
            !may,
            "{}",
            answer.text
        );
        let review = json!({"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "default"}}});
        let asked = peer
            .request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
            .bearer_auth(&token);
        let answer = peer
            .send(
                asked
                    .header("content-type", "application/json")
                    .body(review.to_string()),
            )
            .await;
        let reads = ["admin", "console", "viewer"].contains(&user);
        assert_eq!(answer.json()["status"], json!({"allowed": reads}), "{user}");
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn applying_what_is_not_there_takes_the_right_to_create() {
    let peer = Peer::usual().await;
    let path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l?fieldManager=f";
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {}});
    let chaos = "/apis/chaos-mesh.org/v1alpha1/namespaces/default/networkchaos/n?fieldManager=f";
    let delay = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "metadata": {"name": "n"}, "spec": {}});
    for (path, body, status) in [(path, lease, 201), (chaos, delay, 403)] {
        let request = peer
            .request("PATCH", path)
            .bearer_auth(peer.token_of("abort-only"));
        let request = request
            .header("content-type", "application/apply-patch+yaml")
            .body(body.to_string());
        let answer = peer.send(request).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn only_those_who_may_act_as_others() {
    let peer = Peer::usual().await;
    let as_viewer = async |user: &str| {
        let request = peer
            .request("GET", "/api/v1/nodes")
            .bearer_auth(peer.token_of(user));
        peer.send(request.header("impersonate-user", "viewer"))
            .await
            .json()["message"]
            .clone()
    };
    assert_eq!(
        as_viewer("admin").await,
        "nodes is forbidden: User \"viewer\" cannot list resource \"nodes\" in API group \"\" at the cluster scope"
    );
    assert_eq!(
        as_viewer("console").await,
        "users \"viewer\" is forbidden: User \"console\" cannot impersonate resource \"users\" in API group \"\" at \
         the cluster scope"
    );
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_watch_says_how_far_it_is_before_it_ends() {
    let peer = Peer::usual().await;
    let path = "/api/v1/namespaces/kube-system/configmaps?watch=1&resourceVersion=0&timeoutSeconds=2";
    assert!(
        peer.lines(path, |_| false)
            .await
            .iter()
            .all(|line| line.contains("ADDED"))
    );
    let lines = peer
        .lines(&format!("{path}&allowWatchBookmarks=true"), |_| false)
        .await;
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(
        (&last["type"], &last["object"]["kind"]),
        (&json!("BOOKMARK"), &json!("ConfigMap"))
    );
    let told: u64 = last["object"]["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        told <= peer
            .sim
            .world()
            .look(firedrill::sim::world::World::resource_version)
    );
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn the_worlds_time_passes_while_nobody_asks() {
    let peer = Peer::start(SimOptions {
        speed: 100.0,
        ..SimOptions::default()
    })
    .await;
    let killed = peer
        .call(
            "DELETE",
            "/api/v1/namespaces/default/pods/emqx-go-0?gracePeriodSeconds=0",
            &json!({}),
        )
        .await;
    assert_eq!(killed.status, 200);
    let path = "/api/v1/namespaces/default/pods?watch=1&fieldSelector=metadata.name%3Demqx-go-0";
    let uid = killed.json()["metadata"]["uid"].clone();
    let lines = peer
        .lines(path, |lines| {
            lines.last().is_some_and(|line| {
                let pod = serde_json::from_str::<Value>(line).unwrap()["object"].take();
                let conditions = pod["status"]["conditions"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                pod["metadata"]["uid"] != uid
                    && conditions
                        .iter()
                        .any(|c| c["type"] == "Ready" && c["status"] == "True")
            })
        })
        .await;
    assert!(!lines.is_empty());
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn discovery_is_not_sent_twice_to_who_has_it() {
    let peer = Peer::usual().await;
    let ask = |tag: &str| {
        let request = peer
            .request("GET", "/apis")
            .bearer_auth(peer.sim.token())
            .header("if-none-match", tag);
        request.header(
            "accept",
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        )
    };
    let first = ask("\"none\"").send().await.unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(first.status(), 200);
    let again = peer.send(ask(&tag)).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert!(
        again.content_type.contains("as=APIGroupDiscoveryList"),
        "caches take over this header: {}",
        again.content_type
    );
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn an_open_watch_does_not_hold_up_the_end() {
    let peer = Peer::usual().await;
    let watch = peer
        .request("GET", "/api/v1/pods?watch=1")
        .bearer_auth(peer.sim.token())
        .send()
        .await
        .unwrap();
    assert_eq!(watch.status(), 200);
    tokio::time::timeout(crate::sim_wire::PATIENCE, peer.sim.shutdown())
        .await
        .unwrap();
}
