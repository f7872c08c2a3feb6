//! A run as JSON for programs. The shape is a promise of its own: fields are added, never renamed; a change that
//! breaks a reader takes a new version. Pure.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::fold::Summary;
use super::moment::{Marked, Moment, Note, Outcome, Told};
use super::stories::{CheckStory, FaultStory, ObjectiveStory, StepStory};
use super::words::{exit_words, tag_word};
use crate::run::{Kept, Unattended};
use crate::text::printable;
use crate::units::Mark;

/// The version of the shape.
pub const VERSION: u32 = 1;

/// The report.
pub fn json(summary: &Summary) -> Value {
    json!({
        "kind": "firedrill/report",
        "version": VERSION,
        "run": summary.run,
        "playbook": summary.playbook.as_ref().map(|book| json!({
            "name": book.name,
            "title": book.title,
            "severity": book.severity,
            "namespace": book.target.namespace,
        })),
        "firedrill": summary.version,
        "cluster": summary.cluster.as_ref().map(|pin| json!({
            "context": pin.context,
            "server": pin.server,
            "uid": pin.uid,
        })),
        "unattended": summary.unattended.map(|unattended| unattended == Unattended::Yes),
        "speed": summary.speed,
        "began": summary.started.as_ref().map(moment),
        "last_fact": summary.last.as_ref().map(moment),
        "took_ns": summary.took().map(nanos),
        "outcome": outcome(summary),
        "aborted": summary.aborts.iter().map(|(at, why)| json!({"at": moment(at), "why": why})).collect::<Vec<_>>(),
        "gate_closed": summary.gate_closed,
        "kill": summary.kill.as_ref().map(|kill| json!({
            "at": moment(&kill.moment),
            "by": kill.by,
            "clear": kill.clear,
        })),
        "objective": summary.objective.as_ref().map(objective),
        "marks": {
            "first_symptom": summary.symptom.as_ref().map(marked),
            "detected": summary.detected.as_ref().map(marked),
            "mitigated": summary.mitigated.as_ref().map(marked),
            "recovered": summary.recovered.as_ref().map(marked),
            "stable": summary.stable.as_ref().map(marked),
        },
        "faults": summary.faults.iter().map(fault).collect::<Vec<_>>(),
        "predictions_locked": summary.predictions_locked.as_ref().map(moment),
        "predictions": summary.predictions.iter().map(|score| json!({
            "text": score.text,
            "came_true": score.came_true,
        })).collect::<Vec<_>>(),
        "checks": summary.checks.iter().map(check).collect::<Vec<_>>(),
        "steps": summary.steps.iter().map(step).collect::<Vec<_>>(),
        "notes": summary.notes.iter().map(note).collect::<Vec<_>>(),
        "debriefing": summary.answers.iter().map(|answer| json!({
            "question": answer.question,
            "answer": answer.text,
        })).collect::<Vec<_>>(),
        "message_loss": null,
        "alerts": null,
        "owed": owed(summary),
        "timeline": summary.timeline.iter().map(told).collect::<Vec<_>>(),
        "record": record(summary),
    })
}

/// The facts as they are, each with its sentence: what `show` gives to programs.
pub fn entries(summary: &Summary) -> Value {
    let entry = |told: &Told| {
        let mut entry = self::told(told);
        entry["fact"] = serde_json::to_value(&told.fact).unwrap_or_default();
        entry
    };
    json!({
        "kind": "firedrill/timeline",
        "version": VERSION,
        "run": summary.run,
        "outcome": outcome(summary),
        "owed": owed(summary),
        "entries": summary.timeline.iter().map(entry).collect::<Vec<_>>(),
        "record": record(summary),
    })
}

/// JSON as text that a terminal can be shown: what could mislead it stands there as `\\u…`, which means the same.
pub fn text(value: &Value) -> String {
    let plain = format!("{value:#}");
    let mut out = String::with_capacity(plain.len());
    for c in plain.chars() {
        let mut one = [0; 4];
        if c == '\n' || matches!(printable(c.encode_utf8(&mut one)), Cow::Borrowed(_)) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing into a string cannot fail.
            let _infallible = write!(out, "\\u{unit:04x}");
        }
    }
    out.push('\n');
    out
}

fn nanos(span: Duration) -> u64 {
    Mark::ZERO.after(span).as_nanos()
}

fn moment(moment: &Moment) -> Value {
    json!({
        "journal": moment.file,
        "seq": moment.seq,
        "at_ns": moment.at,
        "wall": moment.wall.rfc3339(),
        "corrected": moment.corrected.as_ref().map(|correction| json!({
            "at_ns": correction.at,
            "wall": moment.best_wall().rfc3339(),
            "reason": correction.reason,
        })),
    })
}

fn marked(marked: &Marked) -> Value {
    let mut value = moment(&marked.moment);
    value["source"] = json!(marked.source);
    value["resolution_ns"] = json!(marked.resolution.map(nanos));
    value
}

pub(super) fn outcome(summary: &Summary) -> Value {
    match &summary.outcome {
        Outcome::Running => json!({"state": "running"}),
        Outcome::Unfinished => json!({"state": "unfinished"}),
        Outcome::Ended { exit, summary } => {
            json!({"state": "ended", "exit": exit, "means": exit_words(*exit), "summary": summary})
        }
    }
}

fn verdict(kept: &Kept) -> (&'static str, Option<&str>) {
    match kept {
        Kept::Met => ("met", None),
        Kept::Acceptable => ("acceptable", None),
        Kept::Missed => ("missed", None),
        Kept::NotJudged { why } => ("not-judged", Some(why)),
    }
}

fn objective(story: &ObjectiveStory) -> Value {
    let objective = &story.objective;
    let (word, why) = verdict(&objective.kept);
    json!({
        "verdict": word,
        "why": why,
        "took_ns": objective.took.map(nanos),
        "from_ns": objective.from,
        "recovered_ns": objective.recovered,
        "stable_ns": objective.stable,
        "slowest": objective.slowest.as_ref().map(|(check, resolution)| json!({
            "check": check,
            "resolution_ns": nanos(*resolution),
        })),
        "asked": story.recovery.as_ref().map(|asked| json!({
            "clock": asked.clock,
            "target_ns": nanos(asked.target.0),
            "acceptable_ns": nanos(asked.acceptable.0),
            "hold_ns": nanos(asked.hold.0),
            "signals": asked.when,
        })),
        "by_corrected_times": story.corrected.as_ref().map(|(took, kept)| json!({
            "verdict": verdict(kept).0,
            "took_ns": nanos(*took),
        })),
    })
}

fn fault(story: &FaultStory) -> Value {
    json!({
        "debt": story.debt.id,
        "fault": story.debt.fault,
        "summary": story.debt.summary,
        "one_shot": story.is_one_shot(),
        "targets": story.targets,
        "intended": marked(&story.intended),
        "injected": story.injected.as_ref().map(marked),
        "server_stamp": story.server_stamp.as_ref().map(|(stamp, resolution)| json!({
            "stamp": stamp,
            "resolution_ns": nanos(*resolution),
        })),
        "failed": story.failed,
        "undo_asked": story.undone.as_ref().map(moment),
        "gone": story.gone.as_ref().map(marked),
        "removed": story.removed.as_ref().map(marked),
        "last_seen": story.last.as_ref().map(|(gone, journal)| json!({"gone": gone, "journal": journal})),
        "owed": story.owed,
    })
}

fn check(story: &CheckStory) -> Value {
    json!({
        "id": story.id,
        "expect": story.expect,
        "not_measured": story.not_measured,
        "first_broken": story.first_broken.as_ref().map(moment),
        "times_broken": story.times_broken,
        "broken_ns": nanos(story.broken_for),
        "last": story.last.as_ref().map(|(verdict, saw)| json!({"verdict": verdict, "saw": saw})),
    })
}

fn step(story: &StepStory) -> Value {
    json!({
        "title": story.title,
        "began_ns": story.began,
        "ended_ns": story.ended.as_ref().map(|(at, _)| at),
        "outcome": story.ended.as_ref().map(|(_, outcome)| outcome),
        "ticked": story.ticked.map(|(done, of)| json!({"done": done, "of": of})),
    })
}

fn note(note: &Note) -> Value {
    json!({
        "at": moment(&note.moment),
        "text": note.text,
        "tags": note.tags.iter().map(|tag| tag_word(*tag)).collect::<Vec<_>>(),
        "author": note.author,
    })
}

fn owed(summary: &Summary) -> Value {
    let debts = summary.owed.debts.iter();
    json!({
        "debts": debts.map(|owed| json!({"debt": owed.debt, "last_seen": owed.last})).collect::<Vec<_>>(),
        "not_understood": summary.owed.not_understood,
    })
}

fn told(told: &Told) -> Value {
    let mut value = moment(&told.moment);
    value["text"] = json!(told.sentence);
    value
}

fn record(summary: &Summary) -> Value {
    json!({
        "heads": summary.heads,
        "damage": summary.damage,
        "unknown_facts": summary.unknown,
    })
}
