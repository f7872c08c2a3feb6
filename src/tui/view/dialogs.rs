//! The dialogs, each in the body: what it says and the line that is written.

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use tui_input::Input;

use super::pen::{Pen, first_row, row_of, wrapped};
use super::{arming, help};
use crate::playbook::Step;
use crate::report::words;
use crate::run::Run;
use crate::text;
use crate::tui::keys::Row;
use crate::tui::layout::stack;
use crate::tui::model::{Correction, Dialog, Field, Model, TAGS};
use crate::tui::theme::{Ink, sign};

/// Draws the topmost dialog; gives the place of the cursor where something is written.
pub fn draw(pen: &mut Pen<'_>, model: &Model, dialog: &Dialog, area: Rect) -> Option<Position> {
    let inner = pen.panel(area, dialog.title());
    if inner.is_empty() {
        return None;
    }
    match dialog {
        Dialog::Help { scroll } => {
            let lines = help::lines(pen);
            pen.lines(inner, &lines, *scroll);
            None
        }
        Dialog::Palette { input, chosen } => palette(pen, input, *chosen, inner),
        Dialog::Filter { .. } => None,
        Dialog::Note { input, tags, chosen } => {
            let parts = stack(inner, &[1, 1, inner.height.saturating_sub(2)]);
            let cursor = labelled(pen, " note ", input, parts[0]);
            for (row, tag) in TAGS.iter().enumerate() {
                let mark = if tags.contains(&row) { "[x]" } else { "[ ]" };
                let ink = if row == *chosen { Ink::Strong } else { Ink::Plain };
                let at = if row == *chosen { "▸" } else { " " };
                let line = Line::styled(format!(" {at}{mark} {}", words::tag_word(*tag)), pen.ink(ink));
                pen.line(row_of(parts[2], row), &line);
            }
            cursor
        }
        Dialog::Arming { scroll, .. } => card(pen, model, dialog, *scroll, inner),
        Dialog::Answer { question, input } => {
            let asked = question_of(model, *question);
            asked_for(pen, &asked, input, inner)
        }
        Dialog::Predictions { chosen } => {
            predictions(pen, model, *chosen, inner);
            None
        }
        Dialog::Override { input } => {
            let step = model
                .run
                .as_ref()
                .and_then(|run| run.current.map(|ix| super::now::step_name(run, ix)))
                .unwrap_or_default();
            let said =
                format!("Ends step {step} although it is not as it should be. The record wants a reason.");
            asked_for(pen, &said, input, inner)
        }
        Dialog::Correct(correction) => correct(pen, correction, inner),
        Dialog::Quit => {
            let lines = quit(pen, model, inner.width);
            pen.lines(inner, &lines, 0);
            None
        }
    }
}

/// A line that is being written, scrolled so that the cursor is in sight; gives the cursor's place.
pub fn written(pen: &mut Pen<'_>, input: &Input, area: Rect) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let wide = usize::from(area.width.saturating_sub(1));
    let scroll = input.visual_scroll(wide);
    let mut skipped = 0;
    let shown: String = {
        use unicode_segmentation::UnicodeSegmentation as _;
        input
            .value()
            .graphemes(true)
            .skip_while(|grapheme| {
                let skip = skipped < scroll;
                if skip {
                    skipped += text::width(grapheme);
                }
                skip
            })
            .collect()
    };
    pen.line(area, &Line::styled(shown, pen.ink(Ink::Strong)));
    let at = input
        .visual_cursor()
        .saturating_sub(skipped.max(scroll))
        .min(wide);
    let x = area.x + u16::try_from(at).unwrap_or(0);
    Some(Position::new(x.min(area.right() - 1), area.y))
}

fn labelled(pen: &mut Pen<'_>, label: &str, input: &Input, area: Rect) -> Option<Position> {
    let wide = u16::try_from(text::width(label)).unwrap_or(0).min(area.width);
    pen.line(area, &Line::styled(label.to_owned(), pen.ink(Ink::Key)));
    let rest = Rect::new(area.x + wide, area.y, area.width - wide, area.height.min(1));
    written(pen, input, rest)
}

/// Some text, and below it the line to write.
fn asked_for(pen: &mut Pen<'_>, said: &str, input: &Input, area: Rect) -> Option<Position> {
    let lines = wrapped(said, area.width, pen.ink(Ink::Plain));
    let rows = u16::try_from(lines.len())
        .unwrap_or(1)
        .min(area.height.saturating_sub(1));
    let parts = stack(area, &[rows, area.height - rows]);
    pen.lines(parts[0], &lines, 0);
    labelled(pen, " > ", input, parts[1])
}

fn palette(pen: &mut Pen<'_>, input: &Input, chosen: usize, area: Rect) -> Option<Position> {
    let parts = stack(area, &[1, area.height - 1]);
    let cursor = labelled(pen, " : ", input, parts[0]);
    let rows: Vec<&Row> = crate::tui::update::commands(input.value());
    let room = usize::from(parts[1].height);
    let first = first_row(rows.len(), room, chosen);
    for (place, row) in rows.iter().skip(first).take(room).enumerate() {
        let at = row_of(parts[1], place);
        let line = Line::from(vec![
            Span::styled(format!("   {:<13}", row.word.unwrap_or("")), pen.ink(Ink::Key)),
            Span::styled(format!("{:<11}", row.shown), pen.ink(Ink::Faint)),
            Span::raw(row.what),
        ]);
        pen.line(at, &line);
        if first + place == chosen {
            pen.choose(at);
        }
    }
    cursor
}

/// The card, and below it the line for the context's name where that is wanted.
fn card(pen: &mut Pen<'_>, model: &Model, dialog: &Dialog, scroll: usize, area: Rect) -> Option<Position> {
    let lines = arming::lines(pen, model, dialog, area.width);
    let Some(input) = dialog.input() else {
        pen.lines(area, &lines, scroll);
        return None;
    };
    let parts = stack(area, &[area.height - 1, 1]);
    pen.lines(parts[0], &lines, scroll);
    let name = model
        .about
        .as_ref()
        .map_or_else(String::new, |about| about.cluster.context.clone());
    let label = format!(" type {} > ", text::printable(&name));
    labelled(pen, &label, input, parts[1])
}

fn question_of(model: &Model, question: usize) -> String {
    match model.run.as_ref().and_then(Run::step_now) {
        Some((_, Step::Debrief(step))) => step.questions.get(question).map_or_else(String::new, |title| {
            title.in_language(&model.look.language).to_owned()
        }),
        _ => String::new(),
    }
}

fn predictions(pen: &mut Pen<'_>, model: &Model, chosen: usize, area: Rect) {
    let Some(run) = &model.run else {
        return;
    };
    let mut lines = Vec::new();
    let mut focus = 0;
    let said = match run.predictions_locked {
        Some(at) => format!(" Locked at {at}. Did they come true?"),
        None => " Not locked yet: the fault locks them.".to_owned(),
    };
    lines.push(Line::styled(said, pen.ink(Ink::Faint)));
    for (row, title) in run.playbook.predict.iter().enumerate() {
        let (mark, ink) = match run.scores.get(&row) {
            Some(true) => (sign::GOOD, Ink::Good),
            Some(false) => (sign::WRONG, Ink::Amber),
            None => (" ", Ink::Plain),
        };
        let (at, style) = if row == chosen {
            focus = lines.len();
            ("▸", Ink::Strong)
        } else {
            (" ", Ink::Plain)
        };
        let wide = usize::from(area.width).saturating_sub(6);
        let said = text::printable_lines(title.in_language(&model.look.language));
        for (n, line) in text::wrap(&said, wide).into_iter().enumerate() {
            let head = if n == 0 {
                format!(" {at}{mark} ")
            } else {
                "    ".to_owned()
            };
            lines.push(Line::from(vec![
                Span::styled(head, pen.ink(ink)),
                Span::styled(line, pen.ink(style)),
            ]));
        }
    }
    let skip = (focus + 3).saturating_sub(usize::from(area.height));
    pen.lines(area, &lines, skip);
}

fn correct(pen: &mut Pen<'_>, correction: &Correction, area: Rect) -> Option<Position> {
    let said = format!("entry {}: {}", correction.seq, correction.what);
    let lines = wrapped(&said, area.width, pen.ink(Ink::Plain));
    let rows = u16::try_from(lines.len())
        .unwrap_or(1)
        .min(area.height.saturating_sub(2));
    let parts = stack(area, &[rows, 1, 1]);
    pen.lines(parts[0], &lines, 0);
    let time = labelled(pen, " when it really was  ", &correction.time, parts[1]);
    let reason = labelled(pen, " how that is known   ", &correction.reason, parts[2]);
    match correction.field {
        Field::Time => time,
        Field::Reason => reason,
    }
}

/// What ending the run means, and what is owed.
fn quit(pen: &Pen<'_>, model: &Model, wide: u16) -> Vec<Line<'static>> {
    let mut lines = wrapped(
        "Ends the run: what is owed is undone and proven gone first, then the console closes. \
         The record is kept.",
        wide,
        pen.ink(Ink::Plain),
    );
    lines.push(Line::default());
    let owed: Vec<String> = model.run.as_ref().map_or_else(Vec::new, |run| {
        run.owed().map(|debt| debt.summary.clone()).collect()
    });
    if owed.is_empty() {
        lines.push(Line::styled(" Nothing is owed.", pen.ink(Ink::Good)));
    } else {
        lines.push(Line::styled(
            format!(" {} owed:", owed.len()),
            pen.ink(Ink::Amber),
        ));
        for summary in owed {
            lines.extend(wrapped(
                &format!("  {} {summary}", sign::ON),
                wide,
                pen.ink(Ink::Amber),
            ));
        }
    }
    lines.push(Line::default());
    lines.push(Line::from(vec![
        Span::styled(" y", pen.ink(Ink::Key)),
        Span::raw(" ends the run   "),
        Span::styled("Esc", pen.ink(Ink::Key)),
        Span::raw(" stays"),
    ]));
    lines
}
