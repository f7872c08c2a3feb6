//! `firedrill sim` as a command: what it prints, and what it leaves behind.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::sim_wire::PATIENCE;

fn sim(parent: &tempfile::TempDir) -> Child {
    Command::new(env!("CARGO_BIN_EXE_firedrill"))
        .args(["sim", "--speed", "2", "--seed", "7"])
        .env("TMPDIR", parent.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn ends_well(mut child: Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
    let status = tokio::time::timeout(PATIENCE, child.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn it_prints_the_path_alone_and_cleans_up() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let parent = tempfile::tempdir().unwrap();
        let mut child = sim(&parent);
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let path = tokio::time::timeout(PATIENCE, out.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert!(path.starts_with(parent.path().to_str().unwrap()), "{path}");
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .contains("server: https://127.0.0.1:")
        );
        let mut talk = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = tokio::time::timeout(PATIENCE, talk.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        while let Ok(Some(line)) = talk.next_line().await {
            told = format!("{told}\n{line}");
            if line.contains("Ctrl-C") {
                break;
            }
        }
        assert!(
            told.contains(&format!("export KUBECONFIG='{path}'")) && told.contains("kubectl get pods"),
            "{told}"
        );
        ends_well(child, signal).await;
        assert_eq!(out.next_line().await.unwrap(), None, "one line");
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0, "{signal:?}");
    }
}

#[tokio::test]
async fn a_reader_that_has_gone_does_not_end_it() {
    let parent = tempfile::tempdir().unwrap();
    let mut child = sim(&parent);
    drop(child.stdout.take());
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, talk.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(line.contains("listens on https://127.0.0.1:"), "{line}");
    assert!(child.try_wait().unwrap().is_none());
    ends_well(child, Signal::TERM).await;
}
