//! A sample of every fact, and entries made of facts. A new kind of fact does not compile here until it has one.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill::clock::{ClockBase, Resumed};
use firedrill::evidence::{Observed, Reading, Verdict};
use firedrill::fault::{ChaosRef, ClusterPin, Debt, Gone, Lasting, Undo};
use firedrill::journal::Record;
use firedrill::playbook::{
    BaselineStep, BriefStep, Check, ChecklistStep, ClockFrom, DebriefStep, Fault, Headless, Limits, NoData,
    ObserveStep, Playbook, Probe, PrometheusProbe, RecoverStep, Recovery, Severity, Span, Step,
    StopCondition, Target, Title, VerifyStep, When,
};
use firedrill::run::{
    Entry, Fact, Injected, Judged, Kept, Objective, Plan, PlannedPod, Refusal, StepOutcome, Tag, Ticked,
    Unattended, Why,
};
use firedrill::units::{ErrorChain, Mark, Percent, RunId, Stamp, StepIx};
use serde_json::json;

pub const RUN: &str = "20261121-033247-a9f0";

/// Text that would harm a terminal, a table, a page or a careless parser.
pub const HOSTILE: &str = "中文|pipe `tick` <img src=x onerror=alert(1)> [x](javascript:1)\n# head\r\u{1b}[31m\u{202e}\u{9b} https://evil.example @all";

pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn title(en: &str, zh: &str) -> Title {
    Title::Each(BTreeMap::from([
        ("en".to_owned(), en.to_owned()),
        ("zh".to_owned(), zh.to_owned()),
    ]))
}

pub fn playbook() -> Playbook {
    Playbook {
        firedrill: 1,
        name: "emqx-pod-kill".to_owned(),
        title: title("Pod kill: one broker node dies", "杀死一个节点"),
        description: None,
        severity: Some(Severity::P0),
        vars: BTreeMap::new(),
        target: Target {
            namespace: "default".to_owned(),
            pods: BTreeMap::from([("app".to_owned(), "emqx-go".to_owned())]),
        },
        limits: Limits::default(),
        sources: BTreeMap::new(),
        load: None,
        checks: vec![Check {
            id: "availability".into(),
            probe: Probe::Prometheus(PrometheusProbe {
                query: "sum(up) / count(up)".to_owned(),
                source: None,
            }),
            expect: Some(">= 0.66".parse().unwrap()),
            every: Some(Span(secs(5))),
            when: vec![When::Always],
            no_data: NoData::Unknown,
            for_: None,
        }],
        stop_when: vec![StopCondition {
            check: "availability".into(),
            expect: None,
            broken_for: Span(secs(15)),
        }],
        recovery: Some(Recovery {
            clock: ClockFrom::FaultStart,
            target: Span(secs(10)),
            acceptable: Span(secs(30)),
            when: vec!["pods-ready".into()],
            hold: Span(secs(5)),
        }),
        predict: vec![
            title("clients reconnect within 5 s", "客户端在 5 秒内重连"),
            Title::One(HOSTILE.to_owned()),
        ],
        steps: vec![
            Step::Brief(BriefStep {
                text: Title::One("read this".to_owned()),
                headless: Headless::Pass,
            }),
            Step::Checklist(ChecklistStep {
                items: vec![
                    title("on-call told", "已通知值班"),
                    Title::One("dashboards open".to_owned()),
                ],
                headless: Headless::Pass,
            }),
            Step::Baseline(BaselineStep { for_: Span(secs(30)) }),
            Step::Fault(Fault {
                id: "kill-one".into(),
                chaos_mesh: json!({"kind": "PodChaos", "spec": {"action": "pod-kill"}}),
            }),
            Step::Observe(ObserveStep {
                for_: Span(secs(120)),
            }),
            Step::Recover(RecoverStep {
                timeout: Span(secs(120)),
            }),
            Step::Verify(VerifyStep {
                checks: vec!["pods-ready".into()],
                timeout: Span(secs(30)),
            }),
            Step::Debrief(DebriefStep {
                questions: vec![title("What surprised you?", "什么让你意外？")],
                headless: Headless::Skip,
            }),
        ],
    }
}

pub fn pin() -> ClusterPin {
    ClusterPin {
        context: "kind-drill".to_owned(),
        kubeconfig: None,
        server: "https://127.0.0.1:6443".to_owned(),
        ca_sha256: Some("ab".repeat(32)),
        uid: "5f0c7f0e-0000-4000-8000-000000000000".to_owned(),
    }
}

pub fn debt(id: &str, lasting: Lasting) -> Debt {
    let fault = id.rsplit_once('-').map_or(id, |(fault, _)| fault);
    Debt {
        id: id.into(),
        fault: fault.into(),
        summary: "pod-kill on emqx-go-1".to_owned(),
        undo: Undo::DeleteChaos {
            cluster: pin(),
            object: ChaosRef {
                kind: "PodChaos".to_owned(),
                plural: "podchaos".to_owned(),
                namespace: "default".to_owned(),
                name: format!("{id}-7f3a"),
            },
            lasting,
            uid: None,
        },
        own_clock: (lasting == Lasting::UntilUndone).then_some(secs(60)),
    }
}

pub fn started() -> Fact {
    Fact::RunStarted {
        run: RunId::new(RUN),
        playbook: Box::new(playbook()),
        clock: ClockBase {
            boot_id: "b".to_owned(),
            boot_nanos: 7,
            wall: wall(0),
            speed: 1.0,
        },
        cluster: pin(),
        unattended: Unattended::No,
        version: "0.1.0".to_owned(),
    }
}

pub fn plan(debt: Debt) -> Plan {
    Plan {
        debt,
        manifest: json!({"kind": "PodChaos"}),
        action: "pod-kill".to_owned(),
        pods: ["emqx-go-0", "emqx-go-1"]
            .map(|name| PlannedPod {
                namespace: "default".to_owned(),
                name: name.to_owned(),
                ready: true,
                node: Some("n1".to_owned()),
            })
            .to_vec(),
        hurt: 1,
        share: Percent(33.3),
        limits: vec![Judged {
            limit: "pods 1 of at most 1".to_owned(),
            held: true,
        }],
        duration: Some(secs(60)),
        warnings: vec!["w".to_owned()],
    }
}

pub fn reading(at: u64, observed: Observed) -> Reading {
    Reading {
        at: Mark::from_secs(at),
        observed,
        resolution: Duration::from_millis(100),
    }
}

pub fn parts(have: u32) -> Observed {
    Observed::Parts { have, want: 3 }
}

pub fn check(id: &str, at: u64, verdict: Verdict, observed: Observed) -> Fact {
    Fact::CheckChanged {
        check: id.into(),
        verdict,
        reading: reading(at, observed),
    }
}

pub fn injected(debt: &Debt, at: u64, targets: &[&str]) -> Fact {
    let Undo::DeleteChaos {
        cluster,
        object,
        lasting,
        ..
    } = debt.undo.clone();
    Fact::InjectSettled {
        debt: debt.id.clone(),
        outcome: Injected::Yes {
            at: Mark::from_secs(at),
            server_stamp: Some("2026-11-21T03:33:20Z".to_owned()),
            targets: targets.iter().map(|&target| target.to_owned()).collect(),
            undo: Box::new(Undo::DeleteChaos {
                cluster,
                object,
                lasting,
                uid: Some("0d9c".to_owned()),
            }),
        },
    }
}

pub fn objective(kept: Kept, took: Option<u64>) -> Objective {
    Objective {
        kept,
        took: took.map(secs),
        from: Some(Mark::from_secs(32)),
        recovered: took.map(|took| Mark::from_secs(32 + took)),
        stable: took.map(|took| Mark::from_secs(37 + took)),
        slowest: Some(("pods-ready".into(), Duration::from_millis(100))),
    }
}

pub fn gones() -> Vec<Gone> {
    let why = || HOSTILE.to_owned();
    vec![
        Gone::Proven,
        Gone::Unverified { why: why() },
        Gone::Recovering { done: 1, of: 3 },
        Gone::Stuck {
            why: why(),
            at: Some("node n2".to_owned()),
        },
        Gone::ForcedUnverified,
        Gone::Forbidden {
            right: "delete podchaos".to_owned(),
        },
        Gone::Failed { why: why() },
        Gone::Unknown { why: String::new() },
    ]
}

fn whys() -> Vec<Why> {
    vec![
        Why::Quit,
        Why::Step {
            step: StepIx(2),
            what: HOSTILE.to_owned(),
        },
        Why::StopCondition {
            check: "availability".into(),
        },
        Why::JournalLost {
            error: ErrorChain::message("disk full").within("append"),
        },
        Why::Latched {
            by: HOSTILE.to_owned(),
        },
        Why::Killed {
            by: "ctrl-k".to_owned(),
        },
    ]
}

/// At least one of every kind of fact, and of every kind of what is inside.
#[allow(clippy::too_many_lines, reason = "a list")]
pub fn every() -> Vec<Fact> {
    let step = StepIx(1);
    let one = debt("kill-one-1", Lasting::OneShot);
    let mark = Mark::from_secs(33);
    let text = || HOSTILE.to_owned();
    let mut facts = vec![
        started(),
        Fact::RunResumed {
            how: Resumed::SameBoot,
            unattended: None,
        },
        Fact::RunResumed {
            how: Resumed::ByWallTime,
            unattended: Some(Unattended::No),
        },
        Fact::CheckNotMeasured {
            check: "roundtrip".into(),
            why: text(),
        },
        check(
            "availability",
            9,
            Verdict::Broken,
            Observed::Number { value: 0.1 + 0.2 },
        ),
        check("pods-ready", 9, Verdict::Holds, parts(3)),
        check("metrics", 9, Verdict::Unknown, Observed::NoData { why: text() }),
        Fact::StepBegan { step },
        Fact::ItemTicked {
            step,
            item: 0,
            ticked: Ticked::Yes,
        },
        Fact::ItemTicked {
            step,
            item: 0,
            ticked: Ticked::No,
        },
        Fact::Answered {
            step: StepIx(7),
            question: 0,
            text: text(),
        },
        Fact::PredictionsLocked,
        Fact::BaselineBegan,
        Fact::BaselineBroken {
            check: "availability".into(),
        },
        Fact::ArmAsked {
            fault: "kill-one".into(),
            attempt: 1,
        },
        Fact::Armed {
            plan: Box::new(plan(one.clone())),
        },
        Fact::Refused {
            fault: "kill-one".into(),
            refusal: Refusal {
                why: text(),
                hint: Some("wait".to_owned()),
            },
        },
        Fact::Disarmed {
            fault: "kill-one".into(),
        },
        Fact::InjectIntended {
            debt: debt("delay-1", Lasting::UntilUndone),
            manifest: json!({"a": [1, "b", null]}),
        },
        Fact::InjectIntended {
            debt: one.clone(),
            manifest: json!({}),
        },
        injected(&one, 32, &["default/emqx-go-1"]),
        Fact::InjectSettled {
            debt: "delay-1".into(),
            outcome: Injected::No {
                error: ErrorChain::message(text()),
            },
        },
        Fact::Symptom {
            check: "pods-ready".into(),
            at: mark,
            resolution: secs(1),
        },
        Fact::Detected,
        Fact::Mitigated,
        Fact::FaultEnded {
            debt: "delay-1".into(),
            at: mark,
        },
        Fact::RevertIntended { debt: one.id.clone() },
        Fact::ObjectiveStarted { from: mark },
        Fact::Recovering { since: mark },
        Fact::Relapsed {
            check: "pods-ready".into(),
        },
        Fact::StopConditionRunning {
            check: "availability".into(),
            since: mark,
        },
        Fact::StopConditionCleared {
            check: "availability".into(),
        },
        Fact::GateClosed { why: text() },
        Fact::ClockJumped { by_seconds: -90 },
        Fact::NoteAdded {
            text: text(),
            tags: vec![
                Tag::Observation,
                Tag::Decision,
                Tag::Surprise,
                Tag::ActionItem,
                Tag::Question,
                Tag::Risk,
            ],
            author: Some("p1".to_owned()),
        },
        Fact::TimeCorrected {
            seq: 3,
            at: mark,
            reason: text(),
        },
        Fact::EndingBegan,
        Fact::KillEnded { clear: true },
        Fact::KillEnded { clear: false },
        Fact::HandedOver {
            owed: vec![one.id.clone(), "delay-1".into()],
        },
        Fact::RunEnded {
            exit: 5,
            summary: text(),
        },
        Fact::Unknown(json!({"fact": "moon-phase", "phase": [1.5, text()]})),
    ];
    let outcomes = [
        StepOutcome::Passed,
        StepOutcome::Overridden { reason: text() },
        StepOutcome::Skipped,
        StepOutcome::Failed { what: text() },
    ];
    facts.extend(outcomes.map(|outcome| Fact::StepEnded { step, outcome }));
    let scores = [Some(true), Some(false), None];
    facts.extend(scores.map(|came_true| Fact::PredictionScored {
        prediction: 1,
        came_true,
    }));
    let kept = [
        Kept::Met,
        Kept::Acceptable,
        Kept::Missed,
        Kept::NotJudged { why: text() },
    ];
    facts.extend(kept.map(|kept| Fact::ObjectiveStopped {
        objective: objective(kept, Some(8)),
    }));
    facts.push(Fact::ObjectiveStopped {
        objective: objective(Kept::Missed, None),
    });
    let settled = |gone| Fact::RevertSettled {
        debt: "delay-1".into(),
        gone,
    };
    facts.extend(gones().into_iter().map(settled));
    facts.extend(whys().into_iter().map(|why| Fact::AbortBegan { why }));
    facts
}

/// A number for every kind of fact: no wildcard, so that a new one is not forgotten.
pub const fn kind(fact: &Fact) -> usize {
    match fact {
        Fact::RunStarted { .. } => 0,
        Fact::RunResumed { .. } => 1,
        Fact::CheckNotMeasured { .. } => 2,
        Fact::CheckChanged { .. } => 3,
        Fact::StepBegan { .. } => 4,
        Fact::StepEnded { .. } => 5,
        Fact::ItemTicked { .. } => 6,
        Fact::Answered { .. } => 7,
        Fact::PredictionsLocked => 8,
        Fact::PredictionScored { .. } => 9,
        Fact::BaselineBegan => 10,
        Fact::BaselineBroken { .. } => 11,
        Fact::ArmAsked { .. } => 12,
        Fact::Armed { .. } => 13,
        Fact::Refused { .. } => 14,
        Fact::Disarmed { .. } => 15,
        Fact::InjectIntended { .. } => 16,
        Fact::InjectSettled { .. } => 17,
        Fact::Symptom { .. } => 18,
        Fact::Detected => 19,
        Fact::Mitigated => 20,
        Fact::RevertIntended { .. } => 21,
        Fact::RevertSettled { .. } => 22,
        Fact::ObjectiveStarted { .. } => 23,
        Fact::Recovering { .. } => 24,
        Fact::Relapsed { .. } => 25,
        Fact::ObjectiveStopped { .. } => 26,
        Fact::StopConditionRunning { .. } => 27,
        Fact::StopConditionCleared { .. } => 28,
        Fact::GateClosed { .. } => 29,
        Fact::AbortBegan { .. } => 30,
        Fact::ClockJumped { .. } => 31,
        Fact::NoteAdded { .. } => 32,
        Fact::TimeCorrected { .. } => 33,
        Fact::EndingBegan => 34,
        Fact::KillEnded { .. } => 35,
        Fact::HandedOver { .. } => 36,
        Fact::RunEnded { .. } => 37,
        Fact::Unknown(_) => 38,
        Fact::FaultEnded { .. } => 39,
    }
}

pub const KINDS: usize = 40;

/// Wall time `at` seconds into the run.
pub fn wall(at: u64) -> Stamp {
    let began: jiff::Timestamp = "2026-11-21T03:32:47Z".parse().unwrap();
    Stamp(began + jiff::SignedDuration::from_secs(i64::try_from(at).unwrap()))
}

pub fn entry(seq: u64, at: u64, fact: Fact) -> Entry {
    Entry {
        seq,
        at: Mark::from_secs(at),
        wall: wall(at),
        fact,
    }
}

/// Every sample, one a second.
pub fn entries() -> Vec<Entry> {
    (0..).zip(every()).map(|(n, fact)| entry(n, n, fact)).collect()
}

pub fn record(file: &str, seq: u64, at: u64, fact: Fact) -> Record {
    Record {
        file: file.to_owned(),
        entry: entry(seq, at, fact),
    }
}
