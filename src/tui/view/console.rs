//! The program's own log.

use ratatui::layout::Rect;

use super::pen::Pen;
use crate::tui::console_log;
use crate::tui::model::Model;

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let inner = pen.panel(area, "CONSOLE LOG  (PgUp back, Esc newest)");
    if inner.is_empty() {
        return;
    }
    console_log::draw(&model.console, pen.look, inner, pen.buffer);
}
