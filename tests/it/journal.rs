//! The record on disk: what a crash, a hand or a later version can do to it, and what it still says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use firedrill::evidence::{Observed, Verdict};
use firedrill::fault::{Gone, Lasting};
use firedrill::journal::{Damage, Durability, Process, Store, Writer, merge, owed, read, skim};
use firedrill::run::{Entry, Fact};
use firedrill::units::{Mark, RunId};
use proptest::prelude::*;

use crate::journal_samples::{
    HOSTILE, KINDS, RUN, check, debt, entries, entry, every, injected, kind, reading, wall,
};

/// The bytes of a journal of `entries`, and where each line ends.
fn written(entries: &[Entry]) -> (Vec<u8>, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.console.jsonl");
    let mut writer = Writer::create(&path).unwrap();
    let mut ends = Vec::new();
    for entry in entries {
        let durability = writer.append(std::slice::from_ref(entry)).unwrap();
        assert_eq!(
            durability == Durability::Synced,
            entry.fact.creates_debt(),
            "only a debt waits for the disk"
        );
        ends.push(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap());
    }
    (fs::read(&path).unwrap(), ends)
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

#[test]
fn every_kind_of_fact_has_a_sample_and_survives_the_journal() {
    let samples = entries();
    let mut seen = [false; KINDS];
    for fact in every() {
        seen[kind(&fact)] = true;
    }
    assert!(seen.iter().all(|seen| *seen), "{seen:?}");
    let (bytes, _) = written(&samples);
    let journal = read("console", &bytes);
    assert!(journal.damage.is_empty(), "{:?}", journal.damage);
    for (back, sample) in journal.entries().zip(&samples) {
        assert_eq!(back, sample);
    }
    assert_eq!(journal.records.len(), samples.len());
}

#[test]
fn a_cut_at_any_byte_loses_nothing_that_was_whole() {
    let samples: Vec<_> = entries().into_iter().skip(7).take(16).collect();
    let (bytes, ends) = written(&samples);
    for cut in 0..=bytes.len() {
        let journal = read("console", &bytes[..cut]);
        // What was acknowledged ends at or before the cut.
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let kept: Vec<_> = journal.entries().collect();
        assert_eq!(kept, samples[..whole].iter().collect::<Vec<_>>(), "cut at {cut}");
        let torn = cut > 0 && !ends.contains(&cut);
        assert_eq!(
            journal.damage.len(),
            usize::from(torn),
            "cut at {cut}: {:?}",
            journal.damage
        );
        assert!(journal.is_intact(), "a torn end is no change");
        assert_eq!(journal.heads[0].lines, whole);
    }
}

#[test]
fn after_a_torn_end_the_chain_goes_on() {
    let samples: Vec<_> = entries().into_iter().take(9).collect();
    let (bytes, ends) = written(&samples);
    let folder = tempfile::tempdir().unwrap();
    let last_two = ends[ends.len() - 3];
    // Every byte of the last two lines, and the very beginning.
    for cut in (0..40).chain(last_two..=bytes.len()) {
        let path = folder.path().join(format!("{cut}.jsonl"));
        write(&path, &bytes[..cut]);
        let (mut writer, lost) = Writer::reopen(&path).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let end = whole.checked_sub(1).map_or(0, |line| ends[line]);
        assert_eq!(lost, (cut - end) as u64);
        let next = entry(whole as u64, 999, Fact::Detected);
        writer.append(std::slice::from_ref(&next)).unwrap();
        let journal = read("console", &fs::read(&path).unwrap());
        assert!(journal.damage.is_empty(), "cut at {cut}: {:?}", journal.damage);
        assert_eq!(journal.records.len(), whole + 1);
        assert_eq!(journal.entries().last(), Some(&next));
        assert_eq!(journal.heads[0].sha256, writer.head());
    }
}

#[test]
fn a_change_of_any_byte_is_reported() {
    let few: Vec<_> = entries().into_iter().skip(1).take(6).collect();
    let (bytes, ends) = written(&few);
    let head = read("console", &bytes).heads[0].sha256.clone();
    for at in 0..bytes.len() {
        for change in [bytes[at] ^ 1, b'\n', b'"', b' '] {
            let mut changed = bytes.clone();
            changed[at] = change;
            if changed == bytes {
                continue;
            }
            let journal = read("console", &changed);
            let told = !journal.is_intact();
            // The last line has no follower to witness it: only the head does, which is why it is printed.
            let in_last = at >= ends[ends.len() - 2];
            let head_moved = journal.heads[0].sha256 != head;
            assert!(told || (in_last && head_moved), "byte {at} to {change}");
        }
    }
    let line = |n: usize| &bytes[n.checked_sub(1).map_or(0, |n| ends[n])..ends[n]];
    let without_third = [line(0), line(1), line(3), line(4), line(5)].concat();
    assert!(!read("console", &without_third).is_intact(), "a line taken out");
    let swapped = [line(0), line(2), line(1), line(3), line(4), line(5)].concat();
    assert!(!read("console", &swapped).is_intact(), "two lines swapped");
    let doubled = [line(0), line(1), line(1), line(2), line(3)].concat();
    assert!(!read("console", &doubled).is_intact(), "a line said twice");
    let without_first = bytes[ends[0]..].to_vec();
    assert!(
        !read("console", &without_first).is_intact(),
        "the first line taken out"
    );
}

#[test]
fn files_of_several_processes_are_read_as_one_by_time() {
    let console: Vec<_> = [0, 4, 8].map(|at| entry(at, at, Fact::Detected)).to_vec();
    let mut warden: Vec<_> = [(0, 4), (1, 6), (2, 9)]
        .map(|(seq, at)| entry(seq, at, Fact::Mitigated))
        .to_vec();
    // Its clock went back: within a file the order of writing stands.
    warden[2].wall = wall(1);
    let merged = merge(vec![
        read("console", &written(&console).0),
        read("warden", &written(&warden).0),
    ]);
    let order: Vec<_> = merged
        .records
        .iter()
        .map(|r| (r.file.as_str(), r.entry.seq))
        .collect();
    let expected = [
        ("console", 0),
        ("console", 4),
        ("warden", 0),
        ("warden", 1),
        ("warden", 2),
        ("console", 8),
    ];
    assert_eq!(order, expected);
    assert_eq!(merged.heads.len(), 2);
}

#[test]
fn a_run_on_disk_is_private_locked_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path().join("state"));
    let id = RunId::new(RUN);
    let run = store.create(&id, "firedrill: 1\n").unwrap();
    assert!(store.create(&id, "").is_err(), "a run is never made twice");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert!(!run.is_live());
    let mut console = run.writer(Process::Console).unwrap();
    let mut kill = run.writer(Process::Kill(4711)).unwrap();
    console.append(&entries()).unwrap();
    kill.append(&[entry(0, 3, Fact::KillEnded { clear: true })])
        .unwrap();
    assert!(run.is_live());
    assert!(run.writer(Process::Console).is_err(), "one process a file");
    for file in fs::read_dir(run.path()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    for folder in [store.state(), store.runs(), run.path()] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    drop((console, kill));
    assert!(!run.is_live());
    let found = store.open("last").unwrap();
    assert_eq!(found.id(), &id);
    let journal = found.read().unwrap();
    assert_eq!(journal.records.len(), entries().len() + 1);
    assert!(journal.damage.is_empty(), "{:?}", journal.damage);
    for bad in ["..", "../x", "20261121-033247-a9f0/..", ""] {
        assert!(store.open(bad).is_err(), "{bad}");
    }
}

#[test]
fn facts_of_a_later_version_are_kept_as_they_are() {
    let (bytes, _) = written(&[entry(0, 0, Fact::Detected)]);
    let prev = firedrill::journal::hash(bytes.strip_suffix(b"\n").unwrap());
    // Keys in an order of its own, numbers that no float holds, a known name with another shape.
    let facts = [
        r#"{"fact":"moon-phase","z":1,"a":123456789012345678901234567890,"text":"\u0007中文"}"#,
        r#"{"fact":"inject-intended","debts":["new shape"]}"#,
    ];
    let mut bytes = bytes;
    let mut prev = prev;
    for (seq, fact) in facts.iter().enumerate() {
        let line = format!(
            r#"{{"v":2,"seq":{},"at_ns":1,"wall":"2026-11-21T03:32:48Z","prev":"{prev}","fact":{fact},"new":true}}"#,
            seq + 1
        );
        prev = firedrill::journal::hash(line.as_bytes());
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.jsonl");
    write(&path, &bytes);
    let (mut writer, lost) = Writer::reopen(&path).unwrap();
    writer.append(&[entry(3, 2, Fact::Mitigated)]).unwrap();
    assert_eq!(lost, 0);
    let after = fs::read(&path).unwrap();
    assert!(after.starts_with(&bytes), "not a byte of it was touched");
    let journal = read("console", &after);
    assert!(journal.damage.is_empty(), "{:?}", journal.damage);
    assert!(matches!(&journal.records[1].entry.fact, Fact::Unknown(value) if value["fact"] == "moon-phase"));
    let owed = owed(journal.entries());
    assert_eq!(owed.not_understood, [2], "what may be a debt is no debt paid");
    assert!(!owed.is_clear());
}

#[test]
fn skimming_leaves_out_only_what_it_was_told() {
    let (bytes, _) = written(&entries());
    let whole = read("console", &bytes);
    let skimmed = skim("console", &bytes, &["check-changed", "note-added"]);
    let wanted = |fact: &Fact| !matches!(fact, Fact::CheckChanged { .. } | Fact::NoteAdded { .. });
    let expected: Vec<_> = whole.records.iter().filter(|r| wanted(&r.entry.fact)).collect();
    assert_eq!(skimmed.records.iter().collect::<Vec<_>>(), expected);
    assert_eq!(owed(skimmed.entries()), owed(whole.entries()));
}

/// What can happen to two debts, and what is left open by it, told apart from the code under test.
fn debt_facts() -> impl Strategy<Value = Vec<Fact>> {
    let one = prop_oneof![Just("kill-1"), Just("delay-1")].prop_flat_map(|id| {
        let fact = move |n: usize| {
            let debt = debt(id, Lasting::UntilUndone);
            match n {
                0 => Fact::InjectIntended {
                    debt,
                    manifest: serde_json::json!({}),
                },
                1 => injected(&debt, 1, &["default/p"]),
                2 => Fact::RevertIntended { debt: debt.id },
                3 => Fact::RevertSettled {
                    debt: debt.id,
                    gone: Gone::Proven,
                },
                4 => Fact::RevertSettled {
                    debt: debt.id,
                    gone: Gone::ForcedUnverified,
                },
                5 => Fact::RevertSettled {
                    debt: debt.id,
                    gone: Gone::Unverified { why: String::new() },
                },
                _ => Fact::RunEnded {
                    exit: 0,
                    summary: String::new(),
                },
            }
        };
        (0_usize..7).prop_map(fact)
    });
    proptest::collection::vec(one, 0..24)
}

proptest! {
    #[test]
    fn what_is_owed_is_never_less_than_what_was_not_proven_gone(facts in debt_facts(), cut in 0.0..1.0_f64) {
        let all: Vec<_> = (0..).zip(facts).map(|(n, fact)| entry(n, n, fact)).collect();
        let (bytes, _) = written(&all);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let cut = (bytes.len() as f64 * cut) as usize;
        let journal = read("console", &bytes[..cut]);
        let owed: Vec<_> = owed(journal.entries()).debts.into_iter().map(|owed| owed.debt.id).collect();
        for id in ["kill-1", "delay-1"] {
            let of = |fact: &Fact| match fact {
                Fact::InjectIntended { debt, .. } if debt.id.as_str() == id => Some(true),
                Fact::RevertSettled { debt, gone: Gone::Proven } if debt.as_str() == id => Some(false),
                _ => None,
            };
            let open = journal.entries().filter_map(|entry| of(&entry.fact)).last() == Some(true);
            prop_assert_eq!(owed.iter().any(|debt| debt.as_str() == id), open);
        }
    }

    #[test]
    fn any_text_and_any_number_survives(text in any::<String>(), value in any::<f64>(), at in any::<u64>()) {
        let note = Fact::NoteAdded { text, tags: Vec::new(), author: None };
        let mut seen = check("c", 0, Verdict::Unknown, Observed::Number { value });
        if let Fact::CheckChanged { reading, .. } = &mut seen {
            reading.at = Mark::from_nanos(at);
        }
        let (bytes, _) = written(&[entry(0, 0, note.clone()), entry(1, 1, seen.clone())]);
        let journal = read("console", &bytes);
        prop_assert!(journal.damage.is_empty());
        prop_assert_eq!(&journal.records[0].entry.fact, &note);
        // NaN is not itself; it must come back as NaN all the same.
        prop_assert_eq!(format!("{:?}", journal.records[1].entry.fact), format!("{seen:?}"));
    }

    #[test]
    fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let journal = read("console", &bytes);
        let whole = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).count();
        prop_assert_eq!(journal.heads[0].lines, whole);
        let lost = journal.damage.iter().filter(|d| matches!(d, Damage::Unreadable { .. })).count();
        prop_assert_eq!(lost + journal.records.len(), whole);
    }
}

#[test]
fn numbers_that_json_lacks_come_back() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e308, 5e-324] {
        let json = serde_json::to_string(&reading(1, Observed::Number { value })).unwrap();
        let back: firedrill::evidence::Reading = serde_json::from_str(&json).unwrap();
        assert_eq!(
            format!("{:?}", back.observed),
            format!("{:?}", Observed::Number { value }),
            "{json}"
        );
    }
    let text = serde_json::to_string(HOSTILE).unwrap();
    assert!(!text.contains('\n'), "a line stays a line");
}
