//! The last two lines: a message or what is being filtered for, and the keys that matter now.

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::pen::{Pen, width_of};
use crate::playbook::Step;
use crate::run::Run;
use crate::text;
use crate::tui::keys::{Act, KEYS, Screen};
use crate::tui::model::{Dialog, Model, Tone};
use crate::tui::theme::{Ink, sign};

/// The sign and the ink of a tone.
pub const fn toned(tone: Tone) -> (&'static str, Ink) {
    match tone {
        Tone::Plain => ("·", Ink::Plain),
        Tone::Good => (sign::GOOD, Ink::Good),
        Tone::Amber => ("!", Ink::Amber),
        Tone::Wrong => (sign::WRONG, Ink::Wrong),
    }
}

/// A message on the rule above the keys, so that nothing moves when it comes or goes.
pub fn message(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    pen.rule(area, "");
    let Some(toast) = &model.toast else {
        return;
    };
    let (mark, ink) = toned(toast.tone);
    let said = text::printable(&toast.text).into_owned();
    let line = Line::from(vec![
        Span::styled(format!(" {mark} "), pen.ink(ink)),
        Span::styled(said, pen.ink(ink)),
        Span::raw(" "),
    ]);
    pen.line(area, &line);
}

/// The filter that is being written; gives the place of the cursor.
pub fn input(pen: &mut Pen<'_>, model: &Model, area: Rect) -> Option<Position> {
    let Some(Dialog::Filter { input, .. }) = model.dialogs.last() else {
        return None;
    };
    pen.rule(area, "");
    let label = format!(" filter {} / ", model.screen.word());
    let wide = u16::try_from(text::width(&label)).unwrap_or(0);
    pen.line(area, &Line::styled(label, pen.ink(Ink::Key)));
    let rest = Rect::new(
        area.x + wide.min(area.width),
        area.y,
        area.width.saturating_sub(wide),
        area.height,
    );
    super::dialogs::written(pen, input, rest)
}

/// The keys of the topmost dialog, or those that matter on this screen now.
pub fn keys(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    if area.is_empty() {
        return;
    }
    let mut spans: Vec<Span<'_>> = Vec::new();
    let mut put = |key: &str, what: &str| {
        let gap = if spans.is_empty() { " " } else { "  " };
        let hint = Line::from(vec![
            Span::raw(gap),
            Span::styled(key.to_owned(), pen.ink(Ink::Key)),
            Span::raw(format!(" {what}")),
        ]);
        let taken: usize = width_of(&Line::from(spans.clone())) + width_of(&hint);
        if taken <= usize::from(area.width) {
            spans.extend(hint.spans);
        }
    };
    if let Some(dialog) = model.dialogs.last() {
        for (key, what) in dialog.hints() {
            put(key, what);
        }
    } else {
        for (act, what) in wanted(model) {
            if let Some(row) = KEYS.iter().find(|row| row.act == act) {
                put(row.shown, what);
            }
        }
        put("1-8", "screens");
        put(":", "commands");
        put("?", "help");
        put("q", "quit");
    }
    let line = Line::from(spans);
    pen.line(area, &line);
}

/// The keys worth a place, most wanted first.
fn wanted(model: &Model) -> Vec<(Act, &'static str)> {
    let mut acts = match model.screen {
        Screen::Logs => vec![
            (Act::Filter, "filter"),
            (Act::Events, "logs/events"),
            (Act::Pin, "pin"),
        ],
        Screen::Timeline => vec![
            (Act::Filter, "filter"),
            (Act::Correct, "correct"),
            (Act::Note, "note"),
        ],
        Screen::Pods => vec![(Act::LogsOf, "its logs"), (Act::Filter, "filter")],
        Screen::Faults => vec![(Act::Filter, "filter"), (Act::PayAgain, "undo again")],
        Screen::Console => vec![(Act::PageUp, "back"), (Act::Back, "newest")],
        Screen::Run | Screen::Broker | Screen::Kill => Vec::new(),
    };
    let Some(run) = &model.run else {
        return acts;
    };
    if model.is_over() {
        acts.push((Act::GoOn, "leave"));
        acts.push((Act::Note, "note"));
        return acts;
    }
    if model.screen == Screen::Kill || model.kill.is_at_work() {
        acts.extend([(Act::Down, "more"), (Act::Note, "note")]);
        return acts;
    }
    acts.extend(step_keys(run));
    if !model.screen.eq(&Screen::Timeline) {
        acts.push((Act::Note, "note"));
    }
    if !run.fired.is_empty() {
        if run.detected.is_none() {
            acts.push((Act::Detected, "detected"));
        }
        if run.mitigated.is_none() {
            acts.push((Act::Mitigated, "mitigated"));
        }
        if !run.playbook.predict.is_empty() {
            acts.push((Act::Predictions, "predictions"));
        }
    }
    acts
}

fn step_keys(run: &Run) -> Vec<(Act, &'static str)> {
    let Some((ix, step)) = run.step_now() else {
        return Vec::new();
    };
    match step {
        Step::Brief(_) => vec![(Act::GoOn, "read, go on")],
        Step::Checklist(list) if run.steps[ix.0].ticked.len() < list.items.len() => vec![(Act::Mark, "tick")],
        Step::Checklist(_) => vec![(Act::GoOn, "go on"), (Act::Mark, "untick")],
        Step::Baseline(_) | Step::Recover(_) | Step::Verify(_) => vec![(Act::Override, "go on anyway")],
        Step::Fault(_) => vec![(Act::Arm, "arm"), (Act::Override, "skip")],
        Step::Observe(_) => vec![(Act::GoOn, "end it now")],
        Step::Debrief(_) => vec![(Act::Mark, "answer"), (Act::GoOn, "go on")],
    }
}
