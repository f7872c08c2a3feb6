//! The timeline: every fact as a sentence, with notes and tags; corrected times are shown beside what was recorded.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, first_row, row_of, wrapped};
use crate::report::words::Tone;
use crate::tui::keys::Screen;
use crate::tui::layout::stack;
use crate::tui::model::{Model, Told};
use crate::tui::theme::Ink;

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let (rows, rest) = model.rows(Screen::Timeline);
    let list = model.list(Screen::Timeline);
    let mut title = format!("TIMELINE  {} entries", model.told.len());
    if !list.filter.is_empty() {
        title = format!("{title}  filter /{}  {} shown", list.filter, rows.len());
    }
    if model.told.dropped() > 0 {
        title = format!(
            "{title}  ! {} older ones are in the journal only",
            model.told.dropped()
        );
    }
    let area = pen.panel(area, &title);
    if area.is_empty() {
        return;
    }
    let detail = if area.height >= 10 { 4 } else { 0 };
    let parts = stack(area, &[area.height - detail, detail]);
    let room = usize::from(parts[0].height);
    let at = list.position(&rows, rest);
    let first = match at {
        Some(at) if list.at.is_some() => first_row(rows.len(), room, at),
        _ => rows.len().saturating_sub(room),
    };
    for (row, number) in rows.iter().skip(first).take(room).enumerate() {
        let place = row_of(parts[0], row);
        if let Some(told) = model.entry(*number) {
            pen.line(place, &one(pen, model, told, place.width));
        }
        if Some(first + row) == at && (list.at.is_some() || detail > 0) {
            pen.choose(place);
        }
    }
    if detail > 0
        && let Some(told) = at.and_then(|at| model.entry(rows[at]))
    {
        let inner = pen.panel(parts[1], &when(model, told));
        pen.lines(inner, &wrapped(&told.text, inner.width, pen.ink(Ink::Plain)), 0);
    }
}

fn when(model: &Model, told: &Told) -> String {
    let at = model.time_of(told);
    let wall = told.wall.time_of_day();
    if at == told.at {
        format!("entry {}  {at}  {wall} UTC", told.seq)
    } else {
        format!("entry {}  {at}, recorded at {}  {wall} UTC", told.seq, told.at)
    }
}

fn one(pen: &Pen<'_>, model: &Model, told: &Told, wide: u16) -> Line<'static> {
    // What was wrong then is not wrong now: no red here, the sign says it.
    let ink = match told.sign.tone {
        Tone::Good => Ink::Good,
        Tone::Caution | Tone::Bad => Ink::Amber,
        Tone::Plain => Ink::Faint,
        Tone::Fault => Ink::Strong,
        Tone::Person => Ink::Title,
    };
    let at = model.time_of(told);
    let corrected = if at == told.at { " " } else { "~" };
    let mut spans = vec![Span::styled(format!(" {corrected}{at} "), pen.ink(Ink::Faint))];
    if wide >= 100 {
        spans.push(Span::styled(
            format!("{}  ", told.wall.time_of_day()),
            pen.ink(Ink::Faint),
        ));
    }
    spans.push(Span::styled(format!("{} ", told.sign.glyph), pen.ink(ink)));
    let said = match told.sign.tone {
        Tone::Person | Tone::Fault => Ink::Strong,
        Tone::Plain | Tone::Good | Tone::Caution | Tone::Bad => Ink::Plain,
    };
    spans.push(Span::styled(told.text.clone(), pen.ink(said)));
    Line::from(spans)
}

/// The newest entry, in one row.
pub fn newest(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if let Some(told) = model.told.iter().rev().find(|told| !told.is_step) {
        pen.line(area, &one(pen, model, told, area.width));
    }
}

/// The newest entries, a part of another screen; what the step list says already is left out.
pub fn panel(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if area.is_empty() {
        return;
    }
    let inner = pen.panel(area, "TIMELINE");
    let room = usize::from(inner.height);
    let newest: Vec<&Told> = model
        .told
        .iter()
        .rev()
        .filter(|told| !told.is_step)
        .take(room)
        .collect();
    for (row, told) in newest.iter().rev().enumerate() {
        let place = row_of(inner, row);
        pen.line(place, &one(pen, model, told, place.width));
    }
}
