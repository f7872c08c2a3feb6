//! The laws of the engine with the world as the judge: what the engine says of itself is not asked.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill::playbook::{BaselineStep, Fault, ObserveStep, Playbook, RecoverStep, Span, Step, VerifyStep};
use firedrill::run::{Input, Kept, Order};
use firedrill::sim::world::resource::{PODS, chaos_resource};
use firedrill::sim::world::{DeleteQuery, Link, Name, Running, WriteQuery};
use firedrill::units::ErrorChain;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::journal_samples::{self as samples, secs};
use crate::laws_stage::{Create, Stage};

const FAULTS: [&str; 3] = ["kill", "delay", "failure"];

/// What the world, the network, the machine or a person does to a run.
#[derive(Debug, Clone)]
enum Deed {
    Wait(u16),
    Daemon(u8, Link),
    Controller(Running),
    Webhook(Running),
    /// Somebody takes the finalizers of our objects away.
    Unhook,
    Pause,
    /// Somebody deletes our objects.
    Delete,
    KillPod(u8),
    /// The process dies within the next facts; with the power, or alone.
    Die(u8, bool),
    Resume,
    Late(u16),
    Lose(u8),
    Twice(u8),
    SlowCreate,
    LostCreate,
    DiskFull,
    JournalLost,
    GateClosed,
    Latched,
    Kill,
    Order(Order),
}

fn deed() -> impl Strategy<Value = Deed> {
    let link = prop_oneof![Just(Link::Up), Just(Link::Down)];
    let running = || prop_oneof![2 => Just(Running::Yes), 1 => Just(Running::Stopped)];
    let order = prop_oneof![
        Just(Order::Quit),
        Just(Order::PayAgain),
        Just(Order::Override {
            reason: "on".to_owned()
        }),
    ];
    prop_oneof![
        12 => (0..20_000_u16).prop_map(Deed::Wait),
        2 => (1..4_u8, link).prop_map(|(node, link)| Deed::Daemon(node, link)),
        1 => running().prop_map(Deed::Controller),
        1 => running().prop_map(Deed::Webhook),
        1 => Just(Deed::Unhook),
        1 => Just(Deed::Pause),
        1 => Just(Deed::Delete),
        1 => (0..3_u8).prop_map(Deed::KillPod),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(after, power)| Deed::Die(after, power)),
        3 => Just(Deed::Resume),
        2 => (0..15_000_u16).prop_map(Deed::Late),
        1 => (0..3_u8).prop_map(Deed::Lose),
        1 => (0..4_u8).prop_map(Deed::Twice),
        2 => Just(Deed::SlowCreate),
        1 => Just(Deed::LostCreate),
        1 => Just(Deed::DiskFull),
        1 => Just(Deed::JournalLost),
        1 => Just(Deed::GateClosed),
        1 => Just(Deed::Latched),
        1 => Just(Deed::Kill),
        2 => order.prop_map(Deed::Order),
    ]
}

/// A playbook of one or two faults; `true` has a step that undoes them.
fn playbook(faults: &[usize], recovers: bool) -> Playbook {
    let mut steps = vec![Step::Baseline(BaselineStep { for_: Span(secs(2)) })];
    for fault in faults {
        steps.push(Step::Fault(Fault {
            id: FAULTS[*fault].into(),
            chaos_mesh: json!({"kind": "PodChaos"}),
        }));
        steps.push(Step::Observe(ObserveStep { for_: Span(secs(15)) }));
    }
    if recovers {
        steps.push(Step::Recover(RecoverStep {
            timeout: Span(secs(60)),
        }));
        steps.push(Step::Verify(VerifyStep {
            checks: vec!["pods-ready".into()],
            timeout: Span(secs(30)),
        }));
    }
    Playbook {
        checks: Vec::new(),
        stop_when: Vec::new(),
        predict: Vec::new(),
        steps,
        ..samples::playbook()
    }
}

/// Changes each of our objects in the world, behind the console's back.
fn meddle(stage: &mut Stage, with: impl Fn(&mut Value)) {
    for object in stage.ours() {
        let kind = chaos_resource(object["kind"].as_str().unwrap()).unwrap();
        let name = Name::new("default", object["metadata"]["name"].as_str().unwrap());
        let mut changed = (*object).clone();
        with(&mut changed);
        // The webhook may be down.
        let _refused = stage.world.update(&kind, &name, changed, &WriteQuery::default());
    }
}

fn apply(stage: &mut Stage, deed: &Deed) -> Result<(), TestCaseError> {
    match deed {
        Deed::Wait(millis) => stage.pass(Duration::from_millis(u64::from(*millis)))?,
        Deed::Daemon(node, link) => stage.world.turn_daemon(&format!("node-{node}"), *link),
        Deed::Controller(running) => stage.world.turn_chaos_controller(*running),
        Deed::Webhook(running) => stage.world.turn_webhook(*running),
        Deed::Unhook => meddle(stage, |object| {
            object["metadata"].as_object_mut().unwrap().remove("finalizers");
        }),
        Deed::Pause => meddle(stage, |object| {
            object["metadata"]["annotations"] = json!({"experiment.chaos-mesh.org/pause": "true"});
        }),
        Deed::Delete => {
            for object in stage.ours() {
                let kind = chaos_resource(object["kind"].as_str().unwrap()).unwrap();
                let name = Name::new("default", object["metadata"]["name"].as_str().unwrap());
                stage.world.delete(&kind, &name, &DeleteQuery::default()).unwrap();
            }
        }
        Deed::KillPod(pod) => {
            let pod = Name::new("default", format!("emqx-go-{pod}"));
            let _absent = stage.world.delete(&PODS, &pod, &DeleteQuery::default());
        }
        Deed::Die(after, power) => stage.dies_after = Some((usize::from(*after), *power)),
        Deed::Resume => stage.resume()?,
        Deed::Late(millis) => stage.weather.late = Duration::from_millis(u64::from(*millis)),
        Deed::Lose(n) => stage.weather.lose = *n,
        Deed::Twice(n) => stage.weather.twice = *n,
        Deed::SlowCreate => stage.weather.create = Create::Slow,
        Deed::LostCreate => stage.weather.create = Create::Lost,
        Deed::DiskFull => stage.fill_disk(),
        Deed::JournalLost => stage.put(Input::JournalLost {
            error: ErrorChain::message("torn"),
        }),
        Deed::GateClosed => stage.put(Input::GateClosed {
            why: "a latch".to_owned(),
        }),
        Deed::Latched => stage.put(Input::Latched {
            by: "another console".to_owned(),
        }),
        Deed::Kill => stage.kill(),
        Deed::Order(order) => stage.put(Input::Operator(order.clone())),
    }
    Ok(())
}

/// Lets a run come to its end, or to its death.
fn finish(stage: &mut Stage) -> Result<(), TestCaseError> {
    for _ in 0..80 {
        if stage.is_done() {
            break;
        }
        stage.pass(Duration::from_secs(30))?;
    }
    prop_assert!(stage.is_done(), "it does not end: {:#?}", stage.tail());
    stage.hold_clean()?;
    // What was on its way arrives, and what is left goes on hurting.
    stage.pass(Duration::from_secs(30))?;
    stage.hold_clean()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_live_is_owed_and_a_clean_end_leaves_nothing(
        seed in 0..1_000_u64,
        faults in proptest::collection::vec(0..FAULTS.len(), 1..3),
        recovers in any::<bool>(),
        deeds in proptest::collection::vec(deed(), 0..24),
    ) {
        let mut stage = Stage::new(seed, playbook(&faults, recovers));
        for deed in &deeds {
            apply(&mut stage, deed)?;
        }
        stage.dies_after = None;
        finish(&mut stage)?;
    }

    #[test]
    fn a_crash_at_any_fact_is_survived(
        seed in 0..1_000_u64,
        fault in 0..FAULTS.len(),
        when in prop_oneof![0..4_000_u32, 0..60_000_u32],
        after in proptest::option::of(any::<u8>()),
        power in any::<bool>(),
        slow in any::<bool>(),
        away in prop_oneof![0..2_000_u32, 0..40_000_u32],
        quit in any::<bool>(),
    ) {
        let mut stage = Stage::new(seed, playbook(&[fault], true));
        if slow {
            stage.weather.create = Create::Slow;
        }
        stage.pass(Duration::from_millis(u64::from(when)))?;
        match after {
            Some(after) => stage.dies_after = Some((usize::from(after), power)),
            None => stage.die(power),
        }
        for _ in 0..400 {
            if stage.is_done() {
                break;
            }
            stage.pass(Duration::from_secs(1))?;
        }
        stage.dies_after = None;
        stage.pass(Duration::from_millis(u64::from(away)))?;
        stage.resume()?;
        if quit {
            stage.put(Input::Operator(Order::Quit));
        }
        finish(&mut stage)?;
    }
}

#[test]
fn left_alone_every_fault_is_held_undone_and_judged() {
    let mut exits = BTreeMap::new();
    for (fault, name) in FAULTS.into_iter().enumerate() {
        let mut stage = Stage::new(7, playbook(&[fault], true));
        finish(&mut stage).unwrap();
        exits.insert(
            name,
            (stage.exit(), stage.run.objective.map(|objective| objective.kept)),
        );
    }
    // A delay hurts no pod's readiness: nothing broke, so nothing is judged.
    assert_eq!(exits["kill"], (Some(0), Some(Kept::Met)));
    assert_eq!(exits["delay"].0, Some(1), "{exits:?}");
    assert!(matches!(exits["failure"].0, Some(0 | 1)), "{exits:?}");
}
