//! Pods, workloads and their surroundings.

use std::time::Duration;

use firedrill::sim::world::resource::{CONFIGMAPS, ENDPOINTSLICES, NAMESPACES, NODES, PODS, STATEFULSETS};
use firedrill::sim::world::{DeleteQuery, Link, LogQuery, Name, Pull, What, Which, World, WriteQuery};
use serde_json::{Value, json};

use super::support::{events_of, everything, happened, pass, pod, until, world};

fn ready(world: &World) -> u64 {
    let set = world
        .get(&STATEFULSETS, &Name::new("default", "emqx-go"))
        .expect("the set stands");
    set["status"]["readyReplicas"].as_u64().unwrap_or(0)
}

fn serving(world: &World) -> usize {
    let slices = world
        .list(&ENDPOINTSLICES, &everything())
        .expect("slices are served");
    let slice = slices
        .items
        .iter()
        .find(|one| one["metadata"]["labels"]["kubernetes.io/service-name"] == "emqx-go-mqtt");
    let endpoints = slice
        .and_then(|one| one["endpoints"].as_array().cloned())
        .unwrap_or_default();
    endpoints
        .iter()
        .filter(|one| one["conditions"]["ready"] == true)
        .count()
}

fn set_of_brokers() -> Name {
    Name::new("default", "emqx-go")
}

#[test]
fn a_new_world_is_settled() {
    let mut world = world(1);
    assert!(world.happenings().is_empty());
    assert_eq!((ready(&world), serving(&world)), (3, 3));
    let listed = world.list(&PODS, &everything()).unwrap();
    for pod in &listed.items {
        assert_eq!(pod["status"]["phase"], "Running", "{pod}");
    }
    assert_eq!(
        listed.items.len(),
        3 + 1 + 1 + 3,
        "brokers, controller, dns server, a daemon a node"
    );
    let nodes: Vec<String> = (0..3)
        .map(|at| pod(&world, at)["spec"]["nodeName"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(nodes, ["node-1", "node-2", "node-3"]);
    pass(&mut world, 60_000);
    let moved = world
        .happenings()
        .iter()
        .filter(|one| !matches!(one.what, What::ObjectCreated(_)))
        .count();
    assert_eq!(
        moved,
        0,
        "nothing happens to a cluster that nobody touches: {:?}",
        world.happenings()
    );
}

#[test]
fn a_killed_pod_comes_back_within_the_objective_more_often_than_not() {
    let mut within = 0;
    for seed in 0..20 {
        let mut world = world(seed);
        let uid = pod(&world, 2)["metadata"]["uid"].clone();
        let query = DeleteQuery {
            grace: Some(Duration::ZERO),
            ..DeleteQuery::default()
        };
        world
            .delete(&PODS, &Name::new("default", "emqx-go-2"), &query)
            .unwrap();
        assert!(
            until(&mut world, 30, |world| ready(world) == 2 && serving(world) == 2),
            "its absence is seen"
        );
        assert!(
            until(&mut world, 30, |world| ready(world) == 3 && serving(world) == 3),
            "seed {seed}"
        );
        assert_ne!(pod(&world, 2)["metadata"]["uid"], uid);
        let back = happened(
            &world,
            |what| matches!(what, What::PodReady(on) if on.pod == "emqx-go-2"),
        )
        .unwrap();
        assert!(
            back.elapsed() > Duration::from_secs(4),
            "seed {seed}: no broker boots in {back}"
        );
        within += usize::from(back.elapsed() < Duration::from_secs(10));
    }
    assert!(within >= 17, "{within} of 20");
}

#[test]
fn a_graceful_end_takes_its_time_and_is_told() {
    let mut world = world(3);
    world
        .delete(&PODS, &Name::new("default", "emqx-go-1"), &DeleteQuery::default())
        .unwrap();
    let dying = pod(&world, 1);
    assert_eq!(dying["metadata"]["deletionGracePeriodSeconds"], 30);
    assert_eq!(dying["metadata"]["deletionTimestamp"], "2026-11-21T03:00:30Z");
    pass(&mut world, 1000);
    assert_eq!(
        pod(&world, 1)["metadata"]["uid"],
        dying["metadata"]["uid"],
        "it drains"
    );
    assert_eq!(serving(&world), 2, "a pod that goes serves no more");
    assert!(until(&mut world, 40, |world| ready(world) == 3
        && pod(world, 1)["metadata"]["uid"] != dying["metadata"]["uid"]));
    let told: Vec<String> = events_of(&world, "emqx-go-1")
        .into_iter()
        .map(|(reason, _)| reason)
        .collect();
    assert_eq!(
        told,
        ["Killing", "Scheduled", "Pulling", "Pulled", "Created", "Started"]
    );
    let lines = world
        .logs(&Name::new("default", "emqx-go-0"), &LogQuery::default())
        .unwrap()
        .lines;
    for text in ["peer is leaving", "peer unreachable", "peer joined"] {
        assert!(
            lines
                .iter()
                .any(|line| line.text.contains(text) && line.text.contains("emqx-go-1")),
            "{text}"
        );
    }
}

#[test]
fn a_rollout_restart_goes_from_the_top_one_by_one() {
    let mut world = world(4);
    let mut set = (*world.get(&STATEFULSETS, &set_of_brokers()).unwrap()).clone();
    set["spec"]["template"]["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"});
    world
        .update(&STATEFULSETS, &set_of_brokers(), set, &WriteQuery::default())
        .unwrap();
    let done = |world: &World| {
        let set = world.get(&STATEFULSETS, &set_of_brokers()).unwrap();
        set["status"]["observedGeneration"] == 2
            && set["status"]["updatedReplicas"] == 3
            && set["status"]["currentRevision"] == set["status"]["updateRevision"]
    };
    let mut fewest = 3;
    while !done(&world) {
        world.advance(world.next_due().unwrap());
        fewest = fewest.min(ready(&world));
        assert!(
            world.now().elapsed() < Duration::from_mins(2),
            "a restart of three takes half a minute"
        );
    }
    assert_eq!(fewest, 2, "one at a time");
    let gone: Vec<&str> = world
        .happenings()
        .iter()
        .filter_map(|one| match &one.what {
            What::PodGone(on) => Some(on.pod.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(gone, ["emqx-go-2", "emqx-go-1", "emqx-go-0"]);
}

#[test]
fn scaling_takes_from_the_top_and_gives_back() {
    let mut world = world(5);
    for (wanted, lasts) in [(1_u64, 60), (4, 60)] {
        let mut set = (*world.get(&STATEFULSETS, &set_of_brokers()).unwrap()).clone();
        set["spec"]["replicas"] = json!(wanted);
        world
            .update(&STATEFULSETS, &set_of_brokers(), set, &WriteQuery::default())
            .unwrap();
        assert!(until(&mut world, lasts, |world| {
            ready(world) == wanted && serving(world) as u64 == wanted
        }));
    }
    assert_eq!(
        pod(&world, 3)["metadata"]["labels"]["apps.kubernetes.io/pod-index"],
        "3"
    );
}

#[test]
fn a_silent_node_loses_its_pods_readiness_and_gets_it_back() {
    let mut world = world(6);
    world.turn_node("node-2", Link::Down);
    pass(&mut world, 39_000);
    assert_eq!(ready(&world), 3, "nobody knows yet");
    assert!(until(&mut world, 5, |world| ready(world) == 2 && serving(world) == 2));
    let node = world.get(&NODES, &Name::cluster("node-2")).unwrap();
    let state = node["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "Ready")
        .cloned();
    assert_eq!(state.unwrap()["status"], "Unknown");
    world.turn_node("node-2", Link::Up);
    assert!(until(&mut world, 5, |world| ready(world) == 3 && serving(world) == 3));
}

#[test]
fn an_image_that_never_comes_is_said() {
    let mut world = world(7);
    world.turn_pull(Pull::Never);
    let query = DeleteQuery {
        grace: Some(Duration::ZERO),
        ..DeleteQuery::default()
    };
    world
        .delete(&PODS, &Name::new("default", "emqx-go-0"), &query)
        .unwrap();
    pass(&mut world, 60_000);
    let waiting = pod(&world, 0)["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].clone();
    assert_eq!(waiting, "ImagePullBackOff");
    let refused = world
        .logs(&Name::new("default", "emqx-go-0"), &LogQuery::default())
        .unwrap_err();
    assert!(refused.message.contains("waiting to start"), "{refused}");
    world.turn_pull(Pull::Usual);
    assert!(until(&mut world, 400, |world| ready(world) == 3));
}

#[test]
fn a_log_is_read_on_from_its_cursor_and_ends_with_the_process() {
    let mut world = world(8);
    let name = Name::new("default", "emqx-go-0");
    pass(&mut world, 20_000);
    let first = world.logs(&name, &LogQuery::default()).unwrap();
    pass(&mut world, 20_000);
    let more = world
        .logs(
            &name,
            &LogQuery {
                after: Some(first.cursor),
                ..LogQuery::default()
            },
        )
        .unwrap();
    let all = world.logs(&name, &LogQuery::default()).unwrap();
    let joined: Vec<_> = first.lines.iter().chain(&more.lines).cloned().collect();
    assert!(!more.lines.is_empty());
    assert_eq!(joined, all.lines);
    let previous = LogQuery {
        which: Which::Previous,
        ..LogQuery::default()
    };
    let refused = world.logs(&name, &previous).unwrap_err();
    assert_eq!(
        refused.message,
        "previous terminated container \"emqx-go\" in pod \"emqx-go-0\" not found"
    );
}

#[test]
fn a_namespace_takes_everything_along() {
    let mut world = world(9);
    let query = WriteQuery::default();
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "drill"}});
    world.create(&NAMESPACES, "", space, &query).unwrap();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a-"}});
    world.create(&CONFIGMAPS, "drill", map.clone(), &query).unwrap();
    world
        .delete(&NAMESPACES, &Name::cluster("drill"), &DeleteQuery::default())
        .unwrap();
    let refused = world.create(&CONFIGMAPS, "drill", map, &query).unwrap_err();
    assert_eq!(refused.code, 403, "{refused}");
    assert!(until(&mut world, 5, |world| world
        .get(&NAMESPACES, &Name::cluster("drill"))
        .is_err()));
    let left: Vec<Value> = world
        .list(&CONFIGMAPS, &everything())
        .unwrap()
        .items
        .iter()
        .filter(|one| one["metadata"]["namespace"] == "drill")
        .map(|one| (**one).clone())
        .collect();
    assert_eq!(left, Vec::<Value>::new());
}
