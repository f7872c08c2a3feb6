//! What a run says about itself afterwards: whole pages as snapshots, and what must be true of every page.

use firedrill::evidence::{Observed, Verdict};
use firedrill::fault::{Gone, Lasting};
use firedrill::journal::{Damage, Head, Journal};
use firedrill::report::words::{Names, sentence, sign};
use firedrill::report::{Life, Row, Summary, entries, json, json_text, lines, markdown};
use firedrill::run::{Fact, Kept, StepOutcome, Tag, Ticked, Why};
use firedrill::text::{printable, width};
use firedrill::units::{Mark, RunId, StepIx};
use proptest::prelude::*;

use crate::journal_samples::{
    HOSTILE, RUN, check, debt, every, injected, objective, parts, playbook, record, secs, started,
};

/// Facts of the console with their seconds, as a journal.
fn journal(facts: Vec<(u64, Fact)>) -> Journal {
    let records: Vec<_> = (0..)
        .zip(facts)
        .map(|(seq, (at, fact))| record("console", seq, at, fact))
        .collect();
    let head = Head {
        file: "console".to_owned(),
        lines: records.len(),
        sha256: "c0ffee".repeat(8),
    };
    Journal {
        records,
        damage: Vec::new(),
        heads: vec![head],
    }
}

fn fold(journal: &Journal) -> Summary {
    Summary::of(&RunId::new(RUN), journal, Life::Gone)
}

fn began(step: usize) -> Fact {
    Fact::StepBegan { step: StepIx(step) }
}

fn ended(step: usize, outcome: StepOutcome) -> Fact {
    Fact::StepEnded {
        step: StepIx(step),
        outcome,
    }
}

fn note(text: &str, tags: &[Tag]) -> Fact {
    Fact::NoteAdded {
        text: text.to_owned(),
        tags: tags.to_vec(),
        author: None,
    }
}

/// From the briefing to a fired one-shot.
fn until_fired() -> Vec<(u64, Fact)> {
    let one = debt("kill-one-1", Lasting::OneShot);
    vec![
        (0, started()),
        (
            0,
            Fact::CheckNotMeasured {
                check: "availability".into(),
                why: "no source `prometheus`".to_owned(),
            },
        ),
        (0, began(0)),
        (0, check("pods-ready", 0, Verdict::Holds, parts(3))),
        (0, check("endpoints", 0, Verdict::Holds, parts(3))),
        (1, ended(0, StepOutcome::Passed)),
        (1, began(1)),
        (
            1,
            Fact::ItemTicked {
                step: StepIx(1),
                item: 0,
                ticked: Ticked::Yes,
            },
        ),
        (
            2,
            ended(
                1,
                StepOutcome::Overridden {
                    reason: HOSTILE.to_owned(),
                },
            ),
        ),
        (2, began(2)),
        (2, Fact::BaselineBegan),
        (31, ended(2, StepOutcome::Passed)),
        (31, began(3)),
        (
            31,
            Fact::ArmAsked {
                fault: "kill-one".into(),
                attempt: 1,
            },
        ),
        (31, Fact::PredictionsLocked),
        (
            31,
            Fact::InjectIntended {
                debt: one.clone(),
                manifest: serde_json::json!({}),
            },
        ),
        (32, injected(&one, 32, &["default/emqx-go-1"])),
        (32, ended(3, StepOutcome::Passed)),
        (
            32,
            Fact::ObjectiveStarted {
                from: Mark::from_secs(32),
            },
        ),
    ]
}

fn settled(gone: Gone) -> Fact {
    Fact::RevertSettled {
        debt: "kill-one-1".into(),
        gone,
    }
}

/// A run that held, with people, Chinese, hostile text and corrected times.
fn full() -> Journal {
    let mut facts = until_fired();
    let symptom = check("pods-ready", 33, Verdict::Broken, parts(2));
    facts.extend([
        (33, symptom),
        (
            33,
            Fact::Symptom {
                check: "pods-ready".into(),
                at: Mark::from_secs(33),
                resolution: secs(1),
            },
        ),
        (36, Fact::Detected),
        (37, note("先看仪表盘\nthen the logs", &[Tag::Observation])),
        (38, note(HOSTILE, &[Tag::Surprise, Tag::Risk])),
        (40, check("pods-ready", 40, Verdict::Holds, parts(3))),
        (
            40,
            Fact::Recovering {
                since: Mark::from_secs(40),
            },
        ),
        (
            45,
            Fact::ObjectiveStopped {
                objective: objective(Kept::Met, Some(8)),
            },
        ),
        (
            46,
            Fact::RevertIntended {
                debt: "kill-one-1".into(),
            },
        ),
        (47, settled(Gone::Proven)),
        (
            48,
            Fact::TimeCorrected {
                seq: 21,
                at: Mark::from_secs(35),
                reason: "pressed late".to_owned(),
            },
        ),
        (
            48,
            Fact::TimeCorrected {
                seq: 16,
                at: Mark::from_secs(28),
                reason: "clock of the node".to_owned(),
            },
        ),
        (
            50,
            Fact::PredictionScored {
                prediction: 0,
                came_true: Some(false),
            },
        ),
        (
            51,
            Fact::Answered {
                step: StepIx(7),
                question: 0,
                text: "重连用了 9 秒\n| not 5".to_owned(),
            },
        ),
        (52, note("alert on reconnects", &[Tag::ActionItem])),
        (
            53,
            Fact::Unknown(serde_json::json!({"fact": "moon-phase", "phase": HOSTILE})),
        ),
        (60, Fact::EndingBegan),
        (
            60,
            Fact::RunEnded {
                exit: 0,
                summary: "held".to_owned(),
            },
        ),
    ]);
    journal(facts)
}

/// A run that its stop condition ended.
fn aborted() -> Journal {
    let mut facts = until_fired();
    facts.extend([
        (
            33,
            check(
                "availability",
                33,
                Verdict::Broken,
                Observed::Number { value: 0.33 },
            ),
        ),
        (
            33,
            Fact::StopConditionRunning {
                check: "availability".into(),
                since: Mark::from_secs(33),
            },
        ),
        (
            48,
            Fact::AbortBegan {
                why: Why::StopCondition {
                    check: "availability".into(),
                },
            },
        ),
        (
            48,
            Fact::RevertIntended {
                debt: "kill-one-1".into(),
            },
        ),
        (49, settled(Gone::Recovering { done: 0, of: 1 })),
        (51, settled(Gone::Proven)),
        (
            51,
            Fact::RunEnded {
                exit: 3,
                summary: "aborted by the stop condition on availability, clean".to_owned(),
            },
        ),
    ]);
    journal(facts)
}

/// A run that was killed, whose kill paid one debt in a file of its own and left one.
fn killed() -> Journal {
    let mut facts = until_fired();
    let delay = debt("delay-1", Lasting::UntilUndone);
    facts.extend([
        (
            33,
            Fact::InjectIntended {
                debt: delay,
                manifest: serde_json::json!({}),
            },
        ),
        (
            34,
            Fact::GateClosed {
                why: "kill switch: ctrl-k".to_owned(),
            },
        ),
        (
            34,
            Fact::AbortBegan {
                why: Why::Killed {
                    by: "ctrl-k".to_owned(),
                },
            },
        ),
        (
            40,
            Fact::HandedOver {
                owed: vec!["delay-1".into()],
            },
        ),
        (
            40,
            Fact::RunEnded {
                exit: 5,
                summary: "1 debt owed: not proven gone".to_owned(),
            },
        ),
    ]);
    let mut journal = journal(facts);
    let stuck = Gone::Stuck {
        why: "daemon unreachable".to_owned(),
        at: Some("node n2".to_owned()),
    };
    let kill = [
        (41, settled(Gone::Proven)),
        (
            42,
            Fact::RevertSettled {
                debt: "delay-1".into(),
                gone: stuck,
            },
        ),
        (43, Fact::KillEnded { clear: false }),
    ];
    let kill = (0..)
        .zip(kill)
        .map(|(seq, (at, fact))| record("kill-4711", seq, at, fact));
    journal.records.extend(kill);
    journal.heads.push(Head {
        file: "kill-4711".to_owned(),
        lines: 3,
        sha256: "decade".repeat(8),
    });
    journal
}

/// A run whose process died, and whose journal somebody changed.
fn damaged() -> Journal {
    let mut journal = journal(until_fired());
    journal.damage = vec![
        Damage::Chain {
            file: "console".to_owned(),
            line: 4,
        },
        Damage::Unreadable {
            file: "console".to_owned(),
            line: 7,
            why: HOSTILE.to_owned(),
        },
        Damage::Torn {
            file: "console".to_owned(),
            line: 20,
            bytes: 17,
        },
    ];
    journal
}

#[test]
fn a_run_that_held() {
    let summary = fold(&full());
    insta::assert_snapshot!("full_md", markdown(&summary));
    insta::assert_snapshot!("full_show", lines(&summary, Some(100)));
    insta::assert_snapshot!("full_json", json_text(&json(&summary)));
}

#[test]
fn a_run_that_was_aborted() {
    let summary = fold(&aborted());
    insta::assert_snapshot!("aborted_md", markdown(&summary));
    insta::assert_snapshot!("aborted_show", lines(&summary, None));
}

#[test]
fn a_run_that_was_killed_and_still_owes() {
    let summary = fold(&killed());
    insta::assert_snapshot!("killed_md", markdown(&summary));
    insta::assert_snapshot!("killed_show", lines(&summary, None));
    assert_eq!(json(&summary)["owed"]["debts"][0]["debt"]["id"], "delay-1");
}

#[test]
fn a_run_of_which_nothing_is_known() {
    let summary = fold(&Journal::default());
    insta::assert_snapshot!("empty_md", markdown(&summary));
    insta::assert_snapshot!("empty_show", lines(&summary, None));
    insta::assert_snapshot!("empty_json", json_text(&json(&summary)));
}

#[test]
fn a_damaged_run_says_so_and_who_died_is_unfinished() {
    let journal = damaged();
    let summary = fold(&journal);
    insta::assert_snapshot!("damaged_show", lines(&summary, None));
    let page = markdown(&summary);
    assert!(
        page.contains("The record is damaged") && page.contains("unfinished"),
        "{page}"
    );
    let row = Row::of(&RunId::new(RUN), &journal, Life::Gone);
    assert_eq!((row.outcome(), row.owed), ("unfinished", 1));
    let row = Row::of(&RunId::new(RUN), &journal, Life::Running);
    assert_eq!(row.outcome(), "running");
}

#[test]
fn rows_of_a_list_keep_their_columns() {
    let rows = [full(), aborted(), killed(), damaged(), Journal::default()]
        .map(|journal| Row::of(&RunId::new(RUN), &journal, Life::Gone).line());
    insta::assert_snapshot!("list", format!("{}\n{}", Row::heads(), rows.join("\n")));
    let column = |line: &str, word: &str| line.find(word).map(|at| width(&line[..at]));
    let expected = column(&Row::heads(), "PLAYBOOK");
    for row in &rows[..4] {
        assert_eq!(column(row, "emqx-pod-kill"), expected, "{row}");
    }
}

#[test]
fn corrected_times_stand_beside_the_original_and_never_replace_it() {
    let summary = fold(&full());
    let detected = summary.detected.clone().unwrap().moment;
    assert_eq!(
        (detected.at, detected.best()),
        (Mark::from_secs(36), Mark::from_secs(35))
    );
    let story = summary.objective.clone().unwrap();
    assert_eq!(
        (story.objective.kept, story.objective.took),
        (Kept::Met, Some(secs(8)))
    );
    // Injected four seconds earlier than recorded: recovery took that much longer.
    assert_eq!(story.corrected, Some((secs(12), Kept::Acceptable)));
}

#[test]
fn who_was_paid_after_the_end_is_not_said_to_owe() {
    let mut journal = killed();
    journal.records.push(record(
        "warden",
        0,
        60,
        Fact::RevertSettled {
            debt: "delay-1".into(),
            gone: Gone::Proven,
        },
    ));
    let row = Row::of(&RunId::new(RUN), &journal, Life::Gone);
    assert_eq!((row.outcome(), row.owed), ("owed, paid since", 0));
    assert!(lines(&fold(&journal), None).contains("paid since"));
}

#[test]
fn every_fact_has_a_line_that_obeys_nobody() {
    let book = Names::of(&playbook());
    for fact in every() {
        for names in [&book, &Names::default()] {
            let line = sentence(&fact, names);
            assert!(!line.trim().is_empty(), "{fact:?}");
            assert_eq!(line, printable(&line), "{fact:?}");
        }
        let sign = sign(&fact);
        assert_eq!((width(sign.glyph), width(sign.ascii)), (1, 1), "{fact:?}");
        assert!(sign.ascii.is_ascii());
    }
}

/// The bars of a Markdown line that divide cells.
fn bars(line: &str) -> usize {
    line.match_indices('|')
        .filter(|(at, _)| !line[..*at].ends_with('\\'))
        .count()
}

/// A Markdown line without its code, which is shown as it is.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches('`').len();
        let fence = &rest[..run];
        let closing = rest[run..].split_inclusive(|c| c != '`').scan(run, |at, part| {
            let ticks = part.trim_end_matches(|c| c != '`').len();
            let start = *at;
            *at += part.len();
            Some((start, ticks))
        });
        let end = closing
            .filter(|(_, ticks)| *ticks == run)
            .map(|(start, _)| start + run)
            .next();
        if c == '\\' {
            let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
            out.push('.');
            rest = &rest[1 + escaped..];
        } else if run > 0 {
            let end = end.unwrap_or_else(|| panic!("code that is not closed: {line}"));
            assert!(!fence.is_empty());
            rest = &rest[end..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// A journal with `text` wherever text can come from outside.
#[allow(clippy::assigning_clones, reason = "one sample a fact, once")]
fn poisoned(text: &str) -> Journal {
    let mut facts = Vec::new();
    for mut fact in every() {
        match &mut fact {
            Fact::RunStarted {
                playbook,
                cluster,
                version,
                ..
            } => {
                playbook.name = text.to_owned();
                playbook.title = firedrill::playbook::Title::One(text.to_owned());
                playbook.target.namespace = text.to_owned();
                playbook.predict = vec![firedrill::playbook::Title::One(text.to_owned())];
                cluster.context = text.to_owned();
                cluster.server = text.to_owned();
                *version = text.to_owned();
            }
            Fact::InjectIntended { debt, .. } => debt.summary = text.to_owned(),
            Fact::NoteAdded {
                text: note, author, ..
            } => {
                *note = text.to_owned();
                *author = Some(text.to_owned());
            }
            Fact::Answered { text: answer, .. } => *answer = text.to_owned(),
            Fact::CheckNotMeasured { check, why } => {
                *check = text.into();
                *why = text.to_owned();
            }
            Fact::TimeCorrected { reason, .. } => *reason = text.to_owned(),
            Fact::RunEnded { summary, .. } => *summary = text.to_owned(),
            Fact::GateClosed { why } => *why = text.to_owned(),
            _ => {}
        }
        facts.push((facts.len() as u64, fact));
    }
    journal(facts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_from_outside_breaks_a_page(
        text in proptest::collection::vec(
            prop_oneof![
                any::<char>(),
                proptest::sample::select(vec!['|', '`', '<', '>', '[', ']', '\\', '\n', '\r', '\u{1b}', '#', '-', '*', '@', ' ', '/', ':', '中', '\u{202e}']),
            ],
            0..40,
        ),
    ) {
        let text: String = text.into_iter().collect();
        let journal = poisoned(&text);
        let summary = fold(&journal);
        let page = markdown(&summary);
        let mut due = None;
        for line in page.lines() {
            prop_assert_eq!(printable(line), line);
            let shown = without_code(line);
            for (at, _) in shown.match_indices('<') {
                prop_assert!(shown[at..].starts_with("<br>"), "{}", line);
            }
            prop_assert!(!shown.contains("](") && !shown.contains("://") && !shown.contains('@'), "{}", line);
            // Every row of a table has as many cells as its head.
            due = line.starts_with('|').then(|| due.unwrap_or_else(|| bars(line)));
            if let Some(due) = due {
                prop_assert_eq!(bars(line), due, "{}", line);
            }
        }
        let heads = page.lines().filter(|line| line.starts_with("## ")).count();
        prop_assert_eq!(heads, markdown(&fold(&poisoned(""))).lines().filter(|line| line.starts_with("## ")).count());
        for text in [lines(&summary, None), lines(&summary, Some(60)), json_text(&entries(&summary))] {
            for line in text.lines() {
                prop_assert_eq!(printable(line), line);
            }
        }
        let back: serde_json::Value = serde_json::from_str(&json_text(&entries(&summary))).unwrap();
        prop_assert_eq!(back, entries(&summary));
        let row = Row::of(&RunId::new(RUN), &journal, Life::Gone).line();
        prop_assert_eq!(printable(&row), row.as_str());
    }
}
