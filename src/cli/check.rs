//! `firedrill check`: everything that is wrong with playbooks, without asking a cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::playbook::{Findings, Loaded, Opened, Step, explain, find};
use crate::text::printable;

/// Read playbooks and say everything that is wrong with them, offline.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckArgs {
    /// Files, suites, or names of shipped playbooks such as emqx-pod-kill
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<String>,
    /// Overrides a variable of the playbook
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = set)]
    pub sets: Vec<(String, String)>,
    /// Say what a run would do, step by step
    #[arg(long)]
    pub explain: bool,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// Reads `name=value`; the value may hold anything.
pub fn set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Exits with 0 when every playbook can be run, with 2 when one cannot. The findings are the answer.
pub fn run(args: &CheckArgs) -> ExitCode {
    let sets: BTreeMap<String, String> = args.sets.iter().cloned().collect();
    let opened: Vec<Result<Opened, Vec<Findings>>> =
        args.playbooks.iter().map(|asked| find(asked, &sets)).collect();
    let failed = opened.iter().any(Result::is_err);
    let text = if args.json {
        let files: Vec<Value> = opened.iter().flat_map(|one| files(one, args.explain)).collect();
        let answer = json!({"kind": "firedrill/check", "version": 1, "ok": !failed, "files": files});
        format!("{answer:#}\n")
    } else {
        opened.iter().map(|one| words(one, args.explain)).collect()
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        // A reader that has gone away has seen all that it wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _unheard = writeln!(
                io::stderr().lock(),
                "firedrill: the answer could not be written to standard output: {error}"
            );
            ExitCode::from(2)
        }
        _ if failed => ExitCode::from(2),
        _ => ExitCode::SUCCESS,
    }
}

fn words(opened: &Result<Opened, Vec<Findings>>, explained: bool) -> String {
    // Writing into a string cannot fail.
    let mut text = String::new();
    match opened {
        Ok(opened) => {
            for loaded in opened.playbooks() {
                text.push_str(&summary(loaded));
                if !loaded.warnings.is_empty() {
                    let _ = writeln!(text, "\n{}", loaded.warnings);
                }
                if explained {
                    let _ = writeln!(text, "\n{}", explain(&loaded.playbook));
                }
            }
            if let Opened::Suite(suite, playbooks) = opened {
                let name = printable(&suite.suite);
                let _ = writeln!(
                    text,
                    "ok  suite {name}: {} playbooks, {} between two",
                    playbooks.len(),
                    suite.pause
                );
            }
        }
        Err(wrong) => {
            for findings in wrong {
                let _ = writeln!(text, "{findings}");
                let counts = (findings.errors() + findings.left_out(), findings.warnings());
                let file = printable(findings.file());
                let _ = writeln!(text, "no  {file}: {} errors, {} warnings", counts.0, counts.1);
            }
        }
    }
    text
}

fn summary(loaded: &Loaded) -> String {
    let playbook = &loaded.playbook;
    let faults = playbook
        .steps
        .iter()
        .filter(|step| matches!(step, Step::Fault(_)))
        .count();
    let mut text = format!(
        "ok  {}: {}, {} steps, {faults} {}, {} checks",
        printable(loaded.warnings.file()),
        printable(&playbook.name),
        playbook.steps.len(),
        if faults == 1 { "fault" } else { "faults" },
        playbook.all_checks().len(),
    );
    if !loaded.implied.is_empty() {
        let _ = write!(text, "; steps added: {}", loaded.implied.join(", "));
    }
    match loaded.warnings.warnings() {
        0 => {}
        1 => text.push_str("; 1 warning"),
        n => {
            let _ = write!(text, "; {n} warnings");
        }
    }
    text.push('\n');
    text
}

fn files(opened: &Result<Opened, Vec<Findings>>, explained: bool) -> Vec<Value> {
    let row = |findings: &Findings, playbook: Option<&Loaded>| {
        json!({
            "file": findings.file(),
            "ok": playbook.is_some(),
            "playbook": playbook.map(|loaded| &loaded.playbook.name),
            "steps_added": playbook.map(|loaded| &loaded.implied),
            "errors": findings.errors(),
            "warnings": findings.warnings(),
            "left_out": findings.left_out(),
            "findings": findings.to_json(),
            "explain": playbook.filter(|_| explained).map(|loaded| explain(&loaded.playbook)),
        })
    };
    match opened {
        Ok(opened) => opened
            .playbooks()
            .iter()
            .map(|loaded| row(&loaded.warnings, Some(loaded)))
            .collect(),
        Err(wrong) => wrong.iter().map(|findings| row(findings, None)).collect(),
    }
}
