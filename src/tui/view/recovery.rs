//! The recovery clock against its objective: the first thing that the eye must find.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, row_of, width_of};
use crate::evidence::Verdict;
use crate::playbook::Recovery;
use crate::run::{Kept, Run};
use crate::text;
use crate::tui::model::Model;
use crate::tui::theme::{Ink, sign};
use crate::tui::times;

/// Where the recovery clock stands.
enum Stand<'a> {
    /// No fault yet.
    Waiting,
    Running(Duration),
    /// Everything is back; the hold proves it. The clock stands still: the hold is never counted.
    Holding {
        took: Duration,
        held: Duration,
    },
    Stopped(&'a crate::run::Objective),
}

fn stand<'a>(model: &Model, run: &'a Run) -> Stand<'a> {
    if let Some(objective) = &run.objective {
        return Stand::Stopped(objective);
    }
    match (run.objective_from, run.recovering) {
        (None, _) => Stand::Waiting,
        (Some(from), Some(since)) => Stand::Holding {
            took: since.since(from),
            held: model.now.since(since),
        },
        (Some(from), None) => {
            let until = run.ended.as_ref().map_or(model.now, |(at, _)| *at);
            Stand::Running(until.since(from))
        }
    }
}

/// Whether the clock moves, so that tenths of a second are worth drawing.
pub fn is_running(model: &Model) -> bool {
    model.run.as_ref().is_some_and(|run| {
        run.playbook.recovery.is_some() && !run.is_over() && matches!(stand(model, run), Stand::Running(_))
    })
}

pub fn clock(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if area.is_empty() {
        return;
    }
    let Some((run, recovery)) = model
        .run
        .as_ref()
        .and_then(|run| Some((run, run.playbook.recovery.as_ref()?)))
    else {
        let said = if model.run.is_some() {
            " RECOVERY  no objective in this playbook"
        } else {
            " RECOVERY  --:--.-"
        };
        pen.line(area, &Line::styled(said, pen.ink(Ink::Faint)));
        return;
    };
    let stand = stand(model, run);
    let (shown, ink, word) = face(&stand, recovery);
    let roomy = area.width >= 60;
    let mut left = vec![
        Span::styled(if roomy { " RECOVERY " } else { " REC " }, pen.ink(Ink::Strong)),
        Span::styled(shown, pen.ink(ink)),
        Span::raw(" "),
    ];
    if area.width >= 90 {
        left.push(Span::styled(
            format!("from {} ", recovery.clock),
            pen.ink(Ink::Faint),
        ));
    }
    let aim = if roomy {
        format!(" target {}, ok to {}  ", recovery.target, recovery.acceptable)
    } else {
        format!(" {}/{} ", recovery.target, recovery.acceptable)
    };
    // The bar keeps its width while the words beside it change.
    let bar = bar_width(area.width);
    let took = match &stand {
        Stand::Waiting => None,
        Stand::Running(took) | Stand::Holding { took, .. } => Some(*took),
        Stand::Stopped(objective) => objective.took,
    };
    left.extend(bar_spans(pen, bar, took, recovery, ink));
    left.push(Span::styled(aim, pen.ink(Ink::Plain)));
    let room = usize::from(area.width).saturating_sub(width_of(&Line::from(left.clone())));
    let said = match &stand {
        Stand::Running(_) => tail(model, run, recovery, (word, room)),
        Stand::Waiting | Stand::Holding { .. } | Stand::Stopped(_) => word,
    };
    left.push(Span::styled(said, pen.ink(ink)));
    pen.line(row_of(area, 0), &Line::from(left));
    if area.height > 1 {
        scale(pen, area, recovery, bar);
    }
}

const fn bar_width(wide: u16) -> usize {
    match wide {
        0..40 => 0,
        40..60 => 6,
        60..90 => 14,
        90..140 => 28,
        _ => 60,
    }
}

/// The digits, their meaning, and the word for it.
fn face(stand: &Stand<'_>, recovery: &Recovery) -> (String, Ink, String) {
    match stand {
        Stand::Waiting => ("--:--.-".to_owned(), Ink::Faint, "no fault yet".to_owned()),
        Stand::Running(took) => {
            let (ink, word) = if *took > recovery.acceptable.0 {
                (Ink::Wrong, format!("{} MISSED", sign::WRONG))
            } else if *took > recovery.target.0 {
                (Ink::Amber, "over target".to_owned())
            } else {
                (Ink::Strong, "waits".to_owned())
            };
            (times::tenths(*took), ink, word)
        }
        Stand::Holding { took, held } => {
            let held = held.as_secs().min(recovery.hold.0.as_secs());
            (
                times::tenths(*took),
                Ink::Good,
                format!("{} back, holding {held}s of {}", sign::GOOD, recovery.hold),
            )
        }
        Stand::Stopped(objective) => {
            let (ink, word) = match &objective.kept {
                Kept::Met => (Ink::Good, format!("{} MET", sign::GOOD)),
                Kept::Acceptable => (Ink::Amber, format!("{} ACCEPTABLE", sign::GOOD)),
                Kept::Missed => (Ink::Wrong, format!("{} MISSED", sign::WRONG)),
                Kept::NotJudged { why } => (Ink::Amber, format!("{} NOT JUDGED: {why}", sign::UNKNOWN)),
            };
            let shown = objective.took.map_or_else(|| "--:--.-".to_owned(), times::tenths);
            (shown, ink, word)
        }
    }
}

/// What is being waited for, as much of it as has room, or the verdict.
fn tail(model: &Model, run: &Run, recovery: &Recovery, (word, room): (String, usize)) -> String {
    let waits: Vec<&str> = recovery
        .when
        .iter()
        .filter(|id| super::header::verdict(model, run, id) != Some(Verdict::Holds))
        .map(crate::units::CheckId::as_str)
        .collect();
    if waits.is_empty() {
        return format!("{word}, no impact seen yet");
    }
    for shown in (1..=waits.len()).rev() {
        let mut said = format!("{word}: {}", waits[..shown].join(", "));
        if shown < waits.len() {
            said = format!("{said} +{}", waits.len() - shown);
        }
        if text::width(&said) <= room {
            return said;
        }
    }
    word
}

/// The bar's end is the acceptable time; a tick stands at the target.
fn bar_spans(
    pen: &Pen<'_>,
    wide: usize,
    took: Option<Duration>,
    recovery: &Recovery,
    ink: Ink,
) -> Vec<Span<'static>> {
    if wide < 3 {
        return Vec::new();
    }
    let inner = wide - 2;
    let whole = recovery.acceptable.0.as_secs_f64().max(1e-9);
    let tick = place(recovery.target.0.as_secs_f64() / whole, inner).min(inner - 1);
    let full = took.map_or(0, |took| place(took.as_secs_f64() / whole, inner));
    let (mut done, mut open) = (String::new(), String::new());
    for column in 0..inner {
        if column < full {
            done.push('█');
        } else if column == tick {
            open.push('│');
        } else {
            open.push('·');
        }
    }
    vec![
        Span::styled("▕", pen.ink(Ink::Faint)),
        Span::styled(done, pen.ink(ink)),
        Span::styled(open, pen.ink(Ink::Faint)),
        Span::styled("▏", pen.ink(Ink::Faint)),
    ]
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a bar of a few dozen columns"
)]
fn place(share: f64, columns: usize) -> usize {
    (share.clamp(0.0, 1.0) * columns as f64).round() as usize
}

/// What the bar's marks mean, below it.
fn scale(pen: &mut Pen<'_>, area: Rect, recovery: &Recovery, bar: usize) {
    if bar < 20 {
        return;
    }
    let start = if area.width >= 90 {
        " RECOVERY 00:00.0 from ".len() + recovery.clock.to_string().len() + 1
    } else {
        " RECOVERY 00:00.0 ".len()
    };
    let inner = bar - 2;
    let whole = recovery.acceptable.0.as_secs_f64().max(1e-9);
    let tick = place(recovery.target.0.as_secs_f64() / whole, inner).min(inner - 1);
    let target = format!("{} target", recovery.target);
    let end = format!("{} acceptable", recovery.acceptable);
    let mut said = " ".repeat(start + 1);
    said.push('0');
    let at = start + 1 + tick;
    let end_at = start + bar;
    if at > said.len() + 1 {
        said.push_str(&" ".repeat(at - said.len()));
        if at + text::width(&target) < end_at {
            said.push_str(&target);
        }
    }
    if end_at > text::width(&said) {
        said.push_str(&" ".repeat(end_at - text::width(&said)));
        said.push_str(&end);
    }
    pen.line(row_of(area, 1), &Line::styled(said, pen.ink(Ink::Faint)));
}
