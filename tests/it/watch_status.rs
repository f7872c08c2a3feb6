//! `firedrill status` as a process, against the embedded cluster: what it says, what it could not see, how it exits.

use std::path::Path;

use firedrill::fault::{ChaosRef, Debt, Lasting, Undo};
use firedrill::journal::{Process, Store};
use firedrill::run::{Entry, Fact};
use firedrill::sim::world::Name;
use firedrill::units::{DebtId, FaultId, Mark, RunId, Stamp};
use serde_json::{Value, json};

use crate::watch::{Stage, within};

struct Said {
    code: Option<i32>,
    text: String,
    talk: String,
}

/// Runs it as a user of the embedded cluster, with a state folder of its own.
async fn status(stage: &Stage, user: &str, state: &Path, more: &[&str]) -> Said {
    let seat = stage.sim.seats().iter().find(|seat| seat.user == user).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command
        .arg("status")
        .arg("--kubeconfig")
        .arg(&seat.kubeconfig)
        .args(more);
    command.env("FIREDRILL_STATE", state);
    let output = within("the command", command.output()).await.unwrap();
    Said {
        code: output.status.code(),
        text: String::from_utf8(output.stdout).unwrap(),
        talk: String::from_utf8(output.stderr).unwrap(),
    }
}

fn delay() -> Value {
    json!({
        "action": "delay", "mode": "one", "direction": "to", "duration": "10m", "delay": {"latency": "250ms"},
        "selector": {"namespaces": ["default"], "labelSelectors": {"app": "emqx-go"}},
    })
}

#[tokio::test]
async fn nothing_on_says_what_was_looked_at() {
    let stage = Stage::usual().await;
    let state = tempfile::tempdir().unwrap();
    let said = status(&stage, "admin", state.path(), &[]).await;
    assert!(
        said.text.contains("no active fault in 17 kinds, all namespaces"),
        "{}",
        said.text
    );
    assert_eq!((said.code, said.talk.as_str()), (Some(0), ""), "{}", said.text);
    let narrow = status(&stage, "admin", state.path(), &["--namespace", "default"]).await;
    assert!(
        narrow
            .text
            .contains("no active fault in 17 kinds, namespace default"),
        "{}",
        narrow.text
    );
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn a_fault_of_someone_else_is_shown_and_is_harmless_to_the_terminal() {
    let stage = Stage::usual().await;
    let state = tempfile::tempdir().unwrap();
    stage.chaos("NetworkChaos", "theirs", &delay());
    let name = Name::new("default", "theirs");
    stage.latch("default", "console \u{1b}[2J 主持人", "演练中止 \u{7}");
    stage.until_injected(&name).await;
    let said = status(&stage, "admin", state.path(), &[]).await;
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(
        said.text
            .contains("1 active fault (0 of ours) in 17 kinds, all namespaces"),
        "{}",
        said.text
    );
    let row = said
        .text
        .lines()
        .find(|line| line.contains("default/theirs"))
        .unwrap();
    for part in [
        "NetworkChaos",
        "delay",
        "injected",
        "not ours",
        "default/emqx-go-",
    ] {
        assert!(row.contains(part), "{part} in {row}");
    }
    assert!(
        said.text.contains("LATCHED   default by console ␛[2J 主持人"),
        "{}",
        said.text
    );
    assert!(
        said.text.chars().all(|c| c == '\n' || !c.is_control()),
        "{:?}",
        said.text
    );

    let said = status(&stage, "admin", state.path(), &["--json"]).await;
    let answer: Value = serde_json::from_str(&said.text).unwrap();
    let fault = &answer["faults"][0];
    assert_eq!(
        (&fault["kind"], &fault["on"], &fault["ours"]),
        (&json!("NetworkChaos"), &json!(true), &json!(false))
    );
    assert_eq!(
        (&fault["state"]["phase"], &fault["duration_seconds"]),
        (&json!("injected"), &json!(600))
    );
    assert!(fault["remaining_seconds"].as_u64().unwrap() <= 600);
    assert_eq!(
        (&answer["exit"], &answer["places"]),
        (&json!(1), &json!("all-namespaces"))
    );
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_seen_is_not_nothing() {
    let stage = Stage::usual().await;
    let state = tempfile::tempdir().unwrap();
    let viewer = status(&stage, "viewer", state.path(), &[]).await;
    assert_eq!(viewer.code, Some(5), "{}", viewer.text);
    assert!(
        viewer
            .text
            .contains("NOT SEEN  all 17 kinds in chaos-mesh, default, kube-node-lease, kube-public, kube-system: no right to list"),
        "{}",
        viewer.text
    );
    let nobody = status(&stage, "nobody", state.path(), &[]).await;
    assert_eq!(nobody.code, Some(5));
    assert!(
        nobody
            .text
            .contains("NOT SEEN  every other namespace: no right to list namespaces"),
        "{}",
        nobody.text
    );
    let wrong = status(&stage, "admin", state.path(), &["--context", "no-such"]).await;
    assert_eq!((wrong.code, wrong.text.as_str()), (Some(2), ""));
    assert!(
        wrong.talk.contains("cannot use the context `no-such`"),
        "{}",
        wrong.talk
    );
    stage.sim.shutdown().await;
}

fn intended(stage: &Stage, name: &str, lasting: Lasting) -> Entry {
    let object = ChaosRef {
        kind: "NetworkChaos".to_owned(),
        plural: "networkchaos".to_owned(),
        namespace: "default".to_owned(),
        name: name.to_owned(),
    };
    let undo = Undo::DeleteChaos {
        cluster: stage.cluster.pin().clone(),
        object,
        lasting,
        uid: None,
    };
    let debt = Debt {
        id: DebtId::new(name),
        fault: FaultId::from("slow"),
        summary: format!("delay of {name}"),
        undo,
        own_clock: None,
    };
    Entry {
        seq: 1,
        at: Mark::ZERO,
        wall: Stamp(jiff::Timestamp::UNIX_EPOCH),
        fact: Fact::InjectIntended {
            debt,
            manifest: json!({}),
        },
    }
}

#[tokio::test]
async fn debts_of_local_journals_are_compared_with_the_cluster() {
    let stage = Stage::usual().await;
    let state = tempfile::tempdir().unwrap();
    stage.chaos("NetworkChaos", "there", &delay());
    stage.until_injected(&Name::new("default", "there")).await;
    let store = Store::at(state.path());
    let runs = [
        "20260101-000000-aaaa",
        "20260101-000001-bbbb",
        "20260101-000002-cccc",
    ];
    let names = [
        ("there", Lasting::UntilUndone),
        ("absent", Lasting::UntilUndone),
        ("once", Lasting::OneShot),
    ];
    for (run, (name, lasting)) in runs.iter().zip(names) {
        let folder = store.create(&RunId::new(*run), "").unwrap();
        let mut writer = folder.writer(Process::Console).unwrap();
        writer.append(&[intended(&stage, name, lasting)]).unwrap();
    }
    let said = status(&stage, "admin", state.path(), &[]).await;
    assert_eq!(said.code, Some(5), "{}", said.text);
    for expected in [
        "OWED      run 20260101-000000-aaaa: delay of there (NetworkChaos default/there): in the cluster: injected",
        "OWED      run 20260101-000001-bbbb: delay of absent (NetworkChaos default/absent): not in the cluster; nothing",
        "note      run 20260101-000002-cccc: delay of once (NetworkChaos default/once): not in the cluster; it happens once",
    ] {
        assert!(said.text.contains(expected), "{expected}\n{}", said.text);
    }

    // Without the cluster the debts are told all the same.
    let kubeconfig = state.path().join("kept");
    std::fs::copy(stage.sim.kubeconfig(), &kubeconfig).unwrap();
    stage.sim.shutdown().await;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command
        .args(["status", "--json", "--kubeconfig"])
        .arg(&kubeconfig);
    command.env("FIREDRILL_STATE", state.path());
    let output = within("the command", command.output()).await.unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &answer["not_read"][0]["what"]),
        (Some(5), &json!("the cluster"))
    );
    let found: Vec<&Value> = answer["owed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|debt| &debt["found"])
        .collect();
    assert_eq!(
        found,
        [&json!("ended-with-its-cluster"); 3],
        "a debt ends with its embedded cluster"
    );
}
