//! `firedrill kill` and `firedrill reset` as commands: exit codes, what is printed, what is left on disk.

use std::path::Path;
use std::process::{Output, Stdio};

use firedrill::clock;
use firedrill::fault::ClusterPin;
use firedrill::journal::{Process, RunDir, Store};
use firedrill::run::{Entry, Fact};
use firedrill::units::{Mark, RunId};
use serde_json::Value;
use tokio::process::Command;

use super::support::{Ground, debt, delay, files};
use crate::sim_wire::PATIENCE;

async fn run(ground: &Ground, args: &[&str]) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(args)
        .env("FIREDRILL_STATE", ground.state.path())
        .env("KUBECONFIG", ground.sim.kubeconfig())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(PATIENCE * 2, child)
        .await
        .expect("it ends")
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A run that died owing this much.
fn owing(store: &Store, id: &str, pin: &ClusterPin, names: &[(&str, Option<&str>)]) -> RunDir {
    let run = store.create(&RunId::new(id), "").unwrap();
    let mut writer = run.writer(Process::Console).unwrap();
    for (seq, (name, uid)) in (0..).zip(names) {
        let fact = Fact::InjectIntended {
            debt: debt(pin, "NetworkChaos", name, *uid),
            manifest: Value::Null,
        };
        let wall = clock::wall();
        let entry = Entry {
            seq,
            at: Mark::ZERO,
            wall,
            fact,
        };
        writer.append(&[entry]).unwrap();
    }
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_pays_what_journals_owe_and_a_reset_opens_what_it_closed() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "owed"), delay());
    ground.make("NetworkChaos", ("default", "foreign"), delay());
    ground.until_effects(2).await;
    let store = Store::at(ground.state.path());
    let cluster = ground.cluster().await;
    let uid = ground.uid_of("NetworkChaos", "owed");
    let id = "20260101-000000-abcd";
    let debts = [("owed", Some(uid.as_str()))];
    let owing = owing(&store, id, cluster.pin(), &debts);

    let dry = run(&ground, &["kill", "--dry-run"]).await;
    assert_eq!(dry.status.code(), Some(5), "{}", err(&dry));
    assert!(
        out(&dry).contains("dry run") && out(&dry).contains("NOT all clear"),
        "{}",
        out(&dry)
    );
    assert_eq!(files(ground.state.path()), ["runs"], "no latch, no record");
    assert_eq!(ground.active().len(), 2);

    let killed = run(&ground, &["kill"]).await;
    assert_eq!(killed.status.code(), Some(0), "{}{}", out(&killed), err(&killed));
    assert!(
        out(&killed).contains("all clear: 2 of 2 proven gone"),
        "{}",
        out(&killed)
    );
    assert!(err(&killed).contains("the gate is closed"), "{}", err(&killed));
    assert!(
        err(&killed).contains("not ours; to make it again: kubectl"),
        "{}",
        err(&killed)
    );
    assert!(ground.active().is_empty());
    assert!(owing.owed().unwrap().is_clear(), "{:#?}", owing.owed());
    let journal = owing.read().unwrap();
    assert!(journal.damage.is_empty(), "{:?}", journal.damage);
    let facts: Vec<&Fact> = journal.entries().map(|entry| &entry.fact).collect();
    assert!(facts.iter().any(|fact| matches!(fact, Fact::GateClosed { .. })));
    assert!(
        facts
            .iter()
            .any(|fact| matches!(fact, Fact::KillEnded { clear: true }))
    );

    // A second machine, or this one, is told who, when and why.
    let wrong = run(&ground, &["reset", "--word", "yes", "--reason", "x"]).await;
    assert_eq!(wrong.status.code(), Some(2), "{}", err(&wrong));
    assert!(
        err(&wrong).contains("firedrill kill") && err(&wrong).contains("closed by"),
        "{}",
        err(&wrong)
    );
    assert!(cluster.read_latch("chaos-mesh").await.unwrap().is_some());
    assert!(ground.latch(&cluster).read().unwrap().is_some());
    let silent = run(&ground, &["reset", "--word", "reset"]).await;
    assert_eq!(
        silent.status.code(),
        Some(2),
        "no reason, no reset: {}",
        err(&silent)
    );
    let opened = run(
        &ground,
        &["reset", "--word", "reset", "--reason", "drill is over"],
    )
    .await;
    assert_eq!(opened.status.code(), Some(0), "{}", err(&opened));
    for namespace in ["chaos-mesh", "default"] {
        assert_eq!(cluster.read_latch(namespace).await.unwrap(), None);
    }
    assert_eq!(ground.latch(&cluster).read().unwrap(), None);
    let again = run(&ground, &["reset"]).await;
    assert!(
        again.status.success() && out(&again).contains("nothing is latched"),
        "{}",
        out(&again)
    );
    let kills = ground.state.path().join("kills");
    let said: String = files(&kills)
        .iter()
        .flat_map(|kill| journals(&kills.join(kill)))
        .collect();
    assert!(
        said.contains("drill is over") && said.contains("kill-ended"),
        "{said}"
    );
}

fn journals(folder: &Path) -> Vec<String> {
    files(folder)
        .iter()
        .filter(|name| name.starts_with("journal."))
        .map(|name| std::fs::read_to_string(folder.join(name)).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_not_there_leaves_lines_to_paste_and_a_latch() {
    let ground = Ground::start().await;
    let store = Store::at(ground.state.path());
    let here = ground.cluster().await.pin().clone();
    let far = ClusterPin {
        context: "far; away".to_owned(),
        kubeconfig: Some(ground.state.path().join("no such file")),
        uid: "far-uid".to_owned(),
        ..here.clone()
    };
    // An embedded cluster whose process is gone takes its faults along.
    let over = ClusterPin {
        server: "https://127.0.0.1:1".to_owned(),
        kubeconfig: Some(ground.state.path().join("removed")),
        uid: "over-uid".to_owned(),
        ..here
    };
    owing(
        &store,
        "20260101-000000-abcd",
        &far,
        &[("lost\u{1b}[2J", Some("u"))],
    );
    let demo = owing(&store, "20260101-000000-abce", &over, &[("gone", Some("u"))]);
    let killed = run(&ground, &["kill", "--json", "--timeout", "20s"]).await;
    assert_eq!(killed.status.code(), Some(5), "{}", err(&killed));
    let lines: Vec<Value> = out(&killed)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| {
        lines
            .iter()
            .find(|line| line["debt"] == name || line["object"]["name"] == name)
            .unwrap()
    };
    let lost = of("lost\u{1b}[2J-1");
    assert_eq!(lost["gone"]["verdict"], "unknown", "{lost}");
    let next = lost["next"].as_str().unwrap();
    assert!(
        next.contains("--context='far; away'") && next.contains(r"\x1b[2J"),
        "{next}"
    );
    assert_eq!(of("gone-1")["gone"]["verdict"], "proven", "{}", out(&killed));
    assert!(demo.owed().unwrap().is_clear());
    assert_eq!(lines.last().unwrap()["all_clear"], false);
    assert!(
        files(&ground.state.path().join("latch")).contains(&"far-uid".to_owned()),
        "latched unseen"
    );
    assert!(!err(&killed).contains('\u{1b}'));
}
