//! The target's pods: ready, state, restarts, age, node; a mark at those that a fault of this run hit.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::header::freshness;
use super::pen::{Pen, cell, first_row, number, row_of};
use crate::ports::{Freshness, PodRow};
use crate::text;
use crate::tui::keys::Screen;
use crate::tui::model::Model;
use crate::tui::theme::{Ink, sign};
use crate::tui::times;
use crate::units::Stamp;

/// Rows that the panel would like, heading included.
pub fn wish(model: &Model) -> u16 {
    u16::try_from(model.pods.rows.len())
        .unwrap_or(u16::MAX)
        .saturating_add(2)
}

/// The whole screen.
pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let (rows, rest) = model.rows(Screen::Pods);
    let list = model.list(Screen::Pods);
    let mut title = heading(model);
    if !list.filter.is_empty() {
        title = format!("{title}  filter /{}  {} shown", list.filter, rows.len());
    }
    let area = pen.panel(area, &title);
    let area = stale(pen, model, area);
    if area.is_empty() {
        return;
    }
    pen.line(area, &head(pen, area.width));
    let below = super::pen::below(area);
    let room = usize::from(below.height);
    let at = list.position(&rows, rest).unwrap_or(0);
    let first = first_row(rows.len(), room, at);
    for (row, number) in rows.iter().skip(first).take(room).enumerate() {
        let Some(pod) = usize::try_from(*number)
            .ok()
            .and_then(|number| model.pods.rows.get(number))
        else {
            continue;
        };
        let place = row_of(below, row);
        pen.line(place, &one(pen, model, pod, place.width));
        if first + row == at {
            pen.choose(place);
        }
    }
}

/// A part of another screen: those that are not well first, when not all have room.
pub fn panel(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if area.is_empty() {
        return;
    }
    let area = pen.panel(area, &heading(model));
    let area = stale(pen, model, area);
    let room = usize::from(area.height);
    let mut pods: Vec<&PodRow> = model.pods.rows.iter().collect();
    if pods.len() > room {
        pods.sort_by_key(|pod| is_well(pod));
    }
    for (row, pod) in pods.iter().take(room).enumerate() {
        let place = row_of(area, row);
        let line = one(pen, model, pod, place.width);
        let hidden = pods.len().saturating_sub(room);
        if hidden > 0 && row + 1 == room {
            let more = Line::styled(format!("+{hidden} "), pen.ink(Ink::Faint));
            pen.both(place, &line, &more);
        } else {
            pen.line(place, &line);
        }
    }
}

fn heading(model: &Model) -> String {
    let ready = model.pods.rows.iter().filter(|pod| is_well(pod)).count();
    format!("PODS {ready}/{} ready", model.pods.rows.len())
}

/// Says above the rows when they may be old.
fn stale(pen: &mut Pen<'_>, model: &Model, area: Rect) -> Rect {
    let why = match &model.pods.fresh {
        Freshness::Live => return area,
        Freshness::Connecting => String::new(),
        Freshness::Stale { why, .. } => format!(": {why}"),
        Freshness::Forbidden { right } => format!(": needs {right}"),
    };
    let (said, ink) = freshness(model, &model.pods.fresh);
    pen.line(area, &Line::styled(format!(" ! {said}{why}"), pen.ink(ink)));
    super::pen::below(area)
}

const fn is_well(pod: &PodRow) -> bool {
    pod.ready.0 == pod.ready.1 && pod.ready.1 > 0 && !pod.terminating
}

/// Columns of name and node; the others have their own.
fn widths(wide: u16) -> (usize, usize) {
    let wide = usize::from(wide);
    // mark 3, ready 6, state 12, restarts 5, age 6, hit 2
    let rest = wide.saturating_sub(34);
    let node = match wide {
        0..48 => 0,
        48..70 => 6,
        _ => (rest / 3).min(24),
    };
    (rest.saturating_sub(node).min(48), node)
}

fn head(pen: &Pen<'_>, wide: u16) -> Line<'static> {
    let (name, node) = widths(wide);
    let said = format!(
        "   {} ready {} rst.   age {}",
        cell("name", name),
        cell("state", 11),
        cell("node", node)
    );
    Line::styled(said, pen.ink(Ink::Faint))
}

fn one(pen: &Pen<'_>, model: &Model, pod: &PodRow, wide: u16) -> Line<'static> {
    let (name, node) = widths(wide);
    let (mark, ink) = if is_well(pod) {
        (sign::ON, Ink::Good)
    } else if pod.terminating {
        (sign::MOVING, Ink::Amber)
    } else {
        (sign::WRONG, Ink::Wrong)
    };
    let state = if pod.terminating {
        "Terminating"
    } else {
        &pod.state
    };
    let ready = format!("{}/{}", pod.ready.0, pod.ready.1);
    let hit = if is_hit(model, pod) { sign::HIT } else { " " };
    let text_ink = if is_well(pod) { Ink::Plain } else { ink };
    Line::from(vec![
        Span::styled(format!(" {mark} "), pen.ink(ink)),
        Span::styled(cell(&shortened(&pod.name, name), name), pen.ink(text_ink)),
        Span::styled(format!(" {}", cell(&ready, 5)), pen.ink(text_ink)),
        Span::styled(format!(" {}", cell(state, 11)), pen.ink(text_ink)),
        Span::raw(format!(" {}", number(&pod.restarts.to_string(), 4))),
        Span::raw(format!(" {}", number(&age(model.wall, pod.created), 5))),
        Span::styled(format!(" {}", cell(&pod.node, node)), pen.ink(Ink::Faint)),
        Span::styled(hit, pen.ink(Ink::Strong)),
    ])
}

/// A pod's name tells most at its end: the middle is what goes.
fn shortened(name: &str, columns: usize) -> String {
    let name = text::printable(name);
    let wide = text::width(&name);
    if wide <= columns || columns < 12 {
        return name.into_owned();
    }
    let tail: String = name
        .chars()
        .rev()
        .take(8)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let head = text::clip(&name, columns.saturating_sub(text::width(&tail)));
    format!("{head}{tail}")
}

/// The age of something that the server dated.
pub fn age(now: Option<Stamp>, created: Option<Stamp>) -> String {
    match (now, created) {
        (Some(now), Some(created)) => {
            let span = now.0.duration_since(created.0);
            times::age(std::time::Duration::try_from(span).unwrap_or_default())
        }
        _ => "?".to_owned(),
    }
}

/// Whether a fault that is on names this pod: `pod`, `namespace/pod` or `namespace/pod/container`.
fn is_hit(model: &Model, pod: &PodRow) -> bool {
    let Some(run) = &model.run else {
        return false;
    };
    run.fired
        .iter()
        .filter(|fired| fired.gone.is_none())
        .flat_map(|fired| &fired.targets)
        .any(|target| {
            let mut parts = target.split('/');
            match (parts.next(), parts.next()) {
                (Some(name), None) => name == pod.name,
                (Some(namespace), Some(name)) => namespace == pod.namespace && name == pod.name,
                (None, _) => false,
            }
        })
}
