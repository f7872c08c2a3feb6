//! The keys: each does what the table says, the emergency keys do it everywhere.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use firedrill::run::{Order, Refusal, Tag};
use firedrill::tui::keys::{Act, KEYS, Place, Screen, Stroke};
use firedrill::tui::model::{Leaving, Start};
use firedrill::tui::update::{Ask, Msg, update};

use super::stage::{SIZES, Stage, playbook};

fn event(stroke: Stroke) -> KeyEvent {
    match stroke {
        Stroke::Code(code) => KeyEvent::new(code, KeyModifiers::NONE),
        Stroke::Ctrl(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL),
    }
}

/// Where a key has something to do.
fn scene(act: Act) -> Stage {
    let mut stage = Stage::begun();
    match act {
        Act::Mark => {
            stage.reach_checklist();
        }
        Act::Arm => {
            stage.reach_fault();
        }
        Act::Up | Act::PageUp | Act::Top | Act::Go(Screen::Run) | Act::Pin | Act::Events => {
            stage.reach_impact();
            stage.press("4");
        }
        Act::Down | Act::PageDown | Act::Bottom => {
            stage.reach_impact();
            stage.press("6g");
        }
        Act::Correct => {
            stage.press("6");
        }
        Act::LogsOf => {
            stage.press("2");
        }
        Act::Back => {
            stage.press("4/x").enter_key();
        }
        _ => {
            stage.reach_impact();
        }
    }
    stage
}

#[test]
fn every_key_of_the_table_does_something() {
    for row in KEYS {
        for stroke in row.strokes {
            let mut stage = scene(row.act);
            if let Place::On(screen) = row.place {
                assert_eq!(stage.model.screen, screen, "{row:?}");
            }
            let before = format!("{:?}", stage.model);
            let asks = update(&mut stage.model, Msg::Key(event(*stroke)));
            let after = format!("{:?}", stage.model);
            assert!(
                !asks.is_empty() || before != after,
                "{} ({:?}) does nothing",
                row.shown,
                row.act
            );
        }
    }
}

#[test]
fn the_kill_key_works_and_is_shown_on_every_screen_and_in_every_dialog() {
    let dialogs = ["", "?", ":", "4/", "n", "o", "q", "P", "6c"];
    for (key, modifiers, by) in [
        (KeyCode::Char('k'), KeyModifiers::CONTROL, "ctrl-k"),
        (KeyCode::F(12), KeyModifiers::NONE, "f12"),
    ] {
        for screen in ["1", "2", "3", "4", "5", "6", "7", "8"] {
            for dialog in dialogs {
                let mut stage = Stage::begun();
                stage.reach_impact();
                stage.press(screen).press(dialog);
                for (columns, rows) in SIZES {
                    let shown = stage.shown(columns, rows);
                    assert!(
                        shown.contains("^K KILL"),
                        "{screen}{dialog} {columns}x{rows}\n{shown}"
                    );
                }
                stage.asks.clear();
                stage.key(key, modifiers);
                assert_eq!(stage.asks, [Ask::Kill(by)], "on {screen} in {dialog}");
                assert_eq!(stage.model.screen, Screen::Kill);
                assert!(stage.model.dialogs.is_empty());
            }
        }
    }
    // In the card as well, typed name or not.
    let start = Start {
        production: Some("prod".to_owned()),
        ..Start::default()
    };
    let mut stage = Stage::begun_with(start, playbook());
    stage.reach_card();
    stage.asks.clear();
    stage.key(KeyCode::Char('k'), KeyModifiers::CONTROL);
    assert_eq!(stage.asks, [Ask::Kill("ctrl-k")]);
}

#[test]
fn ctrl_c_escalates_and_is_obeyed_once() {
    let mut stage = Stage::begun();
    stage.reach_impact();
    stage.asks.clear();
    stage.key(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(stage.asks, [Ask::Order(Order::Quit)]);
    assert_eq!(stage.model.leaving, Leaving::Asked);
    stage.key(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(stage.asks.last(), Some(&Ask::Kill("ctrl-c twice")));
    stage.key(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(stage.asks.last(), Some(&Ask::Leave));

    // What the keyboard's thread has obeyed is not done twice.
    let mut stage = Stage::begun();
    let asks = update(
        &mut stage.model,
        Msg::Obeyed(firedrill::tui::chords::Chord::Kill("ctrl-k")),
    );
    assert_eq!(asks, []);
    assert!(stage.model.kill.is_at_work());
}

#[test]
fn only_capital_f_on_the_card_fires() {
    let mut stage = Stage::begun();
    stage.reach_fault();
    stage.asks.clear();
    stage.press("F");
    assert_eq!(stage.asks, [], "nothing is armed");
    stage.press("f");
    assert_eq!(stage.asks, [Ask::Order(Order::Arm)]);
    stage.press("F");
    assert_eq!(stage.asks.len(), 1, "the cluster has not answered");
    stage.answer(Ok(Box::new(super::stage::plan())));
    stage.press("f").enter_key();
    assert_eq!(stage.asks.len(), 1, "neither f nor Enter fires");
    stage.press("F");
    assert_eq!(stage.asks.last(), Some(&Ask::Order(Order::Fire)));
    assert!(stage.model.dialogs.is_empty(), "the card goes when it is fired");
}

#[test]
fn a_refusal_lies_on_the_card_and_can_be_asked_again() {
    let mut stage = Stage::begun();
    stage.reach_fault();
    stage.press("f");
    stage.answer(Err(Refusal {
        why: "too many pods".to_owned(),
        hint: None,
    }));
    stage.asks.clear();
    stage.press("F");
    assert_eq!(stage.asks, []);
    stage.press("f");
    assert_eq!(stage.asks, [Ask::Order(Order::Arm)]);
    stage.answer(Ok(Box::new(super::stage::plan())));
    stage.key(KeyCode::Esc, KeyModifiers::NONE);
    assert_eq!(stage.asks.last(), Some(&Ask::Order(Order::Disarm)));
}

#[test]
fn production_wants_its_name_typed() {
    let start = Start {
        production: Some("it is called prod".to_owned()),
        ..Start::default()
    };
    let mut stage = Stage::begun_with(start, playbook());
    stage.reach_card();
    stage.asks.clear();
    stage.press("F");
    assert_eq!(stage.asks, [], "locked");
    stage.enter_key();
    stage.press("kind-dril").enter_key().press("F");
    assert_eq!(stage.asks, [], "not the name");
    stage.enter_key();
    stage.msg(Msg::Paste("kind-drill".to_owned()));
    stage.enter_key().press("F");
    assert_eq!(stage.asks, [], "pasted");
    stage.enter_key();
    stage.press("kind-drill").enter_key().press("F");
    assert_eq!(stage.asks, [Ask::Order(Order::Fire)]);
}

#[test]
fn notes_answers_scores_overrides_and_corrections_reach_the_engine() {
    let mut stage = Stage::begun();
    stage.reach_impact();
    stage.asks.clear();
    stage.press("n重连很慢");
    stage.key(KeyCode::Down, KeyModifiers::NONE);
    stage.key(KeyCode::Down, KeyModifiers::NONE);
    stage.key(KeyCode::Tab, KeyModifiers::NONE).enter_key();
    stage.press("Py");
    stage.key(KeyCode::Esc, KeyModifiers::NONE);
    stage.press("o").enter_key().press("seen enough").enter_key();
    stage.press("6g");
    stage.press("c");
    stage.key(KeyCode::Char('u'), KeyModifiers::CONTROL);
    stage
        .press("T+00:01")
        .enter_key()
        .press("the log says so")
        .enter_key();
    stage.press("4p");
    let orders: Vec<Order> = stage
        .asks
        .iter()
        .map(|ask| match ask {
            Ask::Order(order) => order.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let pinned = orders.last().cloned();
    assert_eq!(
        orders[..4],
        [
            Order::Note {
                text: "重连很慢".to_owned(),
                tags: vec![Tag::Surprise]
            },
            Order::Score {
                prediction: 0,
                came_true: Some(true)
            },
            Order::Override {
                reason: "seen enough".to_owned()
            },
            Order::Correct {
                seq: 1,
                at_nanos: 1_000_000_000,
                reason: "the log says so".to_owned()
            },
        ]
    );
    assert!(
        matches!(&pinned, Some(Order::Note { text, tags })
            if text.contains("reconnected after 412 ms") && tags == &[Tag::Observation]),
        "{pinned:?}"
    );
}

#[test]
fn commands_are_found_by_a_part_of_their_name() {
    let mut stage = Stage::begun();
    stage.press(":timel").enter_key();
    assert_eq!(stage.model.screen, Screen::Timeline);
    stage.asks.clear();
    stage.press(":note 看到了").enter_key();
    assert_eq!(
        stage.asks,
        [Ask::Order(Order::Note {
            text: "看到了".to_owned(),
            tags: Vec::new()
        })]
    );
    stage.press(":kill").enter_key();
    assert_eq!(stage.asks.last(), Some(&Ask::Kill("palette")));
    stage.press(":nosuch").enter_key();
    assert!(
        stage
            .model
            .toast
            .as_ref()
            .is_some_and(|toast| toast.text.contains("nosuch"))
    );
}

#[test]
fn a_quit_waits_for_what_is_owed_and_then_goes_by_itself() {
    let mut stage = Stage::begun();
    stage.reach_impact();
    stage.press("q");
    stage.asks.clear();
    stage.enter_key();
    assert_eq!(stage.asks, [], "Enter is pressed too easily");
    stage.press("y");
    assert_eq!(stage.asks, [Ask::Order(Order::Quit)]);
    stage.at(99_000);
    stage.input(firedrill::run::Input::Reverted {
        debt: "kill-one-1".into(),
        gone: firedrill::fault::Gone::Proven,
    });
    assert!(stage.engine.is_over());
    assert_eq!(stage.asks.last(), Some(&Ask::Leave));
}

#[test]
fn a_lost_driver_is_said_and_can_be_left() {
    let mut stage = Stage::begun();
    stage.msg(Msg::FeedEnded);
    assert!(stage.shown(80, 24).contains("driver"));
    stage.press("q");
    assert_eq!(stage.asks.last(), Some(&Ask::Leave));
}
