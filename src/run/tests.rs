mod mended;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::clock::ClockBase;
use crate::evidence::{Observed, Reading, Verdict};
use crate::fault::{ChaosRef, ClusterPin, Debt, Gone, Lasting, Undo};
use crate::playbook::{
    BaselineStep, ClockFrom, Fault, Limits, ObserveStep, Playbook, RecoverStep, Recovery, Span, Step, Target,
    Title, VerifyStep,
};
use crate::units::{CheckId, DebtId, FaultId, Mark, Percent, RunId, Stamp};

fn secs(n: u64) -> Span {
    Span(Duration::from_secs(n))
}

fn playbook() -> Playbook {
    Playbook {
        firedrill: 1,
        name: "kill".to_owned(),
        title: Title::default(),
        description: None,
        severity: None,
        vars: BTreeMap::new(),
        target: Target {
            namespace: "default".to_owned(),
            pods: BTreeMap::new(),
        },
        limits: Limits::default(),
        sources: BTreeMap::new(),
        load: None,
        checks: Vec::new(),
        stop_when: Vec::new(),
        recovery: Some(Recovery {
            clock: ClockFrom::FaultStart,
            target: secs(10),
            acceptable: secs(30),
            when: vec!["pods-ready".into()],
            hold: secs(5),
        }),
        predict: Vec::new(),
        steps: vec![
            Step::Baseline(BaselineStep { for_: secs(10) }),
            Step::Fault(Fault {
                id: "kill".into(),
                chaos_mesh: serde_json::json!({"kind": "PodChaos"}),
            }),
            Step::Observe(ObserveStep { for_: secs(20) }),
            Step::Recover(RecoverStep { timeout: secs(60) }),
            Step::Verify(VerifyStep {
                checks: vec!["pods-ready".into()],
                timeout: secs(5),
            }),
        ],
    }
}

fn pin() -> ClusterPin {
    ClusterPin {
        context: "test".to_owned(),
        kubeconfig: None,
        server: "https://127.0.0.1:1".to_owned(),
        ca_sha256: None,
        uid: "u".to_owned(),
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

fn plan() -> Plan {
    let debt = Debt {
        id: "kill-1".into(),
        fault: "kill".into(),
        summary: "pod-kill".to_owned(),
        undo: undo(),
        own_clock: None,
    };
    Plan {
        debt,
        manifest: serde_json::json!({}),
        action: "pod-kill".to_owned(),
        pods: Vec::new(),
        hurt: 1,
        share: Percent(33.0),
        limits: Vec::new(),
        duration: None,
        warnings: Vec::new(),
    }
}

/// A run with its facts, and the law that folding them gives the same run.
struct Bench {
    run: Run,
    shadow: Run,
    facts: Vec<Fact>,
}

impl Bench {
    fn start(playbook: Playbook) -> Self {
        let run = Run::new(playbook.clone(), Unattended::Yes);
        let mut bench = Self {
            shadow: run.clone(),
            run,
            facts: Vec::new(),
        };
        let started = Fact::RunStarted {
            run: RunId::new("20261121-000000-0000"),
            playbook: Box::new(playbook),
            clock: ClockBase {
                boot_id: String::new(),
                boot_nanos: 0,
                wall: Stamp(jiff::Timestamp::UNIX_EPOCH),
                speed: 1.0,
            },
            cluster: pin(),
            unattended: Unattended::Yes,
            version: "0".to_owned(),
        };
        bench.run.evolve(Mark::ZERO, &started);
        bench.shadow.evolve(Mark::ZERO, &started);
        bench.feed(0, Input::Start);
        bench.see(0, "pods-ready", Verdict::Holds);
        bench.see(0, "endpoints", Verdict::Holds);
        bench
    }

    fn feed(&mut self, at: u64, input: Input) {
        let now = Mark::from_secs(at);
        let facts = self.run.step(now, input);
        for fact in &facts {
            self.shadow.evolve(now, fact);
        }
        assert_eq!(self.run, self.shadow, "folding the facts gives the same run");
        self.facts.extend(facts);
    }

    fn see(&mut self, at: u64, check: &str, verdict: Verdict) {
        let reading = Reading {
            at: Mark::from_secs(at),
            observed: Observed::Number { value: 1.0 },
            resolution: Duration::from_millis(100),
        };
        self.feed(
            at,
            Input::Seen {
                check: CheckId::new(check),
                verdict,
                reading,
            },
        );
    }

    fn fire(&mut self, at: u64) {
        self.feed(at, Input::Timeout);
        let fault = FaultId::new("kill");
        self.feed(
            at,
            Input::Planned {
                fault,
                outcome: Ok(Box::new(plan())),
            },
        );
        let outcome = Injected::Yes {
            at: Mark::from_secs(at),
            server_stamp: None,
            targets: Vec::new(),
            undo: Box::new(undo()),
        };
        self.feed(
            at,
            Input::Injected {
                debt: DebtId::new("kill-1"),
                outcome,
            },
        );
    }

    fn gone(&mut self, at: u64, gone: Gone) {
        self.feed(
            at,
            Input::Reverted {
                debt: DebtId::new("kill-1"),
                gone,
            },
        );
    }

    fn exit(&self) -> Option<u8> {
        self.run.ended.as_ref().map(|(_, exit)| *exit)
    }

    fn kept(&self) -> Option<&Kept> {
        self.run.objective.as_ref().map(|objective| &objective.kept)
    }
}

#[test]
fn a_kill_that_recovers_in_time_is_met_and_the_hold_is_not_counted() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.see(17, "pods-ready", Verdict::Holds);
    bench.feed(22, Input::Timeout);
    let objective = bench.run.objective.clone().expect("stopped after the hold");
    assert_eq!(objective.kept, Kept::Met);
    assert_eq!(objective.took, Some(Duration::from_secs(7)));
    bench.feed(30, Input::Timeout);
    bench.gone(31, Gone::Proven);
    assert_eq!(bench.exit(), Some(0), "{:#?}", bench.facts);
}

#[test]
fn without_impact_nothing_is_judged() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.feed(30, Input::Timeout);
    bench.gone(31, Gone::Proven);
    bench.feed(36, Input::Timeout);
    assert!(matches!(bench.kept(), Some(Kept::NotJudged { why }) if why.contains("no impact")));
    assert_eq!(bench.exit(), Some(1));
}

#[test]
fn a_relapse_takes_the_recovery_back() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.see(14, "pods-ready", Verdict::Holds);
    bench.feed(19, Input::Timeout);
    assert_eq!(bench.kept(), Some(&Kept::Met));
    bench.see(21, "pods-ready", Verdict::Broken);
    assert_eq!(bench.kept(), None);
    bench.see(45, "pods-ready", Verdict::Holds);
    bench.gone(46, Gone::Proven);
    bench.feed(50, Input::Timeout);
    assert_eq!(
        bench.kept(),
        Some(&Kept::Missed),
        "35 s is beyond the acceptable 30 s"
    );
    assert_eq!(bench.exit(), Some(1));
}

#[test]
fn what_is_not_proven_gone_is_owed_at_the_end() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.see(17, "pods-ready", Verdict::Holds);
    bench.feed(30, Input::Timeout);
    for at in (30..400).step_by(5) {
        bench.gone(
            at,
            Gone::Unverified {
                why: "paused".to_owned(),
            },
        );
    }
    assert_eq!(bench.exit(), Some(5));
    assert!(
        bench
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::HandedOver { owed } if owed.len() == 1))
    );
}

#[test]
fn an_injection_without_an_answer_is_still_owed() {
    let mut bench = Bench::start(playbook());
    bench.feed(10, Input::Timeout);
    bench.feed(
        10,
        Input::Planned {
            fault: FaultId::new("kill"),
            outcome: Ok(Box::new(plan())),
        },
    );
    bench.feed(200, Input::Timeout);
    assert_eq!(bench.run.owed().count(), 1);
    bench.gone(201, Gone::Proven);
    assert_eq!(bench.exit(), Some(3), "{:#?}", bench.facts);
}

#[test]
fn after_a_kill_the_engine_starts_and_undoes_nothing() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.feed(12, Input::Killed { by: "key".to_owned() });
    bench.feed(13, Input::Operator(Order::Arm));
    bench.feed(13, Input::Operator(Order::Fire));
    let after = bench
        .facts
        .iter()
        .skip_while(|fact| !matches!(fact, Fact::AbortBegan { .. }));
    assert!(
        after
            .clone()
            .all(|fact| !matches!(fact, Fact::InjectIntended { .. } | Fact::RevertIntended { .. }))
    );
    bench.feed(
        14,
        Input::KillSaw {
            debt: DebtId::new("kill-1"),
            gone: Gone::Proven,
        },
    );
    bench.feed(14, Input::KillEnded { clear: true });
    assert_eq!(bench.exit(), Some(4));
}

#[test]
fn a_coarse_signal_is_not_judged() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    let reading = Reading {
        at: Mark::from_secs(15),
        observed: Observed::Number { value: 1.0 },
        resolution: Duration::from_secs(3),
    };
    bench.feed(
        15,
        Input::Seen {
            check: CheckId::new("pods-ready"),
            verdict: Verdict::Holds,
            reading,
        },
    );
    bench.feed(20, Input::Timeout);
    assert!(matches!(bench.kept(), Some(Kept::NotJudged { .. })));
}

#[test]
fn a_silent_world_still_ends() {
    let mut bench = Bench::start(playbook());
    let mut at = Mark::from_secs(10);
    for _ in 0..100 {
        bench.feed(at.elapsed().as_secs(), Input::Timeout);
        match bench.run.deadline(at) {
            Some(next) => at = Mark::from_secs(next.elapsed().as_secs() + 1),
            None => break,
        }
    }
    assert!(bench.run.is_over(), "{:#?}", bench.facts);
}

#[test]
fn a_fault_that_is_felt_before_the_cluster_says_so_has_begun() {
    let mut bench = Bench::start(playbook());
    bench.feed(10, Input::Timeout);
    let fault = FaultId::new("kill");
    bench.feed(
        10,
        Input::Planned {
            fault,
            outcome: Ok(Box::new(plan())),
        },
    );
    bench.see(11, "pods-ready", Verdict::Broken);
    let outcome = Injected::Yes {
        at: Mark::from_secs(14),
        server_stamp: None,
        targets: Vec::new(),
        undo: Box::new(undo()),
    };
    bench.feed(
        14,
        Input::Injected {
            debt: DebtId::new("kill-1"),
            outcome,
        },
    );
    bench.see(16, "pods-ready", Verdict::Holds);
    bench.feed(21, Input::Timeout);
    let took = bench.run.objective.as_ref().and_then(|objective| objective.took);
    assert_eq!(took, Some(Duration::from_secs(5)), "from the first impact on");
}

#[test]
fn a_clock_from_the_fault_end_counts_from_its_own_end_and_not_from_the_clean_up() {
    let mut book = playbook();
    if let Some(recovery) = &mut book.recovery {
        recovery.clock = ClockFrom::FaultEnd;
    }
    let mut bench = Bench::start(book);
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.feed(
        15,
        Input::FaultEnded {
            debt: DebtId::new("kill-1"),
            at: Mark::from_secs(15),
        },
    );
    bench.see(23, "pods-ready", Verdict::Holds);
    bench.feed(30, Input::Timeout);
    bench.gone(31, Gone::Proven);
    let took = bench.run.objective.as_ref().and_then(|objective| objective.took);
    assert_eq!(took, Some(Duration::from_secs(8)));
    assert_eq!(bench.exit(), Some(0), "{:#?}", bench.facts);
}

#[test]
fn a_stop_condition_with_its_own_expectation_listens_to_that() {
    let mut book = playbook();
    book.stop_when = vec![crate::playbook::StopCondition {
        check: "pods-ready".into(),
        expect: Some(">= 1".parse().expect("an expectation")),
        broken_for: secs(5),
    }];
    assert_eq!(book.stop_checks().len(), 1);
    let mut bench = Bench::start(book);
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.feed(18, Input::Timeout);
    assert!(
        bench.run.abort.is_none(),
        "the check is broken, the condition is not"
    );
    bench.see(18, "pods-ready/stop", Verdict::Broken);
    bench.feed(23, Input::Timeout);
    assert!(matches!(&bench.run.abort, Some((_, Why::StopCondition { .. }))));
    assert_eq!(
        bench.run.symptom.as_ref().map(|(at, ..)| *at),
        Some(Mark::from_secs(11))
    );
}

#[test]
fn what_cannot_be_measured_does_not_pass_a_verification() {
    let mut book = playbook();
    book.steps.truncate(0);
    book.steps.push(Step::Verify(VerifyStep {
        checks: vec!["metrics".into()],
        timeout: secs(5),
    }));
    let mut bench = Bench::start(playbook());
    bench.run = Run::new(book.clone(), Unattended::Yes);
    bench.run.started = Some(Mark::ZERO);
    bench.shadow = bench.run.clone();
    let why = "no probe".to_owned();
    bench.feed(
        0,
        Input::NotMeasured {
            check: "metrics".into(),
            why,
        },
    );
    bench.feed(1, Input::Start);
    assert_eq!(bench.exit(), Some(1), "{:#?}", bench.facts);
}
