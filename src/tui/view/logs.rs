//! Log lines of the target's pods and the cluster's events. What was let go is counted, never silent.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, cell, first_row, row_of, wrapped};
use crate::evidence::Ring;
use crate::ports::{EventLine, LogLine};
use crate::text;
use crate::tui::keys::Screen;
use crate::tui::layout::stack;
use crate::tui::model::{Lines, Model};
use crate::tui::theme::Ink;
use crate::units::Stamp;

/// The whole screen.
pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let (rows, rest) = model.rows(Screen::Logs);
    let list = model.list(Screen::Logs);
    let at = list.position(&rows, rest);
    let mut title = match model.lines {
        Lines::Logs => "LOGS  (e: events)".to_owned(),
        Lines::Events => "EVENTS  (e: logs)".to_owned(),
    };
    if !list.filter.is_empty() {
        title = format!("{title}  filter /{}", list.filter);
    }
    let area = pen.panel(area, &title);
    if area.is_empty() {
        return;
    }
    // The line under the cursor is shown whole below, where there is room.
    let detail = if area.height >= 10 { 3 } else { 0 };
    let parts = stack(area, &[1, area.height - 1 - detail, detail]);
    pen.line(parts[0], &counts(pen, model, rows.len(), at, list.at.is_some()));
    let room = usize::from(parts[1].height);
    let first = match at {
        Some(at) if list.at.is_some() => first_row(rows.len(), room, at),
        _ => rows.len().saturating_sub(room),
    };
    for (row, number) in rows.iter().skip(first).take(room).enumerate() {
        let place = row_of(parts[1], row);
        if let Some(line) = line(pen, model, *number, place.width) {
            pen.line(place, &line);
        }
        if list.at.is_some() && Some(first + row) == at {
            pen.choose(place);
        }
    }
    if detail > 0
        && let Some(number) = at.map(|at| rows[at])
    {
        let inner = pen.panel(parts[2], "this line (p pins it to the timeline)");
        let whole = whole(model, number);
        pen.lines(inner, &wrapped(&whole, inner.width, pen.ink(Ink::Plain)), 0);
    }
}

fn counts(pen: &Pen<'_>, model: &Model, shown: usize, at: Option<usize>, looks_back: bool) -> Line<'static> {
    let (kept, gone) = match model.lines {
        Lines::Logs => (model.logs.len(), model.logs.dropped()),
        Lines::Events => (model.events.len(), model.events.dropped()),
    };
    let mut spans = vec![Span::styled(
        format!(" {shown} of {kept} lines"),
        pen.ink(Ink::Faint),
    )];
    if looks_back && let Some(at) = at {
        let newer = shown.saturating_sub(at + 1);
        spans.push(Span::styled(
            format!("  +{newer} newer (Esc follows)"),
            pen.ink(Ink::Amber),
        ));
    }
    if model.lost > 0 {
        spans.push(Span::styled(
            format!("  ! {} lost on the way", model.lost),
            pen.ink(Ink::Amber),
        ));
    }
    if gone > 0 {
        spans.push(Span::styled(
            format!("  ! {gone} older ones let go"),
            pen.ink(Ink::Amber),
        ));
    }
    Line::from(spans)
}

fn line(pen: &Pen<'_>, model: &Model, number: u64, wide: u16) -> Option<Line<'static>> {
    match model.lines {
        Lines::Logs => model.log(number).map(|line| log_line(pen, line, wide)),
        Lines::Events => model.event(number).map(|line| event_line(pen, line, wide)),
    }
}

fn whole(model: &Model, number: u64) -> String {
    match model.lines {
        Lines::Logs => model.log(number).map(|line| {
            format!(
                "{} {}/{} {}",
                time(line.stamp),
                line.pod,
                line.container,
                line.text
            )
        }),
        Lines::Events => model.event(number).map(|line| {
            format!(
                "{} {} {} ×{}: {}",
                time(line.stamp),
                line.reason,
                line.object,
                line.count,
                line.message
            )
        }),
    }
    .unwrap_or_default()
}

fn time(stamp: Option<Stamp>) -> String {
    stamp.map_or_else(|| "        ".to_owned(), Stamp::time_of_day)
}

fn log_line(pen: &Pen<'_>, line: &LogLine, wide: u16) -> Line<'static> {
    let pod = match wide {
        0..60 => 10,
        60..120 => 14,
        _ => 24,
    };
    Line::from(vec![
        Span::styled(format!(" {} ", time(line.stamp)), pen.ink(Ink::Faint)),
        Span::styled(tail_cell(&line.pod, pod), pen.ink(Ink::Title)),
        Span::raw(format!(" {}", line.text)),
    ])
}

fn event_line(pen: &Pen<'_>, line: &EventLine, wide: u16) -> Line<'static> {
    let (reason, object) = match wide {
        0..60 => (10, 12),
        60..120 => (14, 22),
        _ => (18, 34),
    };
    let (mark, ink) = if line.warning {
        ("!", Ink::Amber)
    } else {
        (" ", Ink::Plain)
    };
    let count = if line.count > 1 {
        format!(" ×{}", line.count)
    } else {
        String::new()
    };
    Line::from(vec![
        Span::styled(format!(" {} ", time(line.stamp)), pen.ink(Ink::Faint)),
        Span::styled(format!("{mark} {}", cell(&line.reason, reason)), pen.ink(ink)),
        Span::styled(
            format!(" {}", tail_cell(&line.object, object)),
            pen.ink(Ink::Title),
        ),
        Span::raw(format!(" {}{count}", line.message)),
    ])
}

/// A name in so many columns: its end tells pods of one owner apart.
fn tail_cell(name: &str, columns: usize) -> String {
    let name = text::printable(name);
    let mut wide = text::width(&name);
    if wide <= columns {
        return cell(&name, columns);
    }
    let mut rest = name.chars();
    while wide + 1 > columns && rest.next().is_some() {
        wide = text::width(rest.as_str());
    }
    cell(&format!("…{}", rest.as_str()), columns)
}

/// The newest line, in one row.
pub fn newest(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let line = match model.logs.last() {
        Some(line) => log_line(pen, line, area.width),
        None => Line::styled(" no log line yet", pen.ink(Ink::Faint)),
    };
    pen.line(area, &line);
}

/// The newest log lines.
pub fn panel(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let lost = if model.lost > 0 {
        format!("  ! {} lost on the way", model.lost)
    } else {
        String::new()
    };
    let inner = pen.panel(area, &format!("LOG{lost}"));
    for (place, line) in last(&model.logs, inner) {
        let line = log_line(pen, line, place.width);
        pen.line(place, &line);
    }
}

/// The newest events.
pub fn events_panel(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let inner = pen.panel(area, "EVENTS");
    for (place, line) in last(&model.events, inner) {
        let line = event_line(pen, line, place.width);
        pen.line(place, &line);
    }
}

/// The newest items that have room and their rows, oldest first.
fn last<T>(ring: &Ring<T>, area: Rect) -> Vec<(Rect, &T)> {
    let room = usize::from(area.height);
    let first = ring.len().saturating_sub(room);
    ring.iter()
        .skip(first)
        .enumerate()
        .map(|(row, item)| (row_of(area, row), item))
        .collect()
}
