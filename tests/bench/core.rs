//! Benches of what has to be quick: `cargo bench`. Times are asserted nowhere else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use firedrill::playbook::{load, shipped};

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
