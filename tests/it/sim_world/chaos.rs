//! Chaos Mesh: what its objects say against what is really injected.

use std::path::Path;
use std::time::Duration;

use firedrill::sim::world::resource::PODS;
use firedrill::sim::world::{
    DeleteQuery, FieldValidation, Link, LogQuery, Name, Removed, Running, What, World, WriteQuery,
};
use serde_json::{Value, json};

use super::support::{
    annotate, brokers, chaos, condition, create, delay, events_of, everything, happened, kind, pass, phases,
    pod, read, remove, until, update, world,
};

pub const PAUSE: &str = "experiment.chaos-mesh.org/pause";
const FORCE: &str = "chaos-mesh.chaos-mesh.org/cleanFinalizer";

pub fn kill() -> Value {
    json!({"action": "pod-kill", "mode": "one", "gracePeriod": 0, "selector": brokers()})
}

fn stress(size: &str) -> Value {
    json!({
        "mode": "one", "selector": brokers(), "containerNames": ["emqx-go"], "duration": "1m",
        "stressors": {"memory": {"workers": 4, "size": size}},
    })
}

fn is_in(world: &World, of: &str, name: &str) -> bool {
    read(world, of, name).is_some_and(|object| condition(&object, "AllInjected") == "True")
}

#[test]
fn a_delay_lives_from_injection_to_expiry_and_its_object_stays() {
    let mut world = world(1);
    create(&mut world, &chaos("NetworkChaos", "slow", delay("10s"))).unwrap();
    assert!(until(&mut world, 2, |world| is_in(world, "NetworkChaos", "slow")));
    let effects = world.effects();
    assert_eq!(effects.len(), 1);
    assert!(
        world.now().elapsed() < Duration::from_secs(1),
        "injection is quick: {}",
        world.now()
    );
    let podnet = world.list(&kind("PodNetworkChaos"), &everything()).unwrap();
    assert_eq!(podnet.items[0]["metadata"]["name"], effects[0].on.pod.as_str());
    assert!(
        until(&mut world, 12, |world| world.effects().is_empty()),
        "expired"
    );
    let over = world.now().elapsed();
    assert!(
        over >= Duration::from_secs(10) && over < Duration::from_secs(11),
        "{over:?} from the creation"
    );
    pass(&mut world, 1000);
    let object = read(&world, "NetworkChaos", "slow").expect("it stays after its time");
    assert_eq!(object["status"]["experiment"]["desiredPhase"], "Stop");
    assert_eq!(phases(&object), ["Not Injected"]);
    assert_eq!(object["metadata"]["finalizers"], json!(["chaos-mesh/records"]));
    assert!(matches!(
        remove(&mut world, "NetworkChaos", "slow"),
        Ok(Removed::Marked(_))
    ));
    assert!(until(&mut world, 1, |world| read(world, "NetworkChaos", "slow")
        .is_none()));
    let reasons: Vec<String> = events_of(&world, "slow")
        .into_iter()
        .map(|(reason, _)| reason)
        .collect();
    for reason in [
        "FinalizerInited",
        "Started",
        "Applied",
        "TimeUp",
        "Recovered",
        "Updated",
    ] {
        assert!(
            reasons.iter().any(|one| one == reason),
            "{reason} is told: {reasons:?}"
        );
    }
}

#[test]
fn a_kill_is_fired_once_and_owes_nothing() {
    let mut world = world(2);
    create(&mut world, &chaos("PodChaos", "kill", kill())).unwrap();
    assert!(until(&mut world, 2, |world| is_in(world, "PodChaos", "kill")));
    let applied = happened(&world, |what| matches!(what, What::FaultApplied { .. })).unwrap();
    let gone = happened(&world, |what| matches!(what, What::PodGone(_))).unwrap();
    assert!(gone >= applied);
    annotate(&mut world, "PodChaos", "kill", (PAUSE, "true"));
    pass(&mut world, 20_000);
    let object = read(&world, "PodChaos", "kill").unwrap();
    assert_eq!(
        (phases(&object), condition(&object, "Paused")),
        (vec!["Injected".to_owned()], "True".to_owned())
    );
    assert_eq!(
        object["status"]["experiment"]["desiredPhase"], "Run",
        "a pause does not reach it"
    );
    let killed = world
        .happenings()
        .iter()
        .filter(|one| matches!(one.what, What::PodGone(_)))
        .count();
    assert_eq!(killed, 1);
    remove(&mut world, "PodChaos", "kill").unwrap();
    assert!(until(&mut world, 1, |world| read(world, "PodChaos", "kill").is_none()));
}

#[test]
fn a_killed_container_restarts_and_its_last_state_says_so() {
    let mut world = world(3);
    let spec = json!({
        "action": "container-kill", "mode": "fixed", "value": "1", "selector": brokers(), "containerNames": ["emqx-go"],
    });
    create(&mut world, &chaos("PodChaos", "restart", spec)).unwrap();
    assert!(until(&mut world, 2, |world| is_in(world, "PodChaos", "restart")));
    let record = read(&world, "PodChaos", "restart").unwrap()["status"]["experiment"]["containerRecords"][0]
        ["id"]
        .clone();
    let name = record.as_str().unwrap().split('/').nth(1).unwrap().to_owned();
    let status = |world: &World| {
        world.get(&PODS, &Name::new("default", name.as_str())).unwrap()["status"]["containerStatuses"][0]
            .clone()
    };
    assert!(until(&mut world, 15, |world| status(world)["restartCount"] == 1
        && status(world)["ready"] == true));
    assert_eq!(status(&world)["lastState"]["terminated"]["exitCode"], 137);
    assert_eq!(status(&world)["lastState"]["terminated"]["reason"], "Error");
}

#[test]
fn memory_beyond_the_limit_kills_and_backs_off_while_it_lasts() {
    let mut world = world(4);
    create(&mut world, &chaos("StressChaos", "small", stress("512MB"))).unwrap();
    pass(&mut world, 30_000);
    assert!(
        happened(&world, |what| matches!(what, What::ContainerEnded { .. })).is_none(),
        "512 MB fit"
    );
    create(&mut world, &chaos("StressChaos", "large", stress("2GB"))).unwrap();
    let oom = |world: &World| {
        happened(world, |what| {
            matches!(
                what,
                What::ContainerEnded {
                    reason: "OOMKilled",
                    ..
                }
            )
        })
        .is_some()
    };
    assert!(until(&mut world, 10, oom));
    let on = world
        .effects()
        .iter()
        .find(|one| one.by.name == "large")
        .unwrap()
        .on
        .pod
        .clone();
    let state = |world: &World| {
        world.get(&PODS, &Name::new("default", on.as_str())).unwrap()["status"]["containerStatuses"][0]
            .clone()
    };
    assert!(until(
        &mut world,
        40,
        |world| state(world)["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    ));
    assert_eq!(state(&world)["lastState"]["terminated"]["reason"], "OOMKilled");
    remove(&mut world, "StressChaos", "large").unwrap();
    assert!(
        until(&mut world, 330, |world| state(world)["ready"] == true),
        "it comes back once the stress is gone"
    );
}

#[test]
fn a_failed_pod_is_not_ready_until_it_is_recovered() {
    let mut world = world(5);
    let spec = json!({"action": "pod-failure", "mode": "one", "selector": brokers(), "duration": "20s"});
    create(&mut world, &chaos("PodChaos", "fail", spec)).unwrap();
    assert!(until(&mut world, 2, |world| is_in(world, "PodChaos", "fail")));
    let on = world.effects()[0].on.pod.clone();
    let ready = |world: &World| {
        world.get(&PODS, &Name::new("default", on.as_str())).unwrap()["status"]["containerStatuses"][0]["ready"]
            == true
    };
    assert!(!ready(&world));
    pass(&mut world, 18_000);
    assert!(!ready(&world));
    assert!(until(&mut world, 20, ready));
    assert!(world.now().elapsed() > Duration::from_secs(20));
}

#[test]
fn a_dead_daemon_makes_a_delete_hang_and_says_why() {
    let mut world = world(6);
    create(&mut world, &chaos("NetworkChaos", "stuck", delay("1m"))).unwrap();
    assert!(until(&mut world, 2, |world| is_in(
        world,
        "NetworkChaos",
        "stuck"
    )));
    let effect = world.effects()[0].clone();
    let node = world
        .get(&PODS, &Name::new("default", effect.on.pod.as_str()))
        .unwrap()["spec"]["nodeName"]
        .clone();
    let node = node.as_str().unwrap().to_owned();
    world.turn_daemon(&node, Link::Down);
    remove(&mut world, "NetworkChaos", "stuck").unwrap();
    pass(&mut world, 5000);
    let object = read(&world, "NetworkChaos", "stuck").expect("it hangs");
    assert_eq!(phases(&object), ["Injected/Wait"]);
    let tried = object["status"]["experiment"]["containerRecords"][0]["events"]
        .as_array()
        .unwrap()
        .last()
        .cloned()
        .unwrap();
    assert_eq!(tried["message"], format!("cannot find daemonIP on node {node}"));
    assert_eq!(
        (tried["type"].as_str(), tried["operation"].as_str()),
        (Some("Failed"), Some("Recover"))
    );
    let failed = format!("Failed to recover chaos: cannot find daemonIP on node {node}");
    assert!(
        events_of(&world, "stuck")
            .iter()
            .any(|(reason, message)| reason == "Failed" && *message == failed)
    );
    annotate(&mut world, "NetworkChaos", "stuck", (FORCE, "forced"));
    pass(&mut world, 30_000);
    assert!(
        read(&world, "NetworkChaos", "stuck").is_some(),
        "force is not looked at while recovery fails"
    );
    assert_eq!(world.effects().len(), 1);
    let refused = create(&mut world, &chaos("NetworkChaos", "stuck", delay("1m"))).unwrap_err();
    assert_eq!(
        refused.message,
        "object is being deleted: networkchaos.chaos-mesh.org \"stuck\" already exists"
    );
    world.turn_daemon(&node, Link::Up);
    assert!(until(&mut world, 15, |world| read(
        world,
        "NetworkChaos",
        "stuck"
    )
    .is_none()));
    assert!(world.effects().is_empty());
}

#[test]
fn a_finalizer_taken_away_by_hand_leaves_the_fault_behind() {
    let mut world = world(7);
    create(&mut world, &chaos("NetworkChaos", "left", delay("1m"))).unwrap();
    assert!(until(&mut world, 2, |world| is_in(world, "NetworkChaos", "left")));
    world.turn_chaos_controller(Running::Stopped);
    remove(&mut world, "NetworkChaos", "left").unwrap();
    let mut object = read(&world, "NetworkChaos", "left").unwrap();
    object["metadata"]["finalizers"] = json!([]);
    update(&mut world, object).unwrap();
    assert!(
        read(&world, "NetworkChaos", "left").is_none(),
        "the object is gone"
    );
    world.turn_chaos_controller(Running::Yes);
    pass(&mut world, 120_000);
    let effects = world.effects();
    assert_eq!(effects.len(), 1, "the fault is not");
    assert!(happened(&world, |what| matches!(what, What::EffectAbandoned { .. })).is_some());
    let query = DeleteQuery {
        grace: Some(Duration::ZERO),
        ..DeleteQuery::default()
    };
    world
        .delete(&PODS, &Name::new("default", effects[0].on.pod.as_str()), &query)
        .unwrap();
    assert!(world.effects().is_empty(), "a new pod is a clean one");
}

#[test]
fn a_pause_recovers_and_a_resume_injects_the_same_targets_again() {
    let mut world = world(8);
    create(&mut world, &chaos("NetworkChaos", "paused", delay("1m"))).unwrap();
    assert!(until(&mut world, 2, |world| is_in(
        world,
        "NetworkChaos",
        "paused"
    )));
    let on = world.effects()[0].on.clone();
    annotate(&mut world, "NetworkChaos", "paused", (PAUSE, "true"));
    assert!(until(&mut world, 2, |world| world.effects().is_empty()));
    pass(&mut world, 500);
    let object = read(&world, "NetworkChaos", "paused").unwrap();
    assert_eq!(
        (condition(&object, "Paused"), condition(&object, "AllRecovered")),
        ("True".into(), "True".into())
    );
    annotate(&mut world, "NetworkChaos", "paused", (PAUSE, "false"));
    assert!(
        until(&mut world, 2, |world| !world.effects().is_empty()),
        "any word but true resumes"
    );
    assert_eq!(world.effects()[0].on, on);
    annotate(&mut world, "NetworkChaos", "paused", (PAUSE, "true"));
    pass(&mut world, 61_000);
    annotate(&mut world, "NetworkChaos", "paused", (PAUSE, "false"));
    pass(&mut world, 5000);
    assert!(world.effects().is_empty(), "the clock ran on while it was paused");
}

#[test]
fn nobody_selected_is_told_once_and_nothing_is_injected() {
    let mut world = world(9);
    let mut spec = delay("1m");
    spec["selector"]["labelSelectors"] = json!({"app": "nobody"});
    create(&mut world, &chaos("NetworkChaos", "none", spec)).unwrap();
    pass(&mut world, 10_000);
    let object = read(&world, "NetworkChaos", "none").unwrap();
    assert_eq!(condition(&object, "Selected"), "False");
    let told = events_of(&world, "none");
    let failed: Vec<&String> = told
        .iter()
        .filter(|(reason, _)| reason == "Failed")
        .map(|(_, message)| message)
        .collect();
    assert_eq!(failed, ["Failed to select targets: no pod is selected"]);
    remove(&mut world, "NetworkChaos", "none").unwrap();
    assert!(until(&mut world, 1, |world| read(world, "NetworkChaos", "none")
        .is_none()));
}

#[test]
fn a_partition_is_on_both_sides_and_the_brokers_say_so() {
    let mut world = world(10);
    let spec = json!({
        "action": "partition", "mode": "all", "direction": "both", "duration": "30s",
        "selector": {"pods": {"default": ["emqx-go-0", "emqx-go-1"]}},
        "target": {"mode": "all", "selector": {"pods": {"default": ["emqx-go-2"]}}},
    });
    create(&mut world, &chaos("NetworkChaos", "split", spec)).unwrap();
    assert!(until(&mut world, 2, |world| is_in(
        world,
        "NetworkChaos",
        "split"
    )));
    let mut on: Vec<String> = world.effects().iter().map(|one| one.on.pod.clone()).collect();
    on.sort();
    assert_eq!(on, ["emqx-go-0", "emqx-go-1", "emqx-go-2"]);
    pass(&mut world, 5000);
    let said = |ordinal: u32, text: &str| {
        let name = Name::new("default", format!("emqx-go-{ordinal}"));
        let lines = world.logs(&name, &LogQuery::default()).unwrap().lines;
        lines
            .iter()
            .filter(|line| line.text.contains("peer unreachable") && line.text.contains(text))
            .count()
    };
    assert!(said(0, "emqx-go-2") >= 3 && said(2, "emqx-go-0") >= 3);
    assert_eq!(said(0, "emqx-go-1"), 0, "the two on one side see each other");
    for ordinal in 0..3 {
        assert_eq!(
            pod(&world, ordinal)["status"]["containerStatuses"][0]["ready"],
            true,
            "probes come from the node"
        );
    }
}

#[test]
fn a_wildcard_inside_a_name_is_accepted_and_never_injected() {
    let mut world = world(11);
    let spec = |pattern: &str| json!({"action": "error", "mode": "all", "selector": brokers(), "patterns": [pattern], "duration": "1m"});
    create(
        &mut world,
        &chaos("DNSChaos", "bad", spec("*.emqx-go-headless.default")),
    )
    .unwrap();
    create(&mut world, &chaos("DNSChaos", "good", spec("emqx-go-*"))).unwrap();
    pass(&mut world, 10_000);
    assert!(is_in(&world, "DNSChaos", "good") && !is_in(&world, "DNSChaos", "bad"));
    assert!(world.effects().iter().all(|one| one.by.name == "good"));
    remove(&mut world, "DNSChaos", "bad").unwrap();
    assert!(until(&mut world, 10, |world| read(world, "DNSChaos", "bad").is_none()));
}

#[test]
fn with_the_webhook_gone_only_deletes_work() {
    let mut world = world(14);
    create(&mut world, &chaos("NetworkChaos", "a", delay("1m"))).unwrap();
    assert!(until(&mut world, 2, |world| is_in(world, "NetworkChaos", "a")));
    world.turn_webhook(Running::Stopped);
    assert_eq!(
        create(&mut world, &chaos("NetworkChaos", "b", delay("1m")))
            .unwrap_err()
            .code,
        500
    );
    let object = read(&world, "NetworkChaos", "a").unwrap();
    assert_eq!(update(&mut world, object).unwrap_err().reason, "InternalError");
    remove(&mut world, "NetworkChaos", "a").unwrap();
}

#[test]
fn the_plans_own_manifests_are_judged_as_measured() {
    let mut world = world(15);
    let at = kind("NetworkChaos");
    let query = WriteQuery {
        field_validation: FieldValidation::Strict,
        ..WriteQuery::default()
    };
    let bandwidth = |direction: &str| {
        let mut spec = delay("1m");
        spec["direction"] = json!(direction);
        chaos("NetworkChaos", "x", spec)
    };
    for (direction, code) in [("both", 403), ("from", 403), ("sideways", 422)] {
        let refused = world
            .create(&at, "default", bandwidth(direction), &query)
            .unwrap_err();
        assert_eq!(refused.code, code, "{direction}: {refused}");
    }
    let mut fixed = chaos("NetworkChaos", "x", delay("1m"));
    fixed["spec"]["mode"] = json!("fixed");
    fixed["spec"]["value"] = json!("none");
    assert_eq!(create(&mut world, &fixed).unwrap_err().code, 403);
    let mut odd = chaos("NetworkChaos", "x", delay("1m"));
    odd["spec"]["duration"] = json!("a while");
    assert_eq!(create(&mut world, &odd).unwrap_err().code, 403);
    let bare = chaos(
        "StressChaos",
        "x",
        json!({"mode": "one", "selector": brokers(), "duration": "1m"}),
    );
    assert!(
        create(&mut world, &bare)
            .unwrap_err()
            .message
            .contains("missing stressors")
    );
}

#[test]
fn the_mended_manifests_are_accepted_strictly_and_hurt_what_they_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chaos-manifests");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 11);
    for file in files {
        let mut world = world(16);
        let object: Value = serde_saphyr::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let of = object["kind"].as_str().unwrap();
        let query = WriteQuery {
            field_validation: FieldValidation::Strict,
            ..WriteQuery::default()
        };
        let written = world.create(&kind(of), "default", object.clone(), &query);
        assert_eq!(
            written.map(|written| written.warnings),
            Ok(vec![]),
            "{}",
            file.display()
        );
        let minutes = if of == "Schedule" { 6 } else { 1 };
        let hurts =
            |world: &World| happened(world, |what| matches!(what, What::FaultApplied { .. })).is_some();
        assert!(until(&mut world, minutes * 60, hurts), "{}", file.display());
        let applied = happened(&world, |what| matches!(what, What::FaultApplied { .. })).unwrap();
        assert_eq!(
            applied.elapsed() < Duration::from_secs(1),
            of != "Schedule",
            "{}",
            file.display()
        );
        let name = object["metadata"]["name"].as_str().unwrap();
        remove(&mut world, of, name).unwrap();
        assert!(until(&mut world, 10, |world| read(world, of, name).is_none()
            && world.effects().is_empty()));
    }
}
