//! The screens as pictures: what is where, at the sizes that must work.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyModifiers};
use firedrill::playbook::Playbook;
use firedrill::ports::{ChaosRow, Freshness, KillSummary, KillTells};
use firedrill::run::Refusal;
use firedrill::tui::model::{Sight, Start};
use firedrill::tui::theme::{Colour, Look, Signs};
use firedrill::tui::update::Msg;
use firedrill::units::Mark;
use ratatui::style::{Color, Style};

use super::stage::{SIZES, Stage, object, playbook, pod, wall};

fn picture(name: &str, stage: &Stage, sizes: &[(u16, u16)]) {
    for (columns, rows) in sizes {
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), stage.shown(*columns, *rows));
        });
    }
}

#[test]
fn before_anything_is_known() {
    picture("connecting", &Stage::new(Start::default()), &[(80, 24)]);
}

#[test]
fn the_steps_that_people_do() {
    let mut stage = Stage::begun();
    stage.at(7_000);
    picture("brief", &stage, &[(80, 24), (40, 12)]);
    stage.reach_checklist();
    stage.at(32_000).press(" ");
    picture("checklist", &stage, &[(80, 24), (40, 12)]);
    let mut stage = Stage::begun();
    stage.reach_baseline();
    stage.at(52_000);
    picture("baseline", &stage, &[(80, 24), (120, 40)]);
}

#[test]
fn the_arming_card() {
    let mut stage = Stage::begun();
    stage.reach_card();
    picture("card", &stage, &[(80, 24), (120, 40), (40, 12)]);

    let mut refused = Stage::begun();
    refused.reach_fault();
    refused.at(80_000).press("f");
    refused.answer(Err(Refusal {
        why: "emqx-go-1 is the last ready pod of app=emqx-go".to_owned(),
        hint: Some("wait until the others are ready, then press f again".to_owned()),
    }));
    picture("refused", &refused, &[(80, 24), (40, 12)]);

    let start = Start {
        production: Some("its name has `prod` in it".to_owned()),
        ..Start::default()
    };
    let mut production = Stage::begun_with(start, playbook());
    production.reach_card();
    production.press("kind-d");
    picture("card_production", &production, &[(80, 24)]);
}

#[test]
fn a_fault_is_on_and_the_clock_runs() {
    let mut stage = Stage::begun();
    stage.reach_impact();
    picture("impact", &stage, &SIZES);
    stage.at(105_000);
    picture("impact_over_target", &stage, &[(80, 24)]);
    stage.at(125_000);
    picture("impact_missed", &stage, &[(80, 24)]);
    let mut stage = Stage::begun();
    stage.reach_recovered();
    picture("recovered", &stage, &[(80, 24), (120, 40)]);
}

#[test]
fn the_end_of_a_run() {
    let mut stage = Stage::begun();
    stage.reach_debrief();
    stage
        .at(130_000)
        .press(" ")
        .press("the reconnect storm")
        .enter_key();
    picture("debrief", &stage, &[(80, 24), (40, 12)]);
    stage.enter_key();
    assert!(stage.engine.is_over());
    picture("over", &stage, &[(80, 24), (40, 12)]);
}

#[test]
fn the_kill_switch_has_the_screen() {
    let mut stage = Stage::begun();
    stage.reach_kill();
    picture("kill", &stage, &SIZES);
    stage.tell("delay-all", None, firedrill::fault::Gone::Proven, None);
    stage.tell("zz-new", None, firedrill::fault::Gone::Proven, None);
    stage.msg(Msg::KillTells(KillTells::NotSeen {
        what: "IOChaos in namespace pay".to_owned(),
        why: "forbidden: list iochaos.chaos-mesh.org".to_owned(),
    }));
    stage.msg(Msg::KillTells(KillTells::Ended(KillSummary {
        all_clear: false,
        objects: 4,
        proven: 3,
        not_seen: vec!["IOChaos".to_owned()],
        took_ms: 3_240,
    })));
    picture("kill_ended", &stage, &[(80, 24), (40, 12)]);
}

#[test]
fn the_other_screens() {
    let mut stage = Stage::begun();
    stage.reach_impact();
    let foreign = ChaosRow {
        object: object("slow-network"),
        uid: "1".to_owned(),
        action: "delay".to_owned(),
        created: Some(wall(31)),
        duration: Some(std::time::Duration::from_mins(5)),
        run: None,
        phase: "Run".to_owned(),
        injected: (2, 3),
        targets: vec!["default/emqx-go-0".to_owned(), "default/emqx-go-2".to_owned()],
        deleting: false,
        ended: false,
    };
    let ours = ChaosRow {
        object: object("kill-one-1-7f3a"),
        run: Some(super::stage::RUN.to_owned()),
        action: "pod-kill".to_owned(),
        duration: None,
        injected: (1, 1),
        ..foreign.clone()
    };
    stage.look(Sight::Chaos(Freshness::Live, Arc::new(vec![ours, foreign])));
    for (key, name) in [
        ("2", "pods"),
        ("3", "broker"),
        ("4", "logs"),
        ("5", "faults"),
        ("6", "timeline"),
    ] {
        stage.press(key);
        picture(name, &stage, &[(80, 24)]);
    }
    stage.press("4e");
    picture("events", &stage, &[(80, 24)]);
    stage.look(Sight::Pods(
        Freshness::Stale {
            since: Mark::from_secs(80),
            why: "connection reset by peer".to_owned(),
        },
        Arc::new(vec![pod("emqx-go-0", 1, "Running", "n1")]),
    ));
    stage.press("2");
    picture("pods_stale", &stage, &[(80, 24), (120, 40)]);
}

#[test]
fn dialogs_leave_the_clock_the_faults_and_the_kill_key_alone() {
    let mut stage = Stage::begun();
    stage.reach_impact();
    for (keys, name) in [
        ("?", "help"),
        (":ti", "palette"),
        ("n钱没有丢", "note"),
        ("q", "quit"),
        ("P", "predictions"),
        ("o", "override"),
        ("6c", "correct"),
        ("4/重试", "filter"),
    ] {
        stage.press(keys);
        picture(name, &stage, &[(80, 24)]);
        for (columns, rows) in SIZES {
            let shown = stage.shown(columns, rows);
            for must in ["^K", "00:07.4", "kill-one", "gate open"] {
                assert!(shown.contains(must), "{must} is hidden by {name}:\n{shown}");
            }
        }
        stage.key(KeyCode::Esc, KeyModifiers::NONE);
        stage.press("1");
    }
}

fn in_chinese() -> Stage {
    let look = Look {
        language: "zh".to_owned(),
        ..Look::default()
    };
    let mut book: Playbook = playbook();
    "emqx-pod-kill-with-a-name-that-is-much-longer-than-any-screen-is-wide-and-goes-on"
        .clone_into(&mut book.name);
    let start = Start {
        look,
        ..Start::default()
    };
    Stage::begun_with(start, book)
}

#[test]
fn chinese_text_and_long_names_keep_their_columns() {
    let mut stage = in_chinese();
    stage.look(Sight::Pods(
        Freshness::Live,
        Arc::new(vec![
            pod(
                "emqx-go-with-a-deployment-name-that-does-not-end-5d8c7b9f44-x2lqz",
                1,
                "Running",
                "ip-10-0-12-117.eu-central-1.compute.internal",
            ),
            pod("消息队列-0", 0, "CrashLoopBackOff", "节点一"),
        ]),
    ));
    stage.at(5_000);
    picture("chinese", &stage, &SIZES);
}

#[test]
fn without_colour_and_without_unicode_nothing_is_lost() {
    let look = Look {
        colour: Colour::None,
        signs: Signs::Ascii,
        language: "en".to_owned(),
    };
    let mut stage = Stage::looking(look);
    stage.reach_impact();
    picture("ascii", &stage, &[(80, 24), (40, 12)]);
    for keys in ["1", "2", "3", "4", "5", "6", "8", "?"] {
        stage.press(keys);
        for (columns, rows) in SIZES {
            let buffer = stage.draw(columns, rows);
            for cell in &buffer.content {
                assert!(cell.symbol().is_ascii(), "{:?}", cell.symbol());
                assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
            }
        }
        stage.key(KeyCode::Esc, KeyModifiers::NONE);
    }
}

#[test]
fn red_is_only_for_what_is_wrong_now() {
    let red = |stage: &Stage| {
        let buffer = stage.draw(120, 40);
        buffer
            .content
            .iter()
            .filter(|cell| cell.fg == Color::Red)
            .map(|cell| cell.symbol().to_owned())
            .collect::<String>()
    };
    let mut stage = Stage::begun();
    stage.reach_baseline();
    stage.at(52_000);
    assert_eq!(red(&stage), "", "all is well");
    stage.reach_fault();
    let mut stage = Stage::begun();
    stage.reach_impact();
    assert!(red(&stage).contains('✗'), "a broken check is red and has a sign");
    let mut stage = Stage::begun();
    stage.reach_end();
    assert_eq!(red(&stage), "", "what was wrong is not wrong any more");
    assert_ne!(
        Style::default(),
        stage.model.look.ink(firedrill::tui::theme::Ink::Wrong)
    );
}
