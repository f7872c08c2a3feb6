//! The driver with a stage instead of a cluster: what must hold whatever the world does.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firedrill::clock::Clock;
use firedrill::drive::{Begin, CheckPublisher, Driven, Driver, Outfit, Recorder};
use firedrill::evidence::{Observed, Reading, Verdict};
use firedrill::fault::{ChaosRef, ClusterPin, Debt, Gone, Lasting, Undo};
use firedrill::journal::{JournalError, Process, RunDir, Store, Writer};
use firedrill::playbook::{
    BaselineStep, Check, ClockFrom, Fault, Limits, ObserveStep, Playbook, RecoverStep, Recovery, Span, Step,
    Target, Title, VerifyStep,
};
use firedrill::ports::{CheckNow, Firing, Freshness, Injector, PlanRequest, Probes, Readings, Task};
use firedrill::run::{Entry, Fact, Injected, Input, Plan, Refusal, Run, Unattended};
use firedrill::units::{CheckId, DebtId, ErrorChain, Percent, RunId};
use tokio::sync::{mpsc, watch};

/// What the stage plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    /// The fault is injected, hurts, and its target comes back.
    Works,
    /// The injector has a defect.
    Panics,
    /// The server never says what came of it.
    Mute,
    /// It never gets to the create.
    Slow,
    /// The gate closes right before the create.
    Closing,
}

/// An injection that has not sent its create.
struct Unsent<'a>(&'a Stage);

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        self.0.note("let go");
    }
}

struct Stage {
    clock: Clock,
    play: Play,
    journal: PathBuf,
    gate: Arc<std::sync::atomic::AtomicBool>,
    health: watch::Sender<Verdict>,
    seen: Mutex<Vec<String>>,
}

fn pin() -> ClusterPin {
    ClusterPin {
        context: "stage".to_owned(),
        kubeconfig: None,
        server: "https://127.0.0.1:1".to_owned(),
        ca_sha256: None,
        uid: "stage".to_owned(),
    }
}

fn undo() -> Undo {
    Undo::DeleteChaos {
        cluster: pin(),
        object: ChaosRef {
            kind: "PodChaos".to_owned(),
            plural: "podchaos".to_owned(),
            namespace: "default".to_owned(),
            name: "kill-1-aaaa".to_owned(),
        },
        lasting: Lasting::OneShot,
        uid: None,
    }
}

impl Stage {
    fn note(&self, what: impl Into<String>) {
        self.seen.lock().unwrap().push(what.into());
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Injector for Stage {
    fn plan(&self, request: PlanRequest) -> Task<'_, Result<Plan, Refusal>> {
        Box::pin(async move {
            let debt = Debt {
                id: DebtId::new(format!("{}-{}", request.fault.id, request.attempt)),
                fault: request.fault.id,
                summary: "pod-kill".to_owned(),
                undo: undo(),
                own_clock: None,
            };
            Ok(Plan {
                debt,
                manifest: serde_json::json!({}),
                action: "pod-kill".to_owned(),
                pods: Vec::new(),
                hurt: 1,
                share: Percent(33.0),
                limits: Vec::new(),
                duration: None,
                warnings: Vec::new(),
            })
        })
    }

    fn inject<'a>(&'a self, firing: Firing<'a>) -> Task<'a, Injected> {
        Box::pin(async move {
            let debt = firing.debt;
            let on_disk = std::fs::read_to_string(&self.journal).unwrap_or_default();
            let durable = on_disk
                .lines()
                .any(|line| line.contains("inject-intended") && line.contains(debt.id.as_str()));
            self.note(if durable {
                "inject"
            } else {
                "inject before the disk had it"
            });
            match self.play {
                Play::Panics => panic!("a defect on purpose"),
                Play::Slow => {
                    let _unsent = Unsent(self);
                    std::future::pending::<()>().await;
                }
                Play::Closing => self.gate.store(false, std::sync::atomic::Ordering::SeqCst),
                Play::Mute | Play::Works => {}
            }
            if let Err(refusal) = (firing.may)() {
                return Injected::No {
                    error: ErrorChain::message(refusal.to_string()),
                };
            }
            self.note("create");
            if self.play == Play::Mute {
                std::future::pending::<()>().await;
            }
            self.health.send_replace(Verdict::Broken);
            let health = self.health.clone();
            let clock = self.clock.clone();
            let at = clock.mark();
            tokio::spawn(async move {
                clock.pass(Duration::from_secs(3)).await;
                health.send_replace(Verdict::Holds);
            });
            Injected::Yes {
                at,
                server_stamp: None,
                targets: vec!["default/emqx-go-1".to_owned()],
                undo: Box::new(undo()),
            }
        })
    }

    fn revert<'a>(&'a self, debt: &'a Debt, _: mpsc::UnboundedSender<Gone>) -> Task<'a, Gone> {
        Box::pin(async move {
            self.note(format!("revert {}", debt.id));
            Gone::Proven
        })
    }
}

impl Probes for Stage {
    fn start(&self, check: &Check) -> Result<Readings, String> {
        if check.id.as_str() != "pods-ready" {
            return Err("no probe on this stage".to_owned());
        }
        let (sender, readings) = mpsc::unbounded_channel();
        let mut health = self.health.subscribe();
        let clock = self.clock.clone();
        tokio::spawn(async move {
            loop {
                let verdict = *health.borrow_and_update();
                let reading = Reading {
                    at: clock.mark(),
                    observed: Observed::Number { value: 1.0 },
                    resolution: Duration::from_millis(1),
                };
                if sender.send(CheckNow { reading, verdict }).is_err() || health.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(readings)
    }
}

fn span(secs: u64) -> Span {
    Span(Duration::from_secs(secs))
}

fn playbook() -> Playbook {
    Playbook {
        firedrill: 1,
        name: "stage".to_owned(),
        title: Title::default(),
        description: None,
        severity: None,
        vars: std::collections::BTreeMap::new(),
        target: Target {
            namespace: "default".to_owned(),
            pods: std::collections::BTreeMap::new(),
        },
        limits: Limits::default(),
        sources: std::collections::BTreeMap::new(),
        load: None,
        checks: Vec::new(),
        stop_when: Vec::new(),
        recovery: Some(Recovery {
            clock: ClockFrom::FaultStart,
            target: span(100),
            acceptable: span(300),
            when: vec!["pods-ready".into()],
            hold: span(5),
        }),
        predict: Vec::new(),
        steps: vec![
            Step::Baseline(BaselineStep { for_: span(2) }),
            Step::Fault(Fault {
                id: "kill".into(),
                chaos_mesh: serde_json::json!({"kind": "PodChaos"}),
            }),
            Step::Observe(ObserveStep { for_: span(5) }),
            Step::Recover(RecoverStep { timeout: span(600) }),
            Step::Verify(VerifyStep {
                checks: vec!["pods-ready".into()],
                timeout: span(60),
            }),
        ],
    }
}

/// A run on the stage, with its own state folder.
struct Set {
    _folder: tempfile::TempDir,
    dir: RunDir,
    stage: Arc<Stage>,
    gate: Arc<std::sync::atomic::AtomicBool>,
    clock: Clock,
    _chaos: watch::Sender<(Freshness, Arc<Vec<firedrill::ports::ChaosRow>>)>,
    outfit: Option<Outfit>,
}

impl Set {
    fn new(play: Play) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::at(folder.path());
        let id = RunId::new("20261121-120000-00aa");
        let dir = store.create(&id, "").expect("a run's folder");
        let clock = Clock::start(40.0);
        let gate = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let stage = Arc::new(Stage {
            clock: clock.clone(),
            play,
            journal: dir.path().join("journal.console.jsonl"),
            gate: Arc::clone(&gate),
            health: watch::Sender::new(Verdict::Holds),
            seen: Mutex::new(Vec::new()),
        });
        let asked = Arc::clone(&gate);
        let (chaos, rows) = watch::channel((Freshness::Live, Arc::new(Vec::new())));
        let outfit = Outfit {
            clock: clock.clone(),
            run: id,
            cluster: pin(),
            injector: Arc::clone(&stage) as _,
            probes: Arc::clone(&stage) as _,
            chaos: rows,
            objection: Arc::new(move || {
                (!asked.load(std::sync::atomic::Ordering::SeqCst)).then(|| Refusal {
                    why: "the gate is closed".to_owned(),
                    hint: None,
                })
            }),
            checks: CheckPublisher::new(),
        };
        Self {
            _folder: folder,
            dir,
            stage,
            gate,
            clock,
            _chaos: chaos,
            outfit: Some(outfit),
        }
    }

    fn driver(&mut self, writer: Writer, begin: Begin) -> (Driver, mpsc::UnboundedReceiver<Entry>) {
        let (inputs, inbox) = mpsc::unbounded_channel();
        let recorder = Recorder::start(writer, inputs.clone()).expect("a thread");
        let (reader, entries) = mpsc::unbounded_channel();
        let outfit = self.outfit.take().expect("one driver a set");
        let driver = Driver::new(outfit, begin, recorder, (inputs, inbox), vec![reader]);
        (driver, entries)
    }

    fn new_run() -> Begin {
        Begin::New {
            playbook: Box::new(playbook()),
            unattended: Unattended::Yes,
        }
    }
}

async fn ended(driver: Driver) -> Driven {
    tokio::time::timeout(Duration::from_mins(1), driver.drive())
        .await
        .expect("every run ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_holds_and_its_debt_was_on_the_disk_before_its_fault() {
    let mut set = Set::new(Play::Works);
    let writer = set.dir.writer(Process::Console).expect("a journal");
    let (driver, mut entries) = set.driver(writer, Set::new_run());
    let driven = ended(driver).await;
    assert_eq!(driven.exit, 0, "{}", driven.summary);
    assert_eq!(set.stage.seen(), ["inject", "create", "revert kill-1"]);
    // What readers were told is what is on the disk, and what the engine is.
    let mut told = Vec::new();
    while let Ok(entry) = entries.try_recv() {
        told.push(entry);
    }
    let journal = set.dir.read().expect("a journal");
    assert!(journal.is_intact(), "{:?}", journal.damage);
    assert_eq!(journal.entries().cloned().collect::<Vec<_>>(), told);
    assert_eq!(Run::of(&told).as_ref(), Some(&driven.run));
    assert_eq!(journal.heads[0].sha256, driven.head);
    let endpoints = CheckId::new("endpoints");
    assert!(driven.run.not_measured.contains_key(&endpoints));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_injector_that_panics_or_is_mute_leaves_a_debt_that_is_paid() {
    let plays = [
        (Play::Panics, ["inject", "revert kill-1"].as_slice()),
        (Play::Mute, &["inject", "create", "revert kill-1"]),
        // What was not sent is withdrawn, and the undo comes after that.
        (Play::Slow, &["inject", "let go", "revert kill-1"]),
        (Play::Closing, &["inject", "revert kill-1"]),
    ];
    for (play, seen) in plays {
        let mut set = Set::new(play);
        let writer = set.dir.writer(Process::Console).expect("a journal");
        let (driver, _entries) = set.driver(writer, Set::new_run());
        let driven = ended(driver).await;
        assert_eq!(set.stage.seen(), seen, "{play:?}");
        assert_eq!(driven.exit, 3, "{play:?}: {}", driven.summary);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_created_once_the_gate_is_closed() {
    let mut set = Set::new(Play::Works);
    let writer = set.dir.writer(Process::Console).expect("a journal");
    let (driver, mut entries) = set.driver(writer, Set::new_run());
    let gate = Arc::clone(&set.gate);
    let watcher = tokio::spawn(async move {
        while let Some(entry) = entries.recv().await {
            // The card is on the table; somebody else pulls the kill switch.
            if matches!(entry.fact, Fact::ArmAsked { .. }) {
                gate.store(false, std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    let driven = ended(driver).await;
    watcher.await.expect("a watcher");
    assert!(!set.stage.seen().contains(&"create".to_owned()));
    assert_eq!(driven.exit, 3, "{}", driven.summary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_console_died_is_taken_up_and_pays() {
    let mut first = Set::new(Play::Works);
    let writer = first.dir.writer(Process::Console).expect("a journal");
    let (driver, mut entries) = first.driver(writer, Set::new_run());
    let driving = tokio::spawn(driver.drive());
    while let Some(entry) = entries.recv().await {
        if matches!(entry.fact, Fact::InjectSettled { .. }) {
            break;
        }
    }
    driving.abort();
    assert!(driving.await.expect_err("it was cut off").is_cancelled());

    // The lock first: whoever wrote has then written its last.
    let writer = loop {
        match first.dir.writer(Process::Console) {
            Ok(writer) => break writer,
            Err(JournalError::Held { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    // A kill from another process has numbers of its own, and came last.
    let beat = Entry {
        seq: 0,
        at: first.clock.mark(),
        wall: first.clock.stamp(),
        fact: Fact::ClockJumped { by_seconds: 3 },
    };
    let mut kill = first.dir.writer(Process::Kill(7)).expect("a journal");
    kill.append(&[beat]).expect("room");
    let journal = first.dir.read().expect("a journal");
    let old: Vec<Entry> = journal.entries().cloned().collect();
    assert_eq!(first.dir.owed().expect("debts").debts.len(), 1);
    let (clock, how) = Clock::resume(first.clock.base());
    let mut second = Set::new(Play::Works);
    second.dir = first.dir.clone();
    if let Some(outfit) = &mut second.outfit {
        outfit.clock = clock;
    }
    let run = Run::of(&old).expect("a beginning");
    let begin = Begin::Again {
        run: Box::new(run),
        entries: old.clone(),
        next_seq: journal.next_seq("console"),
        how,
        unattended: Unattended::Yes,
    };
    let (driver, _entries) = second.driver(writer, begin);
    let driven = ended(driver).await;
    assert_eq!(second.stage.seen(), ["revert kill-1"], "nothing is fired twice");
    assert_eq!(driven.run.owed().count(), 0);
    let journal = first.dir.read().expect("a journal");
    assert!(journal.is_intact(), "{:?}", journal.damage);
    let marks: Vec<_> = journal.entries().map(|entry| entry.at).collect();
    assert!(marks.is_sorted(), "the clock went on");
    assert!(first.dir.owed().expect("debts").is_clear());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_ends_the_run_and_the_engine_undoes_nothing() {
    let mut set = Set::new(Play::Works);
    let writer = set.dir.writer(Process::Console).expect("a journal");
    let (driver, mut entries) = set.driver(writer, Set::new_run());
    let inputs = driver.handles().inputs;
    let killer = tokio::spawn(async move {
        while let Some(entry) = entries.recv().await {
            if let Fact::InjectSettled { debt, .. } = &entry.fact {
                let by = "ctrl-k".to_owned();
                inputs.send(Input::Killed { by }).expect("a run");
                let saw = Input::KillSaw {
                    debt: debt.clone(),
                    gone: Gone::Proven,
                };
                inputs.send(saw).expect("a run");
                inputs.send(Input::KillEnded { clear: true }).expect("a run");
            }
        }
    });
    let driven = ended(driver).await;
    killer.await.expect("a killer");
    assert_eq!(driven.exit, 4, "{}", driven.summary);
    assert_eq!(set.stage.seen(), ["inject", "create"]);
}
