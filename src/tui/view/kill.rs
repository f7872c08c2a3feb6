//! The kill switch: a line an object with its verdict, counting, until nothing is unknown; then what to do about the rest.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, cell, first_row, row_of, wrapped};
use crate::fault::Gone;
use crate::ports::{KillSummary, ObjectVerdict};
use crate::text;
use crate::tui::keys::Screen;
use crate::tui::layout::{share, stack};
use crate::tui::model::{KillState, Model};
use crate::tui::theme::{Ink, sign};
use crate::tui::times;
use crate::units::human;

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let kill = &model.kill;
    if kill.pulled.is_none() {
        let inner = pen.panel(area, "KILL SWITCH");
        let said = "Not pulled. Ctrl-K or F12 removes every fault in the cluster that this account may touch, \
                    whoever made it, at once and without a question. Nothing can start until `firedrill reset`.";
        pen.lines(inner, &wrapped(said, inner.width, pen.ink(Ink::Plain)), 0);
        return;
    }
    let top = summary(pen, model, area.width);
    let left = what_is_left(pen, kill, area.width);
    let wish = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX);
    let rows = share(
        area.height,
        &[
            (1, wish(top.len())),
            (u16::from(!left.is_empty()) * 3, wish(left.len()) + 1),
            (2, wish(kill.objects.len()) + 1),
        ],
    );
    let parts = stack(area, &rows);
    pen.lines(parts[0], &top, 0);
    if !left.is_empty() && !parts[1].is_empty() {
        let clear = matches!(&kill.ended, Some((_, summary)) if summary.all_clear);
        let heading = if clear {
            "WHAT NEXT"
        } else {
            "WHAT TO DO ABOUT THE REST"
        };
        let inner = pen.panel(parts[1], heading);
        pen.lines(inner, &left, 0);
    }
    objects(pen, model, parts[2]);
}

fn summary(pen: &Pen<'_>, model: &Model, wide: u16) -> Vec<Line<'static>> {
    let kill = &model.kill;
    let mut lines = Vec::new();
    if let Some((at, by)) = &kill.pulled {
        let until = kill.ended.as_ref().map_or(model.now, |(at, _)| *at);
        let span = match &kill.ended {
            Some((_, summary)) => std::time::Duration::from_millis(summary.took_ms),
            None => until.since(*at),
        };
        let gate = match kill.gate_closed {
            Some(closed) => format!("gate closed after {}", human(closed.since(*at))),
            None => "closing the gate".to_owned(),
        };
        let (word, ink) = match &kill.ended {
            None => (format!("{} KILL SWITCH PULLED", sign::MOVING), Ink::Wrong),
            Some((_, summary)) if summary.all_clear => (format!("{} ALL CLEAR", sign::GOOD), Ink::Good),
            Some(_) => (format!("{} NOT CLEAR", sign::WRONG), Ink::Wrong),
        };
        // The whole row, in reverse: nobody may overlook it.
        let loud = pen.ink(ink).patch(pen.ink(Ink::Kill));
        let said = format!(" {word}  {}  by {by} at {at}, {gate}", times::tenths(span));
        lines.push(Line::styled(cell(&said, usize::from(wide)), loud));
    }
    lines.push(counts(pen, kill, wide));
    if let Some(note) = kill.notes.last() {
        lines.push(Line::styled(format!(" {note}"), pen.ink(Ink::Plain)));
    }
    lines
}

/// How many stand at which verdict; every number keeps its column.
fn counts(pen: &Pen<'_>, kill: &KillState, wide: u16) -> Line<'static> {
    let tally = kill.tally();
    let words = wide >= 78;
    let all = kill.objects.len();
    let mut spans = vec![Span::styled(format!(" {all:>3} objects"), pen.ink(Ink::Strong))];
    for (n, mark, word, ink) in [
        (tally.proven, sign::GOOD, "proven", Ink::Good),
        (tally.recovering, sign::MOVING, "recovering", Ink::Amber),
        (tally.unverified, "~", "unverified", Ink::Amber),
        (tally.blocked, sign::WRONG, "blocked", Ink::Wrong),
        (tally.unknown, sign::UNKNOWN, "unknown", Ink::Amber),
    ] {
        let ink = if n == 0 { Ink::Faint } else { ink };
        let said = if words {
            format!(" {n:>3} {word}")
        } else {
            format!(" {mark}{n:>2}")
        };
        spans.push(Span::styled(said, pen.ink(ink)));
    }
    Line::from(spans)
}

/// Every next act, once the hand is through; what could not be seen is said at once.
fn what_is_left(pen: &Pen<'_>, kill: &KillState, wide: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (what, why) in &kill.not_seen {
        let said = format!("{} not seen: {what}: {why}", sign::UNKNOWN);
        lines.extend(wrapped(&said, wide, pen.ink(Ink::Amber)));
    }
    let Some((_, summary)) = &kill.ended else {
        return lines;
    };
    for verdict in kill.objects.values().filter(|verdict| !verdict.gone.pays()) {
        let next = verdict.next.as_deref().unwrap_or("look at it on the cluster");
        let said = format!("{}: {next}", verdict.object);
        lines.extend(wrapped(&said, wide, pen.ink(Ink::Plain)));
    }
    lines.extend(wrapped(&closing(summary), wide, pen.ink(Ink::Plain)));
    lines
}

fn closing(summary: &KillSummary) -> String {
    if summary.all_clear {
        "The gate stays closed: `firedrill reset` opens it, on purpose.".to_owned()
    } else {
        "`firedrill kill` tries again, from any terminal. The gate stays closed.".to_owned()
    }
}

/// Objects keep their place while their verdicts change.
fn objects(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if area.is_empty() {
        return;
    }
    let inner = pen.panel(area, "OBJECTS");
    let (rows, rest) = model.rows(Screen::Kill);
    let list = model.list(Screen::Kill);
    let room = usize::from(inner.height);
    let at = list.position(&rows, rest).unwrap_or(0);
    let first = first_row(rows.len(), room, at);
    if model.kill.objects.is_empty() {
        let said = if model.kill.is_at_work() {
            " Looking for them…"
        } else {
            " There was nothing to remove."
        };
        pen.line(inner, &Line::styled(said, pen.ink(Ink::Plain)));
    }
    for (row, verdict) in model.kill.objects.values().skip(first).take(room).enumerate() {
        let place = row_of(inner, row);
        let line = one(pen, model, verdict, place.width);
        let hidden = model.kill.objects.len().saturating_sub(first + room);
        if hidden > 0 && row + 1 == room {
            let more = pen.more(hidden);
            pen.both(place, &line, &more);
        } else {
            pen.line(place, &line);
        }
    }
}

fn one(pen: &Pen<'_>, model: &Model, verdict: &ObjectVerdict, wide: u16) -> Line<'static> {
    let (mark, ink) = match &verdict.gone {
        Gone::Proven => (sign::GOOD, Ink::Good),
        Gone::Unverified { .. } | Gone::ForcedUnverified | Gone::Unknown { .. } => {
            (sign::UNKNOWN, Ink::Amber)
        }
        Gone::Recovering { .. } => (sign::MOVING, Ink::Amber),
        Gone::Stuck { .. } | Gone::Forbidden { .. } | Gone::Failed { .. } => (sign::WRONG, Ink::Wrong),
    };
    let own = model.about.as_ref().map(|about| about.run.as_str());
    let whose = match &verdict.run {
        Some(run) if Some(run.as_str()) == own => "ours",
        Some(_) => "a run",
        None => "foreign",
    };
    let name = usize::from(match wide {
        0..60 => wide / 2,
        60..120 => 34,
        _ => 56,
    });
    let mut said = format!(" {}", text::printable(&verdict.gone.to_string()));
    if wide >= 120 && !verdict.targets.is_empty() {
        said = format!("{said}  on {}", verdict.targets.join(", "));
    }
    let mut spans = vec![
        Span::styled(format!(" {mark} "), pen.ink(ink)),
        Span::raw(cell(&verdict.object.to_string(), name)),
    ];
    if wide >= 60 {
        spans.push(Span::styled(format!(" {}", cell(whose, 7)), pen.ink(Ink::Faint)));
    }
    spans.push(Span::styled(said, pen.ink(ink)));
    Line::from(spans)
}
