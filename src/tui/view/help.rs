//! Every key, from the one table.

use ratatui::text::{Line, Span};

use super::pen::{Pen, cell};
use crate::tui::keys::{Act, KEYS};
use crate::tui::theme::Ink;

pub fn lines(pen: &Pen<'_>) -> Vec<Line<'static>> {
    KEYS.iter()
        .map(|row| {
            let ink = if row.act == Act::Kill { Ink::Kill } else { Ink::Key };
            Line::from(vec![
                Span::raw(" "),
                Span::styled(cell(row.shown, 11), pen.ink(ink)),
                Span::raw(" "),
                Span::styled(cell(row.word.map_or("", |word| word), 12), pen.ink(Ink::Faint)),
                Span::raw(row.what),
            ])
        })
        .collect()
}
