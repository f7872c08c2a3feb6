//! Schedules and Workflows: what they spawn, keep, make again and take along.

use firedrill::sim::world::resource::{SCHEDULES, WORKFLOWS};
use firedrill::sim::world::{DeleteQuery, Name, What, World};
use serde_json::json;

use super::chaos::{PAUSE, kill};
use super::support::{annotate, chaos, create, delay, everything, kind, pass, remove, until, world};

#[test]
fn a_schedule_spawns_keeps_history_and_takes_its_children_along() {
    let mut world = world(12);
    let spec = json!({
        "schedule": "@every 1m", "type": "PodChaos", "historyLimit": 2, "concurrencyPolicy": "Forbid", "podChaos": kill(),
    });
    create(&mut world, &chaos("Schedule", "again", spec)).unwrap();
    pass(&mut world, 55_000);
    let children = |world: &World| world.list(&kind("PodChaos"), &everything()).unwrap().items;
    assert!(children(&world).is_empty(), "it first fires after its interval");
    pass(&mut world, 10_000);
    let child = children(&world).pop().expect("a child");
    assert_eq!(child["metadata"]["labels"]["managed-by"], "again");
    assert_eq!(child["metadata"]["ownerReferences"][0]["kind"], "Schedule");
    pass(&mut world, 300_000);
    assert_eq!(children(&world).len(), 2, "so much history");
    annotate(&mut world, "Schedule", "again", (PAUSE, "true"));
    let killed = |world: &World| {
        world
            .happenings()
            .iter()
            .filter(|one| matches!(one.what, What::PodGone(_)))
            .count()
    };
    let before = killed(&world);
    assert!(before >= 5);
    pass(&mut world, 200_000);
    assert_eq!(killed(&world), before, "paused");
    annotate(&mut world, "Schedule", "again", (PAUSE, "false"));
    pass(&mut world, 2000);
    assert_eq!(
        killed(&world),
        before + 1,
        "a resumed schedule fires the missed run at once"
    );
    world
        .delete(
            &SCHEDULES,
            &Name::new("default", "again"),
            &DeleteQuery::default(),
        )
        .unwrap();
    assert!(until(&mut world, 5, |world| children(world).is_empty()));
}

#[test]
fn a_workflow_makes_its_chaos_again_until_it_is_aborted() {
    let mut world = world(13);
    let spec = json!({"entry": "slow", "templates": [
        {"name": "slow", "templateType": "NetworkChaos", "deadline": "5m", "networkChaos": delay("4m")},
    ]});
    create(&mut world, &chaos("Workflow", "flow", spec)).unwrap();
    let children = |world: &World| {
        let all = world.list(&kind("NetworkChaos"), &everything()).unwrap().items;
        all.into_iter()
            .filter(|one| one["metadata"]["deletionTimestamp"].is_null())
            .collect::<Vec<_>>()
    };
    assert!(until(&mut world, 5, |world| !world.effects().is_empty()));
    let first = children(&world).pop().expect("a child");
    remove(
        &mut world,
        "NetworkChaos",
        first["metadata"]["name"].as_str().unwrap(),
    )
    .unwrap();
    assert!(
        until(&mut world, 5, |world| {
            children(world)
                .iter()
                .any(|one| one["metadata"]["uid"] != first["metadata"]["uid"])
        }),
        "a child that is deleted comes back"
    );
    annotate(
        &mut world,
        "Workflow",
        "flow",
        ("workflow.chaos-mesh.org/abort", "true"),
    );
    assert!(until(&mut world, 5, |world| children(world).is_empty()
        && world.effects().is_empty()));
    pass(&mut world, 10_000);
    assert!(children(&world).is_empty(), "no respawn after the abort");
    world
        .delete(&WORKFLOWS, &Name::new("default", "flow"), &DeleteQuery::default())
        .unwrap();
    let nodes = kind("WorkflowNode");
    assert!(until(&mut world, 5, |world| world
        .list(&nodes, &everything())
        .unwrap()
        .items
        .is_empty()));
}
