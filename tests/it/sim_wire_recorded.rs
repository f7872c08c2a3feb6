//! The recorded exchanges of a real server, asked of the embedded one: the same status, the same words for
//! errors, the same fields with the same types for objects.

use firedrill::sim::wire::SimOptions;
use serde_json::{Value, json};

use crate::sim_wire::{Answer, Peer, Recorded, missing, recorded};

/// The answer has the recorded status and at least the recorded fields.
fn like(answer: &Answer, recorded: &Recorded) {
    let wanted = &recorded.response;
    let asked = format!("{} {}", recorded.request["method"], recorded.request["path"]);
    assert_eq!(answer.status, wanted["status"], "{asked}: {}", answer.text);
    let content_type = wanted["headers"]["content-type"].as_str().unwrap();
    assert_eq!(answer.content_type, content_type, "{asked}");
    let missing = missing(&answer.json(), &wanted["body"]);
    assert!(
        missing.is_empty(),
        "{asked} lacks {missing:#?}\n{:#}",
        answer.json()
    );
}

/// The answer is the recorded one, word for word.
fn exactly(answer: &Answer, recorded: &Recorded) {
    like(answer, recorded);
    assert_eq!(answer.json(), recorded.response["body"]);
}

#[tokio::test]
async fn reading() {
    let peer = Peer::usual().await;
    for name in [
        "api",
        "apis",
        "version",
        "openapi-v3-index",
        "namespaces-list",
        "nodes-list",
        "pods-list",
        "pods-list-page1",
        "pods-table",
        "pod-get",
        "statefulset-get",
        "scale-get",
        "endpointslices-list",
        "chaos-list-empty",
    ] {
        let (answer, recorded) = peer.replay(name).await;
        like(&answer, &recorded);
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn events() {
    let peer = Peer::start(SimOptions {
        speed: 20.0,
        ..SimOptions::default()
    })
    .await;
    let killed = peer
        .call(
            "DELETE",
            "/api/v1/namespaces/default/pods/emqx-go-1?gracePeriodSeconds=0",
            &json!({}),
        )
        .await;
    assert_eq!(killed.status, 200);
    let path = "/api/v1/namespaces/default/events?watch=1&fieldSelector=reason%3DStarted";
    peer.lines(path, |lines| !lines.is_empty()).await;
    let (answer, mut recorded) = peer.replay("events-list").await;
    // An emulated kubelet wrote the recorded events; a real one names them itself.
    for event in recorded.response["body"]["items"].as_array_mut().unwrap() {
        event["metadata"].as_object_mut().unwrap().remove("generateName");
    }
    like(&answer, &recorded);
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn refusals_of_reading_word_for_word() {
    let peer = Peer::usual().await;
    for name in ["pod-404", "pod-log-bad-container", "chaos-delete-404"] {
        let (answer, recorded) = peer.replay(name).await;
        exactly(&answer, &recorded);
    }
    let viewer = peer.token_of("viewer");
    let forbidden = recorded("list-403");
    exactly(&peer.replay_as(&forbidden, &viewer).await, &forbidden);
    let unauthorized = recorded("unauthorized");
    exactly(&peer.replay_as(&unauthorized, "wrong").await, &unauthorized);
    let (answer, recorded) = peer.replay("chaos-delete-collection-no-namespace").await;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (404, "text/plain; charset=utf-8")
    );
    assert_eq!(answer.text, recorded.response["body"].as_str().unwrap());
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn rights() {
    let peer = Peer::usual().await;
    let (answer, allowed) = peer.replay("ssar-allowed").await;
    exactly(&answer, &allowed);
    let denied = recorded("ssar-denied");
    exactly(&peer.replay_as(&denied, &peer.token_of("viewer")).await, &denied);
    peer.sim.shutdown().await;
}

/// Every resource that is served is told as the real server tells it.
#[tokio::test]
async fn discovery_tells_each_resource_as_a_real_server_does() {
    let peer = Peer::usual().await;
    for name in ["discovery-core", "discovery-chaos-mesh"] {
        let (answer, recorded) = peer.replay(name).await;
        assert_eq!(answer.status, 200);
        let (got, wanted) = (answer.json(), &recorded.response["body"]);
        for field in ["kind", "apiVersion", "groupVersion"] {
            assert_eq!(got[field], wanted[field], "{name} {field}");
        }
        let mut known = 0;
        for resource in got["resources"].as_array().unwrap() {
            let real = wanted["resources"]
                .as_array()
                .unwrap()
                .iter()
                .find(|real| real["name"] == resource["name"]);
            let mut real = real
                .unwrap_or_else(|| panic!("no server has {}", resource["name"]))
                .clone();
            assert_eq!(
                real["storageVersionHash"].is_string(),
                resource["storageVersionHash"].is_string()
            );
            if real["storageVersionHash"].is_string() {
                real["storageVersionHash"] = resource["storageVersionHash"].clone();
            }
            let (mut real, mut resource) = (real, resource.clone());
            for one in [&mut real, &mut resource] {
                let mut verbs: Vec<String> = serde_json::from_value(one["verbs"].take()).unwrap();
                verbs.sort();
                one["verbs"] = json!(verbs);
            }
            assert_eq!(resource, real);
            known += 1;
        }
        assert!(known >= 10, "{name}: {known}");
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn discovery_in_one_document() {
    let peer = Peer::usual().await;
    let (answer, recorded) = peer.replay("discovery-aggregated").await;
    like(&answer, &recorded);
    let (got, wanted) = (answer.json(), &recorded.response["body"]);
    let group = |list: &Value, name: &str| {
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .find(|item| item["metadata"]["name"] == name)
            .unwrap()["versions"][0]["resources"]
            .clone()
    };
    for name in ["apps", "chaos-mesh.org"] {
        let (got, wanted) = (group(&got, name), group(wanted, name));
        for real in wanted.as_array().unwrap() {
            let ours = got
                .as_array()
                .unwrap()
                .iter()
                .find(|ours| ours["resource"] == real["resource"]);
            assert_eq!(ours, Some(real), "{}", real["resource"]);
        }
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn logs() {
    let peer = Peer::usual().await;
    let (answer, recorded) = peer.replay("pod-log").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.content_type, "text/plain");
    let lines: Vec<&str> = answer.text.lines().collect();
    let real: Vec<&str> = recorded.response["body"].as_str().unwrap().lines().collect();
    assert_eq!(lines.len(), real.len());
    for line in lines {
        let (stamp, text) = line.split_once(' ').unwrap();
        assert_eq!(stamp.len(), real[0].split_once(' ').unwrap().0.len(), "{line}");
        stamp.parse::<jiff::Timestamp>().unwrap();
        assert!(
            text.starts_with("level=") && text.contains(" broker=emqx-go-0 "),
            "{line}"
        );
    }
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn creating_chaos() {
    let peer = Peer::usual().await;
    for name in ["chaos-create", "chaos-dry-run", "podchaos-create"] {
        let (answer, recorded) = peer.replay(name).await;
        like(&answer, &recorded);
        assert_eq!(answer.json()["spec"], recorded.response["body"]["spec"], "{name}");
    }
    let (answer, recorded) = peer.replay("chaos-unknown-field-warn").await;
    like(&answer, &recorded);
    assert_eq!(
        answer.warnings,
        [recorded.response["headers"]["warning"].as_str().unwrap()]
    );
    for name in [
        "chaos-unknown-field-strict",
        "chaos-bad-enum",
        "chaos-many-errors",
        "chaos-webhook-denied",
    ] {
        let (answer, recorded) = peer.replay(name).await;
        exactly(&answer, &recorded);
    }
    peer.sim.shutdown().await;
}

async fn make(peer: &Peer, name: &str) {
    let mut body = recorded("chaos-already-exists").request["body"].clone();
    body["metadata"]["name"] = name.into();
    body["spec"]["duration"] = "60s".into();
    let made = peer
        .call(
            "POST",
            "/apis/chaos-mesh.org/v1alpha1/namespaces/default/networkchaos",
            &body,
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
}

const NETWORKCHAOS: &str = "/apis/chaos-mesh.org/v1alpha1/namespaces/default/networkchaos";

/// Waits until a chaos object says that it is injected.
async fn injected(peer: &Peer, name: &str) {
    let path = format!("{NETWORKCHAOS}?watch=1&fieldSelector=metadata.name%3D{name}");
    peer.lines(&path, |lines| {
        lines.last().is_some_and(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            let conditions = event["object"]["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            conditions
                .iter()
                .any(|c| c["type"] == "AllInjected" && c["status"] == "True")
        })
    })
    .await;
}

#[tokio::test]
async fn chaos_that_is_there_already() {
    let peer = Peer::usual().await;
    make(&peer, "fixed").await;
    for name in ["chaos-already-exists", "chaos-spec-immutable"] {
        let (answer, recorded) = peer.replay(name).await;
        exactly(&answer, &recorded);
    }
    injected(&peer, "fixed").await;
    let (answer, recorded) = peer.replay("chaos-pause").await;
    like(&answer, &recorded);
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn chaos_that_cannot_recover_hangs_as_on_a_real_cluster() {
    use firedrill::sim::world::Link;
    let peer = Peer::usual().await;
    make(&peer, "watch-me").await;
    make(&peer, "stuck").await;
    make(&peer, "fixed").await;
    injected(&peer, "watch-me").await;
    injected(&peer, "fixed").await;
    let pause = json!({"metadata": {"annotations": {"experiment.chaos-mesh.org/pause": "true"}}});
    assert_eq!(
        peer.call("PATCH", &format!("{NETWORKCHAOS}/fixed"), &pause)
            .await
            .status,
        200
    );
    injected(&peer, "stuck").await;
    let nodes: Vec<String> = (1..=3).map(|n| format!("node-{n}")).collect();
    peer.sim
        .world()
        .with(|world| nodes.iter().for_each(|node| world.turn_daemon(node, Link::Down)));
    let (answer, recorded) = peer.replay("chaos-delete-finalizer").await;
    like(&answer, &recorded);
    let deleted = peer
        .call("DELETE", &format!("{NETWORKCHAOS}/stuck"), &json!({}))
        .await;
    assert!(deleted.json()["metadata"]["deletionTimestamp"].is_string());
    let path = format!("{NETWORKCHAOS}?watch=1&fieldSelector=metadata.name%3Dstuck");
    peer.lines(&path, |lines| {
        lines
            .last()
            .is_some_and(|line| line.contains("cannot find daemonIP on node"))
    })
    .await;
    let (answer, recorded) = peer.replay("chaos-stuck").await;
    like(&answer, &recorded);
    let (answer, recorded) = peer.replay("chaos-create-while-terminating").await;
    exactly(&answer, &recorded);
    let (answer, recorded) = peer.replay("chaos-delete-collection").await;
    like(&answer, &recorded);
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn leases() {
    let peer = Peer::usual().await;
    let (made, create) = peer.replay("lease-create").await;
    like(&made, &create);
    let (again, wanted) = peer.replay("lease-create-again").await;
    exactly(&again, &wanted);
    let mut renewal = recorded("lease-renew");
    let meta = made.json()["metadata"].clone();
    renewal.request["body"]["metadata"]["uid"] = meta["uid"].clone();
    renewal.request["body"]["metadata"]["resourceVersion"] = meta["resourceVersion"].clone();
    like(&peer.replay_as(&renewal, peer.sim.token()).await, &renewal);
    let mut stale = recorded("lease-stale-put");
    stale.request["body"] = renewal.request["body"].clone();
    exactly(&peer.replay_as(&stale, peer.sim.token()).await, &stale);
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn changing_what_is_there() {
    let peer = Peer::usual().await;
    for name in ["job-dry-run", "rollout-restart", "node-cordon", "pod-evict"] {
        let (answer, recorded) = peer.replay(name).await;
        like(&answer, &recorded);
    }
    // The taint of a cordoned node was still on the real one when it answered; when it goes is a race.
    let mut uncordon = recorded("node-uncordon");
    uncordon.response["body"]["spec"]
        .as_object_mut()
        .unwrap()
        .remove("taints");
    like(&peer.replay_as(&uncordon, peer.sim.token()).await, &uncordon);
    peer.sim.shutdown().await;
}

/// What a stream told: types of events, without repeats that only differ in how often a status was written.
fn course(lines: &[String]) -> Vec<String> {
    let mut course: Vec<String> = Vec::new();
    for line in lines {
        let event: Value = serde_json::from_str(line).unwrap();
        let word = event["type"].as_str().unwrap().to_owned();
        if course.last() != Some(&word) {
            course.push(word);
        }
    }
    course
}

fn objects(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["object"].take())
        .collect()
}

#[tokio::test]
async fn the_life_of_a_chaos_object_as_a_watch_tells_it() {
    let peer = Peer::start(SimOptions {
        speed: 20.0,
        ..SimOptions::default()
    })
    .await;
    let version = peer.get(NETWORKCHAOS).await.json()["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let (made, _) = peer.replay("chaos-create").await;
    assert_eq!(made.status, 201);
    let path = format!("{NETWORKCHAOS}?watch=1&allowWatchBookmarks=true&resourceVersion={version}");
    let stopped = |lines: &[String]| {
        lines
            .last()
            .is_some_and(|line| line.contains("\"desiredPhase\":\"Stop\""))
    };
    peer.lines(&path, stopped).await;
    let gone = async {
        peer.call("DELETE", &format!("{NETWORKCHAOS}/watch-me"), &json!({}))
            .await;
    };
    let watching = peer.lines(&path, |lines| {
        lines.last().is_some_and(|line| line.contains("\"DELETED\""))
    });
    let ((), lines) = tokio::join!(gone, watching);
    let real = recorded("chaos-watch-life");
    let stream = real.response["stream"].as_array().unwrap();
    let told: Vec<String> = stream.iter().map(Value::to_string).collect();
    assert_eq!(course(&lines), course(&told));
    let missing = missing(&json!(objects(&lines)), &json!(objects(&told)));
    assert!(missing.is_empty(), "{missing:#?}");
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_killed_pod_comes_back_as_a_watch_tells_it() {
    let peer = Peer::start(SimOptions {
        speed: 20.0,
        ..SimOptions::default()
    })
    .await;
    let pods = "/api/v1/namespaces/default/pods?labelSelector=app%3Demqx-go";
    let version = peer.get(pods).await.json()["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let kill = json!({"gracePeriodSeconds": 0});
    let killed = peer
        .call("DELETE", "/api/v1/namespaces/default/pods/emqx-go-2", &kill)
        .await;
    assert_eq!((killed.status, &killed.json()["kind"]), (200, &json!("Pod")));
    let ready = |lines: &[String]| {
        let last = lines
            .last()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let conditions = last.map(|event| event["object"]["status"]["conditions"].clone());
        let conditions = conditions
            .as_ref()
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        course(lines).len() >= 3
            && conditions
                .iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    let lines = peer
        .lines(&format!("{pods}&watch=1&resourceVersion={version}"), ready)
        .await;
    let real = recorded("pods-watch-kill");
    let told: Vec<String> = real.response["stream"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    assert_eq!(course(&lines), course(&told));
    let missing = missing(&json!(objects(&lines)), &json!(objects(&told)));
    assert!(missing.is_empty(), "{missing:#?}");
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_list_as_a_stream() {
    let peer = Peer::usual().await;
    let real = recorded("watch-initial-events");
    let path = real.request["path"].as_str().unwrap();
    let lines = peer
        .lines(path, |lines| {
            lines.last().is_some_and(|line| line.contains("BOOKMARK"))
        })
        .await;
    let told: Vec<String> = real.response["stream"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    assert_eq!(course(&lines), course(&told));
    assert_eq!(lines.len(), told.len());
    let mark = objects(&lines).pop().unwrap();
    assert_eq!(
        mark["metadata"]["annotations"],
        json!({"k8s.io/initial-events-end": "true"})
    );
    let missing = missing(&json!(objects(&lines)), &json!(objects(&told[..3])));
    assert!(missing.is_empty(), "{missing:#?}");
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_version_that_is_gone_is_an_event_not_an_error() {
    let peer = Peer::usual().await;
    peer.sim.world().with(firedrill::sim::world::World::compact);
    let lines = peer
        .lines("/api/v1/pods?watch=1&resourceVersion=1", |_| false)
        .await;
    let event: Value = serde_json::from_str(&lines[0]).unwrap();
    let newest = peer
        .sim
        .world()
        .look(firedrill::sim::world::World::oldest_version);
    assert_eq!(
        event,
        json!({"type": "ERROR", "object": {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": format!("too old resource version: 1 ({newest})"), "reason": "Expired", "code": 410}})
    );
    assert_eq!(lines.len(), 1);
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_one_shot_after_it_fired() {
    let peer = Peer::usual().await;
    let (made, _) = peer.replay("podchaos-create").await;
    assert_eq!(made.status, 201);
    let path = "/apis/chaos-mesh.org/v1alpha1/namespaces/default/podchaos?watch=1";
    peer.lines(path, |lines| {
        lines
            .last()
            .is_some_and(|line| line.contains("\"phase\":\"Injected\""))
    })
    .await;
    let (answer, recorded) = peer.replay("podchaos-status").await;
    like(&answer, &recorded);
    peer.sim.shutdown().await;
}
