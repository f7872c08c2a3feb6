//! A run as plain lines for a terminal: what `show` prints. Pure.

use std::fmt::Write as _;

use super::fold::Summary;
use super::markdown::{objective, outcome};
use super::moment::{Outcome, Told};
use super::table::{fit, fit_right};
use crate::journal::Damage;
use crate::run::Unattended;
use crate::text::{printable, wrap};
use crate::units::human;

/// Where the sentences of the timeline begin.
const INDENT: usize = 28;

/// The readable timeline; sentences are broken to `columns` where that is given.
pub fn lines(summary: &Summary, columns: Option<usize>) -> String {
    let mut out = String::new();
    head(&mut out, summary);
    out.push('\n');
    if summary.timeline.is_empty() {
        out.push_str("no facts\n");
    }
    for told in &summary.timeline {
        line(&mut out, told, columns);
    }
    tail(&mut out, summary);
    out
}

fn head(out: &mut String, summary: &Summary) {
    let mut row = |name: &str, value: &str| {
        out.push_str(&fit(name, 10));
        out.push_str(&printable(value));
        out.push('\n');
    };
    row("run", summary.run.as_str());
    match &summary.playbook {
        Some(book) if summary.title() == book.name => row("playbook", &book.name),
        Some(book) => row("playbook", &format!("{} · {}", book.name, summary.title())),
        None => row("playbook", "not recorded"),
    }
    row("outcome", &outcome(summary));
    row(
        "objective",
        objective(summary).as_deref().unwrap_or("not recorded"),
    );
    row("owed", &owed(summary));
    if let Some(pin) = &summary.cluster {
        row("cluster", &format!("{} at {}", pin.context, pin.server));
    }
    if let Some(started) = &summary.started {
        let took = summary.took().map_or_else(String::new, human);
        let how = match (summary.unattended, summary.speed) {
            (Some(Unattended::Yes), Some(speed)) if speed > 1.0 => format!(", unattended, at speed {speed}"),
            (Some(Unattended::Yes), _) => ", unattended".to_owned(),
            (_, Some(speed)) if speed > 1.0 => format!(", at speed {speed}"),
            _ => String::new(),
        };
        let so_far = if summary.outcome == Outcome::Running {
            " so far"
        } else {
            ""
        };
        row(
            "time",
            &format!("{}, {took}{so_far}{how}", started.wall.rfc3339()),
        );
    }
}

/// What is owed, in a line.
fn owed(summary: &Summary) -> String {
    if summary.owed.is_clear() {
        let whole = summary.damage.iter().all(Damage::is_crash);
        return if whole {
            "nothing"
        } else {
            "nothing, as far as the damaged journal can be read"
        }
        .to_owned();
    }
    let mut parts: Vec<_> = summary
        .owed
        .debts
        .iter()
        .map(|owed| match &owed.last {
            Some(gone) => format!("{} ({}; {gone})", owed.debt.id, owed.debt.summary),
            None => format!("{} ({})", owed.debt.id, owed.debt.summary),
        })
        .collect();
    let unknown = summary.owed.not_understood.len();
    if unknown > 0 {
        parts.push(format!("{unknown} facts about faults are not understood"));
    }
    parts.join(", ")
}

fn line(out: &mut String, told: &Told, columns: Option<usize>) {
    let moment = &told.moment;
    let mut text = told.sentence.clone();
    if moment.file != "console" {
        text = format!("[{}] {text}", printable(&moment.file));
    }
    if let Some(correction) = &moment.corrected {
        text = format!(
            "{text} (time corrected to {}: {})",
            correction.at,
            printable(&correction.reason)
        );
    }
    let head = format!(
        "{} {} {} {} ",
        fit_right(&moment.seq.to_string(), 4),
        fit(&moment.at.to_string(), 11),
        moment.wall.time_of_day(),
        told.sign.glyph
    );
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(INDENT).max(20));
    for (number, part) in wrap(&text, room).iter().enumerate() {
        if number == 0 {
            out.push_str(&head);
        } else {
            out.push_str(&" ".repeat(INDENT));
        }
        out.push_str(part);
        out.push('\n');
    }
}

fn tail(out: &mut String, summary: &Summary) {
    if summary.heads.is_empty() && summary.damage.is_empty() {
        return;
    }
    out.push('\n');
    for damage in &summary.damage {
        // A string takes everything.
        let _ = writeln!(out, "damaged: {}", printable(&damage.to_string()));
    }
    for head in &summary.heads {
        let file = printable(&head.file);
        let _ = writeln!(out, "journal {file}: {} facts, head {}", head.lines, head.sha256);
    }
}
