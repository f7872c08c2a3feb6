//! A message in, a changed model and what is asked for out. Never draws, never does what it asks for.

use crossterm::event::KeyEvent;

use super::chords::Chord;
use super::keys::{self, Act, Screen};
use super::model::{Dialog, Feed, Leaving, Lines, Lock, Model, Sight, Tone};
use crate::playbook::Step;
use crate::ports::{KillTells, Streamed};
use crate::run::{Arming, Entry, Order, Run, Tag};
use crate::units::{Mark, Stamp};

mod dialogs;

pub(super) use dialogs::commands;

/// What can reach the console.
#[derive(Debug)]
pub enum Msg {
    Key(KeyEvent),
    /// An emergency key that the keyboard's thread has obeyed already.
    Obeyed(Chord),
    Paste(String),
    Resize(u16, u16),
    Entry(Box<Entry>),
    /// No more facts will come.
    FeedEnded,
    Readings(Sight),
    Streamed(Streamed),
    KillTells(KillTells),
    /// Time passed.
    Frame {
        now: Mark,
        wall: Stamp,
    },
}

/// What the console asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    Order(Order),
    /// Pull the kill switch; by what.
    Kill(&'static str),
    Leave,
    /// The screen is garbled: send it whole.
    Redraw,
}

/// Takes one message.
#[must_use]
pub fn update(model: &mut Model, msg: Msg) -> Vec<Ask> {
    match msg {
        Msg::Key(event) => key(model, &event),
        Msg::Obeyed(chord) => obeyed(model, chord),
        Msg::Paste(text) => {
            dialogs::paste(model, &text);
            Vec::new()
        }
        Msg::Resize(..) => Vec::new(),
        Msg::Entry(entry) => {
            model.enter(&entry);
            leave_when_over(model)
        }
        Msg::FeedEnded => {
            model.feed = Feed::Ended;
            if model.run.as_ref().is_none_or(|run| !run.is_over()) {
                model.say(Tone::Wrong, "the run's driver is gone: no more facts will come");
            }
            leave_when_over(model)
        }
        Msg::Readings(sight) => {
            model.see(sight);
            Vec::new()
        }
        Msg::Streamed(streamed) => {
            model.stream(streamed);
            Vec::new()
        }
        Msg::KillTells(tells) => {
            model.kill.take(model.now, tells);
            Vec::new()
        }
        Msg::Frame { now, wall } => {
            model.time_passes(now, wall);
            Vec::new()
        }
    }
}

/// After a graceful quit the console goes by itself, unless something is left to be read.
fn leave_when_over(model: &Model) -> Vec<Ask> {
    if model.leaving == Leaving::Asked && model.is_over() && model.owed() == 0 && !model.kill.is_at_work() {
        vec![Ask::Leave]
    } else {
        Vec::new()
    }
}

/// Notes what an emergency key did.
fn obeyed(model: &mut Model, chord: Chord) -> Vec<Ask> {
    match chord {
        Chord::Kill(by) => {
            pulled(model, by);
            Vec::new()
        }
        Chord::Quit => {
            model.leaving = Leaving::Asked;
            if model.is_over() {
                return vec![Ask::Leave];
            }
            model.say(
                Tone::Amber,
                "ending the run and undoing what is owed; Ctrl-C again is the kill switch",
            );
            Vec::new()
        }
        Chord::Leave => vec![Ask::Leave],
    }
}

fn pulled(model: &mut Model, by: &str) {
    model.kill.pull(model.now, by);
    model.dialogs.clear();
    model.screen = Screen::Kill;
}

fn key(model: &mut Model, event: &KeyEvent) -> Vec<Ask> {
    if let Some(chord) = model.chords.take(event) {
        let mut asks = match chord {
            Chord::Kill(by) => vec![Ask::Kill(by)],
            Chord::Quit => vec![Ask::Order(Order::Quit)],
            Chord::Leave => Vec::new(),
        };
        asks.extend(obeyed(model, chord));
        return asks;
    }
    if !model.dialogs.is_empty() {
        return dialogs::key(model, event);
    }
    match keys::act(event, model.screen) {
        Some(act) => perform(model, act),
        None => Vec::new(),
    }
}

/// Does what a key or a command of the palette means.
pub(super) fn perform(model: &mut Model, act: Act) -> Vec<Ask> {
    match act {
        Act::Kill => {
            pulled(model, "palette");
            return vec![Ask::Kill("palette")];
        }
        Act::Interrupt | Act::Quit => return quit(model),
        Act::Go(screen) => model.screen = screen,
        Act::Next => model.screen = model.screen.moved(1),
        Act::Previous => model.screen = model.screen.moved(Screen::ALL.len() - 1),
        Act::Help
        | Act::Palette
        | Act::Filter
        | Act::Note
        | Act::Override
        | Act::Predictions
        | Act::Correct => dialogs::open(model, act),
        Act::Back => back(model),
        Act::Redraw => return vec![Ask::Redraw],
        Act::Detected => return mark(model, Order::Detected),
        Act::Mitigated => return mark(model, Order::Mitigated),
        Act::Arm => return arm(model),
        Act::Fire => model.say(Tone::Plain, "f shows the arming card first; F fires from it"),
        Act::GoOn => return go_on(model),
        Act::Mark => return tick(model),
        Act::PayAgain => {
            if model.owed() == 0 {
                model.say(Tone::Plain, "nothing of this run is owed");
            } else {
                model.say(Tone::Plain, "undoing what is owed once more");
                return vec![Ask::Order(Order::PayAgain)];
            }
        }
        Act::Up | Act::Down | Act::PageUp | Act::PageDown | Act::Top | Act::Bottom => travel(model, act),
        Act::Pin => return pin(model),
        Act::Events => {
            model.screen = Screen::Logs;
            model.lines = match model.lines {
                Lines::Logs => Lines::Events,
                Lines::Events => Lines::Logs,
            };
            model.lists.entry(Screen::Logs).or_default().at = None;
        }
        Act::LogsOf => logs_of(model),
    }
    Vec::new()
}

/// Leaves when the run is over; else asks first, because the run ends with it.
fn quit(model: &mut Model) -> Vec<Ask> {
    if model.is_over() && !model.kill.is_at_work() {
        return vec![Ask::Leave];
    }
    if model.kill.is_at_work() {
        model.say(
            Tone::Amber,
            "the kill switch is at work; Ctrl-C three times leaves it to work alone",
        );
    } else if model.run.is_none() {
        // Nothing has begun: nothing can be owed.
        model.leaving = Leaving::Asked;
        return vec![Ask::Order(Order::Quit), Ask::Leave];
    } else {
        model.dialogs.push(Dialog::Quit);
    }
    Vec::new()
}

fn back(model: &mut Model) {
    if model.screen == Screen::Console {
        model.console.follow();
    }
    model.toast = None;
    let list = model.lists.entry(model.screen).or_default();
    list.filter.clear();
    list.at = None;
}

/// A mark that counts once: said when it is there already.
fn mark(model: &mut Model, order: Order) -> Vec<Ask> {
    let Some(run) = &model.run else {
        model.say(Tone::Plain, "the run has not begun");
        return Vec::new();
    };
    let (word, before) = match order {
        Order::Mitigated => ("mitigated", run.mitigated),
        _ => ("detected", run.detected),
    };
    match before {
        Some(at) => {
            model.say(
                Tone::Plain,
                format!("{word} was marked at {at}; correct it in the timeline (6, c)"),
            );
            Vec::new()
        }
        None => vec![Ask::Order(order)],
    }
}

fn arm(model: &mut Model) -> Vec<Ask> {
    let Some(run) = &model.run else {
        model.say(Tone::Plain, "the run has not begun");
        return Vec::new();
    };
    let Some((_, Step::Fault(fault))) = run.step_now() else {
        let next = run
            .playbook
            .steps
            .iter()
            .zip(&run.steps)
            .find_map(|(step, state)| match step {
                Step::Fault(fault) if state.began.is_none() => Some(fault.id.clone()),
                _ => None,
            });
        let text = match next {
            Some(id) => format!("not in a fault step now; {id} comes later"),
            None => "no fault step is left".to_owned(),
        };
        model.say(Tone::Plain, text);
        return Vec::new();
    };
    if run
        .fired
        .iter()
        .any(|fired| fired.debt.fault == fault.id && fired.gone.is_none())
    {
        model.say(Tone::Plain, format!("{} is fired", fault.id));
        return Vec::new();
    }
    let asked = model.arming().is_some();
    let lock = if model.production.is_some() {
        Lock::Locked
    } else {
        Lock::Open
    };
    model
        .dialogs
        .retain(|dialog| !matches!(dialog, Dialog::Arming { .. }));
    model.dialogs.push(Dialog::Arming {
        typed: tui_input::Input::default(),
        lock,
        refusal: None,
        scroll: 0,
    });
    if asked {
        Vec::new()
    } else {
        vec![Ask::Order(Order::Arm)]
    }
}

fn go_on(model: &mut Model) -> Vec<Ask> {
    if model.is_over() {
        if model.kill.is_at_work() {
            model.say(Tone::Amber, "the kill switch is at work");
            return Vec::new();
        }
        return vec![Ask::Leave];
    }
    let Some((ix, step)) = model.run.as_ref().and_then(Run::step_now) else {
        model.say(Tone::Plain, "no step is under way");
        return Vec::new();
    };
    let why = match step {
        Step::Brief(_) | Step::Debrief(_) | Step::Observe(_) => None,
        Step::Checklist(list) => {
            let ticked = model.run.as_ref().map_or(0, |run| run.steps[ix.0].ticked.len());
            (ticked < list.items.len()).then(|| {
                format!(
                    "{ticked} of {} ticked: Space ticks, o goes on anyway",
                    list.items.len()
                )
            })
        }
        Step::Baseline(_) => Some("the baseline ends by itself once it held; o goes on anyway".to_owned()),
        Step::Fault(_) => Some("f arms the fault; o skips it, with a reason".to_owned()),
        Step::Recover(_) | Step::Verify(_) => {
            Some("this step ends by itself; o goes on anyway, with a reason".to_owned())
        }
    };
    match why {
        Some(why) => {
            model.say(Tone::Plain, why);
            Vec::new()
        }
        None => vec![Ask::Order(Order::GoOn)],
    }
}

fn tick(model: &mut Model) -> Vec<Ask> {
    let rows = model.step_rows();
    let place = model.step_cursor.min(rows.saturating_sub(1));
    match model.run.as_ref().and_then(Run::step_now) {
        Some((ix, Step::Checklist(_))) => {
            let item = place;
            let ticked = model
                .run
                .as_ref()
                .is_some_and(|run| run.steps[ix.0].ticked.contains(&item));
            model.screen = Screen::Run;
            if !ticked {
                model.step_cursor = (place + 1).min(rows.saturating_sub(1));
            }
            vec![Ask::Order(Order::Tick { item })]
        }
        Some((_, Step::Debrief(_))) => {
            model.screen = Screen::Run;
            dialogs::open_answer(model, place);
            Vec::new()
        }
        _ => {
            model.say(Tone::Plain, "nothing to tick here");
            Vec::new()
        }
    }
}

fn travel(model: &mut Model, act: Act) {
    if model.screen == Screen::Console {
        match act {
            Act::Up | Act::PageUp | Act::Top => model.console.back(),
            Act::Down | Act::PageDown => model.console.forward(),
            _ => model.console.follow(),
        }
        return;
    }
    let by: isize = match act {
        Act::Up => -1,
        Act::PageUp => -10,
        Act::Down => 1,
        Act::PageDown => 10,
        _ => 0,
    };
    let (rows, rest) = model.rows(model.screen);
    if model.screen == Screen::Run {
        let last = rows.len().saturating_sub(1);
        model.step_cursor = match act {
            Act::Top => 0,
            Act::Bottom => last,
            _ => model.step_cursor.saturating_add_signed(by).min(last),
        };
        return;
    }
    let list = model.lists.entry(model.screen).or_default();
    match act {
        Act::Top => list.first(&rows),
        Act::Bottom => list.last(&rows, rest),
        _ => list.step(&rows, rest, by),
    }
}

/// Writes the line under the cursor into the timeline, so that the report has it.
fn pin(model: &mut Model) -> Vec<Ask> {
    let Some(number) = model.chosen(Screen::Logs) else {
        model.say(Tone::Plain, "no line to pin");
        return Vec::new();
    };
    let text = match model.lines {
        Lines::Logs => model.log(number).map(|line| {
            let time = line.stamp.map(|stamp| format!("{} ", stamp.time_of_day()));
            format!("log {}{}: {}", time.unwrap_or_default(), line.pod, line.text)
        }),
        Lines::Events => model.event(number).map(|line| {
            let time = line.stamp.map(|stamp| format!("{} ", stamp.time_of_day()));
            format!(
                "event {}{} {}: {}",
                time.unwrap_or_default(),
                line.reason,
                line.object,
                line.message
            )
        }),
    };
    text.map_or_else(Vec::new, |text| {
        vec![Ask::Order(Order::Note {
            text: crate::text::printable(&text).into_owned(),
            tags: vec![Tag::Observation],
        })]
    })
}

fn logs_of(model: &mut Model) {
    let pod = model
        .chosen(Screen::Pods)
        .and_then(|row| usize::try_from(row).ok())
        .and_then(|row| model.pods.rows.get(row))
        .map(|pod| pod.name.clone());
    let Some(pod) = pod else {
        model.say(Tone::Plain, "no pod to look into");
        return;
    };
    model.lines = Lines::Logs;
    let list = model.lists.entry(Screen::Logs).or_default();
    list.filter = pod;
    list.at = None;
    model.screen = Screen::Logs;
}

/// Whether the card on the table may be fired.
pub(super) fn may_fire(model: &Model) -> bool {
    matches!(model.arming(), Some(Arming::Ready { .. }))
        && matches!(
            model.dialogs.last(),
            Some(Dialog::Arming {
                lock: Lock::Open,
                refusal: None,
                ..
            })
        )
}
