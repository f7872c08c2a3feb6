//! The two lines at the top: what is being drilled, where, and how to stop it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, cell, number, width_of};
use crate::evidence::Verdict;
use crate::playbook::{Check, When};
use crate::ports::Freshness;
use crate::report::words;
use crate::run::Run;
use crate::text;
use crate::tui::layout::Parts;
use crate::tui::model::{Feed, Model};
use crate::tui::theme::{Ink, sign};
use crate::tui::times;

pub fn draw(pen: &mut Pen<'_>, model: &Model, parts: &Parts) {
    name(pen, model, parts.name);
    state(pen, model, parts.state);
}

/// Playbook, title, step, severity, run clock.
fn name(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let Some(run) = &model.run else {
        let line = Line::from(vec![
            Span::styled(" firedrill  ", pen.ink(Ink::Strong)),
            Span::styled("waiting for the run to begin", pen.ink(Ink::Faint)),
        ]);
        pen.line(area, &line);
        return;
    };
    let mut right = Vec::new();
    let step = match run.current {
        Some(ix) => format!(
            "{}/{} {}",
            ix.number(),
            run.steps.len(),
            run.playbook
                .steps
                .get(ix.0)
                .map_or_else(String::new, words::step_title)
        ),
        None if run.is_over() => "over".to_owned(),
        None => "ending".to_owned(),
    };
    right.push(Span::styled(step, pen.ink(Ink::Strong)));
    if let Some(severity) = run.playbook.severity.filter(|_| area.width >= 60) {
        right.push(Span::raw(format!("  {severity:?}")));
    }
    let ended = run.ended.as_ref().map(|(at, _)| *at);
    let clock = times::clock(ended.unwrap_or(model.now).elapsed());
    right.push(Span::styled("  run ", pen.ink(Ink::Faint)));
    right.push(Span::styled(number(&clock, 5), pen.ink(Ink::Strong)));
    let speed = model.about.as_ref().map_or(1.0, |about| about.speed);
    if (speed - 1.0).abs() > f64::EPSILON {
        right.push(Span::styled(format!(" ×{speed}"), pen.ink(Ink::Amber)));
    }
    right.push(Span::raw(" "));
    let mut left = Vec::new();
    if area.width >= 100 {
        left.push(Span::styled(" firedrill ", pen.ink(Ink::Faint)));
    }
    left.push(Span::styled(
        format!(" {}  ", run.playbook.name),
        pen.ink(Ink::Strong),
    ));
    left.push(Span::raw(
        run.playbook.title.in_language(&model.look.language).to_owned(),
    ));
    pen.both(area, &Line::from(left), &Line::from(right));
}

/// Context, gate, lamp, sources, kill key. The kill key is the last thing to go.
fn state(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let wide = usize::from(area.width);
    let kill = if model.kill.is_at_work() {
        format!(" {} KILLING ", sign::MOVING)
    } else if wide >= 60 {
        " ^K KILL ALL ".to_owned()
    } else {
        " ^K KILL ".to_owned()
    };
    let kill_style = if model.kill.is_at_work() {
        pen.ink(Ink::Wrong).patch(pen.ink(Ink::Kill))
    } else {
        pen.ink(Ink::Kill)
    };
    let right = Line::from(vec![Span::styled(kill, kill_style), Span::raw(" ")]);
    let mut tail = vec![Span::raw("  "), gate(pen, model), Span::raw("  ")];
    tail.push(lamp(pen, model, wide));
    if wide >= 60 {
        tail.push(Span::raw("  "));
        tail.extend(sources(pen, model, wide));
    }
    let tail = Line::from(tail);
    let room = wide.saturating_sub(width_of(&tail) + width_of(&right) + 2);
    let mut left = vec![Span::raw(" ")];
    left.push(context(pen, model, room));
    left.extend(tail.spans);
    pen.both(area, &Line::from(left), &right);
}

/// Loud when it looks like production.
fn context(pen: &Pen<'_>, model: &Model, room: usize) -> Span<'static> {
    let Some(about) = &model.about else {
        return Span::styled("connecting", pen.ink(Ink::Faint));
    };
    let namespace = model
        .run
        .as_ref()
        .map_or("", |run| run.playbook.target.namespace.as_str());
    let name = text::printable(&about.cluster.context).into_owned();
    let full = format!("{name}/{}", text::printable(namespace));
    if model.production.is_some() {
        let loud = format!(" PRODUCTION {full} ");
        let short = format!(" PROD {name} ");
        let said = if text::width(&loud) <= room { loud } else { short };
        return Span::styled(text::clip(&said, room).into_owned(), pen.ink(Ink::Loud));
    }
    Span::raw(text::clip(&full, room).into_owned())
}

fn gate(pen: &Pen<'_>, model: &Model) -> Span<'static> {
    let closed =
        model.run.as_ref().is_some_and(|run| run.gate_closed.is_some()) || model.kill.gate_closed.is_some();
    if closed {
        Span::styled("gate CLOSED", pen.ink(Ink::Wrong))
    } else {
        Span::styled(cell("gate open", 9), pen.ink(Ink::Plain))
    }
}

/// Whether the steady state holds: every check that can be measured.
fn lamp(pen: &Pen<'_>, model: &Model, wide: usize) -> Span<'static> {
    let steady = if wide >= 60 { "steady " } else { "" };
    let Some(run) = &model.run else {
        return Span::styled(format!("{steady}{}", sign::UNKNOWN), pen.ink(Ink::Faint));
    };
    let fired = !run.fired.is_empty();
    let (mut broken, mut unknown) = (0, 0);
    for check in run.playbook.all_checks() {
        if run.not_measured.contains_key(&check.id) {
            continue;
        }
        match verdict(model, run, &check.id) {
            Some(Verdict::Holds) => {}
            Some(Verdict::Broken) => broken += 1,
            Some(Verdict::Unknown) => unknown += 1,
            None => unknown += usize::from(is_due(&check, fired)),
        }
    }
    if broken > 0 {
        Span::styled(
            format!("{steady}{} {broken} broken", sign::WRONG),
            pen.ink(Ink::Wrong),
        )
    } else if unknown > 0 {
        Span::styled(
            format!("{steady}{} {unknown} unknown", sign::UNKNOWN),
            pen.ink(Ink::Amber),
        )
    } else {
        Span::styled(format!("{steady}{} holds", sign::ON), pen.ink(Ink::Good))
    }
}

/// Whether a check should have been seen by now.
pub fn is_due(check: &Check, fired: bool) -> bool {
    fired
        || check
            .when
            .iter()
            .any(|when| matches!(when, When::Before | When::Always))
}

/// What a check says now: the board is newer than the facts.
pub fn verdict(model: &Model, run: &Run, id: &crate::units::CheckId) -> Option<Verdict> {
    model
        .board
        .get(id)
        .map(|now| now.verdict)
        .or_else(|| run.checks.get(id).map(|check| check.verdict))
}

/// How stale each source is; one word when all are live and the screen is narrow.
fn sources(pen: &Pen<'_>, model: &Model, wide: usize) -> Vec<Span<'static>> {
    let all = [("pods", &model.pods.fresh), ("chaos", &model.chaos.fresh)];
    if model.feed == Feed::Ended && !model.is_settled() {
        return vec![Span::styled("driver GONE", pen.ink(Ink::Wrong))];
    }
    if wide < 120 && all.iter().all(|(_, fresh)| *fresh == all[0].1) {
        let (said, ink) = freshness(model, all[0].1);
        return vec![Span::styled(format!("sources {said}"), pen.ink(ink))];
    }
    let mut spans = Vec::new();
    for (name, fresh) in all {
        if wide < 120 && *fresh == Freshness::Live {
            continue;
        }
        let (said, ink) = freshness(model, fresh);
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(Span::styled(format!("{name} {said}"), pen.ink(ink)));
    }
    spans
}

/// How stale a source is, in a few letters.
pub fn freshness(model: &Model, fresh: &Freshness) -> (String, Ink) {
    match fresh {
        Freshness::Connecting => ("connecting".to_owned(), Ink::Amber),
        Freshness::Live => ("live".to_owned(), Ink::Plain),
        Freshness::Stale { since, .. } => {
            let age = times::age(model.now.since(*since));
            (format!("STALE {age}"), Ink::Amber)
        }
        Freshness::Forbidden { .. } => ("FORBIDDEN".to_owned(), Ink::Amber),
    }
}
