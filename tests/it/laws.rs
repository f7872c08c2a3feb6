//! The laws of the engine, held against whatever may come in, in whatever order.

use std::collections::BTreeSet;
use std::time::Duration;

use firedrill::evidence::{Observed, Reading, Verdict};
use firedrill::fault::{Gone, Lasting};
use firedrill::journal::owed;
use firedrill::playbook::{
    BaselineStep, BriefStep, ChecklistStep, ClockFrom, DebriefStep, Fault, Headless, ObserveStep, Playbook,
    RecoverStep, Recovery, Span, Step, StopCondition, Title, VerifyStep,
};
use firedrill::run::{
    Arming, Effect, Entry, Fact, Injected, Input, Kept, Order, Refusal, Run, StepOutcome, Tag, Unattended,
    Why,
};
use firedrill::units::{CheckId, DebtId, ErrorChain, FaultId, Mark};
use proptest::prelude::*;

use crate::journal_samples::{self as samples, debt, gones, secs, wall};

const FAULTS: [&str; 2] = ["kill", "delay"];
const CHECKS: [&str; 4] = ["pods-ready", "endpoints", "availability", "availability/stop"];
/// More facts than this at one moment are a loop.
const AT_ONCE: usize = 200;
/// More deadlines than this are no end.
const DEADLINES: usize = 2_000;

/// One thing that comes in. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Deed {
    /// What a run that goes well would see next; it leads to where surprises matter.
    Sensible,
    /// Time goes on, and nothing comes in but the word that it did.
    Wait(u32),
    /// The next deadline comes.
    Due,
    Order(Order),
    See(usize, Verdict, u16),
    NotMeasured(usize),
    /// An answer to an arming, of an attempt that may be long over.
    Planned(usize, u32),
    Refused(usize),
    Injected(u8, bool),
    Ended(u8),
    Reverted(u8, usize),
    Killed,
    KillSaw(u8, usize),
    KillEnded(bool),
    JournalLost,
    GateClosed,
    Latched,
    Resumed,
}

fn order() -> impl Strategy<Value = Order> {
    let text = || "because".to_owned();
    prop_oneof![
        4 => Just(Order::GoOn),
        4 => (0..3_usize).prop_map(|item| Order::Tick { item }),
        2 => (0..3_usize).prop_map(move |question| Order::Answer { question, text: text() }),
        1 => (0..3_usize, any::<Option<bool>>()).prop_map(|(prediction, came_true)| Order::Score { prediction, came_true }),
        6 => Just(Order::Arm),
        1 => Just(Order::Disarm),
        8 => Just(Order::Fire),
        3 => Just(Order::Override { reason: text() }),
        1 => Just(Order::Note { text: text(), tags: vec![Tag::Surprise] }),
        1 => Just(Order::Detected),
        1 => Just(Order::Mitigated),
        1 => any::<u64>().prop_map(move |at_nanos| Order::Correct { seq: 1, at_nanos, reason: text() }),
        1 => Just(Order::PayAgain),
        1 => Just(Order::Quit),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let verdict =
        prop_oneof![3 => Just(Verdict::Holds), 3 => Just(Verdict::Broken), 1 => Just(Verdict::Unknown)];
    let gone = || prop_oneof![2 => Just(0_usize), 3 => 0..gones().len()];
    prop_oneof![
        60 => Just(Deed::Sensible),
        4 => (0..30_000_u32).prop_map(Deed::Wait),
        4 => Just(Deed::Due),
        6 => order().prop_map(Deed::Order),
        8 => (0..CHECKS.len(), verdict, 0..3_000_u16).prop_map(|(check, verdict, ago)| Deed::See(check, verdict, ago)),
        1 => (0..CHECKS.len()).prop_map(Deed::NotMeasured),
        6 => (0..FAULTS.len(), 0..3_u32).prop_map(|(fault, back)| Deed::Planned(fault, back)),
        1 => (0..FAULTS.len()).prop_map(Deed::Refused),
        5 => (any::<u8>(), proptest::bool::weighted(0.8)).prop_map(|(which, yes)| Deed::Injected(which, yes)),
        1 => any::<u8>().prop_map(Deed::Ended),
        5 => (any::<u8>(), gone()).prop_map(|(which, gone)| Deed::Reverted(which, gone)),
        1 => Just(Deed::Killed),
        2 => (any::<u8>(), gone()).prop_map(|(which, gone)| Deed::KillSaw(which, gone)),
        1 => any::<bool>().prop_map(Deed::KillEnded),
        1 => Just(Deed::JournalLost),
        1 => Just(Deed::GateClosed),
        1 => Just(Deed::Latched),
        1 => Just(Deed::Resumed),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let headless =
        || prop_oneof![4 => Just(Headless::Pass), 1 => Just(Headless::Skip), 1 => Just(Headless::Fail)];
    let text = || Title::One("text".to_owned());
    prop_oneof![
        1 => headless().prop_map(move |headless| Step::Brief(BriefStep { text: text(), headless })),
        1 => headless().prop_map(move |headless| Step::Checklist(ChecklistStep { items: vec![text(), text()], headless })),
        1 => headless().prop_map(move |headless| Step::Debrief(DebriefStep { questions: vec![text()], headless })),
        2 => (0..20_u64).prop_map(|n| Step::Baseline(BaselineStep { for_: Span(secs(n)) })),
        5 => (0..FAULTS.len()).prop_map(|n| Step::Fault(Fault { id: FAULTS[n].into(), chaos_mesh: serde_json::json!({"kind": "PodChaos"}) })),
        2 => (0..60_u64).prop_map(|n| Step::Observe(ObserveStep { for_: Span(secs(n)) })),
        3 => (0..120_u64).prop_map(|n| Step::Recover(RecoverStep { timeout: Span(secs(n)) })),
        1 => proptest::sample::subsequence(CHECKS[..3].to_vec(), 0..=3).prop_map(|checks| Step::Verify(VerifyStep {
            checks: checks.into_iter().map(CheckId::from).collect(),
            timeout: Span(secs(10)),
        })),
    ]
}

fn playbook() -> impl Strategy<Value = Playbook> {
    let clock = prop_oneof![
        Just(ClockFrom::FaultStart),
        Just(ClockFrom::FirstSymptom),
        Just(ClockFrom::FaultEnd)
    ];
    let recovery = (clock, 0..10_u64).prop_map(|(clock, hold)| Recovery {
        clock,
        target: Span(secs(10)),
        acceptable: Span(secs(30)),
        when: vec!["pods-ready".into(), "endpoints".into()],
        hold: Span(secs(hold)),
    });
    let stop = (any::<bool>(), 0..20_u64).prop_map(|(own, broken_for)| StopCondition {
        check: "availability".into(),
        expect: own.then(|| ">= 0.34".parse().unwrap()),
        broken_for: Span(secs(broken_for)),
    });
    (
        proptest::collection::vec(step(), 0..7),
        proptest::option::weighted(0.8, recovery),
        proptest::option::of(stop),
    )
        .prop_map(|(steps, recovery, stop)| Playbook {
            steps,
            recovery,
            stop_when: stop.into_iter().collect(),
            ..samples::playbook()
        })
}

/// The engine with its journal, and what must stay true of both.
struct Bench {
    run: Run,
    shadow: Run,
    entries: Vec<Entry>,
    now: Mark,
    ids: BTreeSet<DebtId>,
    /// No fault may start any more.
    shut: bool,
    killed: bool,
    rank: Option<u8>,
}

impl Bench {
    fn new(playbook: Playbook, unattended: Unattended) -> Self {
        let run = Run::new(playbook.clone(), unattended);
        let mut bench = Self {
            shadow: run.clone(),
            run,
            entries: Vec::new(),
            now: Mark::ZERO,
            ids: BTreeSet::new(),
            shut: false,
            killed: false,
            rank: None,
        };
        let mut started = samples::started();
        if let Fact::RunStarted {
            playbook: written,
            unattended: how,
            ..
        } = &mut started
        {
            **written = playbook;
            *how = unattended;
        }
        bench.run.evolve(Mark::ZERO, &started);
        bench.keep(started);
        bench
    }

    fn keep(&mut self, fact: Fact) {
        self.shadow.evolve(self.now, &fact);
        self.entries.push(Entry {
            seq: self.entries.len() as u64,
            at: self.now,
            wall: wall(self.now.elapsed().as_secs()),
            fact,
        });
    }

    fn owed(&self) -> BTreeSet<DebtId> {
        self.run.owed().map(|debt| debt.id.clone()).collect()
    }

    fn feed(&mut self, input: Input) -> Result<(), TestCaseError> {
        let before = self.owed();
        let was_over = self.run.is_over();
        let facts = self.run.step(self.now, input);
        prop_assert!(facts.len() < AT_ONCE, "no end at one moment: {facts:#?}");
        prop_assert!(!was_over || facts.is_empty(), "a run that is over says nothing");
        for fact in &facts {
            self.hold(fact)?;
            self.keep(fact.clone());
        }
        prop_assert_eq!(&self.run, &self.shadow, "folding the facts gives the same run");
        let after = self.owed();
        for paid in before.difference(&after) {
            let pays = |fact: &Fact| matches!(fact, Fact::RevertSettled { debt, gone } if debt == paid && gone.pays());
            prop_assert!(facts.iter().any(pays), "{paid} was forgotten");
        }
        for made in after.difference(&before) {
            let makes = |fact: &Fact| matches!(fact, Fact::InjectIntended { debt, .. } if debt.id == *made);
            prop_assert!(facts.iter().any(makes), "{made} came from nowhere");
        }
        let on_disk: BTreeSet<_> = owed(&self.entries)
            .debts
            .into_iter()
            .map(|owed| owed.debt.id)
            .collect();
        prop_assert_eq!(
            &on_disk,
            &after,
            "the journal and the engine agree on what is owed"
        );
        match self.run.deadline(self.now) {
            Some(deadline) => prop_assert!(deadline > self.now && !self.run.is_over()),
            None => prop_assert!(self.run.is_over(), "it waits for ever: {:#?}", self.run),
        }
        Ok(())
    }

    /// What must be true of a fact where it stands.
    fn hold(&mut self, fact: &Fact) -> Result<(), TestCaseError> {
        prop_assert!(
            !self
                .entries
                .iter()
                .any(|entry| matches!(entry.fact, Fact::RunEnded { .. })),
            "after the end: {fact:?}"
        );
        match fact {
            Fact::InjectIntended { debt, .. } => {
                prop_assert!(!self.shut, "a fault after the gate was closed or the run aborted");
                prop_assert!(self.ids.insert(debt.id.clone()), "{} is owed twice", debt.id);
            }
            Fact::RevertIntended { debt } => {
                prop_assert!(!self.killed, "after a kill there is one hand");
                prop_assert!(
                    self.shadow.owed().any(|owed| owed.id == *debt),
                    "nothing to undo: {debt}"
                );
            }
            Fact::GateClosed { .. } => self.shut = true,
            // The hand that paid died with its process.
            Fact::RunResumed { .. } => self.killed = false,
            Fact::AbortBegan { why } => {
                let anew = matches!(why, Why::Killed { .. }) && !self.killed;
                prop_assert!(
                    anew || self.rank.is_none_or(|rank| rank < why.rank()),
                    "reasons only escalate"
                );
                self.rank = Some(why.rank());
                self.shut = true;
                self.killed |= matches!(why, Why::Killed { .. });
            }
            Fact::HandedOver { owed } => {
                let owed: BTreeSet<_> = owed.iter().cloned().collect();
                prop_assert_eq!(owed, self.shadow.owed().map(|debt| debt.id.clone()).collect());
            }
            Fact::RunEnded { exit, .. } => self.ended(*exit)?,
            _ => {}
        }
        if fact.creates_debt() {
            let injects = matches!(fact.effect(), Some(Effect::Inject { .. }));
            prop_assert!(injects, "{fact:?}");
        }
        Ok(())
    }

    fn ended(&self, exit: u8) -> Result<(), TestCaseError> {
        let owes = self.shadow.owed().next().is_some();
        let killed = matches!(self.shadow.abort, Some((_, Why::Killed { .. })));
        let unclear = killed && self.shadow.kill_clear != Some(true);
        prop_assert_eq!(exit == 5, owes || unclear, "exit {} with what is owed", exit);
        let handed = self
            .entries
            .iter()
            .any(|entry| matches!(entry.fact, Fact::HandedOver { .. }));
        prop_assert_eq!(handed, owes);
        if owes {
            return Ok(());
        }
        let baseline = |step: &firedrill::units::StepIx| {
            matches!(self.shadow.playbook.steps.get(step.0), Some(Step::Baseline(_)))
        };
        match &self.shadow.abort {
            Some((_, Why::Killed { .. })) => prop_assert_eq!(exit, if unclear { 5 } else { 4 }),
            Some((_, Why::Latched { .. })) => prop_assert_eq!(exit, 4),
            Some((_, Why::Step { step, .. })) if baseline(step) => prop_assert_eq!(exit, 1),
            Some(_) => prop_assert_eq!(exit, 3),
            None => prop_assert!(exit <= 1),
        }
        if exit == 0 {
            let failed = |step: &firedrill::run::StepState| {
                matches!(step.ended, Some((_, StepOutcome::Failed { .. })))
            };
            prop_assert!(!self.shadow.steps.iter().any(failed), "held, with a failed step");
            let kept = self.shadow.objective.as_ref().map(|objective| &objective.kept);
            prop_assert!(
                matches!(kept, None | Some(Kept::Met | Kept::Acceptable)),
                "held, with {kept:?}"
            );
            let asked = self.shadow.playbook.recovery.is_some() && !self.shadow.fired.is_empty();
            prop_assert!(kept.is_some() || !asked, "held, and nobody judged it");
        }
        Ok(())
    }

    fn debt(&self, which: u8) -> Option<DebtId> {
        let ids: Vec<_> = self.ids.iter().collect();
        let at = usize::from(which).checked_rem(ids.len())?;
        ids.get(at).map(|id| (*id).clone())
    }

    /// What would come in next if all went well; `None` where only time can help.
    fn sensible(&self) -> Option<Input> {
        let of = |debt: &DebtId| debt.clone();
        let open = self.run.fired.iter().filter(|fired| fired.gone.is_none());
        if let Some(fired) = open.clone().find(|fired| fired.settled.is_none()) {
            let undo = Box::new(fired.debt.undo.clone());
            let outcome = Injected::Yes {
                at: self.now,
                server_stamp: None,
                targets: Vec::new(),
                undo,
            };
            return Some(Input::Injected {
                debt: of(&fired.debt.id),
                outcome,
            });
        }
        if let Some(fired) = open.clone().find(|fired| fired.reverting.is_some()) {
            return Some(Input::Reverted {
                debt: of(&fired.debt.id),
                gone: Gone::Proven,
            });
        }
        if self.killed {
            let saw = open.clone().next().map(|fired| Input::KillSaw {
                debt: of(&fired.debt.id),
                gone: Gone::Proven,
            });
            return Some(saw.unwrap_or(Input::KillEnded { clear: true }));
        }
        match &self.run.arming {
            Some(Arming::Asked { fault, attempt, .. }) => return Some(planned(fault, *attempt)),
            Some(Arming::Ready { .. }) => return Some(Input::Operator(Order::Fire)),
            None => {}
        }
        let (ix, step) = self.run.step_now()?;
        match step {
            Step::Brief(_) | Step::Debrief(_) => Some(Input::Operator(Order::GoOn)),
            Step::Checklist(list) => {
                let open = (0..list.items.len()).find(|item| !self.run.steps[ix.0].ticked.contains(item));
                Some(Input::Operator(
                    open.map_or(Order::GoOn, |item| Order::Tick { item }),
                ))
            }
            Step::Fault(_) => Some(Input::Operator(Order::Arm)),
            Step::Baseline(_) | Step::Recover(_) | Step::Verify(_) => {
                let holds = |id: &str| {
                    let check = self.run.checks.get(&CheckId::new(id));
                    check.is_some_and(|check| check.verdict == Verdict::Holds)
                };
                let check = CHECKS[..3].iter().find(|id| !holds(id))?;
                Some(seen(check, Verdict::Holds, self.now, Duration::ZERO))
            }
            Step::Observe(_) => None,
        }
    }

    fn apply(&mut self, deed: Deed) -> Result<(), TestCaseError> {
        let input = match deed {
            Deed::Sensible => match self.sensible() {
                Some(input) => input,
                None => return self.apply(Deed::Due),
            },
            Deed::Wait(millis) => {
                self.now = self.now.after(Duration::from_millis(u64::from(millis)));
                Input::Timeout
            }
            Deed::Due => {
                let Some(deadline) = self.run.deadline(self.now) else {
                    return Ok(());
                };
                self.now = deadline;
                Input::Timeout
            }
            Deed::Order(order) => Input::Operator(order),
            Deed::See(check, verdict, ago) => {
                let ago = Duration::from_millis(u64::from(ago));
                seen(CHECKS[check], verdict, self.now.before(ago), ago)
            }
            Deed::NotMeasured(check) => Input::NotMeasured {
                check: CHECKS[check].into(),
                why: "no source".to_owned(),
            },
            Deed::Planned(fault, back) => {
                let fault = FaultId::new(FAULTS[fault]);
                let attempt = self
                    .run
                    .attempts
                    .get(&fault)
                    .map_or(1, |n| n.saturating_sub(back).max(1));
                planned(&fault, attempt)
            }
            Deed::Refused(fault) => Input::Planned {
                fault: FaultId::new(FAULTS[fault]),
                outcome: Err(Refusal {
                    why: "too many pods".to_owned(),
                    hint: None,
                }),
            },
            Deed::Injected(which, yes) => {
                let Some(id) = self.debt(which) else { return Ok(()) };
                let outcome = if yes {
                    Injected::Yes {
                        at: self.now,
                        server_stamp: None,
                        targets: Vec::new(),
                        undo: Box::new(debt(id.as_str(), Lasting::UntilUndone).undo),
                    }
                } else {
                    Injected::No {
                        error: ErrorChain::message("no"),
                    }
                };
                Input::Injected { debt: id, outcome }
            }
            Deed::Ended(which) => {
                let Some(debt) = self.debt(which) else {
                    return Ok(());
                };
                Input::FaultEnded { debt, at: self.now }
            }
            Deed::Reverted(which, gone) => {
                let Some(debt) = self.debt(which) else {
                    return Ok(());
                };
                Input::Reverted {
                    debt,
                    gone: gones()[gone].clone(),
                }
            }
            Deed::Killed => Input::Killed { by: "key".to_owned() },
            Deed::KillSaw(which, gone) => {
                let Some(debt) = self.debt(which) else {
                    return Ok(());
                };
                Input::KillSaw {
                    debt,
                    gone: gones()[gone].clone(),
                }
            }
            Deed::KillEnded(clear) => Input::KillEnded { clear },
            Deed::JournalLost => Input::JournalLost {
                error: ErrorChain::message("disk full"),
            },
            Deed::Latched => Input::Latched {
                by: "elsewhere".to_owned(),
            },
            Deed::GateClosed => Input::GateClosed {
                why: "a latch".to_owned(),
            },
            Deed::Resumed => Input::Resumed {
                how: firedrill::clock::Resumed::SameBoot,
                unattended: Unattended::Yes,
            },
        };
        self.feed(input)
    }

    /// Nothing comes in any more but deadlines.
    fn run_out(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..DEADLINES {
            let Some(deadline) = self.run.deadline(self.now) else {
                break;
            };
            self.now = deadline;
            self.feed(Input::Timeout)?;
        }
        prop_assert!(self.run.is_over(), "it does not end: {:#?}", self.run);
        Ok(())
    }
}

fn seen(check: &str, verdict: Verdict, at: Mark, resolution: Duration) -> Input {
    let observed = Observed::Number { value: 1.0 };
    Input::Seen {
        check: check.into(),
        verdict,
        reading: Reading {
            at,
            observed,
            resolution,
        },
    }
}

fn planned(fault: &FaultId, attempt: u32) -> Input {
    let id = format!("{fault}-{attempt}");
    let lasting = if fault.as_str() == "kill" {
        Lasting::OneShot
    } else {
        Lasting::UntilUndone
    };
    Input::Planned {
        fault: fault.clone(),
        outcome: Ok(Box::new(samples::plan(debt(&id, lasting)))),
    }
}

fn unattended() -> impl Strategy<Value = Unattended> {
    prop_oneof![Just(Unattended::Yes), Just(Unattended::No)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_the_laws_hold_and_every_run_ends(
        playbook in playbook(),
        unattended in unattended(),
        deeds in proptest::collection::vec(deed(), 0..120),
    ) {
        let mut bench = Bench::new(playbook, unattended);
        bench.feed(Input::Start)?;
        for deed in deeds {
            bench.apply(deed)?;
        }
        bench.run_out()?;
        // The record alone gives the same run, as often as it is read, and through its own format.
        let written = serde_json::to_string(&bench.entries).unwrap();
        let read: Vec<Entry> = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(&read, &bench.entries);
        for _ in 0..2 {
            let again = Run::of(&read);
            prop_assert_eq!(again.as_ref(), Some(&bench.run));
        }
    }

    #[test]
    fn any_facts_in_any_order_give_a_run(
        facts in proptest::collection::vec(proptest::sample::select(samples::every()), 0..60),
    ) {
        let mut run = Run::new(samples::playbook(), Unattended::No);
        for (at, fact) in facts.iter().enumerate() {
            let now = Mark::from_secs(at as u64);
            run.evolve(now, fact);
            let mut next = run.clone();
            let _facts = next.step(now, Input::Timeout);
            let _deadline = next.deadline(now);
        }
    }
}
