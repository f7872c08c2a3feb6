//! The screen of the run. Narrow: steps, what to do now, checks, pods, the last line. Wide: more columns, the same places.

use ratatui::layout::Rect;

use super::pen::Pen;
use super::{checks, logs, now, pods, steps, timeline};
use crate::tui::layout::{beside, share, stack};
use crate::tui::model::Model;

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    match (area.width, area.height) {
        (0..60, _) => narrow(pen, model, area),
        (160.., 24..) => wide(pen, model, area),
        _ => usual(pen, model, area),
    }
}

fn narrow(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let now = now::now(pen, model, area.width);
    let rows = share(
        area.height,
        &[(2, now::wish(&now).max(3)), (2, checks::wish(model)), (3, 8)],
    );
    let parts = stack(area, &rows);
    now::draw(pen, &now, parts[0]);
    checks::draw(pen, model, parts[1]);
    pods::panel(pen, model, parts[2]);
}

fn usual(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    // Tall enough: the newest log lines and entries lie below both columns.
    let strip = match area.height {
        0..12 => 0,
        12..26 => 2,
        rows => rows / 4,
    };
    let rows = stack(area, &[area.height - strip, strip]);
    let left = match area.width {
        0..90 => 30,
        90..120 => 34,
        _ => 42,
    };
    let (first, gap, second) = beside(rows[0], left);
    steps_and_entries(pen, model, first);
    pen.upright(gap);
    work(pen, model, second);
    logs::strip(pen, model, rows[1]);
}

fn steps_and_entries(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let rows = share(area.height, &[(3, steps::wish(model)), (3, 40)]);
    let parts = stack(area, &rows);
    steps::draw(pen, model, parts[0]);
    timeline::panel(pen, model, parts[1]);
}

/// What to do, what holds, what runs.
fn work(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let now = now::now(pen, model, area.width);
    let rows = share(
        area.height,
        &[
            (3, now::wish(&now)),
            (3, checks::wish(model)),
            (3, pods::wish(model)),
        ],
    );
    let parts = stack(area, &rows);
    now::draw(pen, &now, parts[0]);
    checks::draw(pen, model, parts[1]);
    pods::panel(pen, model, parts[2]);
}

fn wide(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let (first, gap, rest) = beside(area, 40);
    let (second, next, third) = beside(rest, rest.width * 11 / 20);
    pen.upright(gap);
    pen.upright(next);
    let rows = share(first.height, &[(3, steps::wish(model)), (4, 40)]);
    let parts = stack(first, &rows);
    steps::draw(pen, model, parts[0]);
    timeline::panel(pen, model, parts[1]);
    work(pen, model, second);
    let half = third.height / 2;
    let parts = stack(third, &[half, third.height - half]);
    logs::panel(pen, model, parts[0]);
    logs::events_panel(pen, model, parts[1]);
}
