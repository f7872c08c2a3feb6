//! Whole game days on the embedded cluster, through its wire, and the world's own record as the judge.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill::assemble::{Assembled, Firing, Place, Wanted, World};
use firedrill::drive::Driven;
use firedrill::journal::Store;
use firedrill::playbook::{self, Playbook, Span, Step};
use firedrill::run::{Entry, Fact, Kept, Order, Unattended};
use firedrill::sim::wire::Sim;
use firedrill::sim::world::{What, World as Truth};
use firedrill::units::Mark;

fn shipped(name: &str) -> Playbook {
    let found = playbook::find(name, &BTreeMap::new()).expect("a shipped playbook");
    found.playbooks()[0].playbook.clone()
}

/// The same drill with less waiting; what is judged stays as it is.
fn hurried(mut playbook: Playbook) -> Playbook {
    for step in &mut playbook.steps {
        match step {
            Step::Baseline(step) => step.for_ = Span(Duration::from_secs(5)),
            Step::Observe(step) => step.for_ = Span(step.for_.0.min(Duration::from_secs(30))),
            Step::Brief(_)
            | Step::Checklist(_)
            | Step::Fault(_)
            | Step::Recover(_)
            | Step::Verify(_)
            | Step::Debrief(_) => {}
        }
    }
    playbook
}

struct Day {
    world: World,
    state: tempfile::TempDir,
}

impl Day {
    async fn at(speed: f64, seed: u64) -> Self {
        let world = World::connect(Place::Embedded { seed, speed })
            .await
            .expect("an embedded cluster");
        let state = tempfile::tempdir().expect("a folder");
        Self { world, state }
    }

    fn sim(&self) -> &Sim {
        self.world.sim().expect("it is embedded")
    }

    fn store(&self) -> Store {
        Store::at(self.state.path())
    }

    async fn begin(&self, playbook: Playbook, unattended: Unattended) -> Assembled {
        let wanted = Wanted {
            playbook,
            text: String::new(),
            unattended,
            store: self.store(),
            take_over: None,
            firing: Firing::Allowed,
            say: std::sync::Arc::new(|_| {}),
        };
        self.world.begin(wanted).await.expect("a run")
    }

    /// Nothing of ours, or of anybody, is left in the world.
    fn is_clean(&self) {
        self.sim().world().look(|world| {
            assert_eq!(world.effects().len(), 0, "{:?}", world.effects());
        });
    }
}

/// Follows a run to its end; `hand` sees every entry and may give orders.
async fn play(mut assembled: Assembled, mut hand: impl FnMut(&Entry, &Assembled)) -> (Driven, Vec<Entry>) {
    let seat = assembled.take_seat().expect("the seat");
    let mut entries = seat.entries;
    let mut told = Vec::new();
    while let Some(entry) = entries.recv().await {
        hand(&entry, &assembled);
        told.push(entry);
    }
    let driven = assembled.ended().await.expect("the driver does not panic");
    (driven, told)
}

/// When the fault struck and when all brokers were ready again, by the world's record.
fn truth(world: &Truth) -> (Mark, Mark) {
    let struck = world
        .happenings()
        .iter()
        .filter(|happening| matches!(happening.what, What::FaultApplied { .. }))
        .map(|happening| happening.at)
        .min()
        .expect("a fault struck");
    let back = world
        .happenings()
        .iter()
        .filter(|happening| happening.at > struck && matches!(happening.what, What::PodReady(_)))
        .map(|happening| happening.at)
        .max()
        .expect("a pod came back");
    (struck, back)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recovery_time_of_a_pod_kill_is_what_the_world_says() {
    let speed = 4.0;
    let day = Day::at(speed, 1).await;
    let assembled = day
        .begin(hurried(shipped("emqx-pod-kill")), Unattended::Yes)
        .await;
    let (driven, told) = play(assembled, |_, _| {}).await;
    assert_eq!(driven.exit, 0, "{}: {told:#?}", driven.summary);
    let objective = driven.run.objective.clone().expect("judged");
    assert!(
        matches!(objective.kept, Kept::Met | Kept::Acceptable),
        "{objective:?}"
    );
    let took = objective.took.expect("a time").as_secs_f64();
    let (struck, back) = day.sim().world().look(truth);
    let really = back.since(struck).as_secs_f64();
    let resolution = objective.slowest.expect("a signal").1.as_secs_f64();
    assert!(
        took + resolution >= really - 0.5 * speed,
        "{took} s flatters: the world says {really} s, the signal is good to {resolution} s"
    );
    assert!(
        took <= really + resolution + 1.0 * speed,
        "{took} s, and the world says {really} s"
    );
    // The hold proves it and is not in it.
    let stable = objective
        .stable
        .expect("proven")
        .since(objective.recovered.expect("a mark"));
    let hold = driven
        .run
        .playbook
        .recovery
        .as_ref()
        .expect("an objective")
        .hold
        .0;
    assert!(stable >= hold);
    day.is_clean();
    let dir = day.store().open("last").expect("the run is saved");
    assert!(dir.owed().expect("its debts").is_clear());
    assert!(dir.read().expect("its journal").is_intact());
    day.world.leave().await;
}

/// Every shipped case, and what an honest run of it on the embedded cluster comes to.
async fn honest(name: &'static str, speed: f64) {
    let day = Day::at(speed, 7).await;
    let playbook = hurried(shipped(name));
    let assembled = day.begin(playbook, Unattended::Yes).await;
    let (driven, told) = play(assembled, |_, _| {}).await;
    let facts = || {
        told.iter()
            .map(|entry| format!("{} {:?}\n", entry.at, entry.fact))
            .collect::<String>()
    };
    assert!(
        matches!(driven.exit, 0 | 1),
        "{name}: exit {} {}\n{}",
        driven.exit,
        driven.summary,
        facts()
    );
    assert!(
        told.iter().any(|entry| matches!(
            entry.fact,
            Fact::InjectSettled {
                outcome: firedrill::run::Injected::Yes { .. },
                ..
            }
        )),
        "{name}: nothing was injected\n{}",
        facts()
    );
    let objective = driven
        .run
        .objective
        .clone()
        .expect("judged, or not judged with a reason");
    // A time without an impact would be made up.
    if let Kept::NotJudged { why } = &objective.kept {
        assert!(!why.is_empty());
        assert_eq!(driven.exit, 1, "{name}: not judged is not held");
    } else {
        assert!(driven.run.symptom.is_some(), "{name}");
    }
    assert_eq!(driven.run.owed().count(), 0, "{name}");
    for step in &driven.run.playbook.steps {
        if let Step::Verify(verify) = step {
            for check in verify
                .checks
                .iter()
                .filter(|check| driven.run.not_measured.contains_key(*check))
            {
                assert!(
                    !driven.run.checks.contains_key(check),
                    "{name}: {check} is not measured and was judged"
                );
            }
        }
    }
    day.is_clean();
    day.world.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_five_cases_end_with_an_honest_verdict() {
    tokio::join!(
        honest("emqx-pod-kill", 8.0),
        honest("emqx-network-partition", 8.0),
        honest("emqx-network-delay", 8.0),
        honest("emqx-cpu-stress", 8.0),
        honest("emqx-memory-stress", 8.0),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_five_cases_end_with_an_honest_verdict() {
    tokio::join!(
        honest("emqx-network-loss", 8.0),
        honest("emqx-io-stress", 8.0),
        honest("emqx-time-skew", 8.0),
        honest("emqx-dns-failure", 8.0),
        honest("emqx-container-kill", 8.0),
    );
}

/// A person's hand at the console: goes on, ticks, arms and fires.
fn operate(entry: &Entry, orders: &tokio::sync::mpsc::UnboundedSender<Order>, playbook: &Playbook) {
    let send = |order| orders.send(order).expect("a run");
    match &entry.fact {
        Fact::StepBegan { step } => match &playbook.steps[step.0] {
            Step::Brief(_) | Step::Debrief(_) => send(Order::GoOn),
            Step::Checklist(list) => {
                for item in 0..list.items.len() {
                    send(Order::Tick { item });
                }
                send(Order::GoOn);
            }
            Step::Fault(_) => send(Order::Arm),
            Step::Baseline(_) | Step::Observe(_) | Step::Recover(_) | Step::Verify(_) => {}
        },
        Fact::Armed { .. } => send(Order::Fire),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kill_switch_ends_what_is_on_and_latches() {
    let day = Day::at(4.0, 3).await;
    let playbook = hurried(shipped("emqx-network-delay"));
    let mut assembled = day.begin(playbook.clone(), Unattended::No).await;
    let seat = assembled.take_seat().expect("the seat");
    let (mut entries, orders, kill) = (seat.entries, seat.orders, seat.kill);
    let mut on = 0;
    while let Some(entry) = entries.recv().await {
        operate(&entry, &orders, &playbook);
        if matches!(entry.fact, Fact::InjectSettled { .. }) {
            on = day.sim().world().look(|world| world.effects().len());
            kill("ctrl-k");
        }
    }
    let driven = assembled.ended().await.expect("the driver");
    assert!(on > 0, "the fault was felt before the kill");
    assert_eq!(driven.exit, 4, "{}", driven.summary);
    day.is_clean();
    // The latch stays closed for whoever comes next.
    let again = Wanted {
        playbook,
        text: String::new(),
        unattended: Unattended::Yes,
        store: day.store(),
        take_over: None,
        firing: Firing::Allowed,
        say: std::sync::Arc::new(|_| {}),
    };
    let refused = day.world.begin(again).await.err().expect("nothing starts");
    assert_eq!(refused.exit(), 3, "{refused}");
    assert!(refused.to_string().contains("ctrl-k"), "{refused}");
    day.world.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_from_another_terminal_ends_the_run_which_pays_its_own() {
    let day = Day::at(4.0, 5).await;
    let playbook = hurried(shipped("emqx-network-delay"));
    let assembled = day.begin(playbook, Unattended::Yes).await;
    let cluster = day.world.cluster().clone();
    let (driven, told) = play(assembled, |entry, _| {
        if matches!(entry.fact, Fact::InjectSettled { .. }) {
            // Another machine: only the cluster's latch tells of it.
            let cluster = cluster.clone();
            tokio::spawn(async move {
                cluster
                    .close_latch("default", "someone@elsewhere", "firedrill kill")
                    .await
            });
        }
    })
    .await;
    assert_eq!(driven.exit, 4, "{}", driven.summary);
    assert!(
        driven.summary.contains("in the cluster: firedrill kill"),
        "{}",
        driven.summary
    );
    assert!(
        told.iter()
            .any(|entry| matches!(entry.fact, Fact::RevertIntended { .. }))
    );
    day.is_clean();
    day.world.leave().await;
}
