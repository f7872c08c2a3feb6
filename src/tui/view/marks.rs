//! The marks of the drill: when it was fired, felt, noticed, mitigated, gone, recovered; each beside the others.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, cell, number, row_of};
use crate::run::{Fired, Run};
use crate::tui::model::Model;
use crate::tui::theme::Ink;
use crate::tui::times;
use crate::units::Mark;

/// Rows that the panel would like, heading included.
pub const WISH: u16 = 9;

/// One mark: its word, when it was, and what marks it while it is open.
struct Row {
    word: &'static str,
    at: Option<Mark>,
    open: &'static str,
    /// Rows with a higher one go first when there is no room.
    spare: u8,
}

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if area.is_empty() {
        return;
    }
    let inner = pen.panel(area, "MARKS");
    let Some(run) = &model.run else {
        return;
    };
    let mut rows = rows(run);
    let from = run.fired.iter().map(start).min();
    while rows.len() > usize::from(inner.height) {
        let most = rows.iter().map(|row| row.spare).max();
        rows.retain(|row| Some(row.spare) != most);
    }
    for (place, row) in rows.iter().enumerate() {
        let line = one(pen, row, from, usize::from(inner.width));
        pen.line(row_of(inner, place), &line);
    }
}

/// What the others are counted from.
fn start(fired: &Fired) -> Mark {
    fired.injected.unwrap_or(fired.intended)
}

fn rows(run: &Run) -> Vec<Row> {
    let first = |mark: fn(&Fired) -> Option<Mark>| run.fired.iter().filter_map(mark).min();
    let gone = run
        .fired
        .iter()
        .map(Fired::over)
        .collect::<Option<Vec<_>>>()
        .and_then(|marks| marks.into_iter().max());
    let objective = run.objective.as_ref();
    let is_on = !run.fired.is_empty() && !run.is_over();
    let press = |key: &'static str| if is_on { key } else { "" };
    let row = |word, at, open, spare| Row {
        word,
        at,
        open,
        spare,
    };
    vec![
        row("fired", first(|fired| Some(fired.intended)), "", 6),
        row("injected", first(|fired| fired.injected), "", 1),
        row("first symptom", run.symptom.as_ref().map(|(at, _, _)| *at), "", 3),
        row("detected", run.detected, press("press d"), 2),
        row("mitigated", run.mitigated, press("press m"), 2),
        row("fault gone", gone, "", 4),
        row(
            "recovered",
            objective
                .and_then(|objective| objective.recovered)
                .or(run.recovering),
            "",
            0,
        ),
        row("stable", objective.and_then(|objective| objective.stable), "", 5),
    ]
}

fn one(pen: &Pen<'_>, row: &Row, from: Option<Mark>, wide: usize) -> Line<'static> {
    let (said, ink) = match (row.at, from) {
        (Some(at), Some(from)) if at > from => (format!("+{}", times::tenths(at.since(from))), Ink::Strong),
        (Some(at), _) => (at.to_string(), Ink::Strong),
        (None, _) if row.open.is_empty() => ("–".to_owned(), Ink::Faint),
        (None, _) => (row.open.to_owned(), Ink::Key),
    };
    let label = wide.saturating_sub(13).min(16);
    Line::from(vec![
        Span::raw(format!(" {}", cell(row.word, label))),
        Span::styled(number(&said, 11), pen.ink(ink)),
    ])
}
