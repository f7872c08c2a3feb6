//! Benches of what has to be quick: `cargo bench`. Times are asserted nowhere else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use firedrill::playbook::{load, shipped};
use firedrill::ports::{LogLine, Streamed};
use firedrill::tui::terminal::Guard;
use firedrill::tui::update::Msg;
use ratatui::layout::Rect;

#[allow(dead_code, reason = "the tests of the console play more scenes")]
#[path = "../it/tui/stage.rs"]
mod stage;

fn main() {
    divan::main();
}

/// A playbook of at least a thousand lines: a hundred checks, ninety steps of every kind.
fn long_playbook() -> String {
    let head = "firedrill: 1\nname: long\nvars: { namespace: default, app: emqx-go }\n\
                target: { namespace: \"${namespace}\", pods: { app: \"${app}\" } }\n\
                recovery: { target: 10s, acceptable: 30s, when: [pods-ready, check-7], hold: 5s }\nchecks:\n";
    let mut text = head.to_owned();
    for n in 0..100 {
        let _ = write!(
            text,
            "  - id: check-{n}\n    prometheus: {{ query: 'sum(up{{job=\"${{app}}\"}})' }}\n    expect: \">= {n}\"\n    \
             every: 2s\n    when: [before, fault, after]\n"
        );
    }
    text.push_str("steps:\n");
    for n in 0..30 {
        let _ = write!(
            text,
            "  - brief: \"part {n} \u{4e2d}\u{6587}\"\n  - checklist: [\"on-call told\", \"dashboards open\"]\n  - fault:\n      \
             id: fault-{n}\n      chaos_mesh:\n        apiVersion: chaos-mesh.org/v1alpha1\n        kind: PodChaos\n        \
             spec:\n          action: pod-kill\n          mode: one\n          selector:\n            \
             namespaces: [\"${{namespace}}\"]\n            labelSelectors: {{ app: \"${{app}}\" }}\n  - observe:\n      \
             for: 1m\n  - recover:\n      timeout: 2m\n  - verify:\n      - pods-ready\n      - endpoints\n"
        );
    }
    assert!(text.lines().count() >= 1000, "{} lines", text.lines().count());
    text
}

/// The promise is 50 ms.
#[divan::bench]
fn load_a_playbook_of_a_thousand_lines(bencher: divan::Bencher<'_, '_>) {
    let text = long_playbook();
    let sets = BTreeMap::new();
    bencher.bench(|| load(&text, "long.yaml", &sets).expect("a playbook that can be run"));
}

#[divan::bench]
fn load_every_shipped_playbook(bencher: divan::Bencher<'_, '_>) {
    let sets = BTreeMap::new();
    bencher.bench(|| {
        for (name, text) in shipped() {
            load(text, name, &sets).expect(name);
        }
    });
}

/// A console in the middle of a drill, with a full log.
fn console() -> stage::Stage {
    let mut stage = stage::Stage::begun();
    stage.reach_impact();
    for n in 0..20_000 {
        stage.msg(Msg::Streamed(Streamed::Log(LogLine {
            pod: format!("emqx-go-{}", n % 3),
            container: "emqx-go".to_owned(),
            stamp: None,
            text: format!("level=info msg=\"\u{6d88}\u{606f} {n}\" sessions=334 topics=50"),
        })));
    }
    stage
}

/// A whole frame as it is sent to a terminal that shows nothing yet.
#[divan::bench(args = [(80, 24), (200, 50)])]
fn draw_a_full_screen(bencher: divan::Bencher<'_, '_>, (columns, rows): (u16, u16)) {
    let stage = console();
    bencher
        .with_inputs(|| Guard::onto(std::io::sink(), Rect::new(0, 0, columns, rows)).expect("a screen"))
        .bench_local_values(|mut screen| screen.draw(&stage.model).expect("drawn"));
}

/// The next frame, of which little has changed; one of at most thirty a second.
#[divan::bench(args = ["1", "4", "6", "4/sessions=334"])]
fn draw_the_next_frame(bencher: divan::Bencher<'_, '_>, keys: &str) {
    let mut stage = console();
    stage.press(keys);
    let mut screen = Guard::onto(std::io::sink(), Rect::new(0, 0, 200, 50)).expect("a screen");
    let mut millis = 98_000;
    bencher.bench_local(|| {
        millis += 33;
        stage.at(millis);
        screen.draw(&stage.model).expect("drawn")
    });
}
