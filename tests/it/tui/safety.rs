//! What must hold for any input at any size: nothing panics, nothing hostile reaches the terminal, a screen at rest is
//! quiet, no line of the log is lost.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use firedrill::ports::{EventLine, Freshness, LogLine, Streamed};
use firedrill::run::Fact;
use firedrill::tui::console_log;
use firedrill::tui::model::Sight;
use firedrill::tui::terminal::Guard;
use firedrill::tui::update::{Msg, update};
use proptest::prelude::*;
use ratatui::layout::Rect;

use super::stage::{SIZES, Stage, draw, pod, shown};

const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\n\t\u{202e}gnp\u{feff}\u{200d}end";

#[test]
fn nothing_from_outside_can_drive_the_terminal() {
    let mut stage = Stage::begun();
    stage.reach_card();
    stage.look(Sight::Pods(
        Freshness::Stale {
            since: firedrill::units::Mark::ZERO,
            why: HOSTILE.to_owned(),
        },
        Arc::new(vec![pod(HOSTILE, 0, HOSTILE, HOSTILE)]),
    ));
    stage.msg(Msg::Streamed(Streamed::Log(LogLine {
        pod: HOSTILE.to_owned(),
        container: HOSTILE.to_owned(),
        stamp: None,
        text: HOSTILE.to_owned(),
    })));
    stage.msg(Msg::Streamed(Streamed::Event(EventLine {
        stamp: None,
        warning: true,
        reason: HOSTILE.to_owned(),
        object: HOSTILE.to_owned(),
        message: HOSTILE.to_owned(),
        count: 2,
    })));
    stage.tell(
        HOSTILE,
        Some(HOSTILE),
        firedrill::fault::Gone::Failed {
            why: HOSTILE.to_owned(),
        },
        Some(HOSTILE),
    );
    stage.fact(Fact::NoteAdded {
        text: HOSTILE.to_owned(),
        tags: Vec::new(),
        author: Some(HOSTILE.to_owned()),
    });
    stage.fact(Fact::GateClosed {
        why: HOSTILE.to_owned(),
    });
    for screen in ["", "1", "2", "3", "4", "4e", "5", "6", "8", "4g", "6c"] {
        stage.press(screen);
        for (columns, rows) in SIZES {
            for cell in &stage.draw(columns, rows).content {
                for c in cell.symbol().chars() {
                    assert!(
                        !c.is_control() && !matches!(c, '\u{202e}' | '\u{feff}' | '\u{2028}'),
                        "{c:?} on {screen} at {columns}x{rows}"
                    );
                }
            }
        }
        stage.key(KeyCode::Esc, KeyModifiers::NONE);
    }
    stage.press("4");
    assert!(stage.shown(80, 24).contains("␛[2J"), "shown, not obeyed");
}

/// A stage at one of its scenes.
fn scene(which: u8) -> Stage {
    let mut stage = Stage::begun();
    match which {
        0 => {}
        1 => {
            stage.reach_checklist();
        }
        2 => {
            stage.reach_baseline();
        }
        3 => {
            stage.reach_card();
        }
        4 => {
            stage.reach_impact();
        }
        5 => {
            stage.reach_recovered();
        }
        6 => {
            stage.reach_end();
        }
        _ => {
            stage.reach_kill();
        }
    }
    stage
}

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        4 => any::<char>().prop_map(KeyCode::Char),
        6 => proptest::sample::select("123456789?:/nfFoPqydmcpeklgGxu 中文".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        4 => proptest::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down,
            KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Backspace,
            KeyCode::Left, KeyCode::Right, KeyCode::Delete, KeyCode::F(1), KeyCode::F(12),
        ]),
    ];
    (code, 0_u8..8).prop_map(|(code, modifiers)| {
        let modifiers = match modifiers {
            0 => KeyModifiers::CONTROL,
            1 => KeyModifiers::SHIFT,
            2 => KeyModifiers::ALT,
            _ => KeyModifiers::NONE,
        };
        KeyEvent::new(code, modifiers)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_at_no_size_make_it_panic(
        which in 0_u8..8,
        keys in proptest::collection::vec(any_key(), 0..24),
        columns in 0_u16..130,
        rows in 0_u16..60,
        line in any::<String>(),
    ) {
        let mut stage = scene(which);
        stage.msg(Msg::Streamed(Streamed::Log(LogLine {
            pod: line.clone(), container: String::new(), stamp: None, text: line.clone(),
        })));
        stage.msg(Msg::Paste(line));
        for key in keys {
            let _ = update(&mut stage.model, Msg::Key(key));
            let _ = draw(&stage.model, columns, rows);
        }
    }
}

#[test]
fn absurd_sizes_are_drawn() {
    for which in 0..8 {
        let stage = scene(which);
        for (columns, rows) in [(0, 0), (1, 1), (2, 3), (1, 50), (300, 1), (300, 100), (7, 9)] {
            let _ = stage.draw(columns, rows);
        }
    }
    // At three rows the gate, the clock and the faults are what is left.
    let shown = scene(4).shown(60, 3);
    for must in ["^K KILL", "00:07.4", "kill-one"] {
        assert!(shown.contains(must), "{shown}");
    }
}

#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Vec<u8>>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_screen_at_rest_sends_at_most_a_hundred_bytes_a_second() {
    for (columns, rows) in SIZES {
        let mut stage = Stage::begun();
        stage.reach_checklist();
        stage.lines();
        let wire = Wire::default();
        let mut screen = Guard::onto(wire.clone(), Rect::new(0, 0, columns, rows)).expect("a screen");
        let first = screen.draw(&stage.model).expect("drawn");
        assert!(first > 500, "a whole frame is {first} bytes");
        // What does not change is not sent.
        assert_eq!(screen.draw(&stage.model).expect("drawn"), 0);
        wire.0.borrow_mut().clear();
        let seconds = 120;
        for second in 0..seconds {
            stage.at(30_000 + second * 1_000);
            stage.see("pods-ready", 3, 3);
            stage.see("endpoints", 3, 3);
            screen.draw(&stage.model).expect("drawn");
        }
        let sent = wire.0.borrow().len() as u64;
        assert!(
            sent / seconds <= 100,
            "{} bytes a second at {columns}x{rows}",
            sent / seconds
        );
    }
}

#[test]
fn no_chinese_line_of_the_console_log_is_lost() {
    console_log::keep(log::LevelFilter::Trace).expect("a log");
    let said = "消息队列节点恢复之后客户端重新连接需要的时间比目标时间更长所以这一行一定会折行并且不能丢失任何一个字";
    let bridge = console_log::Bridge {
        level: log::LevelFilter::Debug,
    };
    log::Log::log(
        &bridge,
        &log::Record::builder()
            .args(format_args!("{said}\u{1b}[31m"))
            .level(log::Level::Warn)
            .target("rumqttc::state")
            .build(),
    );
    tui_logger::move_events();
    let mut stage = Stage::begun();
    stage.press("7");
    for (columns, rows) in [(80, 24), (40, 20), (41, 20), (120, 40)] {
        let shown = shown(&stage.draw(columns, rows));
        let together: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
        assert!(together.contains(said), "{columns}x{rows}:\n{shown}");
        assert!(together.contains("rumqttc::state"), "its own target:\n{shown}");
        assert!(together.contains("␛[31m"), "{shown}");
    }
}

#[test]
fn what_is_dropped_is_counted_on_the_screen() {
    let mut stage = Stage::begun();
    for n in 0..20_010 {
        stage.msg(Msg::Streamed(Streamed::Log(LogLine {
            pod: "p".to_owned(),
            container: "c".to_owned(),
            stamp: None,
            text: format!("line {n}"),
        })));
    }
    stage.msg(Msg::Streamed(Streamed::Dropped(7)));
    stage.press("4");
    let shown = stage.shown(80, 24);
    assert!(shown.contains("7 lost on the way"), "{shown}");
    assert!(shown.contains("10 older ones let go"), "{shown}");
    assert!(shown.contains("line 20009"), "{shown}");
}
