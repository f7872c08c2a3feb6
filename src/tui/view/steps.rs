//! The steps of the playbook: what is done, what is now, what comes.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, cell, first_row, number, row_of};
use crate::playbook::Step;
use crate::run::{Run, StepOutcome, StepState};
use crate::tui::model::Model;
use crate::tui::theme::{Ink, sign};
use crate::tui::times;

/// Rows that the panel would like, heading included.
pub fn wish(model: &Model) -> u16 {
    let steps = model.run.as_ref().map_or(0, |run| run.steps.len());
    u16::try_from(steps).unwrap_or(u16::MAX).saturating_add(1)
}

pub fn draw(pen: &mut Pen<'_>, model: &Model, area: Rect) {
    let done = model.run.as_ref().map_or(0, |run| {
        run.steps.iter().filter(|step| step.ended.is_some()).count()
    });
    let all = model.run.as_ref().map_or(0, |run| run.steps.len());
    let area = pen.panel(area, &format!("STEPS {done}/{all}"));
    let Some(run) = &model.run else {
        return;
    };
    let rows = usize::from(area.height);
    let at = run.current.map_or(done, |ix| ix.0);
    let first = first_row(run.steps.len(), rows, at);
    for (row, ix) in (first..run.steps.len()).take(rows).enumerate() {
        if let (Some(step), Some(state)) = (run.playbook.steps.get(ix), run.steps.get(ix)) {
            let line = one(pen, model, run, &Place { ix, step, state }, area.width);
            pen.line(row_of(area, row), &line);
        }
    }
}

struct Place<'a> {
    ix: usize,
    step: &'a Step,
    state: &'a StepState,
}

fn one(pen: &Pen<'_>, model: &Model, run: &Run, place: &Place<'_>, wide: u16) -> Line<'static> {
    let is_now = run.current.is_some_and(|now| now.0 == place.ix);
    let (mark, ink) = match (&place.state.ended, is_now) {
        (_, true) => (sign::NOW, Ink::Strong),
        (Some((_, StepOutcome::Passed)), _) => (sign::GOOD, Ink::Good),
        (Some((_, StepOutcome::Overridden { .. })), _) => ("!", Ink::Amber),
        (Some((_, StepOutcome::Skipped)), _) => (sign::NOT_MEASURED, Ink::Faint),
        (Some((_, StepOutcome::Failed { .. })), _) => (sign::WRONG, Ink::Wrong),
        (None, false) => (" ", Ink::Faint),
    };
    let text = match (place.state.ended.is_some(), is_now) {
        (_, true) => Ink::Strong,
        (true, _) => Ink::Plain,
        (false, _) => Ink::Faint,
    };
    let took = match (place.state.began, &place.state.ended) {
        (Some(began), Some((ended, _))) => times::clock(ended.since(began)),
        (Some(began), None) => times::clock(model.now.since(began)),
        (None, _) => String::new(),
    };
    let name = format!("{:>2} {} {}", place.ix + 1, place.step.word(), detail(place));
    let room = usize::from(wide).saturating_sub(11);
    Line::from(vec![
        Span::styled(format!(" {mark} "), pen.ink(ink)),
        Span::styled(cell(&name, room), pen.ink(text)),
        Span::styled(number(&took, 7), pen.ink(text)),
    ])
}

/// What is worth knowing of a step in a few letters.
fn detail(place: &Place<'_>) -> String {
    match place.step {
        Step::Brief(_) | Step::Verify(_) => String::new(),
        Step::Checklist(list) => format!("{}/{}", place.state.ticked.len(), list.items.len()),
        Step::Baseline(step) => step.for_.to_string(),
        Step::Fault(fault) => fault.id.to_string(),
        Step::Observe(step) => step.for_.to_string(),
        Step::Recover(step) => step.timeout.to_string(),
        Step::Debrief(step) => format!("{}/{}", place.state.answers.len(), step.questions.len()),
    }
}
