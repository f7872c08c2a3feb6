//! `firedrill check` and `firedrill schema` as people and scripts meet them.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn firedrill(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_answers_on_stdout_and_with_its_exit_code() {
    let good = firedrill(&["check", "playbooks/emqx/01-pod-kill.yaml", "emqx-p0"]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    let said = text(&good.stdout);
    assert!(
        said.contains("ok  playbooks/emqx/01-pod-kill.yaml: emqx-pod-kill"),
        "{said}"
    );
    assert!(said.contains("ok  suite emqx-p0: 4 playbooks"), "{said}");
    assert!(good.stderr.is_empty());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    std::fs::write(&file, super::playbook::BASE.replace("hold: 5s", "hodl: 5s")).unwrap();
    let file = file.to_str().unwrap();
    let bad = firedrill(&["check", "emqx-pod-kill", file]);
    assert_eq!(bad.status.code(), Some(2));
    let said = text(&bad.stdout);
    assert!(
        said.contains(&format!("{file}:24:97")) && said.contains("did you mean `hold`?"),
        "{said}"
    );

    let json: Value = serde_json::from_slice(&firedrill(&["check", "--json", file]).stdout).unwrap();
    assert_eq!(
        (json["ok"].as_bool(), json["files"][0]["errors"].as_u64()),
        (Some(false), Some(1))
    );
    let first = &json["files"][0]["findings"][0];
    assert_eq!(
        (first["line"].as_u64(), first["rule"].as_str()),
        (Some(24), Some("unknown-field"))
    );

    let set = firedrill(&["check", "emqx-pod-kill", "--set", "apq=x"]);
    assert_eq!(set.status.code(), Some(2));
    assert!(text(&set.stdout).contains("did you mean `app`?"));
    let told = firedrill(&[
        "check",
        "emqx-network-delay",
        "--set",
        "latency=500ms",
        "--explain",
    ]);
    assert_eq!(told.status.code(), Some(0));
    assert!(
        text(&told.stdout).contains("\"latency\":\"500ms\""),
        "{}",
        text(&told.stdout)
    );
    assert_eq!(firedrill(&["check"]).status.code(), Some(2));
}

#[test]
fn schema_is_json_and_the_journal_says_why_it_has_none() {
    let schema: Value = serde_json::from_slice(&firedrill(&["schema"]).stdout).unwrap();
    assert!(schema["properties"]["steps"].is_object());
    let suite: Value = serde_json::from_slice(&firedrill(&["schema", "suite"]).stdout).unwrap();
    assert!(suite["properties"]["playbooks"].is_object());
    let journal = firedrill(&["schema", "journal"]);
    assert_eq!(
        (journal.status.code(), journal.stdout.is_empty()),
        (Some(2), true)
    );
    assert!(text(&journal.stderr).contains("no schema yet"));
}

#[test]
fn a_closed_pipe_is_not_a_crash() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["check", "emqx-all", "--explain"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), text(&ended.stderr).as_str()), (Some(0), ""));
}
