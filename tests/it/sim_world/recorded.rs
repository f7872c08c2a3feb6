//! The world beside what a real API server answered: shapes of objects, orders of changes, texts of refusals.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use firedrill::sim::world::resource::{
    ENDPOINTSLICES, EVENTS, JOBS, LEASES, NAMESPACES, NODES, PODS, STATEFULSETS,
};
use firedrill::sim::world::{
    DeleteQuery, DryRun, FieldValidation, Link, ListQuery, LogQuery, Name, ResourceRef, Status, WatchEvent,
    World, WriteQuery, Written,
};
use serde_json::{Value, json};

use super::support::{chaos, create, delay, kind, pass, phases, read, remove, until, update, world};

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/kube-api")
        .join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the fixture is there")).expect("it is JSON")
}

fn body(name: &str) -> Value {
    fixture(name)["response"]["body"].clone()
}

fn sent(name: &str) -> Value {
    fixture(name)["request"]["body"].clone()
}

/// Every path of an object with its type; the elements of a list share one path.
fn shape(value: &Value, path: &str, into: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    into.insert(path.to_owned(), kind);
    match value {
        Value::Object(map) => {
            for (key, inner) in map.iter().filter(|(key, _)| *key != "managedFields") {
                shape(inner, &format!("{path}/{key}"), into);
            }
        }
        Value::Array(list) => list
            .iter()
            .for_each(|inner| shape(inner, &format!("{path}[]"), into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Asserts that `ours` has every path of `theirs`, but for `except`, with the same type.
fn covers(what: &str, ours: &Value, theirs: &Value, except: &[&str]) {
    let (mut have, mut want) = (BTreeMap::new(), BTreeMap::new());
    shape(ours, "", &mut have);
    shape(theirs, "", &mut want);
    let missing: Vec<_> = want
        .iter()
        .filter(|(path, kind)| have.get(*path) != Some(kind) && !except.iter().any(|one| path.ends_with(one)))
        .collect();
    assert!(missing.is_empty(), "{what} lacks {missing:?}");
}

fn items(world: &World, at: &ResourceRef) -> Value {
    let namespace = Some("default".to_owned()).filter(|_| *at != NODES && *at != NAMESPACES);
    let listed = world
        .list(
            at,
            &ListQuery {
                namespace,
                ..ListQuery::default()
            },
        )
        .unwrap();
    Value::Array(listed.items.iter().map(|item| (**item).clone()).collect())
}

#[test]
fn objects_have_every_field_that_was_recorded() {
    let mut world = world(1);
    let pod = world.get(&PODS, &Name::new("default", "emqx-go-0")).unwrap();
    covers("a pod", &pod, &body("pod-get"), &[]);
    let set = world
        .get(&STATEFULSETS, &Name::new("default", "emqx-go"))
        .unwrap();
    covers("the set", &set, &body("statefulset-get"), &[]);
    covers("nodes", &items(&world, &NODES), &body("nodes-list")["items"], &[]);
    covers(
        "namespaces",
        &items(&world, &NAMESPACES),
        &body("namespaces-list")["items"],
        &[],
    );
    covers(
        "slices",
        &items(&world, &ENDPOINTSLICES),
        &body("endpointslices-list")["items"],
        &[],
    );
    create(&mut world, &sent("podchaos-create")).unwrap();
    pass(&mut world, 15_000);
    let after = read(&world, "PodChaos", "kill-one").unwrap();
    covers("a one-shot", &after, &body("podchaos-status"), &[]);
    assert_eq!(
        after["status"]["conditions"],
        body("podchaos-status")["status"]["conditions"]
    );
    // The recording's events were named by the server; a kubelet's name their own.
    covers(
        "events",
        &items(&world, &EVENTS),
        &body("events-list")["items"],
        &["/metadata/generateName"],
    );
}

fn watched(world: &World, at: &ResourceRef, from: u64) -> Vec<WatchEvent> {
    let query = ListQuery {
        namespace: Some("default".into()),
        ..ListQuery::default()
    };
    world.events_since(at, &query, from).unwrap()
}

/// Asserts that `ours` passes through every state of `theirs`, in their order.
fn passes_through<T: PartialEq + std::fmt::Debug>(ours: &[T], theirs: &[T]) {
    let mut rest = ours.iter();
    for state in theirs {
        assert!(
            rest.any(|one| one == state),
            "never {state:?} after those before it, in {ours:#?}"
        );
    }
}

fn pod_state(event: &str, pod: &Value) -> (String, String, bool, bool, bool) {
    (
        event.to_owned(),
        pod["status"]["phase"].as_str().unwrap_or_default().to_owned(),
        pod["metadata"]["deletionTimestamp"].is_string(),
        pod["spec"]["nodeName"].is_string(),
        pod["status"]["containerStatuses"][0]["ready"] == true,
    )
}

#[test]
fn a_killed_pod_passes_through_the_recorded_states() {
    let mut world = world(2);
    let from = world.resource_version();
    let query = DeleteQuery {
        grace: Some(Duration::ZERO),
        ..DeleteQuery::default()
    };
    world
        .delete(&PODS, &Name::new("default", "emqx-go-2"), &query)
        .unwrap();
    pass(&mut world, 20_000);
    let ours: Vec<_> = watched(&world, &PODS, from)
        .iter()
        .map(|event| pod_state(event.kind.as_str(), &event.object))
        .collect();
    let stream = fixture("pods-watch-kill")["response"]["stream"].clone();
    let theirs: Vec<_> = stream
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["object"]["metadata"]["name"] == "emqx-go-2")
        .map(|event| pod_state(event["type"].as_str().unwrap(), &event["object"]))
        .collect();
    assert!(theirs.len() >= 4);
    passes_through(&ours, &theirs);
}

fn chaos_state(event: &str, object: &Value) -> (String, Value, String, Vec<String>, bool, Value) {
    let conditions = object["status"]["conditions"].clone();
    (
        event.to_owned(),
        object["metadata"]["finalizers"].clone(),
        object["status"]["experiment"]["desiredPhase"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        phases(object),
        object["metadata"]["deletionTimestamp"].is_string(),
        conditions,
    )
}

#[test]
fn a_chaos_object_passes_through_the_recorded_states() {
    let mut world = world(3);
    let from = world.resource_version();
    create(&mut world, &sent("chaos-create")).unwrap();
    pass(&mut world, 9000);
    remove(&mut world, "NetworkChaos", "watch-me").unwrap();
    pass(&mut world, 1000);
    let at = kind("NetworkChaos");
    let events = watched(&world, &at, from);
    let ours: Vec<_> = events
        .iter()
        .map(|event| chaos_state(event.kind.as_str(), &event.object))
        .collect();
    let stream = fixture("chaos-watch-life")["response"]["stream"].clone();
    let theirs: Vec<_> = stream
        .as_array()
        .unwrap()
        .iter()
        .map(|event| chaos_state(event["type"].as_str().unwrap(), &event["object"]))
        .collect();
    passes_through(&ours, &theirs);
    let last = stream.as_array().unwrap().last().unwrap()["object"].clone();
    covers("the last state", &events.last().unwrap().object, &last, &[]);
}

/// What the server makes up anew each time.
fn without_volatile(mut object: Value) -> Value {
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        object["metadata"].as_object_mut().unwrap().remove(field);
    }
    object
}

fn replay(world: &mut World, at: &ResourceRef, name: &str) -> Result<Written, Status> {
    let path = fixture(name)["request"]["path"].as_str().unwrap().to_owned();
    let query = WriteQuery {
        dry_run: if path.contains("dryRun=All") {
            DryRun::All
        } else {
            DryRun::No
        },
        field_validation: if path.contains("=Strict") {
            FieldValidation::Strict
        } else {
            FieldValidation::Warn
        },
        ..WriteQuery::default()
    };
    world.create(at, "default", sent(name), &query)
}

#[test]
fn creations_answer_as_recorded() {
    let mut world = world(4);
    let (net, pod) = (kind("NetworkChaos"), kind("PodChaos"));
    for (at, name) in [
        (&net, "chaos-create"),
        (&net, "chaos-dry-run"),
        (&pod, "podchaos-create"),
        (&pod, "chaos-unknown-field-warn"),
        (&LEASES, "lease-create"),
    ] {
        let written = replay(&mut world, at, name).unwrap();
        assert_eq!(
            without_volatile((*written.object).clone()),
            without_volatile(body(name)),
            "{name}"
        );
    }
    let written = replay(&mut world, &pod, "chaos-unknown-field-warn").unwrap();
    assert_eq!(written.warnings, ["unknown field \"spec.scheduler\""]);
    assert!(
        written.object["metadata"].get("resourceVersion").is_none(),
        "a dry run stores nothing"
    );
    assert!(read(&world, "PodChaos", "strict").is_none());
    let job = replay(&mut world, &JOBS, "job-dry-run").unwrap();
    covers("a job", &job.object, &body("job-dry-run"), &[]);
}

#[test]
fn refusals_answer_as_recorded() {
    let mut world = world(5);
    let (net, pod, io) = (kind("NetworkChaos"), kind("PodChaos"), kind("IOChaos"));
    create(&mut world, &sent("chaos-already-exists")).unwrap();
    world.turn_daemon("node-1", Link::Down);
    world.turn_daemon("node-2", Link::Down);
    world.turn_daemon("node-3", Link::Down);
    create(&mut world, &sent("chaos-create-while-terminating")).unwrap();
    pass(&mut world, 100);
    remove(&mut world, "NetworkChaos", "stuck").unwrap();
    replay(&mut world, &LEASES, "lease-create").unwrap();
    for (at, name) in [
        (&io, "chaos-bad-enum"),
        (&net, "chaos-many-errors"),
        (&pod, "chaos-unknown-field-strict"),
        (&net, "chaos-webhook-denied"),
        (&net, "chaos-already-exists"),
        (&net, "chaos-create-while-terminating"),
        (&LEASES, "lease-create-again"),
    ] {
        let refused = replay(&mut world, at, name).unwrap_err();
        assert_eq!(refused.to_value(), body(name), "{name}");
    }
    let refused = remove(&mut world, "NetworkChaos", "nope").unwrap_err();
    assert_eq!(refused.to_value(), body("chaos-delete-404"));
    let refused = world.get(&PODS, &Name::new("default", "nope")).unwrap_err();
    assert_eq!(refused.to_value(), body("pod-404"));
    let query = LogQuery {
        container: Some("nope".into()),
        ..LogQuery::default()
    };
    let refused = world
        .logs(&Name::new("default", "emqx-go-0"), &query)
        .unwrap_err();
    assert_eq!(refused.to_value(), body("pod-log-bad-container"));
    let mut object = read(&world, "NetworkChaos", "fixed").unwrap();
    object["spec"]["delay"]["latency"] = json!("1s");
    assert_eq!(
        update(&mut world, object).unwrap_err().to_value(),
        body("chaos-spec-immutable")
    );
    let mut stale = sent("lease-stale-put");
    stale["metadata"]["uid"] = Value::Null;
    stale["metadata"]["resourceVersion"] = json!("1");
    let name = Name::new("default", "firedrill-target");
    let refused = world
        .update(&LEASES, &name, stale, &WriteQuery::default())
        .unwrap_err();
    assert_eq!(refused.to_value(), body("lease-stale-put"));
}

#[test]
fn a_hanging_delete_looks_as_recorded() {
    let mut world = world(6);
    create(&mut world, &chaos("NetworkChaos", "stuck", delay("60s"))).unwrap();
    assert!(until(&mut world, 2, |world| !world.effects().is_empty()));
    pass(&mut world, 200);
    for node in ["node-1", "node-2", "node-3"] {
        world.turn_daemon(node, Link::Down);
    }
    remove(&mut world, "NetworkChaos", "stuck").unwrap();
    pass(&mut world, 3000);
    let ours = read(&world, "NetworkChaos", "stuck").unwrap();
    let theirs = body("chaos-stuck");
    covers(
        "a hanging object",
        &ours,
        &theirs,
        &["/labels", "/labels/app.kubernetes.io/managed-by"],
    );
    assert_eq!(
        ours["metadata"]["deletionGracePeriodSeconds"],
        theirs["metadata"]["deletionGracePeriodSeconds"]
    );
}
