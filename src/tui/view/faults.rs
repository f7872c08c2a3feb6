//! Everything of Chaos Mesh that is in the cluster, whoever made it: age, targets, phase, whose it is.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::header::freshness;
use super::pen::{Pen, cell, first_row, number, row_of, wrapped};
use super::pods::age;
use crate::ports::{ChaosRow, Freshness};
use crate::text;
use crate::tui::keys::Screen;
use crate::tui::layout::stack;
use crate::tui::model::Model;
use crate::tui::theme::{Ink, sign};
use crate::units::human;

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let (rows, rest) = model.rows(Screen::Faults);
    let list = model.list(Screen::Faults);
    let ours = model.chaos.rows.iter().filter(|row| is_ours(model, row)).count();
    let others = model.chaos.rows.len() - ours;
    let mut title = format!("FAULTS in the cluster  ours {ours}  others {others}");
    if !list.filter.is_empty() {
        title = format!("{title}  filter /{}", list.filter);
    }
    let area = pen.panel(area, &title);
    if area.is_empty() {
        return;
    }
    let detail = if area.height >= 10 { 4 } else { 0 };
    let parts = stack(area, &[area.height - detail, detail]);
    let mut table = parts[0];
    if model.chaos.fresh != Freshness::Live {
        let why = match &model.chaos.fresh {
            Freshness::Stale { why, .. } => format!(": {why}"),
            Freshness::Forbidden { right } => format!(": needs {right}"),
            Freshness::Live | Freshness::Connecting => String::new(),
        };
        let (said, ink) = freshness(model, &model.chaos.fresh);
        pen.line(table, &Line::styled(format!(" ! {said}{why}"), pen.ink(ink)));
        table = super::pen::below(table);
    }
    if rows.is_empty() {
        let said = match model.chaos.fresh {
            Freshness::Live => " Nothing of Chaos Mesh is in the cluster.",
            _ => " Nothing seen yet; that is not the same as nothing there.",
        };
        pen.line(table, &Line::styled(said, pen.ink(Ink::Faint)));
        return;
    }
    pen.line(table, &head(pen, table.width));
    let body = super::pen::below(table);
    let room = usize::from(body.height);
    let at = list.position(&rows, rest).unwrap_or(0);
    let first = first_row(rows.len(), room, at);
    for (row, number) in rows.iter().skip(first).take(room).enumerate() {
        let place = row_of(body, row);
        if let Some(fault) = nth(model, *number) {
            pen.line(place, &one(pen, model, fault, place.width));
        }
        if first + row == at {
            pen.choose(place);
        }
    }
    if let Some(fault) = rows.get(at).and_then(|number| nth(model, *number)) {
        let inner = pen.panel(parts[1], &fault.object.to_string());
        let mut said = format!("targets: {}", fault.targets.join(", "));
        if let Some(run) = &fault.run {
            said = format!("run {run}; {said}");
        }
        pen.lines(inner, &wrapped(&said, inner.width, pen.ink(Ink::Plain)), 0);
    }
}

fn nth(model: &Model, number: u64) -> Option<&ChaosRow> {
    model.chaos.rows.get(usize::try_from(number).ok()?)
}

fn is_ours(model: &Model, row: &ChaosRow) -> bool {
    let own = model.about.as_ref().map(|about| about.run.as_str());
    own.is_some() && row.run.as_deref() == own
}

/// Columns of the name, of the action, of the phase; what has no room has none.
fn widths(wide: u16) -> (usize, usize, usize) {
    let wide = usize::from(wide);
    if wide < 60 {
        return (wide.saturating_sub(26), 0, 0);
    }
    // mark 3, whose 9, age 5, left 9, injected 9
    let phase = if wide >= 100 { 13 } else { 0 };
    let rest = wide.saturating_sub(35 + phase);
    let name = (rest * 11 / 20).min(60);
    (name, (rest - name).min(40), phase)
}

fn head(pen: &Pen<'_>, wide: u16) -> Line<'static> {
    let (name, action, phase) = widths(wide);
    let said = if action == 0 {
        format!("   {} whose     age injected", cell("object", name))
    } else {
        format!(
            "   {} {} whose     age     left injected{}",
            cell("object", name),
            cell("action", action.saturating_sub(1)),
            cell(" phase", phase)
        )
    };
    Line::styled(said, pen.ink(Ink::Faint))
}

fn one(pen: &Pen<'_>, model: &Model, row: &ChaosRow, wide: u16) -> Line<'static> {
    let (name, action, phase) = widths(wide);
    let (mark, ink) = if row.deleting {
        (sign::MOVING, Ink::Amber)
    } else if row.injected.0 > 0 && !row.ended {
        // What happens once is not on any more: only its object is left.
        let once = matches!(row.action.as_str(), "pod-kill" | "container-kill");
        (sign::ON, if once { Ink::Amber } else { Ink::Wrong })
    } else {
        (sign::OFF, Ink::Amber)
    };
    let whose = if is_ours(model, row) {
        "ours"
    } else if row.run.is_some() {
        "a run"
    } else {
        "foreign"
    };
    let is_near = model
        .run
        .as_ref()
        .is_some_and(|run| run.playbook.target.namespace == row.object.namespace);
    let said = if is_near {
        row.object.name.clone()
    } else {
        format!("{}/{}", row.object.namespace, row.object.name)
    };
    let said = text::printable(&said).into_owned();
    let injected = format!("{}/{}", row.injected.0, row.injected.1);
    let mut spans = vec![
        Span::styled(format!(" {mark} "), pen.ink(ink)),
        Span::raw(cell(&said, name)),
    ];
    if action > 0 {
        let what = format!("{} {}", row.object.kind, row.action);
        spans.push(Span::raw(format!(" {}", cell(&what, action.saturating_sub(1)))));
    }
    spans.push(Span::raw(format!(" {}", cell(whose, 8))));
    spans.push(Span::raw(number(&age(model.wall, row.created), 5)));
    if action > 0 {
        spans.push(Span::raw(format!(" {}", number(&left(model, row), 8))));
    }
    spans.push(Span::raw(format!(" {}", number(&injected, 8))));
    if phase > 0 {
        let said = match (row.deleting, row.ended) {
            (true, _) => "deleting",
            (false, true) => "ended",
            (false, false) => &row.phase,
        };
        spans.push(Span::styled(format!(" {}", cell(said, phase - 1)), pen.ink(ink)));
    }
    Line::from(spans)
}

/// How long until it ends by its own clock, which runs from its creation.
fn left(model: &Model, row: &ChaosRow) -> String {
    let (Some(duration), Some(created), Some(now)) = (row.duration, row.created, model.wall) else {
        return "-".to_owned();
    };
    let gone = now.0.duration_since(created.0);
    let gone = std::time::Duration::try_from(gone).unwrap_or_default();
    let left = duration.saturating_sub(gone).as_secs();
    if left == 0 {
        "over".to_owned()
    } else {
        // In steps of five seconds, so that a list of them stands still.
        human(std::time::Duration::from_secs(left.div_ceil(5) * 5))
    }
}
