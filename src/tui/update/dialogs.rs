//! The keys of the dialogs: what they write, and what they ask for when they close.

use std::collections::BTreeSet;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind};
use tui_input::backend::crossterm::to_input_request;
use tui_input::{Input, InputRequest};

use super::{Ask, may_fire, perform};
use crate::run::{Arming, Order};
use crate::tui::keys::{Act, KEYS, Row, Screen};
use crate::tui::model::{Correction, Dialog, Field, Leaving, Lock, Model, TAGS, Tone};
use crate::tui::times;

/// The longest text that is taken: a note, not a book.
const LONGEST: usize = 2_000;

/// Opens the dialog of a key.
pub fn open(model: &mut Model, act: Act) {
    let dialog = match act {
        Act::Help => Dialog::Help { scroll: 0 },
        Act::Palette => Dialog::Palette {
            input: Input::default(),
            chosen: 0,
        },
        Act::Filter => filter(model),
        Act::Override if model.run.as_ref().is_none_or(|run| run.current.is_none()) => {
            model.say(Tone::Plain, "no step is under way");
            return;
        }
        Act::Override => Dialog::Override {
            input: Input::default(),
        },
        Act::Predictions
            if model
                .run
                .as_ref()
                .is_none_or(|run| run.playbook.predict.is_empty()) =>
        {
            model.say(Tone::Plain, "this playbook has no predictions");
            return;
        }
        Act::Predictions => Dialog::Predictions { chosen: 0 },
        Act::Correct => match correction(model) {
            Some(correction) => Dialog::Correct(Box::new(correction)),
            None => return,
        },
        _ => Dialog::Note {
            input: Input::default(),
            tags: BTreeSet::new(),
            chosen: 0,
        },
    };
    model.dialogs.push(dialog);
}

fn filter(model: &mut Model) -> Dialog {
    // The screens without rows have nothing to filter: the logs are what people mean.
    if matches!(
        model.screen,
        Screen::Run | Screen::Broker | Screen::Console | Screen::Kill
    ) {
        model.screen = Screen::Logs;
    }
    let before = model.list(model.screen).filter;
    Dialog::Filter {
        input: Input::new(before.clone()),
        before,
    }
}

fn correction(model: &mut Model) -> Option<Correction> {
    model.screen = Screen::Timeline;
    let number = model.chosen(Screen::Timeline);
    let Some(told) = number.and_then(|number| model.entry(number)) else {
        model.say(Tone::Plain, "nothing to correct yet");
        return None;
    };
    Some(Correction {
        seq: told.seq,
        what: told.text.clone(),
        time: Input::new(model.time_of(told).to_string()),
        reason: Input::default(),
        field: Field::Time,
    })
}

/// Opens the answer of a question, with what was answered before.
pub fn open_answer(model: &mut Model, question: usize) {
    let before = model.run.as_ref().and_then(|run| {
        let (ix, _) = run.step_now()?;
        run.steps.get(ix.0)?.answers.get(&question).cloned()
    });
    model.dialogs.push(Dialog::Answer {
        question,
        input: Input::new(before.unwrap_or_default()),
    });
}

/// Pasted text goes where text is written; a name that must be typed is not pasted.
pub fn paste(model: &mut Model, text: &str) {
    match model.dialogs.last_mut() {
        Some(Dialog::Arming { .. }) => model.say(Tone::Amber, "type the name; it cannot be pasted"),
        Some(dialog) => {
            if let Some(input) = dialog.input_mut() {
                for c in text.chars() {
                    write(input, InputRequest::InsertChar(if c == '\n' { ' ' } else { c }));
                }
            }
            live(model);
        }
        None => model.say(Tone::Plain, "n opens a note to paste into"),
    }
}

fn write(input: &mut Input, request: InputRequest) {
    let fits = input.value().len() < LONGEST;
    match request {
        InputRequest::InsertChar(c) if c.is_control() || !fits => {}
        request => {
            input.handle(request);
        }
    }
}

/// A key while a dialog is open.
pub fn key(model: &mut Model, event: &KeyEvent) -> Vec<Ask> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    match event.code {
        KeyCode::Esc => return close(model),
        KeyCode::Enter => return enter(model),
        KeyCode::Up => step(model, -1),
        KeyCode::Down => step(model, 1),
        KeyCode::PageUp => step(model, -10),
        KeyCode::PageDown => step(model, 10),
        KeyCode::Tab | KeyCode::BackTab => tab(model),
        _ => {
            if let Some(input) = model.dialogs.last_mut().and_then(Dialog::input_mut) {
                if let Some(request) = to_input_request(&Event::Key(*event)) {
                    write(input, request);
                }
                live(model);
            } else if let KeyCode::Char(c) = event.code {
                return letter(model, c);
            }
        }
    }
    Vec::new()
}

/// What changes while it is written.
fn live(model: &mut Model) {
    match model.dialogs.last_mut() {
        Some(Dialog::Filter { input, .. }) => {
            let text = input.value().to_owned();
            let list = model.lists.entry(model.screen).or_default();
            list.filter = text;
            list.at = None;
        }
        Some(Dialog::Palette { chosen, .. }) => *chosen = 0,
        _ => {}
    }
}

fn close(model: &mut Model) -> Vec<Ask> {
    match model.dialogs.pop() {
        Some(Dialog::Filter { before, .. }) => {
            model.lists.entry(model.screen).or_default().filter = before;
        }
        Some(Dialog::Arming { .. }) if matches!(model.arming(), Some(Arming::Ready { .. })) => {
            return vec![Ask::Order(Order::Disarm)];
        }
        _ => {}
    }
    Vec::new()
}

fn step(model: &mut Model, by: isize) {
    let predictions = model.run.as_ref().map_or(0, |run| run.playbook.predict.len());
    let pods = match model.arming() {
        Some(Arming::Ready { plan }) => plan.pods.len() + plan.limits.len() + plan.warnings.len() * 3,
        _ => 0,
    };
    let (place, rows) = match model.dialogs.last_mut() {
        Some(Dialog::Help { scroll }) => (scroll, KEYS.len()),
        Some(Dialog::Palette { input, chosen }) => {
            let rows = commands(input.value()).len();
            (chosen, rows)
        }
        Some(Dialog::Note { chosen, .. }) => (chosen, TAGS.len()),
        Some(Dialog::Predictions { chosen }) => (chosen, predictions),
        Some(Dialog::Arming { scroll, .. }) => (scroll, pods + 20),
        Some(Dialog::Correct(correction)) => {
            correction.field = if by < 0 { Field::Time } else { Field::Reason };
            return;
        }
        _ => return,
    };
    *place = place.saturating_add_signed(by).min(rows.saturating_sub(1));
}

fn tab(model: &mut Model) {
    match model.dialogs.last_mut() {
        Some(Dialog::Note { tags, chosen, .. }) => {
            let now = BTreeSet::from([*chosen]);
            *tags = tags.symmetric_difference(&now).copied().collect();
        }
        Some(Dialog::Correct(correction)) => {
            correction.field = match correction.field {
                Field::Time => Field::Reason,
                Field::Reason => Field::Time,
            };
        }
        _ => {}
    }
}

/// A letter in a dialog where nothing is written.
fn letter(model: &mut Model, c: char) -> Vec<Ask> {
    match (model.dialogs.last(), c) {
        (Some(Dialog::Arming { refusal: None, .. }), 'F') if may_fire(model) => {
            return vec![Ask::Order(Order::Fire)];
        }
        (Some(Dialog::Arming { refusal: None, .. }), 'F') => {
            model.say(Tone::Amber, "not yet: the cluster has not said what it would hit");
        }
        (Some(Dialog::Arming { refusal: Some(_), .. }), 'f') => return ask_again(model),
        (Some(Dialog::Predictions { chosen }), 'y' | 'n' | 'x') => {
            let came_true = match c {
                'y' => Some(true),
                'n' => Some(false),
                _ => None,
            };
            let prediction = *chosen;
            step(model, 1);
            return vec![Ask::Order(Order::Score {
                prediction,
                came_true,
            })];
        }
        (Some(Dialog::Quit), 'y' | 'Y') => {
            model.dialogs.pop();
            model.leaving = Leaving::Asked;
            model.say(Tone::Amber, "ending the run and undoing what is owed");
            return vec![Ask::Order(Order::Quit)];
        }
        (Some(Dialog::Help { .. } | Dialog::Quit), 'q' | 'n' | '?') => return close(model),
        _ => {}
    }
    Vec::new()
}

fn ask_again(model: &mut Model) -> Vec<Ask> {
    if let Some(Dialog::Arming { refusal, .. }) = model.dialogs.last_mut() {
        *refusal = None;
    }
    vec![Ask::Order(Order::Arm)]
}

fn enter(model: &mut Model) -> Vec<Ask> {
    match model.dialogs.last() {
        Some(Dialog::Help { .. } | Dialog::Predictions { .. } | Dialog::Filter { .. }) => {
            model.dialogs.pop();
            Vec::new()
        }
        Some(Dialog::Quit) => {
            model.say(Tone::Plain, "y ends the run, Esc stays");
            Vec::new()
        }
        Some(Dialog::Palette { input, chosen }) => {
            let (text, chosen) = (input.value().to_owned(), *chosen);
            model.dialogs.pop();
            command(model, &text, chosen)
        }
        Some(Dialog::Arming { .. }) => unlock(model),
        Some(Dialog::Correct(correction)) => {
            let correction = (**correction).clone();
            correct(model, &correction)
        }
        Some(Dialog::Note { .. } | Dialog::Answer { .. } | Dialog::Override { .. }) => written(model),
        None => Vec::new(),
    }
}

/// A text dialog closes with what was written.
fn written(model: &mut Model) -> Vec<Ask> {
    let Some(dialog) = model.dialogs.pop() else {
        return Vec::new();
    };
    let text = dialog
        .input()
        .map(|input| input.value().trim().to_owned())
        .unwrap_or_default();
    if text.is_empty() {
        // A reason is asked for until there is one, or the operator stays.
        if matches!(dialog, Dialog::Override { .. }) {
            model.dialogs.push(dialog);
            model.say(Tone::Amber, "the record wants a reason");
        }
        return Vec::new();
    }
    let order = match dialog {
        Dialog::Note { tags, .. } => Order::Note {
            text,
            tags: tags.iter().filter_map(|tag| TAGS.get(*tag).copied()).collect(),
        },
        Dialog::Answer { question, .. } => {
            let last = model.step_rows().saturating_sub(1);
            model.step_cursor = (question + 1).min(last);
            Order::Answer { question, text }
        }
        _ => Order::Override { reason: text },
    };
    vec![Ask::Order(order)]
}

fn unlock(model: &mut Model) -> Vec<Ask> {
    let name = model.about.as_ref().map(|about| about.cluster.context.clone());
    let Some(Dialog::Arming {
        typed,
        lock,
        refusal: None,
        ..
    }) = model.dialogs.last_mut()
    else {
        return Vec::new();
    };
    match (*lock, name) {
        (Lock::Open, _) => model.say(Tone::Plain, "F fires; Enter does not"),
        (Lock::Locked, Some(name)) if typed.value().trim() == name => {
            *lock = Lock::Open;
            model.say(Tone::Amber, "the name is right: F fires");
        }
        (Lock::Locked, _) => {
            typed.reset();
            model.say(Tone::Wrong, "that is not the context's name");
        }
    }
    Vec::new()
}

fn correct(model: &mut Model, correction: &Correction) -> Vec<Ask> {
    let at = times::parse_mark(correction.time.value());
    let reason = correction.reason.value().trim().to_owned();
    let (Some(at), false) = (at, reason.is_empty()) else {
        let next = if at.is_none() { Field::Time } else { Field::Reason };
        let asked = correction.field == Field::Reason || at.is_none();
        if let Some(Dialog::Correct(open)) = model.dialogs.last_mut() {
            open.field = next;
        }
        if at.is_none() {
            model.say(Tone::Amber, "cannot read the time; write T+mm:ss or h:mm:ss");
        } else if asked {
            model.say(Tone::Amber, "the record wants a reason");
        }
        return Vec::new();
    };
    model.dialogs.pop();
    vec![Ask::Order(Order::Correct {
        seq: correction.seq,
        at_nanos: at.as_nanos(),
        reason,
    })]
}

/// The palette's rows for what is typed: its first word begins, or is in, a command's name.
pub fn commands(text: &str) -> Vec<&'static Row> {
    let typed = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    let named = |row: &&Row| row.word.is_some_and(|word| word.contains(&typed));
    let mut rows: Vec<&Row> = KEYS.iter().filter(named).collect();
    // What begins with it comes first, what is exactly it before that.
    rows.sort_by_key(|row| match row.word {
        Some(word) if word == typed => 0,
        Some(word) if word.starts_with(&typed) => 1,
        _ => 2,
    });
    rows
}

fn command(model: &mut Model, text: &str, chosen: usize) -> Vec<Ask> {
    let Some(row) = commands(text).get(chosen).copied() else {
        model.say(
            Tone::Amber,
            format!("no command `{}`; ? shows every key", text.trim()),
        );
        return Vec::new();
    };
    let rest = text
        .trim()
        .split_once(char::is_whitespace)
        .map(|(_, rest)| rest.trim());
    if let (Act::Note, Some(text)) = (row.act, rest.filter(|rest| !rest.is_empty())) {
        return vec![Ask::Order(Order::Note {
            text: text.to_owned(),
            tags: Vec::new(),
        })];
    }
    if let crate::tui::keys::Place::On(screen) = row.place {
        model.screen = screen;
    }
    perform(model, row.act)
}
