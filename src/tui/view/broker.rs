//! The broker: what the playbook wants measured of it, and what of that this version can measure.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::checks;
use super::pen::{Pen, wrapped};
use crate::playbook::{Check, Probe};
use crate::tui::layout::{share, stack};
use crate::tui::model::Model;
use crate::tui::theme::Ink;

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let Some(run) = &model.run else {
        return;
    };
    let said = about(pen, model, area.width);
    let checks: Vec<Check> = run
        .playbook
        .all_checks()
        .into_iter()
        .filter(|check| is_of_broker(&check.probe))
        .collect();
    let wish = |rows: usize| u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(1);
    let rows = share(area.height, &[(2, wish(said.len())), (2, wish(checks.len()))]);
    let parts = stack(area, &rows);
    let inner = pen.panel(parts[0], "BROKER");
    pen.lines(inner, &said, 0);
    if !parts[1].is_empty() {
        let inner = pen.panel(parts[1], "CHECKS of broker, metrics and HTTP");
        if checks.is_empty() {
            let none = Line::styled(" This playbook has none.", pen.ink(Ink::Faint));
            pen.line(inner, &none);
        }
        checks::list(pen, model, inner, checks);
    }
}

fn about(pen: &Pen<'_>, model: &Model, wide: u16) -> Vec<Line<'static>> {
    let mut lines = wrapped(
        "Canary (loss, duplicates, latency): not measured in this version.",
        wide,
        pen.ink(Ink::Amber),
    );
    let load = model.run.as_ref().and_then(|run| run.playbook.load.as_ref());
    let said = match load {
        Some(load) => format!(
            "Load: {} clients, {}, {} topics, {}: not run in this version.",
            load.clients, load.rate, load.topics, load.payload
        ),
        None => "Load: the playbook asks for none.".to_owned(),
    };
    lines.extend(wrapped(&said, wide, pen.ink(Ink::Plain)));
    lines
}

const fn is_of_broker(probe: &Probe) -> bool {
    match probe {
        Probe::Prometheus(_) | Probe::Mqtt(_) | Probe::Http(_) | Probe::PodLogs(_) => true,
        Probe::PodsReady(_) | Probe::Endpoints(_) => false,
    }
}
