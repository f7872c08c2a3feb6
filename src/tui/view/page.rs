//! The whole page: what is always there, and the screen or the dialogs in the body.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use super::pen::Pen;
use super::{
    active, broker, console, dialogs, faults, footer, header, kill, logs, pods, recovery, run, timeline,
};
use crate::tui::keys::Screen;
use crate::tui::layout::Parts;
use crate::tui::model::{Dialog, Model};
use crate::tui::theme::{self, Signs};

/// Draws the model.
pub fn view(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let parts = Parts::of(area);
    let mut pen = Pen {
        buffer: frame.buffer_mut(),
        look: &model.look,
    };
    header::draw(&mut pen, model, &parts);
    pen.rule(parts.rule_above, "");
    recovery::clock(&mut pen, model, parts.recovery);
    active::draw(&mut pen, model, parts.faults);
    let cursor = body(&mut pen, model, parts.body).or_else(|| footer::input(&mut pen, model, parts.message));
    if !matches!(model.dialogs.last(), Some(Dialog::Filter { .. })) {
        footer::message(&mut pen, model, parts.message);
    }
    footer::keys(&mut pen, model, parts.keys);
    if model.look.signs == Signs::Ascii {
        theme::to_ascii(pen.buffer);
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Dialogs have the body and nothing else, so that they never hide the clock, the faults or the kill key.
fn body(pen: &mut Pen<'_>, model: &Model, area: Rect) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    match model.dialogs.last() {
        Some(Dialog::Filter { .. }) | None => {
            screen(pen, model, area);
            None
        }
        Some(dialog) => dialogs::draw(pen, model, dialog, area),
    }
}

fn screen(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    match model.screen {
        Screen::Run => run::draw(pen, model, area),
        Screen::Pods => pods::draw(pen, model, area),
        Screen::Broker => broker::draw(pen, model, area),
        Screen::Logs => logs::draw(pen, model, area),
        Screen::Faults => faults::draw(pen, model, area),
        Screen::Timeline => timeline::draw(pen, model, area),
        Screen::Console => console::draw(pen, model, area),
        Screen::Kill => kill::draw(pen, model, area),
    }
}
