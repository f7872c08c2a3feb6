//! Laws that hold whatever is asked of the world, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use firedrill::sim::world::Link;
use firedrill::sim::world::resource::{PODS, STATEFULSETS};
use firedrill::sim::world::{
    DeleteQuery, DryRun, ListQuery, Name, ResourceRef, Running, Setup, WatchKind, What, World, WriteQuery,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{brokers, chaos, create, delay, kind, pass, read, remove, setup, update};

const KINDS: [&str; 6] = [
    "NetworkChaos",
    "PodChaos",
    "StressChaos",
    "IOChaos",
    "DNSChaos",
    "Schedule",
];

/// One thing that somebody does.
#[derive(Debug, Clone)]
enum Deed {
    Create(usize, u8, u8),
    Delete(usize, u8),
    Pause(usize, u8, u8),
    Unhook(usize, u8),
    KillPod(u32, u8),
    Scale(u64),
    Daemon(u8, Link),
    Node(u8, Link),
    Controller(Running),
    Wait(u32),
}

fn deed() -> impl Strategy<Value = Deed> {
    let link = prop_oneof![Just(Link::Up), Just(Link::Down)];
    let running = prop_oneof![Just(Running::Yes), Just(Running::Stopped)];
    prop_oneof![
        5 => (0..KINDS.len(), 0..4_u8, 0..4_u8).prop_map(|(kind, name, action)| Deed::Create(kind, name, action)),
        3 => (0..KINDS.len(), 0..4_u8).prop_map(|(kind, name)| Deed::Delete(kind, name)),
        1 => (0..KINDS.len(), 0..4_u8, 0..2_u8).prop_map(|(kind, name, word)| Deed::Pause(kind, name, word)),
        1 => (0..KINDS.len(), 0..4_u8).prop_map(|(kind, name)| Deed::Unhook(kind, name)),
        2 => (0..3_u32, 0..31_u8).prop_map(|(pod, grace)| Deed::KillPod(pod, grace)),
        1 => (0..5_u64).prop_map(Deed::Scale),
        1 => (1..4_u8, link.clone()).prop_map(|(node, link)| Deed::Daemon(node, link)),
        1 => (1..4_u8, link).prop_map(|(node, link)| Deed::Node(node, link)),
        1 => running.prop_map(Deed::Controller),
        6 => (0..90_000_u32).prop_map(Deed::Wait),
    ]
}

fn spec(of: &str, action: u8) -> Value {
    let base =
        json!({"mode": if action == 0 { "all" } else { "one" }, "selector": brokers(), "duration": "40s"});
    let mut spec = match of {
        "NetworkChaos" => delay("40s"),
        "PodChaos" => json!({
            "action": (["pod-kill", "pod-failure", "container-kill", "pod-kill"][usize::from(action)]),
            "containerNames": ["emqx-go"],
        }),
        "StressChaos" => {
            json!({"stressors": {"memory": {"workers": 1, "size": if action > 1 { "2GB" } else { "100MB" }}}})
        }
        "IOChaos" => json!({"action": "latency", "delay": "100ms", "volumePath": "/data", "percent": 50}),
        "DNSChaos" => json!({"action": "error", "patterns": [if action > 2 { "*.a" } else { "a*" }]}),
        _ => {
            return json!({
                "schedule": "@every 30s", "type": "NetworkChaos", "networkChaos": delay("10s"), "historyLimit": 1,
            });
        }
    };
    for (key, value) in base.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

fn name(of: usize, name: u8) -> (&'static str, String) {
    (KINDS[of], format!("c{name}"))
}

/// Refusals are fine: what matters is what is left.
fn apply(world: &mut World, deed: &Deed) {
    match deed {
        Deed::Create(of, number, action) => {
            let (of, name) = name(*of, *number);
            let _ = create(world, &chaos(of, &name, spec(of, *action)));
        }
        Deed::Delete(of, number) => {
            let (of, name) = name(*of, *number);
            let _ = remove(world, of, &name);
        }
        Deed::Pause(of, number, word) => {
            let (of, name) = name(*of, *number);
            if let Some(mut object) = read(world, of, &name) {
                object["metadata"]["annotations"] =
                    json!({"experiment.chaos-mesh.org/pause": if *word == 0 { "true" } else { "false" }});
                update(world, object).unwrap();
            }
        }
        Deed::Unhook(of, number) => {
            let (of, name) = name(*of, *number);
            if let Some(mut object) = read(world, of, &name) {
                object["metadata"].as_object_mut().unwrap().remove("finalizers");
                update(world, object).unwrap();
            }
        }
        Deed::KillPod(ordinal, grace) => {
            let query = DeleteQuery {
                grace: Some(Duration::from_secs(u64::from(*grace))),
                ..DeleteQuery::default()
            };
            let _ = world.delete(&PODS, &Name::new("default", format!("emqx-go-{ordinal}")), &query);
        }
        Deed::Scale(replicas) => {
            let at = Name::new("default", "emqx-go");
            let mut set = (*world.get(&STATEFULSETS, &at).unwrap()).clone();
            set["spec"]["replicas"] = json!(replicas);
            world
                .update(&STATEFULSETS, &at, set, &WriteQuery::default())
                .unwrap();
        }
        Deed::Daemon(node, link) => world.turn_daemon(&format!("node-{node}"), *link),
        Deed::Node(node, link) => world.turn_node(&format!("node-{node}"), *link),
        Deed::Controller(running) => world.turn_chaos_controller(*running),
        Deed::Wait(millis) => pass(world, u64::from(*millis)),
    }
}

type Objects = BTreeMap<(ResourceRef, String, String), Arc<Value>>;

fn key(object: &Value) -> (String, String) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

fn everything(world: &World) -> Objects {
    let mut all = Objects::new();
    for resource in world.resources() {
        for object in world.list(&resource.at, &ListQuery::default()).unwrap().items {
            let (namespace, name) = key(&object);
            all.insert((resource.at.clone(), namespace, name), object);
        }
    }
    all
}

fn replay(world: &World, mut objects: Objects, from: u64) -> Objects {
    for resource in world.resources() {
        for event in world
            .events_since(&resource.at, &ListQuery::default(), from)
            .unwrap()
        {
            let (namespace, name) = key(&event.object);
            let at = (resource.at.clone(), namespace, name);
            match event.kind {
                WatchKind::Added => assert!(objects.insert(at, event.object).is_none(), "added twice"),
                WatchKind::Modified => assert!(
                    objects.insert(at, event.object).is_some(),
                    "modified before it was"
                ),
                WatchKind::Deleted => assert!(objects.remove(&at).is_some(), "deleted before it was"),
            }
        }
    }
    objects
}

fn check_effects(world: &World) -> Result<(), TestCaseError> {
    let abandoned: BTreeSet<String> = world
        .happenings()
        .iter()
        .filter_map(|one| match &one.what {
            What::EffectAbandoned { by, .. } => Some(by.uid.clone()),
            _ => None,
        })
        .collect();
    for effect in world.effects() {
        let at = kind(&effect.by.kind);
        let name = Name::new(effect.by.namespace.as_str(), effect.by.name.as_str());
        let owner = world
            .get(&at, &name)
            .ok()
            .filter(|one| one["metadata"]["uid"] == effect.by.uid.as_str());
        prop_assert!(
            owner.is_some() || abandoned.contains(&effect.by.uid),
            "whose is {effect:?}?"
        );
        let name = Name::new(effect.on.namespace.as_str(), effect.on.pod.as_str());
        let pod = world.get(&PODS, &name).expect("an effect ends with its pod");
        prop_assert!(
            pod["metadata"]["uid"] == effect.on.pod_uid.as_str(),
            "{effect:?} is on another pod"
        );
    }
    Ok(())
}

/// Time only between the checks, with nobody doing anything: everything that was broken is mended first.
fn mend(world: &mut World) {
    for node in ["node-1", "node-2", "node-3"] {
        world.turn_daemon(node, Link::Up);
        world.turn_node(node, Link::Up);
    }
    world.turn_chaos_controller(Running::Yes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_the_books_agree(seed in 0..1000_u64, deeds in prop::collection::vec(deed(), 1..40)) {
        let mut world = World::new(Setup { history: 1_000_000, ..setup(seed) });
        let mut seen = vec![(world.resource_version(), everything(&world))];
        for (at, deed) in deeds.iter().enumerate() {
            apply(&mut world, deed);
            check_effects(&world)?;
            if at % 10 == 5 {
                seen.push((world.resource_version(), everything(&world)));
            }
        }
        let now = everything(&world);
        for (from, objects) in seen {
            prop_assert!(replay(&world, objects, from) == now, "a watch from {from} does not lead here");
        }
    }

    #[test]
    fn what_is_deleted_and_let_go_leaves_no_effect(seed in 0..1000_u64, deeds in prop::collection::vec(deed(), 1..25)) {
        let mut world = World::new(setup(seed));
        for deed in deeds.iter().filter(|deed| !matches!(deed, Deed::Unhook(..))) {
            apply(&mut world, deed);
        }
        mend(&mut world);
        for of in KINDS.iter().rev() {
            for object in world.list(&kind(of), &ListQuery::default()).unwrap().items {
                let _ = remove(&mut world, of, &key(&object).1);
            }
        }
        pass(&mut world, 60_000);
        for of in KINDS {
            let left = world.list(&kind(of), &ListQuery::default()).unwrap().items;
            let told: Vec<String> = left.iter().map(|one| format!("{} {}", one["metadata"]["name"], one["status"])).collect();
            prop_assert!(left.is_empty(), "never gone: {told:#?}");
        }
        prop_assert_eq!(world.effects(), vec![]);
        prop_assert!(world.list(&kind("PodNetworkChaos"), &ListQuery::default()).unwrap().items.is_empty());
    }

    #[test]
    fn the_same_seed_gives_the_same_history(seed in 0..1000_u64, deeds in prop::collection::vec(deed(), 1..25)) {
        let play = || {
            let mut world = World::new(setup(seed));
            for deed in &deeds {
                apply(&mut world, deed);
            }
            (world.happenings().to_vec(), everything(&world))
        };
        prop_assert!(play() == play());
    }

    #[test]
    fn the_steps_that_time_is_cut_into_do_not_matter(seed in 0..1000_u64, cuts in prop::collection::vec(1..5000_u64, 1..30)) {
        let start = |seed| {
            let mut world = World::new(setup(seed));
            create(&mut world, &chaos("NetworkChaos", "a", delay("20s"))).unwrap();
            create(&mut world, &chaos("PodChaos", "b", spec("PodChaos", 0))).unwrap();
            world
        };
        let (mut cut, mut whole) = (start(seed), start(seed));
        for millis in &cuts {
            pass(&mut cut, *millis);
        }
        pass(&mut whole, cuts.iter().sum());
        prop_assert_eq!(cut.happenings(), whole.happenings());
    }
}

#[test]
fn two_processes_are_two_clusters_and_else_alike() {
    use firedrill::sim::world::resource::NAMESPACES;
    let system = |salt| {
        let world = World::new(Setup { salt, ..setup(1) });
        let uid =
            |name: &str| world.get(&NAMESPACES, &Name::cluster(name)).unwrap()["metadata"]["uid"].clone();
        (uid("kube-system"), uid("default"))
    };
    assert_ne!(system(1).0, system(2).0);
    assert_eq!(system(1), system(1));
    assert_eq!(system(1).1, system(2).1);
}

#[test]
fn pages_are_the_list_and_old_tokens_expire() {
    let mut world = World::new(Setup {
        history: 50,
        ..setup(1)
    });
    let whole = world.list(&PODS, &ListQuery::default()).unwrap();
    let (mut paged, mut token) = (Vec::new(), None);
    loop {
        let query = ListQuery {
            limit: 3,
            continue_token: token.clone(),
            ..ListQuery::default()
        };
        let page = world.list(&PODS, &query).unwrap();
        assert_eq!(page.remaining.is_some(), page.continue_token.is_some());
        paged.extend(page.items);
        token = page.continue_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole.items);
    let first = world
        .list(
            &PODS,
            &ListQuery {
                limit: 1,
                ..ListQuery::default()
            },
        )
        .unwrap();
    let from = world.resource_version();
    for ordinal in 0..3 {
        apply(&mut world, &Deed::KillPod(ordinal, 0));
    }
    pass(&mut world, 30_000);
    assert!(
        world.events_since(&PODS, &ListQuery::default(), from).is_err(),
        "so much is not remembered"
    );
    let query = ListQuery {
        limit: 1,
        continue_token: first.continue_token,
        ..ListQuery::default()
    };
    let expired = world.list(&PODS, &query).unwrap_err();
    assert_eq!((expired.code, expired.reason), (410, "Expired"));
    let dry = WriteQuery {
        dry_run: DryRun::All,
        ..WriteQuery::default()
    };
    let before = world.resource_version();
    world
        .create(
            &kind("NetworkChaos"),
            "default",
            chaos("NetworkChaos", "dry", delay("1s")),
            &dry,
        )
        .unwrap();
    assert_eq!(world.resource_version(), before);
}

#[test]
fn odd_objects_are_stored_or_refused_and_never_stop_the_world() {
    let odd = [
        json!("text"),
        json!(7),
        json!([]),
        json!(["x"]),
        json!({}),
        json!(null),
        json!({"x": {"y": []}}),
    ];
    let mut world = World::new(setup(1));
    let resources: Vec<ResourceRef> = world.resources().map(|one| one.at.clone()).collect();
    for at in &resources {
        for (ix, value) in odd.iter().enumerate() {
            let namespaced = world.resource(at).unwrap().is_namespaced();
            let namespace = if namespaced { "default" } else { "" };
            for field in ["metadata", "spec", "status", "subsets"] {
                let mut object = json!({"metadata": {"name": format!("odd-{ix}")}});
                object[field] = value.clone();
                let _ = world.create(at, namespace, object.clone(), &WriteQuery::default());
                let name = Name::new(namespace, format!("odd-{ix}"));
                object["metadata"] =
                    json!({"name": format!("odd-{ix}"), "labels": value, "ownerReferences": value});
                let _ = world.update(at, &name, object.clone(), &WriteQuery::default());
                let _ = world.update_status(at, &name, object, &WriteQuery::default());
            }
            let _ = world.create(at, namespace, value.clone(), &WriteQuery::default());
        }
    }
    let at = Name::new("default", "emqx-go-0");
    let mut pod = (*world.get(&PODS, &at).unwrap()).clone();
    pod["status"] = json!({"conditions": ["x", {"type": "Ready"}]});
    world
        .update_status(&PODS, &at, pod, &WriteQuery::default())
        .unwrap();
    apply(&mut world, &Deed::Scale(40));
    world.turn_node("node-1", Link::Down);
    pass(&mut world, 60_000);
    world.turn_node("node-1", Link::Up);
    pass(&mut world, 1000);
}
