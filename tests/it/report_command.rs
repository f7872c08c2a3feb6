//! `list`, `show` and `report` as people and scripts meet them: the program itself, on folders of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use firedrill::journal::{Process, Store};
use firedrill::run::{Entry, Fact};
use firedrill::units::RunId;
use serde_json::Value;

use crate::journal_samples::{HOSTILE, entry, every, started};

fn firedrill(state: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command.args(args).env("FIREDRILL_STATE", state);
    command
}

fn run(state: &Path, args: &[&str]) -> Output {
    firedrill(state, args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn keep(store: &Store, id: &str, facts: Vec<Fact>) -> firedrill::journal::Writer {
    let run = store.create(&RunId::new(id), "firedrill: 1\n").unwrap();
    let mut writer = run.writer(Process::Console).unwrap();
    let entries: Vec<Entry> = (0..).zip(facts).map(|(n, fact)| entry(n, n, fact)).collect();
    writer.append(&entries).unwrap();
    writer
}

fn ended() -> Fact {
    Fact::RunEnded {
        exit: 0,
        summary: "held".to_owned(),
    }
}

#[test]
fn runs_are_listed_found_shown_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let none = run(folder.path(), &["list"]);
    assert!(
        none.status.success() && none.stdout.is_empty() && err(&none).contains("no runs yet"),
        "{none:?}"
    );
    assert_eq!(run(folder.path(), &["show", "last"]).status.code(), Some(2));

    drop(keep(&store, "20261121-033247-a9f0", vec![started(), ended()]));
    drop(keep(&store, "20261121-033247-b000", every()));
    let living = keep(&store, "20261122-000000-0001", vec![started()]);

    let list = out(&run(folder.path(), &["list"]));
    let ids: Vec<_> = list.lines().skip(1).map(|line| &line[..20]).collect();
    assert_eq!(
        ids,
        [
            "20261122-000000-0001",
            "20261121-033247-b000",
            "20261121-033247-a9f0"
        ],
        "newest first"
    );
    let outcomes: Vec<_> = list.lines().skip(1).map(|line| line[40..56].trim()).collect();
    assert_eq!(outcomes, ["running", "debts owed", "held"], "{list}");
    let json: Value =
        serde_json::from_str(&out(&run(folder.path(), &["list", "--json", "-n", "2"]))).unwrap();
    assert_eq!(json["runs"].as_array().unwrap().len(), 2);
    assert_eq!(json["runs"][0]["running"], true);

    let last = run(folder.path(), &["show", "last"]);
    assert!(
        last.status.success() && out(&last).contains("outcome   running"),
        "{last:?}"
    );
    drop(living);
    assert!(out(&run(folder.path(), &["show", "last"])).contains("outcome   unfinished"));
    assert!(out(&run(folder.path(), &["show", "20261121-033247-b"])).contains("20261121-033247-b000"));
    let several = run(folder.path(), &["show", "20261121"]);
    assert_eq!(several.status.code(), Some(2));
    assert!(
        err(&several).contains("a9f0") && err(&several).contains("b000"),
        "{several:?}"
    );
    for bad in ["2027", "", "../..", "\u{1b}[31m"] {
        let missing = run(folder.path(), &["show", bad]);
        assert_eq!(missing.status.code(), Some(2), "{bad}");
        assert!(!err(&missing).contains('\u{1b}'));
    }
    let facts: Value = serde_json::from_str(&out(&run(
        folder.path(),
        &["show", "--json", "20261121-033247-b"],
    )))
    .unwrap();
    assert_eq!(facts["entries"].as_array().unwrap().len(), every().len());

    let runs = folder.path().join("runs").display().to_string();
    let elsewhere = run(Path::new("/nonexistent"), &["list", "--runs-dir", &runs]);
    assert_eq!(out(&elsewhere).lines().count(), 4, "{elsewhere:?}");
}

#[test]
fn a_report_goes_where_it_is_told_and_replaces_nothing_unasked() {
    let folder = tempfile::tempdir().unwrap();
    drop(keep(&Store::at(folder.path()), "20261121-033247-a9f0", every()));
    let page = run(folder.path(), &["report", "last"]);
    assert!(
        page.status.success() && out(&page).contains("## Action items"),
        "{page:?}"
    );
    let json: Value =
        serde_json::from_str(&out(&run(folder.path(), &["report", "last", "--format", "json"]))).unwrap();
    assert_eq!(
        (&json["kind"], &json["version"]),
        (&"firedrill/report".into(), &1.into())
    );
    let file = folder.path().join("r.md").display().to_string();
    assert!(
        run(folder.path(), &["report", "last", "-o", &file])
            .status
            .success()
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), out(&page));
    let again = run(folder.path(), &["report", "last", "-o", &file]);
    assert!(
        again.status.code() == Some(2) && err(&again).contains("--force"),
        "{again:?}"
    );
    assert!(
        run(folder.path(), &["report", "last", "-o", &file, "--force"])
            .status
            .success()
    );
}

#[test]
fn what_is_damaged_is_shown_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let id = "20261121-033247-a9f0";
    drop(keep(&store, id, every()));
    let path = store.open(id).unwrap().path().join("journal.console.jsonl");
    let bytes = fs::read_to_string(&path).unwrap().replacen("meant", "ment", 1);
    fs::write(&path, bytes.replacen("\"seq\":3,", "\"seq\":4,", 1)).unwrap();
    let show = run(folder.path(), &["show", id]);
    assert!(show.status.success(), "{show:?}");
    assert!(
        err(&show).contains("is damaged") && out(&show).contains("damaged: console, line 4"),
        "{show:?}"
    );
    assert!(out(&run(folder.path(), &["list"])).contains(id));
    fs::write(&path, format!("{HOSTILE}\n")).unwrap();
    let nothing = run(folder.path(), &["report", id]);
    assert!(
        nothing.status.code() == Some(2) && nothing.stdout.is_empty(),
        "{nothing:?}"
    );
    assert!(!err(&nothing).contains('\u{1b}'));
    assert!(
        out(&run(folder.path(), &["list"])).contains(id),
        "it is not hidden"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    for n in 0..40 {
        // More than a pipe holds.
        drop(keep(&store, &format!("20261121-033247-{n:04}"), every()));
    }
    for args in [
        vec!["list"],
        vec!["list", "--json"],
        vec!["show", "last", "--json"],
        vec!["report", "last"],
    ] {
        let mut child = firedrill(folder.path(), &args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert!(
            ended.status.success() && ended.stderr.is_empty(),
            "{args:?}: {ended:?}"
        );
    }
}
