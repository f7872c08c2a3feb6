//! Playbooks from outside: every rule by a case, hostile files, variables, suites, what is shipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use firedrill::playbook::{Findings, Grade, Loaded, Opened, Step, explain, find, load, open, rules, shipped};
use serde::Deserialize;

pub const BASE: &str = include_str!("../fixtures/playbooks/base.yaml");

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    rule: String,
    grade: String,
    /// What the finding points at begins like this.
    at: String,
    change: Vec<(String, String)>,
}

fn read(text: &str) -> Result<Loaded, Findings> {
    load(text, "case.yaml", &BTreeMap::new())
}

fn sets(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn changed(changes: &[(String, String)]) -> String {
    changes.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the case no longer fits base.yaml: {from}");
        text.replacen(from, to, 1)
    })
}

fn all(outcome: &Result<Loaded, Findings>) -> &Findings {
    match outcome {
        Ok(loaded) => &loaded.warnings,
        Err(findings) => findings,
    }
}

#[test]
fn every_rule_finds_its_case_at_its_place_and_nothing_else_is_an_error() {
    let table: Cases = toml::from_str(include_str!("../fixtures/playbooks/cases.toml")).unwrap();
    let mut wrong = String::new();
    let mut covered = BTreeSet::new();
    for case in &table.case {
        let text = changed(&case.change);
        let outcome = read(&text);
        covered.insert(case.rule.as_str());
        let hits: Vec<_> = all(&outcome)
            .iter()
            .filter(|finding| finding.rule == case.rule)
            .collect();
        let at = |finding: &&&firedrill::playbook::Finding| {
            finding
                .place
                .is_some_and(|place| text[place.start..].starts_with(&case.at))
        };
        let found = hits
            .iter()
            .find(at)
            .is_some_and(|finding| finding.grade.to_string() == case.grade);
        let strange = all(&outcome)
            .iter()
            .any(|finding| finding.grade == Grade::Error && finding.rule != case.rule);
        if !found || outcome.is_ok() == (case.grade == "error") || (strange && case.grade == "warning") {
            let _ = writeln!(wrong, "=== {} at {:?}\n{}", case.rule, case.at, all(&outcome));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let untested: Vec<_> = rules()
        .filter(|rule| !covered.contains(rule.id))
        .map(|rule| rule.id)
        .collect();
    assert!(untested.is_empty(), "rules without a case: {untested:?}");
}

#[test]
fn the_base_of_the_cases_is_clean_and_means_what_it_says() {
    let loaded = read(BASE).unwrap_or_else(|findings| panic!("{findings}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert!(loaded.implied.is_empty());
    let playbook = &loaded.playbook;
    // One check with two measures is two checks, wherever it is named.
    let ids: Vec<_> = playbook.checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["availability", "roundtrip-loss", "roundtrip-p99", "health"]);
    let Some(Step::Verify(verify)) = playbook.steps.iter().find(|step| step.word() == "verify") else {
        panic!("no verify step")
    };
    let verified: Vec<_> = verify
        .checks
        .iter()
        .map(firedrill::units::CheckId::as_str)
        .collect();
    assert_eq!(
        verified,
        ["pods-ready", "endpoints", "roundtrip-loss", "roundtrip-p99"]
    );
    assert_eq!(playbook.target.namespace, "default");
    let kill = playbook.fault(&"kill-one".into()).unwrap();
    assert_eq!(kill.chaos_mesh["spec"]["selector"]["namespaces"][0], "default");
}

#[test]
fn all_errors_of_a_file_come_at_once_in_its_order_with_the_nearest_name() {
    let text = BASE
        .replace("severity: P0", "sevrity: P0")
        .replace("clients: 10", "clients: -1")
        .replace("qos: 1, every: 200ms", "qos: 1, evry: 200ms")
        .replace("target: 10s", "target: 40s")
        .replace("action: pod-kill", "action: pod-kil")
        .replace("observe: { for: 1m }", "observe: { }");
    let findings = read(&text).unwrap_err();
    let found: Vec<_> = findings
        .iter()
        .map(|finding| (findings.position(finding).unwrap().line, finding.rule))
        .collect();
    let want = [
        (4, "unknown-field"),
        (9, "wrong-type"),
        (17, "unknown-field"),
        (24, "target-above-acceptable"),
        (37, "unknown-action"),
        (42, "missing-field"),
    ];
    assert_eq!(found, want, "{findings}");
    let shown = findings.to_string();
    for part in [
        "case.yaml:4:1",
        "did you mean `severity`?",
        "did you mean `every`?",
        "did you mean `pod-kill`?",
        " 4 | sevrity: P0\n   | ^^^^^^^\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn hostile_files_end_in_a_clear_error() {
    let bomb = {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..9 {
            let refs = format!("*a{},", n - 1).repeat(9);
            let _ = writeln!(text, "a{n}: &a{n} [{refs}]");
        }
        text
    };
    let long = "x".repeat(900_000);
    let fat = format!("a: &a {long}\nb: [{}]", "*a,".repeat(2000));
    let nested_anchors: String = (0..40).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{}&n{n} k{n}:", " ".repeat(n));
        text
    });
    let filled = {
        let mut text = format!(
            "firedrill: 1\nname: x\nvars: {{ a: {} }}\nsteps:\n",
            "y".repeat(100_000)
        );
        for _ in 0..200 {
            text.push_str("  - brief: \"${a}\"\n");
        }
        text
    };
    let cases: Vec<(&str, String, &str)> = vec![
        ("10 MB", "a: b\n".repeat(2_000_000), "too-large"),
        ("laughs", bomb, "too-many-values"),
        ("fat alias", fat, "too-many-values"),
        ("deep flow", "[".repeat(100_000), "yaml-syntax"),
        (
            "deep block",
            (0..400).map(|n| format!("{}a:\n", " ".repeat(n))).collect(),
            "yaml-syntax",
        ),
        ("anchors", nested_anchors, ""),
        (
            "nul",
            "firedrill: 1\nname: \u{0}x\n".to_owned(),
            "control-character",
        ),
        ("escape", "name: \u{1b}[31mred\n".to_owned(), "control-character"),
        ("variables", filled, "too-much-filled-in"),
        ("itself", "a: &a [*a]\n".to_owned(), ""),
        ("empty", String::new(), "empty"),
        ("comment", "# nothing\n".to_owned(), "empty"),
        ("null", "~\n".to_owned(), "empty"),
        ("text", "hello".to_owned(), "no-playbook"),
        ("list", "- a\n- b\n".to_owned(), "no-playbook"),
        (
            "suite",
            "firedrill: 1\nsuite: x\nplaybooks: [a]\n".to_owned(),
            "no-playbook",
        ),
        (
            "manifest",
            "apiVersion: v1\nkind: Pod\n".to_owned(),
            "no-playbook",
        ),
        ("tab", "a:\n\tb: 1\n".to_owned(), "yaml-syntax"),
        ("map key", "{ a: 1 }: 2\n".to_owned(), "odd-key"),
        ("directive", "%YAML 9.9\n---\na: b\n".to_owned(), ""),
        (
            "many errors",
            (0..5000).fold(String::new(), |text, n| text + &format!("k{n}: 1\n")),
            "unknown-field",
        ),
    ];
    for (what, text, rule) in cases {
        let findings = read(&text).expect_err(what);
        assert!(findings.errors() > 0, "{what}");
        assert!(
            rule.is_empty() || findings.iter().any(|finding| finding.rule == rule),
            "{what}: {findings}"
        );
        let shown = findings.to_string();
        assert!(shown.len() < 100_000, "{what}: {} bytes are shown", shown.len());
        let bad = shown.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(bad, None, "{what}: a control character is shown");
    }
}

#[test]
fn anything_at_all_is_read_without_a_panic() {
    // Every prefix of a good file, and every file with one byte changed, is a file that people will have.
    let step = 13;
    for cut in (0..BASE.len()).step_by(step) {
        let (Some(head), Some(tail)) = (BASE.get(..cut), BASE.get(cut + 1..)) else {
            continue;
        };
        let _ = read(head).map_err(|findings| findings.to_string());
        for odd in [
            "{", "]", ":", "'", "\"", "\n", "- ", "&a ", "*a", "!", "|", "${", "\u{2028}", "中",
        ] {
            let text = format!("{head}{odd}{tail}");
            let _ = read(&text).map_err(|findings| (findings.to_string(), findings.to_json()));
        }
    }
}

#[test]
fn variables_keep_their_type_and_take_sets() {
    let text = BASE
        .replace("vars: { ", "vars: { pods: 1, hold: 5s, names: [a, b], n: 3, ")
        .replace("pods: 1, percent", "pods: \"${pods}\", percent")
        .replace(
            "hold: 5s }\npredict: [\"nothing is lost\"]",
            "hold: \"${hold}\" }\npredict: \"${names}\"",
        )
        .replace(
            "\"read this\"",
            "\"${n} brokers in ${namespace}, $${literal}, $5\"",
        )
        .replace(
            "metadata: { name: x",
            "metadata: { labels: { \"x-${app}\": y }, name: x",
        );
    let playbook = read(&text)
        .unwrap_or_else(|findings| panic!("{findings}"))
        .playbook;
    assert_eq!(playbook.limits.pods, 1);
    assert_eq!(playbook.predict.len(), 2);
    let Step::Brief(brief) = &playbook.steps[0] else {
        panic!("no brief")
    };
    assert_eq!(
        brief.text.in_language("en"),
        "3 brokers in default, ${literal}, $5"
    );
    let kill = playbook.fault(&"kill-one".into()).unwrap();
    assert_eq!(kill.chaos_mesh["metadata"]["labels"]["x-emqx-go"], "y");

    let given = sets(&[
        ("pods", "2"),
        ("hold", "7s"),
        ("names", "[c]"),
        ("app", "other: \"${n}\""),
    ]);
    let playbook = load(&text, "x", &given)
        .unwrap_or_else(|findings| panic!("{findings}"))
        .playbook;
    assert_eq!((playbook.limits.pods, playbook.predict.len()), (2, 1));
    // What `--set` gives is text as it stands, and is not filled in again.
    assert_eq!(playbook.target.pods["app"], "other: \"${n}\"");

    for (bad, part) in [
        (("pod", "2"), "did you mean `pods`?"),
        (("pods", "two"), "is not a number"),
        (("names", "c"), "is not a list"),
    ] {
        let findings = load(&text, "x", &sets(&[bad])).unwrap_err();
        assert!(findings.to_string().contains(part), "{part}: {findings}");
    }
}

#[test]
fn words_of_other_yaml_versions_and_plain_text_are_not_guessed_at() {
    let text = BASE
        .replace("app: emqx-go }\ntarget", "app: no }\ntarget")
        .replace("[\"on-call told\"]", "[yes, off, \"1\", 2026-01-01, 0x1g]")
        .replace(
            "labelSelectors: { app: \"${app}\" }",
            "labelSelectors: { app: \"${app}\", on: \"y\", 1: \"2\" }",
        );
    let playbook = read(&text)
        .unwrap_or_else(|findings| panic!("{findings}"))
        .playbook;
    assert_eq!(playbook.target.pods["app"], "no");
    let labels =
        &playbook.fault(&"kill-one".into()).unwrap().chaos_mesh["spec"]["selector"]["labelSelectors"];
    assert_eq!(labels["on"], "y");
    assert_eq!(labels["1"], "2");
}

#[test]
fn a_fault_implies_only_the_phases_that_have_no_step() {
    let words = |steps: &str| {
        let head = BASE.split("steps:").next().unwrap();
        let fault = BASE
            .split("  - fault:\n")
            .nth(1)
            .unwrap()
            .split("  - observe")
            .next()
            .unwrap();
        let text = format!(
            "{head}steps:\n{}",
            steps.replace("FAULT", &format!("fault:\n{fault}"))
        );
        let loaded = read(&text).unwrap_or_else(|findings| panic!("{findings}"));
        let words: Vec<_> = loaded.playbook.steps.iter().map(Step::word).collect();
        (words.join(" "), loaded.implied.join(" "))
    };
    let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        words("  - brief: x\n  - FAULT"),
        both(
            "brief baseline fault observe recover verify debrief",
            "baseline observe recover verify debrief"
        )
    );
    assert_eq!(
        words("  - FAULT  - debrief: [why]\n"),
        both(
            "baseline fault observe recover verify debrief",
            "baseline observe recover verify"
        )
    );
    assert_eq!(
        words("  - baseline: { for: 1s }\n  - FAULT  - verify: [endpoints]\n  - checklist: [a]\n"),
        both(
            "baseline fault observe recover verify debrief checklist",
            "observe recover debrief"
        )
    );
}

#[test]
fn what_only_looks_like_a_secret_is_none_and_two_faults_without_an_objective_are_fine() {
    let text = BASE
        .replace("labelSelectors: {", "annotationSelectors: { uses-token: \"yes\" }\n            labelSelectors: {")
        .replace("kind: PodChaos", "kind: HTTPChaos")
        .replace(
            "          action: pod-kill",
            "          target: Request\n          port: 80\n          tls: { secretName: a, secretNamespace: b }\n          \
             request_headers: { Authorization: \"$${TOKEN}\", X-Api-Key: \"\" }",
        );
    let found = |outcome: Result<Loaded, Findings>, rule: &str| {
        all(&outcome)
            .iter()
            .filter(|finding| finding.rule == rule)
            .count()
    };
    assert_eq!(found(read(&text), "secret-in-fault"), 0);

    let fault = |text: &str| {
        let (_, tail) = text.split_once("  - fault:").unwrap();
        let (fault, _) = tail.split_once("  - observe:").unwrap();
        format!("  - fault:{}", fault.replace("kill-one", "kill-two"))
    };
    let two = BASE.replace("  - observe:", &format!("{}  - observe:", fault(BASE)));
    assert_eq!(found(read(&two), "faults-share-clock"), 1);
    let timeless: String = two
        .lines()
        .filter(|line| !line.starts_with("recovery:"))
        .fold(String::new(), |text, line| text + line + "\n");
    let outcome = read(&timeless);
    assert!(outcome.is_ok(), "{}", all(&outcome));

    // Nothing waits for this one, so its word about missing data is its own.
    let quiet = BASE.replace("when: always", "no_data: pass");
    assert!(read(&quiet).is_ok());
}

#[test]
fn suites_read_their_playbooks_and_say_where_one_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("one.yaml", BASE);
    put(
        "two.yaml",
        &BASE
            .replace("vars: { ", "vars: { pods: 1, ")
            .replace("pods: 1, percent", "pods: \"${pods}\", percent"),
    );
    put(
        "s.yaml",
        "firedrill: 1\nsuite: s\npause: 30s\nplaybooks:\n  - one.yaml\n  - two.yaml\n  - emqx-cpu-stress\n",
    );
    let path = folder.path().join("s.yaml");
    let opened = open(&path, &sets(&[("pods", "3")])).unwrap_or_else(|wrong| panic!("{}", wrong[0]));
    let names: Vec<_> = opened
        .playbooks()
        .iter()
        .map(|one| one.playbook.name.as_str())
        .collect();
    assert_eq!(names, ["base", "base", "emqx-cpu-stress"]);
    let pods: Vec<_> = opened
        .playbooks()
        .iter()
        .map(|one| one.playbook.limits.pods)
        .collect();
    assert_eq!(pods, [1, 3, 1]);

    let wrong = open(&path, &sets(&[("nothing", "3")])).unwrap_err();
    assert!(
        wrong[0].to_string().contains("no playbook of the suite"),
        "{}",
        wrong[0]
    );
    put("two.yaml", "firedrill: 1\nnmae: x\n");
    put(
        "s.yaml",
        "firedrill: 1\nsuite: s\nplaybooks:\n  - one.yaml\n  - gone.yaml\n  - two.yaml\n  - s.yaml\n",
    );
    let wrong = open(&path, &BTreeMap::new()).unwrap_err();
    let shown = wrong.iter().map(ToString::to_string).collect::<String>();
    for part in [
        "s.yaml:5:5",
        "cannot read the file",
        "nested-suite",
        "two.yaml:2:1",
        "did you mean `name`?",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn files_that_cannot_be_read_are_errors_and_names_get_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latin.yaml");
    std::fs::write(&file, b"firedrill: 1\nname: caf\xe9\n").unwrap();
    let told = |asked: &str| match find(asked, &BTreeMap::new()) {
        Ok(_) => "found".to_owned(),
        Err(wrong) => wrong[0].to_string(),
    };
    assert!(told(file.to_str().unwrap()).contains("line 2 is not UTF-8"));
    assert!(told(folder.path().to_str().unwrap()).contains("cannot read the file"));
    assert!(told("./nowhere.yaml").contains("cannot read the file"));
    assert!(told("emqx-pod-kil").contains("did you mean `emqx-pod-kill`?"));
    assert!(told("cpu-stress").contains("did you mean `emqx-cpu-stress`?"));
    assert_eq!(told("emqx-all"), "found");
    #[cfg(target_os = "linux")]
    assert!(told("/dev/zero").contains("longer than"));
}

#[test]
fn what_is_shipped_is_clean_and_explained() {
    let mut seen = BTreeSet::new();
    for (name, text) in shipped() {
        let loaded = read(text).unwrap_or_else(|findings| panic!("{name}: {findings}"));
        assert_eq!(loaded.playbook.name, *name);
        assert!(seen.insert(*name));
        for warning in loaded.warnings.iter() {
            // The one that the playbook itself speaks of.
            assert_eq!((*name, warning.rule), ("emqx-pod-kill-schedule", "late-schedule"));
        }
        assert!(loaded.implied.is_empty(), "{name}: {:?}", loaded.implied);
        let title = &loaded.playbook.title;
        assert_ne!(
            title.in_language("zh"),
            title.in_language("en"),
            "{name} speaks one language"
        );
        let told = explain(&loaded.playbook);
        let fault = loaded.playbook.steps.iter().find_map(|step| match step {
            Step::Fault(fault) => Some(fault),
            _ => None,
        });
        let fault = fault.unwrap_or_else(|| panic!("{name} has no fault"));
        for part in [
            fault.id.as_str(),
            fault.kind(),
            "undone by",
            "not measured yet",
            "acceptable up to",
        ] {
            assert!(told.contains(part), "{name}: {part}\n{told}");
        }
        assert!(!told.contains("${"), "{name}: {told}");
    }
    assert!(seen.len() >= 11);
    for (name, _) in firedrill::playbook::shipped_suites() {
        match find(name, &BTreeMap::new()) {
            Ok(Opened::Suite(suite, playbooks)) => {
                assert_eq!((suite.suite.as_str(), playbooks.is_empty()), (*name, false));
            }
            Ok(Opened::Playbook(_)) => panic!("{name} is no suite"),
            Err(wrong) => panic!("{name}: {}", wrong[0]),
        }
    }
}

#[test]
fn the_objectives_are_the_plans() {
    let table = [
        ("emqx-pod-kill", "fault-start", 10, 30),
        ("emqx-container-kill", "fault-start", 5, 15),
        ("emqx-network-partition", "fault-end", 30, 60),
    ];
    for (name, clock, target, acceptable) in table {
        let (_, text) = shipped().iter().find(|(one, _)| *one == name).unwrap();
        let recovery = read(text).unwrap().playbook.recovery.unwrap();
        assert_eq!(serde_json::to_value(recovery.clock).unwrap(), clock, "{name}");
        assert_eq!(
            (recovery.target.0.as_secs(), recovery.acceptable.0.as_secs()),
            (target, acceptable),
            "{name}"
        );
    }
}

#[test]
fn a_playbook_survives_the_journal() {
    for (name, text) in shipped() {
        let playbook = read(text).unwrap().playbook;
        let written = serde_json::to_string(&playbook).unwrap();
        let back: firedrill::playbook::Playbook = serde_json::from_str(&written).unwrap();
        assert_eq!(back, playbook, "{name}");
    }
}

#[test]
fn explain_cannot_be_made_to_move_the_cursor() {
    let text = BASE
        .replace("\"read this\"", "\"red \\e[31m\\nnext \\u202e\"")
        .replace("\"Base\"", "\"a\\rb\"");
    let told = explain(
        &read(&text)
            .unwrap_or_else(|findings| panic!("{findings}"))
            .playbook,
    );
    assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{told}");
    assert!(told.contains('␛') && told.contains("<U+202E>"), "{told}");
}
