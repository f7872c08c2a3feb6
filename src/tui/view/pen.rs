//! The one way onto the buffer: everything that is drawn goes through here, is made safe, and stays within its area.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::text;
use crate::tui::theme::{Ink, Look};

/// Writes lines onto a buffer.
pub struct Pen<'a> {
    pub buffer: &'a mut Buffer,
    pub look: &'a Look,
}

impl Pen<'_> {
    pub fn ink(&self, ink: Ink) -> Style {
        self.look.ink(ink)
    }

    /// One line at the top of `area`; what does not fit is cut, and that is shown.
    pub fn line(&mut self, area: Rect, line: &Line<'_>) {
        let area = area.intersection(self.buffer.area);
        if area.is_empty() {
            return;
        }
        let spans: Vec<(Cow<'_, str>, Style)> = line
            .spans
            .iter()
            .map(|span| (text::printable(&span.content), line.style.patch(span.style)))
            .collect();
        let total: usize = spans.iter().map(|(said, _)| text::width(said)).sum();
        let fits = total <= usize::from(area.width);
        let mut x = area.x;
        for (said, style) in spans {
            let left = usize::from(area.right().saturating_sub(x));
            if fits || text::width(&said) < left {
                x = self.buffer.set_stringn(x, area.y, &said, left, style).0;
                continue;
            }
            let cut = format!("{said}…");
            let cut = text::clip(&cut, left);
            self.buffer.set_stringn(x, area.y, &cut, left, style);
            return;
        }
    }

    /// A line with a second part at the right edge; the right part wins where they meet.
    pub fn both(&mut self, area: Rect, left: &Line<'_>, right: &Line<'_>) {
        let wide = u16::try_from(width_of(right)).unwrap_or(u16::MAX).min(area.width);
        let gap = u16::from(wide > 0 && area.width > wide);
        let room = area.width - wide - gap;
        self.line(Rect { width: room, ..area }, left);
        let at = Rect::new(area.right() - wide, area.y, wide, area.height);
        self.line(at, right);
    }

    /// Lines from the top of `area`, the first `skip` of them left out; the last row's end says how many more there are.
    pub fn lines(&mut self, area: Rect, lines: &[Line<'_>], skip: usize) {
        let rows = usize::from(area.height);
        let skip = skip.min(lines.len().saturating_sub(rows));
        for (row, line) in lines.iter().skip(skip).take(rows).enumerate() {
            self.line(row_of(area, row), line);
        }
        let hidden = lines.len().saturating_sub(skip + rows);
        if let (true, Some(last)) = (hidden > 0, lines.get(skip + rows.saturating_sub(1))) {
            let place = row_of(area, rows.saturating_sub(1));
            self.clear(place);
            self.both(place, last, &self.more(hidden));
        }
    }

    /// How many rows there was no room for.
    pub fn more(&self, hidden: usize) -> Line<'static> {
        Line::styled(format!("+{hidden} more "), self.ink(Ink::Faint))
    }

    /// A rule across `area` with a heading in it.
    pub fn rule(&mut self, area: Rect, heading: &str) {
        if area.is_empty() {
            return;
        }
        let bar = "─".repeat(usize::from(area.width));
        let faint = self.ink(Ink::Faint);
        self.line(area, &Line::styled(bar, faint));
        if !heading.is_empty() && area.width > 4 {
            let title = self.ink(Ink::Title);
            let inner = Rect {
                x: area.x + 1,
                width: area.width - 2,
                ..area
            };
            self.line(inner, &Line::styled(format!(" {heading} "), title));
        }
    }

    /// A rule from top to bottom.
    pub fn upright(&mut self, area: Rect) {
        let faint = self.ink(Ink::Faint);
        for row in 0..usize::from(area.height) {
            self.line(row_of(area, row), &Line::styled("│", faint));
        }
    }

    /// A heading on a rule, and what is below it.
    pub fn panel(&mut self, area: Rect, heading: &str) -> Rect {
        self.rule(
            Rect {
                height: area.height.min(1),
                ..area
            },
            heading,
        );
        below(area)
    }

    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.buffer[(x, y)].reset();
            }
        }
    }

    /// Marks a whole row as the one under the cursor.
    pub fn choose(&mut self, area: Rect) {
        let style = self.ink(Ink::Chosen);
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }
}

/// The row of `area` with this number; empty below its end.
pub fn row_of(area: Rect, row: usize) -> Rect {
    let row = u16::try_from(row).unwrap_or(u16::MAX);
    if row < area.height {
        Rect::new(area.x, area.y + row, area.width, 1)
    } else {
        Rect::new(area.x, area.bottom(), area.width, 0)
    }
}

/// `area` without its first row.
pub fn below(area: Rect) -> Rect {
    let cut = area.height.min(1);
    Rect::new(area.x, area.y + cut, area.width, area.height - cut)
}

pub fn width_of(line: &Line<'_>) -> usize {
    line.spans
        .iter()
        .map(|span| text::width(&text::printable(&span.content)))
        .sum()
}

/// `said` in exactly `wide` columns, at the left.
pub fn cell(said: &str, wide: usize) -> String {
    let safe = text::printable(said);
    let cut = text::clip(&safe, wide);
    let pad = wide.saturating_sub(text::width(&cut));
    format!("{cut}{}", " ".repeat(pad))
}

/// `said` in exactly `wide` columns, at the right: for numbers, which keep their column.
pub fn number(said: &str, wide: usize) -> String {
    let safe = text::printable(said);
    let cut = text::clip(&safe, wide);
    let pad = wide.saturating_sub(text::width(&cut));
    format!("{}{cut}", " ".repeat(pad))
}

/// `said` wrapped to `wide` columns with a margin on both sides, each line with the same style.
pub fn wrapped(said: &str, wide: u16, style: Style) -> Vec<Line<'static>> {
    text::wrap(&text::printable_lines(said), usize::from(wide.saturating_sub(2)))
        .into_iter()
        .map(|line| Line::styled(format!(" {line}"), style))
        .collect()
}

/// The first row to show, so that the one under the cursor stays in the middle as long as it can.
pub fn first_row(rows: usize, room: usize, cursor: usize) -> usize {
    cursor.saturating_sub(room / 2).min(rows.saturating_sub(room))
}
