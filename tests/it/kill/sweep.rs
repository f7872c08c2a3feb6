//! Everything that can be active goes, whoever made it and whatever makes it again.

use std::time::Duration;

use firedrill::fault::Gone;
use firedrill::guard::{Effect, Force, KillRequest};
use firedrill::sim::world::resource::LEASES;
use firedrill::sim::world::{Link, ListQuery, Running, World};
use serde_json::json;

use super::support::{Ground, active, delay, files, pod_kill, request, stress};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_objects_and_what_makes_them_again_are_all_proven_gone() {
    let ground = Ground::start().await;
    for n in 0..60 {
        ground.make("NetworkChaos", ("default", &format!("net-{n}")), delay());
        ground.make("StressChaos", ("default", &format!("cpu-{n}")), stress());
        ground.make("NetworkChaos", ("chaos-mesh", &format!("far-{n}")), delay());
    }
    for n in 0..10 {
        let spec = json!({"schedule": "@every 1s", "type": "NetworkChaos", "historyLimit": 5,
            "concurrencyPolicy": "Allow", "networkChaos": delay()});
        ground.make("Schedule", ("default", &format!("tick-{n}")), spec);
        let spec = json!({"entry": "slow", "templates": [
            {"name": "slow", "templateType": "StressChaos", "deadline": "1h", "stressChaos": stress()},
        ]});
        ground.make("Workflow", ("default", &format!("flow-{n}")), spec);
        ground.make("PodChaos", ("default", &format!("kill-{n}")), pod_kill());
    }
    ground
        .until(|world| {
            world.effects().len() > 100
                && active(world)
                    .iter()
                    .any(|one| one.contains("NetworkChaos default/tick-"))
        })
        .await;
    let said = ground.kill(request()).await;
    assert!(said.summary.all_clear, "{:#?}\n{}", said.summary, said.notes());
    assert!(said.summary.objects >= 220 && said.summary.proven == said.summary.objects);
    // The latch was closed for this machine and for every other.
    let cluster = ground.cluster().await;
    let latched = ground.latch(&cluster).read().unwrap().expect("latched");
    assert_eq!(latched.why, "a test");
    for namespace in ["chaos-mesh", "default"] {
        assert!(
            cluster.read_latch(namespace).await.unwrap().is_some(),
            "{namespace}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_away_is_stuck_until_it_is_back() {
    let ground = Ground::start().await;
    ground.make("PodChaos", ("default", "once"), pod_kill());
    ground.make("NetworkChaos", ("default", "slow"), delay());
    ground
        .until(|world| world.effects().iter().any(|effect| effect.by.name == "slow"))
        .await;
    for n in 1..=3 {
        let node = format!("node-{n}");
        ground
            .sim
            .world()
            .with(|world| world.turn_daemon(&node, Link::Down));
    }
    let short = KillRequest {
        timeout: Duration::from_secs(3),
        ..request()
    };
    let said = ground.kill(short).await;
    assert!(!said.summary.all_clear);
    let slow = said.of("slow");
    assert!(
        matches!(&slow.gone, Gone::Stuck { at: Some(at), .. } if at.starts_with("default/emqx-go-")),
        "{slow:#?}"
    );
    let next = slow.next.as_deref().unwrap();
    assert!(
        next.contains("delete pod/emqx-go-") && next.starts_with("kubectl --kubeconfig="),
        "{next}"
    );
    assert_eq!(said.of("once").gone, Gone::Proven);
    for n in 1..=3 {
        let node = format!("node-{n}");
        ground
            .sim
            .world()
            .with(|world| world.turn_daemon(&node, Link::Up));
    }
    let said = ground.kill(request()).await;
    assert!(said.summary.all_clear, "{:#?}", said.tells);
    assert_eq!(said.of("slow").gone, Gone::Proven);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_controller_or_its_webhook_nothing_is_called_gone() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "slow"), delay());
    let spec = json!({"entry": "slow", "templates": [
        {"name": "slow", "templateType": "StressChaos", "deadline": "1h", "stressChaos": stress()},
    ]});
    ground.make("Workflow", ("default", "flow"), spec);
    ground.until_effects(2).await;
    ground.sim.world().with(|world| {
        world.turn_chaos_controller(Running::Stopped);
        world.turn_webhook(Running::Stopped);
    });
    let short = KillRequest {
        timeout: Duration::from_secs(8),
        force: Force::Yes,
        ..request()
    };
    let said = ground.kill(short).await;
    assert!(!said.summary.all_clear);
    assert!(said.of("slow").next.is_some());
    assert!(
        said.notes().contains("flow could not be told to stop"),
        "{}",
        said.notes()
    );
    assert!(
        said.notes().contains("delete mutatingwebhookconfigurations"),
        "{}",
        said.notes()
    );
    ground.sim.world().with(|world| {
        world.turn_chaos_controller(Running::Yes);
        world.turn_webhook(Running::Yes);
    });
    let said = ground.kill(request()).await;
    assert!(said.summary.all_clear, "{:#?}", said.tells);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forced_is_never_called_gone() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "slow"), delay());
    ground.until_effects(1).await;
    for n in 1..=3 {
        let node = format!("node-{n}");
        ground
            .sim
            .world()
            .with(|world| world.turn_daemon(&node, Link::Down));
    }
    let force = KillRequest {
        timeout: Duration::from_secs(10),
        force: Force::Yes,
        ..request()
    };
    let said = ground.kill(force).await;
    assert_eq!(said.of("slow").gone, Gone::ForcedUnverified);
    assert!(!said.summary.all_clear, "the effect is still on");
    assert_eq!(ground.sim.world().look(World::effects).len(), 1);
    assert!(ground.active().is_empty());
    assert!(
        said.of("slow")
            .next
            .as_deref()
            .unwrap()
            .contains("delete pod/emqx-go-")
    );
    let stages: Vec<bool> = said
        .verdicts()
        .filter(|verdict| verdict.object.name == "slow")
        .map(|verdict| matches!(verdict.gone, Gone::Stuck { .. }))
        .collect();
    assert!(stages.contains(&true), "the normal way came first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_object_goes_and_is_not_called_proven() {
    let ground = Ground::start().await;
    let object = json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "spec": delay(),
        "metadata": {"name": "held", "namespace": "default",
            "annotations": {"experiment.chaos-mesh.org/pause": "true"}},
    });
    ground.put("default", object);
    let said = ground.kill(request()).await;
    assert!(ground.active().is_empty());
    assert!(
        matches!(said.of("held").gone, Gone::Unverified { .. }),
        "{:#?}",
        said.of("held")
    );
    assert!(!said.summary.all_clear);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_created_meanwhile_goes_too() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "first"), delay());
    ground.until_effects(1).await;
    let cluster = ground.cluster().await;
    let (request, late) = (request(), async {
        // As soon as the first is on its way out: the sweep is under way.
        ground
            .until(|world| active(world).is_empty() || world.effects().is_empty())
            .await;
        ground.make("StressChaos", ("default", "late"), stress());
    });
    let (said, ()) = tokio::join!(ground.kill_on(&cluster, request), late);
    assert!(said.summary.all_clear, "{:#?}", said.tells);
    assert_eq!(said.of("late").gone, Gone::Proven);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_changes_nothing() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "slow"), delay());
    ground.until_effects(1).await;
    let cluster = ground.cluster().await;
    let deleted = |world: &World| {
        let all = active(world);
        let leases = world.list(&LEASES, &ListQuery::default()).unwrap().items.len();
        (all, leases, world.effects())
    };
    let before = ground.sim.world().look(deleted);
    let dry = KillRequest {
        effect: Effect::DryRun,
        keep: Some(ground.state.path().join("manifests")),
        ..request()
    };
    let said = ground.kill_on(&cluster, dry).await;
    assert_eq!(ground.sim.world().look(deleted), before);
    assert_eq!(ground.latch(&cluster).read().unwrap(), None);
    assert_eq!(
        files(&ground.state.path().join("manifests")),
        Vec::<String>::new()
    );
    assert!(!said.summary.all_clear);
    assert!(said.of("slow").gone.to_string().contains("dry run"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_was_asked_for_goes() {
    let ground = Ground::start().await;
    let labelled = |kind: &str, name: &str, spec: serde_json::Value| {
        json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind, "spec": spec,
            "metadata": {"name": name, "namespace": "default", "labels": {
                "app.kubernetes.io/managed-by": "firedrill", "firedrill.io/run": "20260101-000000-abcd"}},
        })
    };
    ground.put("default", labelled("NetworkChaos", "mine", delay()));
    let spec = json!({"entry": "slow", "templates": [
        {"name": "slow", "templateType": "StressChaos", "deadline": "1h", "stressChaos": stress()},
    ]});
    ground.put("default", labelled("Workflow", "flow", spec));
    ground.make("NetworkChaos", ("default", "other"), delay());
    ground.make("NetworkChaos", ("chaos-mesh", "far"), delay());
    ground.until_effects(4).await;
    let run = KillRequest {
        run: Some("20260101-000000-abcd".to_owned()),
        keep: Some(ground.state.path().join("manifests")),
        ..request()
    };
    ground.kill(run).await;
    assert_eq!(
        ground.active(),
        ["NetworkChaos chaos-mesh/far", "NetworkChaos default/other"]
    );
    let narrow = KillRequest {
        namespace: Some("chaos-mesh".to_owned()),
        keep: Some(ground.state.path().join("manifests")),
        ..request()
    };
    let said = ground.kill(narrow).await;
    assert_eq!(ground.active(), ["NetworkChaos default/other"]);
    assert_eq!(said.of("far").gone, Gone::Proven);
    // What was not ours can be made again: the Workflow and its kin were.
    let kept = files(&ground.state.path().join("manifests"));
    assert!(
        kept.iter()
            .any(|file| file.starts_with("networkchaos.chaos-mesh.far.")),
        "{kept:?}"
    );
    assert!(
        !kept
            .iter()
            .any(|file| file.contains("mine") || file.contains("flow.")),
        "{kept:?}"
    );
    assert!(said.notes().contains("create -f"), "{}", said.notes());
    let file = ground
        .state
        .path()
        .join("manifests")
        .join(kept.iter().find(|file| file.contains("far")).unwrap());
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    ground.put("chaos-mesh", manifest);
    assert_eq!(ground.active().len(), 2, "restored");
}
