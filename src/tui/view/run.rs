//! The screen of the run. Narrow: what to do now and what holds. Usual: steps and marks beside the work, the newest lines
//! below. Wide: timeline, log and events in a column of their own. Places depend on the size alone.

use ratatui::layout::Rect;

use super::pen::{Pen, row_of};
use super::{checks, logs, marks, now, pods, steps, timeline};
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
    let strip = match area.height {
        0..12 => 0,
        12..26 => 3,
        rows => rows / 3,
    };
    let rows = stack(area, &[area.height - strip, strip]);
    let left = match area.width {
        0..90 => 30,
        90..120 => 34,
        _ => 42,
    };
    let (first, gap, second) = beside(rows[0], left);
    let heights = share(first.height, &[(3, steps::wish(model)), (3, marks::WISH)]);
    let parts = stack(first, &heights);
    steps::draw(pen, model, parts[0]);
    marks::draw(pen, model, parts[1]);
    pen.upright(gap);
    work(pen, model, second);
    lines(pen, model, rows[1]);
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

/// The newest of what is told: two rows where there are few, two panels where there are many.
fn lines(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if area.is_empty() {
        return;
    }
    if area.height < 6 {
        pen.rule(row_of(area, 0), "NEWEST");
        timeline::newest(pen, model, row_of(area, 1));
        logs::newest(pen, model, row_of(area, 2));
        return;
    }
    let (first, gap, second) = beside(area, area.width / 2);
    timeline::panel(pen, model, first);
    pen.upright(gap);
    logs::panel(pen, model, second);
}

fn wide(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let (first, gap, rest) = beside(area, 36);
    let (second, next, third) = beside(rest, rest.width * 9 / 20);
    pen.upright(gap);
    pen.upright(next);
    let rows = share(first.height, &[(3, steps::wish(model)), (4, marks::WISH)]);
    let parts = stack(first, &rows);
    steps::draw(pen, model, parts[0]);
    marks::draw(pen, model, parts[1]);
    work(pen, model, second);
    let rows = third.height * 2 / 5;
    let parts = stack(third, &[rows, rows, third.height - 2 * rows]);
    timeline::panel(pen, model, parts[0]);
    logs::panel(pen, model, parts[1]);
    logs::events_panel(pen, model, parts[2]);
}
