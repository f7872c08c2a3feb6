//! The injector of Chaos Mesh against the embedded cluster's wire. What really is injected is asked of the world.

use std::collections::BTreeSet;
use std::time::Duration;

use firedrill::cluster::Removal;
use firedrill::fault::{Debt, Gone, Undo};
use firedrill::playbook::{Limits, Span};
use firedrill::run::{Injected, Refusal};
use firedrill::sim::world::resource::PODS;
use firedrill::sim::world::{DeleteQuery, Link, Name, Pull};
use firedrill::units::Percent;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::inject_stage::{
    Stage, brokers, cluster_of, delay, fire_by, fire_if, fixture, manifest, object, path, request, uid, wide,
    without_uid,
};
use crate::sim_wire::PATIENCE;

#[tokio::test]
async fn every_case_of_the_plan_hits_what_it_says_and_leaves_nothing() {
    let stage = Stage::at_speed(20.0).await;
    for name in [
        "02-network-partition",
        "03-network-delay",
        "04-cpu-stress",
        "05-memory-stress",
        "06-network-loss",
        "07-io-stress",
        "08-time-skew",
        "09-dns-failure",
        "10-container-kill",
        "01b-pod-kill-oneshot",
    ] {
        stage.pods_ready().await;
        let plan = stage.plan(request(fixture(name), wide())).await;
        let planned: BTreeSet<String> = plan
            .pods
            .iter()
            .map(|pod| format!("{}/{}", pod.namespace, pod.name))
            .collect();
        assert!(
            !stage.is_there(&plan.debt).await,
            "{name}: planning makes nothing"
        );
        let hurt = plan.hurt;
        let (debt, targets) = stage.fire_planned(plan).await;
        let targets: BTreeSet<String> = targets.into_iter().collect();
        assert_eq!(targets, stage.applied(&debt), "{name}");
        assert_eq!(targets.len(), hurt, "{name}: {targets:?}");
        let pods: BTreeSet<String> = targets
            .iter()
            .map(|id| id.splitn(3, '/').take(2).collect::<Vec<_>>().join("/"))
            .collect();
        assert!(pods.is_subset(&planned), "{name}: {pods:?} of {planned:?}");
        assert_eq!(stage.revert(&debt).await, Gone::Proven, "{name}");
        assert!(!stage.is_there(&debt).await, "{name}");
        assert_eq!(stage.effects_of(&debt), [], "{name}");
    }
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn the_card_says_what_would_happen() {
    let stage = Stage::at_speed(1.0).await;
    let plan = stage.plan(request(delay("one"), Limits::default())).await;
    assert_eq!(plan.action, "delay 250ms ±100ms");
    assert_eq!((plan.pods.len(), plan.hurt), (3, 1));
    assert_eq!(plan.duration, Some(Duration::from_mins(8)));
    assert_eq!(plan.debt.own_clock, Some(Duration::from_mins(8)));
    assert_eq!(plan.debt.summary, "delay 250ms ±100ms on 1 of 3 pods");
    assert!(plan.limits.iter().all(|limit| limit.held));
    assert!(plan.pods.iter().all(|pod| pod.ready && pod.node.is_some()));
    let name = &object(&plan.debt).name;
    assert!(
        name.starts_with("hurt-1-") && name.len() == "hurt-1-".len() + 4,
        "{name}"
    );
    stage.peer.sim.shutdown().await;
}

fn kill(mode: &str, selector: &Value) -> Value {
    let spec = json!({"action": "pod-kill", "mode": mode, "selector": selector});
    manifest("PodChaos", &spec)
}

/// The manifest, the limits, and what the refusal says.
type Refused = (Value, Limits, &'static str);

fn beyond_the_limits() -> Vec<Refused> {
    let limits = |pods: u32, percent: f64| Limits {
        pods,
        percent: Percent(percent),
        ..Limits::default()
    };
    let short = Limits {
        duration: Span(Duration::from_mins(1)),
        ..wide()
    };
    let system = Limits {
        namespaces: vec!["kube-system".to_owned()],
        ..wide()
    };
    let all = kill("all", &brokers());
    let schedule = json!({"schedule": "@every 5m", "type": "PodChaos", "podChaos": all["spec"]});
    let workflow = json!({"entry": "a", "templates": [
        {"name": "a", "templateType": "NetworkChaos", "deadline": "1m", "networkChaos": delay("all")["spec"]}]});
    let elsewhere = kill("one", &json!({"namespaces": ["chaos-mesh"]}));
    let in_system = kill("one", &json!({"namespaces": ["kube-system"]}));
    let partition = fixture("02-network-partition");
    vec![
        (delay("all"), limits(2, 100.0), "3 pods of at most 2"),
        (
            delay("all"),
            limits(3, 99.0),
            "100 % of the target's 3 ready pods",
        ),
        (delay("one"), short, "8m long, of at most 1m"),
        (all, wide(), "last ready replica of the target"),
        (
            manifest("Schedule", &schedule),
            wide(),
            "last ready replica of the target",
        ),
        (
            manifest("Workflow", &workflow),
            limits(2, 100.0),
            "3 pods of at most 2",
        ),
        (elsewhere, wide(), "chaos-mesh is not among"),
        (in_system, system, "never fired at"),
        (partition, limits(2, 100.0), "3 pods of at most 2"),
    ]
}

fn not_to_be_had() -> Vec<Refused> {
    let nobody = kill("one", &json!({"labelSelectors": {"app": "nobody"}}));
    let unborn = kill("one", &json!({"pods": {"default": ["emqx-go-9"]}}));
    let on_mars = kill("one", &json!({"nodeSelectors": {"zone": "mars"}}));
    let mut scheduler = kill("one", &brokers());
    scheduler["spec"]["scheduler"] = json!({"cron": "@every 1m"});
    let mut both = delay("one");
    both["spec"]["direction"] = json!("both");
    vec![
        (nobody, wide(), "no pod is selected"),
        (unborn, wide(), "no pod is selected"),
        (on_mars, wide(), "no node carries"),
        (
            manifest("AWSChaos", &json!({"action": "ec2-stop"})),
            wide(),
            "hits no pods",
        ),
        (scheduler, wide(), "unknown field \"spec.scheduler\""),
        (
            both,
            wide(),
            "`from` and `both` direction cannot be used when targets is empty",
        ),
    ]
}

#[tokio::test]
async fn what_goes_beyond_the_limits_is_refused_in_words() {
    let stage = Stage::at_speed(1.0).await;
    for (manifest, limits, words) in beyond_the_limits().into_iter().chain(not_to_be_had()) {
        let shown = manifest.to_string();
        match stage.injector.plan(request(manifest, limits)).await {
            Err(Refusal { why, hint }) => {
                assert!(why.contains(words), "{why}: {shown}");
                assert!(hint.is_some(), "{why}");
            }
            Ok(plan) => panic!("{} was armed: {shown}", plan.action),
        }
    }
    // Every field of a selector counts on the live cluster.
    for (selector, pods) in [
        (
            json!({"expressionSelectors": [{"key": "app", "operator": "In", "values": ["emqx-go", "x"]}]}),
            3,
        ),
        (
            json!({"labelSelectors": {"app": "emqx-go"}, "fieldSelectors": {"metadata.name": "emqx-go-1"}}),
            1,
        ),
        (
            json!({"labelSelectors": {"app": "emqx-go"}, "podPhaseSelectors": ["Running"]}),
            3,
        ),
        (json!({"pods": {"default": ["emqx-go-0", "emqx-go-2"]}}), 2),
    ] {
        let plan = stage.plan(request(kill("one", &selector), wide())).await;
        assert_eq!(plan.pods.len(), pods, "{:?}", plan.pods);
    }
    stage.peer.sim.shutdown().await;
}

/// These pods go at once, and what comes instead does not get ready.
fn lose(stage: &Stage, ordinals: &[u8]) {
    let at_once = DeleteQuery {
        grace: Some(Duration::ZERO),
        ..DeleteQuery::default()
    };
    stage.peer.sim.world().with(|world| {
        world.turn_pull(Pull::Never);
        for ordinal in ordinals {
            let name = Name::new("default", format!("emqx-go-{ordinal}"));
            world.delete(&PODS, &name, &at_once).unwrap();
        }
    });
}

fn why(outcome: Injected) -> String {
    match outcome {
        Injected::No { error } => error.to_string(),
        Injected::Yes { targets, .. } => panic!("injected into {targets:?}"),
    }
}

#[tokio::test]
async fn nothing_selected_fails_at_once_with_the_reason() {
    let stage = Stage::at_speed(1.0).await;
    let mut running = brokers();
    running["podPhaseSelectors"] = json!(["Running"]);
    let mut manifest = delay("one");
    manifest["spec"]["selector"] = running;
    let plan = stage.plan(request(manifest, wide())).await;
    // After the last look of ours.
    let may = || {
        lose(&stage, &[0, 1, 2]);
        Ok(())
    };
    let outcome = fire_if(&*stage.injector, (&plan, &wide()), &may).await;
    let why = why(outcome);
    assert!(why.contains("no pod is selected"), "{why}");
    // It is owed all the same, and its uid is not in the debt.
    assert!(stage.is_there(&plan.debt).await);
    assert_eq!(stage.revert(&plan.debt).await, Gone::Proven);
    assert!(!stage.is_there(&plan.debt).await);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn the_limits_are_judged_again_when_it_is_fired() {
    let stage = Stage::at_speed(1.0).await;
    let half = Limits {
        pods: 1,
        percent: Percent(50.0),
        ..Limits::default()
    };
    let plan = stage.plan(request(delay("one"), half.clone())).await;
    lose(&stage, &[1, 2]);
    let may = || panic!("nothing is asked for what is refused");
    let why = why(fire_if(&*stage.injector, (&plan, &half), &may).await);
    assert!(why.contains("100 % of the target's 1 ready pods"), "{why}");
    assert!(!stage.is_there(&plan.debt).await);
    assert_eq!(stage.revert(&plan.debt).await, Gone::Proven);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn what_may_not_be_created_is_not_and_is_asked_at_the_last_moment() {
    let stage = Stage::at_speed(1.0).await;
    let plan = stage.plan(request(delay("one"), wide())).await;
    let may = || {
        Err(Refusal {
            why: "the gate is closed".to_owned(),
            hint: None,
        })
    };
    let why = why(fire_if(&*stage.injector, (&plan, &wide()), &may).await);
    assert!(why.contains("the gate is closed"), "{why}");
    assert!(!stage.is_there(&plan.debt).await);
    // It is known that no request can bring it: nothing has to be waited for.
    let (seen, mut told) = mpsc::unbounded_channel();
    let gone = timeout(PATIENCE, stage.injector.revert(&plan.debt, seen))
        .await
        .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert!(told.recv().await.is_none());
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_fault_that_cannot_be_applied_says_why() {
    let stage = Stage::at_speed(5.0).await;
    stage.daemons(Link::Down);
    let plan = stage.plan(request(delay("one"), wide())).await;
    let outcome = fire_by(&*stage.injector, &plan).await;
    match outcome {
        Injected::No { error } => assert!(error.to_string().contains("cannot find daemonIP"), "{error}"),
        Injected::Yes { .. } => panic!("injected without a daemon"),
    }
    stage.daemons(Link::Up);
    assert_eq!(stage.revert(&plan.debt).await, Gone::Proven);
    assert_eq!(stage.effects(), []);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn what_is_stuck_says_so_and_is_proven_once_it_gets_on() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    stage.daemons(Link::Down);
    let (seen, mut told) = mpsc::unbounded_channel();
    let stuck = async {
        while let Some(gone) = told.recv().await {
            if let Gone::Stuck { why, at } = gone {
                assert!(why.contains("cannot find daemonIP"), "{why}");
                assert!(at.unwrap().starts_with("default/emqx-go-"));
                stage.daemons(Link::Up);
                return;
            }
        }
        panic!("it was never stuck");
    };
    let (gone, ()) = timeout(PATIENCE, async {
        tokio::join!(stage.injector.revert(&debt, seen), stuck)
    })
    .await
    .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert_eq!(stage.effects(), []);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn patience_ends_with_the_reason() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    stage.daemons(Link::Down);
    let (seen, _told) = mpsc::unbounded_channel();
    let uid = uid(&debt);
    let removal = Removal {
        object: object(&debt),
        uid: Some(&uid),
        patience: Duration::from_secs(2),
    };
    match stage.cluster.remove_chaos(removal, &seen).await {
        Gone::Stuck { why, .. } => assert!(why.contains("cannot find daemonIP"), "{why}"),
        other => panic!("{other}"),
    }
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_finalizer_taken_by_hand_is_no_proof() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    stage.daemons(Link::Down);
    let (seen, mut told) = mpsc::unbounded_channel();
    let force = async {
        while let Some(gone) = told.recv().await {
            if matches!(gone, Gone::Stuck { .. }) {
                stage.patch(&debt, &json!({"metadata": {"finalizers": []}})).await;
                return;
            }
        }
    };
    let (gone, ()) = timeout(PATIENCE, async {
        tokio::join!(stage.injector.revert(&debt, seen), force)
    })
    .await
    .unwrap();
    assert_eq!(gone, Gone::ForcedUnverified);
    assert_eq!(stage.effects_of(&debt).len(), 1, "the fault is still on");
    // Asked again, it does not become better.
    assert_eq!(stage.revert(&debt).await, Gone::ForcedUnverified);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_pause_of_somebody_else_is_no_proof() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    let pause = json!({"metadata": {"annotations": {"experiment.chaos-mesh.org/pause": "true"}}});
    stage.patch(&debt, &pause).await;
    match stage.revert(&debt).await {
        Gone::Unverified { why } => assert_eq!(why, "it was paused"),
        other => panic!("{other}"),
    }
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn what_others_removed_properly_is_proven_by_who_watched_and_by_nobody_else() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    let answer = stage.peer.call("DELETE", &path(object(&debt)), &json!({})).await;
    assert_eq!(answer.status, 200);
    let gone = async {
        while stage.is_there(&debt).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
    let newcomer = stage.newcomer(stage.peer.sim.kubeconfig()).await;
    let (seen, _told) = mpsc::unbounded_channel();
    let blind = newcomer.revert(&debt, seen).await;
    assert!(matches!(blind, Gone::Unverified { .. }), "{blind}");
    assert_eq!(stage.revert(&debt).await, Gone::Proven);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn another_process_finds_what_was_made_without_its_uid() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    let newcomer = stage.newcomer(stage.peer.sim.kubeconfig()).await;
    let (seen, _told) = mpsc::unbounded_channel();
    let gone = timeout(PATIENCE, newcomer.revert(&without_uid(&debt), seen))
        .await
        .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert_eq!(stage.effects(), []);
    // What never was is proven too, but only once no request can still bring it.
    let plan = stage.plan(request(delay("one"), wide())).await;
    let (seen, mut told) = mpsc::unbounded_channel();
    let gone = timeout(PATIENCE, newcomer.revert(&plan.debt, seen))
        .await
        .unwrap();
    assert_eq!(gone, Gone::Proven);
    assert!(
        matches!(told.recv().await, Some(Gone::Unknown { .. })),
        "it waits, and says so"
    );
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn an_object_that_is_not_ours_is_left_alone() {
    let stage = Stage::at_speed(5.0).await;
    let (debt, _) = stage.fire(delay("one")).await;
    let mut stranger = debt.clone();
    let Undo::DeleteChaos { uid, .. } = &mut stranger.undo;
    *uid = Some("00000000-0000-4000-8000-000000000000".to_owned());
    let gone = stage.revert(&stranger).await;
    assert!(matches!(gone, Gone::Unverified { .. }), "{gone}");
    // The same context may lead to another cluster.
    cluster_of(&mut stranger).uid = "another".to_owned();
    let gone = stage.revert(&stranger).await;
    assert!(matches!(gone, Gone::Unknown { .. }), "{gone}");
    assert!(stage.is_there(&debt).await);
    assert_eq!(stage.effects_of(&debt).len(), 1);
    let viewer = stage.seat("viewer").await;
    let (seen, _told) = mpsc::unbounded_channel();
    match timeout(PATIENCE, viewer.revert(&debt, seen)).await.unwrap() {
        Gone::Forbidden { right } => assert!(right.contains("networkchaos.chaos-mesh.org"), "{right}"),
        other => panic!("{other}"),
    }
    assert!(stage.is_there(&debt).await);
    stage.peer.sim.shutdown().await;
}

#[tokio::test]
async fn the_roles_are_enough_for_their_seats() {
    let stage = Stage::at_speed(5.0).await;
    let (console, on_call) = (stage.seat("console").await, stage.seat("abort-only").await);
    let plan = console.plan(request(delay("one"), wide())).await.unwrap();
    let outcome = fire_by(&*console, &plan).await;
    let Injected::Yes { undo, .. } = outcome else {
        panic!("{outcome:?}");
    };
    let debt = Debt {
        undo: *undo,
        ..plan.debt.clone()
    };
    let refusal = on_call.plan(request(delay("one"), wide())).await.unwrap_err();
    assert!(
        refusal.why.contains("no right to list pods in default"),
        "{refusal}"
    );
    let outcome = fire_by(&*on_call, &plan).await;
    assert!(matches!(outcome, Injected::No { .. }), "{outcome:?}");
    let (seen, _told) = mpsc::unbounded_channel();
    assert_eq!(
        timeout(PATIENCE, on_call.revert(&debt, seen)).await.unwrap(),
        Gone::Proven
    );
    assert_eq!(stage.effects(), []);
    stage.peer.sim.shutdown().await;
}
