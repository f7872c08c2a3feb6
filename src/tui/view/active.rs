//! The faults that are on or may be, ours first: what, on what, for how long, how it ends. Always on the screen.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, row_of, width_of};
use super::pods::age;
use crate::fault::{Lasting, Undo};
use crate::ports::ChaosRow;
use crate::run::Fired;
use crate::text;
use crate::tui::model::Model;
use crate::tui::theme::{Ink, sign};
use crate::tui::times;
use crate::units::human;

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if area.is_empty() {
        return;
    }
    let ours: Vec<&Fired> = model.run.as_ref().map_or_else(Vec::new, |run| {
        run.fired.iter().filter(|fired| fired.gone.is_none()).collect()
    });
    let others = others(model);
    let rows = usize::from(area.height);
    // Ours take the rows first; where a row is left, others are named, else counted.
    let mine = ours.len().clamp(1, rows);
    let named = others.len().min(rows - mine);
    if ours.is_empty() {
        let mut left = vec![Span::styled(
            " FAULTS  none of this run is on",
            pen.ink(Ink::Faint),
        )];
        if let Some(gone) = last_gone(model) {
            left.push(Span::styled(gone, pen.ink(Ink::Faint)));
        }
        let right = rest(pen, 0, others.len() - named);
        pen.both(row_of(area, 0), &Line::from(left), &right);
    }
    for (row, fired) in ours.iter().take(mine).enumerate() {
        let right = if row + 1 == mine {
            rest(pen, ours.len() - mine, others.len() - named)
        } else {
            Line::default()
        };
        let room = usize::from(area.width).saturating_sub(width_of(&right) + 1);
        let line = fault(pen, model, fired, room);
        pen.both(row_of(area, row), &line, &right);
    }
    for (row, chaos) in others.iter().take(named).enumerate() {
        let line = other(pen, model, chaos);
        pen.line(row_of(area, mine + row), &line);
    }
}

/// Those that have no row of their own.
fn rest(pen: &Pen<'_>, ours: usize, others: usize) -> Line<'static> {
    let mut spans = Vec::new();
    if ours > 0 {
        spans.push(Span::styled(format!("+{ours} more "), pen.ink(Ink::Wrong)));
    }
    if others > 0 {
        spans.push(Span::styled(
            format!("+{others} not ours (5) "),
            pen.ink(Ink::Amber),
        ));
    }
    Line::from(spans)
}

fn last_gone(model: &Model) -> Option<String> {
    let run = model.run.as_ref()?;
    let last = run.fired.iter().max_by_key(|fired| fired.gone)?;
    Some(format!("  {} proven gone at {}", last.debt.id, last.gone?))
}

/// Active chaos objects that this run did not make.
fn others(model: &Model) -> Vec<&ChaosRow> {
    let own = model.about.as_ref().map(|about| about.run.as_str());
    model
        .chaos
        .rows
        .iter()
        .filter(|row| !row.ended && (row.run.as_deref() != own || own.is_none()))
        .collect()
}

fn other(pen: &Pen<'_>, model: &Model, row: &ChaosRow) -> Line<'static> {
    let whose = if row.run.is_some() {
        "another run's"
    } else {
        "not ours"
    };
    let said = format!(
        " {} {} {}  on {}  {} old",
        row.object,
        row.action,
        whose,
        few(&row.targets, ""),
        age(model.wall, row.created)
    );
    Line::from(vec![
        Span::styled(" OTHER ", pen.ink(Ink::Strong)),
        Span::styled(sign::ON, pen.ink(Ink::Amber)),
        Span::styled(said, pen.ink(Ink::Amber)),
    ])
}

/// One fault: what, on what, for how long, how it ends.
fn fault(pen: &Pen<'_>, model: &Model, fired: &Fired, room: usize) -> Line<'static> {
    let (mark, ink, word) = state(fired);
    let from = fired.injected.unwrap_or(fired.intended);
    let on_for = format!("T+{}", times::clock(model.now.since(from)));
    let mut head = vec![
        Span::styled(" FAULT ", pen.ink(Ink::Strong)),
        Span::styled(format!("{mark} "), pen.ink(ink)),
        Span::styled(format!("{}  ", fired.debt.fault), pen.ink(Ink::Strong)),
    ];
    let tail = format!("  {on_for}  {}{word}", left(model, fired));
    let taken = width_of(&Line::from(head.clone())) + text::width(&tail);
    let said = text::printable(&what(model, fired)).into_owned();
    let said = text::clip(&said, room.saturating_sub(taken)).into_owned();
    head.push(Span::raw(said));
    head.push(Span::styled(tail, pen.ink(ink)));
    Line::from(head)
}

/// `pod-kill → emqx-go-1` once the cluster has said what it hit, before that what it is aimed at.
fn what(model: &Model, fired: &Fired) -> String {
    let Some(run) = model.run.as_ref().filter(|_| !fired.targets.is_empty()) else {
        return fired.debt.summary.clone();
    };
    let near = format!("{}/", run.playbook.target.namespace);
    let action = run
        .playbook
        .fault(&fired.debt.fault)
        .map_or("", |fault| fault.action());
    format!("{action} → {}", few(&fired.targets, &near))
}

/// Two names and how many more, without the namespace that all of them have.
fn few(names: &[String], near: &str) -> String {
    let short: Vec<&str> = names
        .iter()
        .take(2)
        .map(|name| name.strip_prefix(near).unwrap_or(name))
        .collect();
    match names.len() {
        0 => "nothing yet".to_owned(),
        1 | 2 => short.join(", "),
        many => format!("{} +{}", short.join(", "), many - 2),
    }
}

fn is_one_shot(fired: &Fired) -> bool {
    match &fired.debt.undo {
        Undo::DeleteChaos { lasting, .. } => *lasting == Lasting::OneShot,
    }
}

fn state(fired: &Fired) -> (&'static str, Ink, String) {
    if fired.reverting.is_some() {
        return (sign::MOVING, Ink::Amber, "being undone".to_owned());
    }
    if let Some((_, gone)) = &fired.last_seen {
        return (sign::UNKNOWN, Ink::Amber, gone.to_string());
    }
    if fired.ended.is_some() {
        return (
            sign::OFF,
            Ink::Amber,
            "its own clock ended it; still owed".to_owned(),
        );
    }
    match (fired.injected, fired.settled) {
        // It happens once: what is left is the object.
        (Some(_), _) if is_one_shot(fired) => (sign::ON, Ink::Amber, "object left".to_owned()),
        (Some(_), _) => (sign::ON, Ink::Wrong, "ON".to_owned()),
        (None, None) => (sign::MOVING, Ink::Amber, "being injected".to_owned()),
        (None, Some(_)) => (sign::UNKNOWN, Ink::Amber, "not known whether it is on".to_owned()),
    }
}

/// When it ends by itself.
fn left(model: &Model, fired: &Fired) -> String {
    if is_one_shot(fired) {
        return "one-shot, ".to_owned();
    }
    let Some(clock) = fired.debt.own_clock else {
        return "no clock of its own  ".to_owned();
    };
    let from = fired.injected.unwrap_or(fired.intended);
    let left = clock.saturating_sub(model.now.since(from));
    if left.is_zero() {
        format!("its {} are over  ", human(clock))
    } else {
        format!("{} left  ", times::clock(left))
    }
}
