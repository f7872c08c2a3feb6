//! The one table of keys. The help screen, the palette and the hints print it; nothing else knows what a key does.
//! Pure.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A screen, in the order of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    Run,
    Pods,
    Broker,
    Logs,
    Faults,
    Timeline,
    Console,
    Kill,
}

impl Screen {
    pub const ALL: [Self; 8] = [
        Self::Run,
        Self::Pods,
        Self::Broker,
        Self::Logs,
        Self::Faults,
        Self::Timeline,
        Self::Console,
        Self::Kill,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Pods => "pods",
            Self::Broker => "broker",
            Self::Logs => "logs",
            Self::Faults => "faults",
            Self::Timeline => "timeline",
            Self::Console => "console",
            Self::Kill => "kill",
        }
    }

    /// The key that shows it.
    pub const fn number(self) -> usize {
        self as usize + 1
    }

    /// The screen so many places further, round the end.
    #[must_use]
    pub fn moved(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Go(Screen),
    Next,
    Previous,
    Help,
    Palette,
    Filter,
    Back,
    Note,
    Detected,
    Mitigated,
    Arm,
    Fire,
    GoOn,
    Mark,
    Override,
    Predictions,
    PayAgain,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Pin,
    Correct,
    Events,
    LogsOf,
    Redraw,
    Kill,
    /// Ctrl-C: means more each time.
    Interrupt,
    Quit,
}

/// A key as it is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    Code(KeyCode),
    Ctrl(char),
}

/// Where a key means this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Everywhere,
    On(Screen),
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub strokes: &'static [Stroke],
    /// How the key is written.
    pub shown: &'static str,
    pub act: Act,
    /// The palette's word for it; none for what makes no sense there.
    pub word: Option<&'static str>,
    pub what: &'static str,
    pub place: Place,
}

const fn key(c: char) -> Stroke {
    Stroke::Code(KeyCode::Char(c))
}

const fn row(
    strokes: &'static [Stroke],
    shown: &'static str,
    act: Act,
    word: Option<&'static str>,
    what: &'static str,
) -> Row {
    Row {
        strokes,
        shown,
        act,
        word,
        what,
        place: Place::Everywhere,
    }
}

const fn on(screen: Screen, row: Row) -> Row {
    Row {
        place: Place::On(screen),
        ..row
    }
}

/// Every key, in the order in which the help shows them.
pub const KEYS: &[Row] = &[
    row(
        &[Stroke::Ctrl('k'), Stroke::Code(KeyCode::F(12))],
        "Ctrl-K F12",
        Act::Kill,
        Some("kill"),
        "KILL SWITCH: remove every fault now; no question asked",
    ),
    row(
        &[Stroke::Ctrl('c')],
        "Ctrl-C",
        Act::Interrupt,
        None,
        "once: end the run and undo; twice: kill switch; three times: leave",
    ),
    row(
        &[Stroke::Code(KeyCode::Enter)],
        "Enter",
        Act::GoOn,
        Some("next"),
        "this step is done: go on",
    ),
    row(
        &[key(' ')],
        "Space",
        Act::Mark,
        Some("tick"),
        "tick the item, answer the question",
    ),
    row(
        &[key('f')],
        "f",
        Act::Arm,
        Some("arm"),
        "arm: show what the fault would hit, and whether it may",
    ),
    row(
        &[key('F')],
        "F",
        Act::Fire,
        None,
        "fire what the arming card shows",
    ),
    row(
        &[key('n')],
        "n",
        Act::Note,
        Some("note"),
        "write a note into the timeline",
    ),
    row(
        &[key('d')],
        "d",
        Act::Detected,
        Some("detected"),
        "somebody noticed the impact, now",
    ),
    row(
        &[key('m')],
        "m",
        Act::Mitigated,
        Some("mitigated"),
        "somebody stopped the bleeding, now",
    ),
    row(
        &[key('o')],
        "o",
        Act::Override,
        Some("override"),
        "go on although it is not as it should be, with a reason",
    ),
    row(
        &[key('P')],
        "P",
        Act::Predictions,
        Some("predictions"),
        "score the predictions",
    ),
    row(
        &[key('u')],
        "u",
        Act::PayAgain,
        Some("undo"),
        "try once more to undo what is owed",
    ),
    row(
        &[key('/')],
        "/",
        Act::Filter,
        Some("filter"),
        "show only rows with this text",
    ),
    row(&[key(':')], ":", Act::Palette, None, "every command by name"),
    row(
        &[key('?'), Stroke::Code(KeyCode::F(1))],
        "?",
        Act::Help,
        Some("help"),
        "this page",
    ),
    row(
        &[Stroke::Code(KeyCode::Esc)],
        "Esc",
        Act::Back,
        None,
        "close; take the filter off; follow the end again",
    ),
    row(
        &[key('1')],
        "1",
        Act::Go(Screen::Run),
        Some("run"),
        "screen: the run",
    ),
    row(
        &[key('2')],
        "2",
        Act::Go(Screen::Pods),
        Some("pods"),
        "screen: the target's pods",
    ),
    row(
        &[key('3')],
        "3",
        Act::Go(Screen::Broker),
        Some("broker"),
        "screen: broker and measured checks",
    ),
    row(
        &[key('4')],
        "4",
        Act::Go(Screen::Logs),
        Some("logs"),
        "screen: logs and events",
    ),
    row(
        &[key('5')],
        "5",
        Act::Go(Screen::Faults),
        Some("faults"),
        "screen: every fault in the cluster",
    ),
    row(
        &[key('6')],
        "6",
        Act::Go(Screen::Timeline),
        Some("timeline"),
        "screen: the timeline",
    ),
    row(
        &[key('7')],
        "7",
        Act::Go(Screen::Console),
        Some("console"),
        "screen: the program's own log",
    ),
    row(
        &[key('8')],
        "8",
        Act::Go(Screen::Kill),
        Some("verdicts"),
        "screen: the kill switch and its verdicts",
    ),
    row(
        &[Stroke::Code(KeyCode::Tab)],
        "Tab",
        Act::Next,
        None,
        "next screen",
    ),
    row(
        &[Stroke::Code(KeyCode::BackTab)],
        "Shift-Tab",
        Act::Previous,
        None,
        "screen before",
    ),
    row(
        &[Stroke::Code(KeyCode::Up), key('k')],
        "Up k",
        Act::Up,
        None,
        "up",
    ),
    row(
        &[Stroke::Code(KeyCode::Down), key('j')],
        "Down j",
        Act::Down,
        None,
        "down",
    ),
    row(
        &[Stroke::Code(KeyCode::PageUp)],
        "PgUp",
        Act::PageUp,
        None,
        "ten up",
    ),
    row(
        &[Stroke::Code(KeyCode::PageDown)],
        "PgDn",
        Act::PageDown,
        None,
        "ten down",
    ),
    row(
        &[Stroke::Code(KeyCode::Home), key('g')],
        "Home g",
        Act::Top,
        None,
        "to the first",
    ),
    row(
        &[Stroke::Code(KeyCode::End), key('G')],
        "End G",
        Act::Bottom,
        None,
        "to the last, and follow",
    ),
    on(
        Screen::Logs,
        row(
            &[key('e')],
            "e",
            Act::Events,
            Some("events"),
            "logs: pods' lines or the cluster's events",
        ),
    ),
    on(
        Screen::Logs,
        row(
            &[key('p')],
            "p",
            Act::Pin,
            Some("pin"),
            "logs: pin this line to the timeline",
        ),
    ),
    on(
        Screen::Pods,
        row(
            &[key('l')],
            "l",
            Act::LogsOf,
            None,
            "pods: the log lines of this pod",
        ),
    ),
    on(
        Screen::Timeline,
        row(
            &[key('c')],
            "c",
            Act::Correct,
            Some("correct"),
            "timeline: correct the time of this entry",
        ),
    ),
    row(
        &[Stroke::Ctrl('l')],
        "Ctrl-L",
        Act::Redraw,
        Some("redraw"),
        "draw the screen anew",
    ),
    row(
        &[key('q')],
        "q",
        Act::Quit,
        Some("quit"),
        "end the run: undo what is owed, then leave",
    ),
];

/// A key press as a stroke: presses only, letter case kept, what an input method makes of punctuation undone.
pub fn stroke(event: &KeyEvent) -> Option<Stroke> {
    if event.kind != KeyEventKind::Press {
        return None;
    }
    let modifiers = event.modifiers - KeyModifiers::SHIFT;
    match event.code {
        KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => {
            Some(Stroke::Ctrl(c.to_ascii_lowercase()))
        }
        KeyCode::Char(c) if modifiers.is_empty() => Some(key(halfwidth(c))),
        // The kill key counts whatever else is held down.
        KeyCode::F(12) => Some(Stroke::Code(KeyCode::F(12))),
        code if modifiers.is_empty() => Some(Stroke::Code(code)),
        _ => None,
    }
}

/// `：` typed with an input method on is meant as `:`.
fn halfwidth(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        '、' => '/',
        c => c,
    }
}

/// What a key means on a screen.
pub fn act(event: &KeyEvent, screen: Screen) -> Option<Act> {
    let stroke = stroke(event)?;
    KEYS.iter()
        .filter(|row| match row.place {
            Place::Everywhere => true,
            Place::On(place) => place == screen,
        })
        .find(|row| row.strokes.contains(&stroke))
        .map(|row| row.act)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_in_one_place() {
        for screen in Screen::ALL {
            let mut seen: Vec<Stroke> = Vec::new();
            for row in KEYS
                .iter()
                .filter(|row| row.place == Place::Everywhere || row.place == Place::On(screen))
            {
                for stroke in row.strokes {
                    assert!(!seen.contains(stroke), "{stroke:?} twice on {screen:?}");
                    seen.push(*stroke);
                }
            }
        }
    }

    #[test]
    fn an_input_method_does_not_lock_people_out() {
        let event = KeyEvent::new(KeyCode::Char('：'), KeyModifiers::NONE);
        assert_eq!(act(&event, Screen::Run), Some(Act::Palette));
        let event = KeyEvent::new(KeyCode::Char('？'), KeyModifiers::NONE);
        assert_eq!(act(&event, Screen::Run), Some(Act::Help));
    }
}
