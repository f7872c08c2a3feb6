//! Scenarios that once went wrong.

use super::*;
use crate::playbook::{Probe, StopCondition};

fn planned(id: &str) -> Input {
    let mut plan = plan();
    plan.debt.id = id.into();
    Input::Planned {
        fault: FaultId::new("kill"),
        outcome: Ok(Box::new(plan)),
    }
}

fn count(bench: &Bench, what: impl Fn(&Fact) -> bool) -> usize {
    bench.facts.iter().filter(|fact| what(fact)).count()
}

fn undos(bench: &Bench) -> usize {
    count(bench, |fact| matches!(fact, Fact::RevertIntended { .. }))
}

impl Bench {
    fn attended(playbook: Playbook) -> Self {
        let mut bench = Self::start(playbook);
        bench.run.unattended = Unattended::No;
        bench.shadow.unattended = Unattended::No;
        bench
    }

    fn order(&mut self, at: u64, order: Order) {
        self.feed(at, Input::Operator(order));
    }
}

#[test]
fn a_gate_that_closes_over_an_armed_card_ends_an_unattended_run() {
    let mut bench = Bench::start(playbook());
    bench.feed(10, Input::Timeout);
    let why = "a latch was found".to_owned();
    bench.feed(10, Input::GateClosed { why });
    bench.feed(10, planned("kill-1"));
    assert_eq!(bench.exit(), Some(3), "{:#?}", bench.facts);
    assert_eq!(
        count(&bench, |fact| matches!(fact, Fact::InjectIntended { .. })),
        0
    );
}

#[test]
fn a_signal_broken_before_the_fault_still_stops_the_run() {
    let mut book = playbook();
    book.stop_when = vec![StopCondition {
        check: "availability".into(),
        expect: None,
        broken_for: secs(5),
    }];
    book.checks = vec![crate::playbook::Check {
        id: "availability".into(),
        probe: Probe::PodsReady(crate::playbook::PodsReadyProbe {}),
        expect: None,
        every: None,
        when: vec![crate::playbook::When::Fault],
        no_data: crate::playbook::NoData::Unknown,
        for_: None,
    }];
    let mut bench = Bench::start(book);
    bench.see(3, "availability", Verdict::Broken);
    bench.fire(10);
    bench.feed(14, Input::Timeout);
    assert!(bench.run.abort.is_none(), "it counts from the fault on");
    bench.feed(15, Input::Timeout);
    assert!(matches!(&bench.run.abort, Some((_, Why::StopCondition { .. }))));
}

#[test]
fn an_objective_that_was_missed_is_not_overridden_away() {
    let mut bench = Bench::attended(playbook());
    bench.feed(10, Input::Timeout);
    bench.order(10, Order::Arm);
    bench.feed(10, planned("kill-1"));
    bench.order(10, Order::Fire);
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.feed(30, Input::Timeout);
    bench.gone(31, Gone::Proven);
    bench.see(50, "pods-ready", Verdict::Holds);
    bench.feed(
        51,
        Input::Operator(Order::Override {
            reason: "enough".to_owned(),
        }),
    );
    bench.feed(57, Input::Timeout);
    assert_eq!(bench.exit(), Some(1), "{:#?}", bench.facts);
    assert_eq!(bench.kept(), Some(&Kept::Missed));
}

#[test]
fn nothing_fired_is_nothing_held() {
    let mut bench = Bench::attended(playbook());
    for at in 10..15 {
        let reason = "skip".to_owned();
        bench.order(at, Order::Override { reason });
    }
    assert_eq!(bench.exit(), Some(1), "{:#?}", bench.facts);
    assert!(matches!(bench.kept(), Some(Kept::NotJudged { .. })));
}

#[test]
fn missing_data_takes_no_recovery_back() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.see(14, "pods-ready", Verdict::Holds);
    bench.feed(19, Input::Timeout);
    bench.see(25, "pods-ready", Verdict::Unknown);
    bench.see(29, "pods-ready", Verdict::Holds);
    bench.feed(30, Input::Timeout);
    bench.gone(31, Gone::Proven);
    assert_eq!(bench.kept(), Some(&Kept::Met));
    assert_eq!(bench.exit(), Some(0), "{:#?}", bench.facts);
}

#[test]
fn a_hold_that_was_cut_short_is_not_a_miss() {
    let mut book = playbook();
    book.steps[3] = Step::Recover(RecoverStep { timeout: secs(3) });
    let mut bench = Bench::start(book);
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.gone(12, Gone::Proven);
    bench.feed(30, Input::Timeout);
    bench.see(31, "pods-ready", Verdict::Holds);
    bench.feed(33, Input::Timeout);
    assert!(matches!(bench.kept(), Some(Kept::NotJudged { why }) if why.contains("hold")));
}

#[test]
fn a_late_answer_to_an_earlier_arming_does_not_owe_the_same_twice() {
    let mut bench = Bench::attended(playbook());
    bench.feed(10, Input::Timeout);
    bench.order(10, Order::Arm);
    bench.feed(10, planned("kill-1"));
    bench.order(10, Order::Fire);
    bench.gone(11, Gone::Proven);
    // The first injection was never answered: it stays owed, and nothing is armed over it.
    bench.order(12, Order::Arm);
    bench.feed(12, planned("kill-1"));
    bench.order(12, Order::Fire);
    assert_eq!(bench.run.fired.len(), 1);
    bench.feed(12, planned("kill-2"));
    bench.order(12, Order::Fire);
    assert_eq!(
        bench.run.owed().map(|debt| debt.id.as_str()).collect::<Vec<_>>(),
        ["kill-1"]
    );
}

#[test]
fn an_undo_that_gets_on_is_not_started_again() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.feed(30, Input::Timeout);
    assert_eq!(undos(&bench), 1);
    for at in 31..90 {
        bench.gone(
            at,
            Gone::Recovering {
                done: usize::from(at > 60),
                of: 2,
            },
        );
    }
    assert_eq!(undos(&bench), 1);
    let seen = |fact: &Fact| matches!(fact, Fact::RevertSettled { .. });
    assert_eq!(count(&bench, seen), 2, "the same again is no news");
    // It says nothing any more.
    bench.feed(61 + 120, Input::Timeout);
    bench.feed(61 + 131, Input::Timeout);
    assert_eq!(undos(&bench), 2);
}

#[test]
fn after_a_kill_nobody_makes_the_engine_pay() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.feed(12, Input::Killed { by: "key".to_owned() });
    bench.order(13, Order::PayAgain);
    assert_eq!(undos(&bench), 0);
}

#[test]
fn the_end_of_an_earlier_kill_is_not_the_end_of_this_one() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.feed(11, Input::KillEnded { clear: true });
    bench.feed(12, Input::Killed { by: "key".to_owned() });
    assert_eq!(bench.exit(), None, "{:#?}", bench.facts);
    let debt = DebtId::new("kill-1");
    bench.feed(
        13,
        Input::KillSaw {
            debt,
            gone: Gone::Proven,
        },
    );
    bench.feed(14, Input::KillEnded { clear: false });
    assert_eq!(bench.exit(), Some(5));
    let clean = |fact: &Fact| matches!(fact, Fact::RunEnded { summary, .. } if summary.contains("clean"));
    assert_eq!(
        count(&bench, clean),
        0,
        "what the kill did not see clear is not called so"
    );
}

#[test]
fn a_reason_of_the_same_weight_changes_nothing() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    for error in ["a", "b", "a"] {
        let error = crate::units::ErrorChain::message(error);
        bench.feed(12, Input::JournalLost { error });
    }
    bench.order(12, Order::Quit);
    assert_eq!(count(&bench, |fact| matches!(fact, Fact::AbortBegan { .. })), 1);
}

#[test]
fn a_broken_check_that_is_no_recovery_signal_does_not_hold_the_clean_up() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.see(11, "errors", Verdict::Broken);
    bench.feed(30, Input::Timeout);
    bench.gone(31, Gone::Proven);
    bench.feed(36, Input::Timeout);
    assert!(matches!(bench.kept(), Some(Kept::NotJudged { why }) if why.contains("no impact")));
    assert_eq!(bench.exit(), Some(1), "{:#?}", bench.facts);
}

#[test]
fn what_is_proven_gone_before_its_creation_is_answered_is_still_owed() {
    let mut bench = Bench::start(playbook());
    bench.feed(10, Input::Timeout);
    let fault = crate::units::FaultId::new("kill");
    let outcome = Ok(Box::new(plan()));
    bench.feed(10, Input::Planned { fault, outcome });
    bench.order(11, Order::Quit);
    let debt = DebtId::new("kill-1");
    let gone = Gone::Proven;
    bench.feed(12, Input::Reverted { debt, gone });
    assert_eq!(bench.run.owed().count(), 1);
    assert_eq!(bench.exit(), None);
    let debt = DebtId::new("kill-1");
    let error = crate::units::ErrorChain::message("withdrawn");
    let outcome = Injected::No { error };
    bench.feed(13, Input::Injected { debt, outcome });
    bench.feed(30, Input::Timeout);
    let debt = DebtId::new("kill-1");
    let gone = Gone::Proven;
    bench.feed(31, Input::Reverted { debt, gone });
    assert_eq!(bench.exit(), Some(3), "{:#?}", bench.facts);
}

#[test]
fn a_run_taken_up_again_while_it_was_ending_tries_to_pay_anew() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.feed(12, Input::Killed { by: "key".to_owned() });
    let how = crate::clock::Resumed::SameBoot;
    let unattended = Unattended::Yes;
    bench.feed(2_000, Input::Resumed { how, unattended });
    assert_eq!(bench.exit(), None, "its ending begins anew");
    assert!(
        bench.run.fired[0].reverting.is_some(),
        "the hand that paid died with its process"
    );
    let debt = DebtId::new("kill-1");
    let gone = Gone::Proven;
    bench.feed(2_001, Input::Reverted { debt, gone });
    assert_eq!(bench.exit(), Some(5), "nobody saw the rest clear");
}

#[test]
fn a_second_kill_after_a_resume_is_a_kill_of_its_own() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    bench.feed(12, Input::Killed { by: "key".to_owned() });
    let how = crate::clock::Resumed::SameBoot;
    let unattended = Unattended::No;
    bench.feed(20, Input::Resumed { how, unattended });
    bench.feed(21, Input::Killed { by: "key".to_owned() });
    assert!(bench.run.killed_here);
    let debt = DebtId::new("kill-1");
    let gone = Gone::Proven;
    bench.feed(22, Input::KillSaw { debt, gone });
    assert_eq!(bench.exit(), None, "it waits for its own sweep");
    bench.feed(23, Input::KillEnded { clear: true });
    assert_eq!(bench.exit(), Some(4));
}

#[test]
fn nothing_is_armed_over_a_steady_state_that_does_not_hold() {
    let mut bench = Bench::start(playbook());
    bench.run.unattended = Unattended::No;
    bench.shadow.unattended = Unattended::No;
    bench.feed(10, Input::Timeout);
    bench.order(10, Order::Disarm);
    let fault = crate::units::FaultId::new("kill");
    let outcome = Err(Refusal {
        why: "busy".to_owned(),
        hint: None,
    });
    bench.feed(10, Input::Planned { fault, outcome });
    bench.see(11, "pods-ready", Verdict::Broken);
    bench.order(12, Order::Arm);
    let refused =
        |fact: &Fact| matches!(fact, Fact::Refused { refusal, .. } if refusal.why.contains("pods-ready"));
    assert_eq!(count(&bench, refused), 1, "{:#?}", bench.facts);
}

#[test]
fn all_of_fewer_is_no_recovery() {
    let mut bench = Bench::start(playbook());
    let parts = |at: u64, have: u32, want: u32, verdict| Input::Seen {
        check: CheckId::new("pods-ready"),
        verdict,
        reading: Reading {
            at: Mark::from_secs(at),
            observed: Observed::Parts { have, want },
            resolution: Duration::from_millis(100),
        },
    };
    bench.feed(1, parts(1, 2, 3, Verdict::Broken));
    bench.feed(2, parts(2, 3, 3, Verdict::Holds));
    bench.fire(20);
    bench.feed(21, parts(21, 2, 3, Verdict::Broken));
    bench.feed(22, parts(22, 2, 2, Verdict::Holds));
    bench.feed(40, Input::Timeout);
    bench.gone(41, Gone::Proven);
    bench.feed(200, Input::Timeout);
    bench.feed(206, Input::Timeout);
    assert!(
        matches!(bench.kept(), Some(Kept::NotJudged { why }) if why.contains("pods-ready")),
        "{:?}",
        bench.kept()
    );
    assert_eq!(bench.exit(), Some(1));
}

#[test]
fn an_end_that_was_seen_late_does_not_make_a_recovery_of_no_time() {
    let mut book = playbook();
    if let Some(recovery) = &mut book.recovery {
        recovery.clock = ClockFrom::FaultEnd;
    }
    let mut bench = Bench::start(book);
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    // Somebody deleted it; nobody here saw when.
    bench.see(16, "pods-ready", Verdict::Holds);
    bench.feed(30, Input::Timeout);
    bench.gone(31, Gone::Proven);
    bench.feed(36, Input::Timeout);
    assert!(
        matches!(bench.kept(), Some(Kept::NotJudged { why }) if why.contains("before the fault was seen to end")),
        "{:?}",
        bench.kept()
    );
}

#[test]
fn a_stop_condition_does_not_run_while_nobody_looks() {
    let mut book = playbook();
    book.stop_when = vec![StopCondition {
        check: "pods-ready".into(),
        expect: None,
        broken_for: secs(20),
    }];
    let mut bench = Bench::start(book);
    bench.fire(10);
    bench.see(11, "pods-ready", Verdict::Broken);
    let how = crate::clock::Resumed::SameBoot;
    let unattended = Unattended::Yes;
    bench.feed(50, Input::Resumed { how, unattended });
    assert_eq!(bench.run.abort, None, "{:#?}", bench.facts);
    bench.see(51, "pods-ready", Verdict::Broken);
    bench.feed(72, Input::Timeout);
    assert!(matches!(bench.run.abort, Some((_, Why::StopCondition { .. }))));
}

#[test]
fn a_steady_state_that_breaks_before_the_fault_ends_an_unattended_run() {
    let mut bench = Bench::start(playbook());
    bench.run.unattended = Unattended::No;
    bench.shadow.unattended = Unattended::No;
    bench.feed(10, Input::Timeout);
    bench.see(11, "pods-ready", Verdict::Broken);
    let how = crate::clock::Resumed::SameBoot;
    let unattended = Unattended::Yes;
    bench.feed(12, Input::Resumed { how, unattended });
    bench.feed(13, Input::Timeout);
    assert_eq!(bench.exit(), Some(3), "{:#?}", bench.facts);
    assert!(bench.run.fired.is_empty());
}

#[test]
fn whoever_latched_the_cluster_has_the_first_hand() {
    let mut bench = Bench::start(playbook());
    bench.fire(10);
    let by = "in the cluster".to_owned();
    bench.feed(12, Input::Latched { by });
    assert_eq!(undos(&bench), 0);
    assert!(
        bench
            .run
            .deadline(Mark::from_secs(12))
            .is_some_and(|at| at <= Mark::from_secs(22))
    );
    bench.feed(22, Input::Timeout);
    assert_eq!(undos(&bench), 1);
    bench.gone(23, Gone::Proven);
    assert_eq!(bench.exit(), Some(4));
}
