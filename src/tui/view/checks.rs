//! The steady state: every check, what it says now and since when, and how old that is.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::header::verdict;
use super::pen::{Pen, cell, number, row_of};
use crate::evidence::{Expect, Observed, Verdict};
use crate::playbook::{Check, Probe};
use crate::run::Run;
use crate::text;
use crate::tui::layout::stack;
use crate::tui::model::Model;
use crate::tui::theme::{Ink, sign};
use crate::tui::times;
use crate::units::human;

/// Rows that the panel would like, heading included: those that are not measured share one.
pub fn wish(model: &Model) -> u16 {
    let Some(run) = &model.run else {
        return 2;
    };
    let checks = run.playbook.all_checks();
    let silent = checks
        .iter()
        .filter(|check| run.not_measured.contains_key(&check.id))
        .count();
    let rows = checks.len() - silent + usize::from(silent > 0);
    u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(1)
}

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let area = pen.panel(area, "STEADY STATE");
    let Some(run) = &model.run else {
        return;
    };
    let (silent, told): (Vec<Check>, Vec<Check>) = run
        .playbook
        .all_checks()
        .into_iter()
        .partition(|check| run.not_measured.contains_key(&check.id));
    let foot = u16::from(!silent.is_empty() && area.height > 1);
    let parts = stack(area, &[area.height - foot, foot]);
    list(pen, model, parts[0], told);
    if foot > 0 {
        let names: Vec<&str> = silent.iter().map(|check| check.id.as_str()).collect();
        let said = format!(" {} not measured: {}", sign::NOT_MEASURED, names.join(", "));
        pen.line(parts[1], &Line::styled(said, pen.ink(Ink::Amber)));
    }
}

/// Some checks, the broken ones first where not all have room.
pub fn list(pen: &mut Pen<'_>, model: &Model, area: Rect, mut checks: Vec<Check>) {
    let Some(run) = &model.run else {
        return;
    };
    let rows = usize::from(area.height);
    if checks.len() > rows {
        checks.sort_by_key(|check| match verdict(model, run, &check.id) {
            _ if run.not_measured.contains_key(&check.id) => 3,
            Some(Verdict::Broken) => 0,
            Some(Verdict::Unknown) | None => 1,
            Some(Verdict::Holds) => 2,
        });
    }
    let hidden = checks.len().saturating_sub(rows);
    for (row, check) in checks.iter().take(rows).enumerate() {
        let line = one(pen, model, run, check, usize::from(area.width));
        let last = hidden > 0 && row + 1 == rows;
        let more = if last {
            format!("+{hidden} ")
        } else {
            String::new()
        };
        let more = Line::styled(more, pen.ink(Ink::Faint));
        pen.both(row_of(area, row), &line, &more);
    }
}

fn one(pen: &Pen<'_>, model: &Model, run: &Run, check: &Check, wide: usize) -> Line<'static> {
    if let Some(why) = run.not_measured.get(&check.id) {
        return Line::from(vec![
            Span::styled(format!(" {} ", sign::NOT_MEASURED), pen.ink(Ink::Amber)),
            Span::styled(cell(check.id.as_str(), name_width(wide)), pen.ink(Ink::Faint)),
            Span::styled(
                format!(" not measured: {}", text::printable(why)),
                pen.ink(Ink::Amber),
            ),
        ]);
    }
    let now = verdict(model, run, &check.id);
    let is_due = super::header::is_due(check, !run.fired.is_empty());
    let (mark, ink) = match now {
        None if !is_due => (sign::OFF, Ink::Faint),
        Some(Verdict::Holds) => (sign::ON, Ink::Good),
        Some(Verdict::Broken) => (sign::WRONG, Ink::Wrong),
        Some(Verdict::Unknown) | None => (sign::UNKNOWN, Ink::Amber),
    };
    let reading = model
        .board
        .get(&check.id)
        .map(|now| &now.reading)
        .or_else(|| run.checks.get(&check.id).map(|check| &check.reading));
    let seen = reading.map_or_else(
        || if is_due { "not seen yet" } else { "later" }.to_owned(),
        |reading| shown(&reading.observed, check.expect.as_ref()),
    );
    let expect = check
        .expect
        .as_ref()
        .map_or_else(String::new, |expect| expected(expect, &check.probe));
    let state = match (now, reading) {
        (Some(Verdict::Broken), Some(reading)) => {
            let since = run.checks.get(&check.id).map_or(reading.at, |state| {
                if state.verdict == Verdict::Broken {
                    state.reading.at
                } else {
                    reading.at
                }
            });
            let span = std::time::Duration::from_secs(model.now.since(since).as_secs());
            let span = if span.is_zero() {
                "now".to_owned()
            } else {
                human(span)
            };
            format!("broken {span}")
        }
        (_, Some(reading)) => {
            let age = model.now.since(reading.at);
            let until = run.ended.as_ref().map(|(at, _)| at.since(reading.at));
            format!("{} ago", times::age(until.unwrap_or(age)))
        }
        (_, None) => String::new(),
    };
    let (value, bound, tail) = widths(wide);
    let value_ink = if now == Some(Verdict::Holds) {
        Ink::Plain
    } else {
        ink
    };
    Line::from(vec![
        Span::styled(format!(" {mark} "), pen.ink(ink)),
        Span::raw(cell(check.id.as_str(), name_width(wide))),
        Span::styled(format!(" {}", number(&seen, value)), pen.ink(value_ink)),
        Span::styled(
            if bound > 0 {
                format!("  {}", cell(&expect, bound))
            } else {
                String::new()
            },
            pen.ink(Ink::Faint),
        ),
        Span::styled(format!(" {}", number(&state, tail)), pen.ink(value_ink)),
    ])
}

const fn name_width(wide: usize) -> usize {
    match wide {
        0..34 => 10,
        34..60 => 13,
        _ => 18,
    }
}

/// Columns of the value, of what is expected, of the age.
const fn widths(wide: usize) -> (usize, usize, usize) {
    match wide {
        0..34 => (6, 0, 9),
        34..46 => (6, 0, 11),
        46..60 => (9, 8, 11),
        60..90 => (14, 10, 13),
        _ => (20, 12, 14),
    }
}

/// What was seen, in the unit of what is expected.
fn shown(observed: &Observed, expect: Option<&Expect>) -> String {
    let written = match expect {
        Some(Expect::Compare { written, .. }) => written.as_str(),
        Some(Expect::All | Expect::Range { .. }) | None => "",
    };
    match observed {
        Observed::Number { value } if !value.is_finite() => "not a number".to_owned(),
        Observed::Number { value } if written.ends_with('%') => format!("{:.0} %", value * 100.0),
        Observed::Number { value } if written.ends_with('s') && *value >= 0.0 && *value < 1e9 => {
            if *value < 1.0 {
                format!("{:.0} ms", value * 1e3)
            } else {
                format!("{value:.2} s")
            }
        }
        Observed::Number { value } if value.fract() != 0.0 => format!("{value:.2}"),
        Observed::Number { .. } | Observed::Parts { .. } => observed.to_string(),
        Observed::NoData { why } if why.is_empty() => "no data".to_owned(),
        Observed::NoData { why } => format!("no data: {}", text::printable(why)),
    }
}

fn expected(expect: &Expect, probe: &Probe) -> String {
    match (expect, probe) {
        (Expect::All, _) => "= all".to_owned(),
        (expect, Probe::Mqtt(mqtt)) if !mqtt.measure.is_empty() => format!("{} {expect}", mqtt.measure),
        (expect, _) => expect.to_string(),
    }
}
