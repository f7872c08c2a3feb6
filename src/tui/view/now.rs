//! What the step under way asks of people: its text, its items, what it waits for.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::pen::{Pen, wrapped};
use crate::playbook::{BaselineStep, ChecklistStep, DebriefStep, Fault, Step, VerifyStep};
use crate::report::words;
use crate::run::{Run, StepState, Why};
use crate::text;
use crate::tui::model::{Feed, Model};
use crate::tui::theme::{Ink, sign};
use crate::tui::times;
use crate::units::{StepIx, human};

/// The panel's heading and lines, and the line that must stay in sight.
pub struct Now {
    pub heading: String,
    pub lines: Vec<Line<'static>>,
    pub focus: usize,
}

/// Rows that the panel would like, heading included.
pub fn wish(now: &Now) -> u16 {
    u16::try_from(now.lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(1)
}

pub fn draw(pen: &mut Pen<'_>, now: &Now, area: Rect) {
    let area = pen.panel(area, &now.heading);
    let rows = usize::from(area.height);
    let skip = (now.focus + 1).saturating_sub(rows.saturating_sub(1).max(1));
    let skip = if now.lines.len() <= rows { 0 } else { skip };
    pen.lines(area, &now.lines, skip);
}

/// What is to be said in `wide` columns.
pub fn now(pen: &Pen<'_>, model: &Model, wide: u16) -> Now {
    let Some(run) = &model.run else {
        let said = "Connecting. The run begins when the cluster has answered.";
        return Now {
            heading: "NOW".to_owned(),
            lines: wrapped(said, wide, pen.ink(Ink::Plain)),
            focus: 0,
        };
    };
    if run.is_over() || model.feed == Feed::Ended {
        return over(pen, model, run, wide);
    }
    let Some((ix, step)) = run.step_now() else {
        return ending(pen, model, run, wide);
    };
    let mut part = Part {
        pen,
        model,
        run,
        wide,
        lines: Vec::new(),
        focus: 0,
    };
    let began = run.steps[ix.0].began.unwrap_or(model.now);
    match step {
        Step::Brief(step) => {
            let said = step.text.in_language(&model.look.language);
            part.say(said, Ink::Plain);
            part.focus = model.step_cursor.min(part.lines.len().saturating_sub(1));
        }
        Step::Checklist(step) => part.checklist(step, &run.steps[ix.0]),
        Step::Baseline(step) => part.baseline(step),
        Step::Fault(fault) => part.fault(fault),
        Step::Observe(step) => {
            let left = step.for_.0.saturating_sub(model.now.since(began));
            part.say(
                &format!(
                    "Watch what happens. Ends in {}; Enter ends it now.",
                    times::clock(left)
                ),
                Ink::Plain,
            );
            part.stops();
        }
        Step::Recover(step) => {
            let left = step.timeout.0.saturating_sub(model.now.since(began));
            part.say(
                &format!(
                    "Undoing what is still on, and waiting for the recovery. At most {} more.",
                    times::clock(left)
                ),
                Ink::Plain,
            );
            part.stops();
        }
        Step::Verify(step) => part.verify(step),
        Step::Debrief(step) => part.debrief(step, &run.steps[ix.0]),
    }
    Now {
        heading: heading(run, ix),
        lines: part.lines,
        focus: part.focus,
    }
}

fn heading(run: &Run, ix: StepIx) -> String {
    format!("NOW {}", step_name(run, ix))
}

/// `4 fault kill-one`.
pub fn step_name(run: &Run, ix: StepIx) -> String {
    let title = run
        .playbook
        .steps
        .get(ix.0)
        .map_or_else(String::new, words::step_title);
    format!("{} {title}", ix.number())
}

struct Part<'a> {
    pen: &'a Pen<'a>,
    model: &'a Model,
    run: &'a Run,
    wide: u16,
    lines: Vec<Line<'static>>,
    focus: usize,
}

impl Part<'_> {
    fn say(&mut self, said: &str, ink: Ink) {
        self.lines.extend(wrapped(said, self.wide, self.pen.ink(ink)));
    }

    /// A mark, then text whose further lines stand under its first.
    fn item(&mut self, head: Span<'static>, said: &str, ink: Ink) {
        let indent = text::width(&head.content);
        let wide = usize::from(self.wide).saturating_sub(indent + 2);
        let style = self.pen.ink(ink);
        let mut head = Some(head);
        for line in text::wrap(&text::printable_lines(said), wide) {
            let first = head.take().unwrap_or_else(|| Span::raw(" ".repeat(indent)));
            self.lines
                .push(Line::from(vec![Span::raw(" "), first, Span::styled(line, style)]));
        }
    }

    fn checklist(&mut self, step: &ChecklistStep, state: &StepState) {
        for (item, title) in step.items.iter().enumerate() {
            let ticked = state.ticked.contains(&item);
            let here = self.model.step_cursor.min(step.items.len() - 1) == item;
            let mark = if ticked { "[x] " } else { "[ ] " };
            let at = if here { "▸" } else { " " };
            let ink = match (here, ticked) {
                (true, _) => Ink::Strong,
                (false, true) => Ink::Faint,
                (false, false) => Ink::Plain,
            };
            if here {
                self.focus = self.lines.len();
            }
            let head = Span::styled(format!("{at}{mark}"), self.pen.ink(ink));
            self.item(head, title.in_language(&self.model.look.language), ink);
        }
    }

    fn baseline(&mut self, step: &BaselineStep) {
        match self.run.baseline_since {
            Some(since) => {
                let held = self.model.now.since(since).min(step.for_.0);
                self.say(
                    &format!("The steady state holds: {} of {}.", times::clock(held), step.for_),
                    Ink::Good,
                );
            }
            None => self.say(
                &format!(
                    "The steady state must hold for {}. It does not hold now: see below.",
                    step.for_
                ),
                Ink::Amber,
            ),
        }
        if !self.run.playbook.predict.is_empty() {
            self.predictions();
        }
    }

    fn predictions(&mut self) {
        self.say("Predicted, locked when the fault is fired:", Ink::Faint);
        for title in &self.run.playbook.predict {
            let head = Span::styled("· ", self.pen.ink(Ink::Faint));
            self.item(head, title.in_language(&self.model.look.language), Ink::Plain);
        }
    }

    fn fault(&mut self, fault: &Fault) {
        let fired = self
            .run
            .fired
            .iter()
            .rev()
            .find(|fired| fired.debt.fault == fault.id && fired.settled.is_none());
        if let Some(fired) = fired {
            self.say(
                &format!("Fired: {}. Waiting for the cluster's word.", fired.debt.summary),
                Ink::Amber,
            );
            return;
        }
        self.say(&format!("{} {}", fault.kind(), fault.action()), Ink::Strong);
        if let Some(why) = &self.run.gate_closed {
            self.say(&format!("The gate is closed: {why}."), Ink::Wrong);
        } else {
            self.say(
                "f shows what it would hit, and whether it may; nothing is broken by that.",
                Ink::Plain,
            );
        }
        if !self.run.playbook.predict.is_empty() && self.run.predictions_locked.is_none() {
            self.predictions();
        }
    }

    /// Stop conditions that are counting.
    fn stops(&mut self) {
        let run = self.run;
        for (check, since) in &run.stop_running {
            let Some(stop) = run.playbook.stop_when.iter().find(|stop| stop.signal() == *check) else {
                continue;
            };
            let left = stop.broken_for.0.saturating_sub(self.model.now.since(*since));
            self.say(
                &format!(
                    "{} stop condition {check}: aborts in {}",
                    sign::WRONG,
                    times::clock(left)
                ),
                Ink::Wrong,
            );
        }
    }

    fn verify(&mut self, step: &VerifyStep) {
        self.say(&format!("These must hold within {}:", step.timeout), Ink::Plain);
        for id in &step.checks {
            let (mark, ink) = if self.run.not_measured.contains_key(id) {
                (sign::NOT_MEASURED, Ink::Amber)
            } else {
                match super::header::verdict(self.model, self.run, id) {
                    Some(crate::evidence::Verdict::Holds) => (sign::GOOD, Ink::Good),
                    Some(crate::evidence::Verdict::Broken) => (sign::WRONG, Ink::Wrong),
                    Some(crate::evidence::Verdict::Unknown) | None => (sign::UNKNOWN, Ink::Amber),
                }
            };
            let head = Span::styled(format!("{mark} "), self.pen.ink(ink));
            self.item(head, id.as_str(), Ink::Plain);
        }
    }

    fn debrief(&mut self, step: &DebriefStep, state: &StepState) {
        for (question, title) in step.questions.iter().enumerate() {
            let here = self.model.step_cursor.min(step.questions.len() - 1) == question;
            if here {
                self.focus = self.lines.len();
            }
            let ink = if here { Ink::Strong } else { Ink::Plain };
            let at = if here { "▸" } else { " " };
            let head = Span::styled(format!("{at}{}. ", question + 1), self.pen.ink(ink));
            self.item(head, title.in_language(&self.model.look.language), ink);
            let answer = state.answers.get(&question);
            let (said, ink) = answer.map_or(("not answered", Ink::Faint), |said| (said.as_str(), Ink::Good));
            self.item(Span::raw("    "), said, ink);
        }
        let scored = self.run.scores.len();
        let predicted = self.run.playbook.predict.len();
        if predicted > 0 {
            self.say(
                &format!("Predictions scored: {scored} of {predicted}. P scores them."),
                Ink::Plain,
            );
        }
    }
}

/// All steps are over, or the run was ended early; what is owed is being paid.
fn ending(pen: &Pen<'_>, model: &Model, run: &Run, wide: u16) -> Now {
    let mut part = Part {
        pen,
        model,
        run,
        wide,
        lines: Vec::new(),
        focus: 0,
    };
    if let Some((at, why)) = &run.abort {
        part.say(
            &format!("{at} {}", words::why_words(why, &model.names)),
            Ink::Amber,
        );
    }
    let owed: Vec<String> = run.owed().map(|debt| debt.summary.clone()).collect();
    let killed = matches!(run.abort, Some((_, Why::Killed { .. })));
    if owed.is_empty() {
        part.say("Nothing is owed.", Ink::Good);
    } else {
        let who = if killed {
            "The kill switch is undoing"
        } else {
            "Being undone"
        };
        part.say(&format!("{who}: {}", owed.join(", ")), Ink::Amber);
    }
    Now {
        heading: "NOW the run is ending".to_owned(),
        lines: part.lines,
        focus: 0,
    }
}

fn over(pen: &Pen<'_>, model: &Model, run: &Run, wide: u16) -> Now {
    let mut part = Part {
        pen,
        model,
        run,
        wide,
        lines: Vec::new(),
        focus: 0,
    };
    let heading = if let Some((at, exit)) = &run.ended {
        let ink = if *exit == 0 { Ink::Good } else { Ink::Amber };
        let said = model.summary.as_deref().unwrap_or_default();
        let took = human(at.elapsed());
        part.say(&format!("{said} (exit {exit}, after {took})"), ink);
        "THE RUN IS OVER"
    } else {
        part.say("The run's driver is gone; no more facts will come.", Ink::Wrong);
        "NO DRIVER"
    };
    let owed: Vec<String> = run.owed().map(|debt| debt.summary.clone()).collect();
    if !owed.is_empty() {
        part.say(
            &format!(
                "STILL OWED: {}. Pull the kill switch here, or run `firedrill kill`.",
                owed.join(", ")
            ),
            Ink::Wrong,
        );
    }
    if let Some(objective) = &run.objective {
        part.say(&words::objective_words(objective), Ink::Plain);
    }
    for (ix, state) in run.steps.iter().enumerate() {
        if let Some((_, crate::run::StepOutcome::Failed { what })) = &state.ended {
            let step = step_name(run, StepIx(ix));
            part.say(&format!("{} {step}: {what}", sign::WRONG), Ink::Amber);
        }
    }
    part.say("Every screen can still be read. Enter or q leaves.", Ink::Faint);
    Now {
        heading: heading.to_owned(),
        lines: part.lines,
        focus: 0,
    }
}
