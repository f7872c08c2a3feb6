//! Where playbooks come from: files, suites of files, and the ones that are shipped. The only file of the room that
//! reads from disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::findings::{Finding, Findings, shown};
use super::model::Suite;
use super::parse::{Loaded, LoadedSuite, MAX_BYTES, is_suite, load, load_suite, variables};
use crate::text::nearest;

type Shelf = &'static [(&'static str, &'static str)];

/// Makes two tables: name and text, and the name of each file.
macro_rules! shelf {
    ($texts:ident, $files:ident: $($name:literal $file:literal),* $(,)?) => {
        const $texts: Shelf = &[$(($name, include_str!(concat!("../../playbooks/emqx/", $file)))),*];
        const $files: Shelf = &[$(($file, $name)),*];
    }
}

shelf! {
    PLAYBOOKS, PLAYBOOK_FILES:
    "emqx-pod-kill" "01-pod-kill.yaml",
    "emqx-network-partition" "02-network-partition.yaml",
    "emqx-network-delay" "03-network-delay.yaml",
    "emqx-cpu-stress" "04-cpu-stress.yaml",
    "emqx-memory-stress" "05-memory-stress.yaml",
    "emqx-network-loss" "06-network-loss.yaml",
    "emqx-io-stress" "07-io-stress.yaml",
    "emqx-time-skew" "08-time-skew.yaml",
    "emqx-dns-failure" "09-dns-failure.yaml",
    "emqx-container-kill" "10-container-kill.yaml",
    "emqx-pod-kill-schedule" "11-pod-kill-schedule.yaml",
    "emqx-network-bandwidth" "12-network-bandwidth.yaml",
}

shelf! {
    SUITES, SUITE_FILES:
    "emqx-smoke" "suite-smoke.yaml",
    "emqx-p0" "suite-p0.yaml",
    "emqx-p1" "suite-p1.yaml",
    "emqx-p2" "suite-p2.yaml",
    "emqx-all" "suite-all.yaml",
}

/// What a name or a path leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Opened {
    Playbook(Box<Loaded>),
    /// The playbooks are in the suite's order.
    Suite(Box<Suite>, Vec<Loaded>),
}

impl Opened {
    /// The playbooks in the order in which they are run.
    pub fn playbooks(&self) -> &[Loaded] {
        match self {
            Self::Playbook(loaded) => std::slice::from_ref(&**loaded),
            Self::Suite(_, playbooks) => playbooks,
        }
    }
}

/// The playbooks that come with the program, each by its name, with its text.
pub const fn shipped() -> Shelf {
    PLAYBOOKS
}

/// The suites that come with the program, each by its name, with its text.
pub const fn shipped_suites() -> Shelf {
    SUITES
}

fn on_shelf(asked: &str) -> Option<(&'static str, &'static str)> {
    let by_file = PLAYBOOK_FILES
        .iter()
        .chain(SUITE_FILES)
        .find(|(file, _)| *file == asked);
    let wanted = by_file.map_or(asked, |(_, name)| name);
    PLAYBOOKS
        .iter()
        .chain(SUITES)
        .find(|(name, _)| *name == wanted)
        .copied()
}

/// What is shown as the file of a shipped playbook.
fn shelf_name(name: &str) -> String {
    format!("<shipped {name}>")
}

/// Opens what a person asked for: a path, or the name of a shipped playbook or suite.
///
/// # Errors
/// What is wrong, a [`Findings`] for each file that something is wrong with.
pub fn find(asked: &str, sets: &BTreeMap<String, String>) -> Result<Opened, Vec<Findings>> {
    let looks_like_path = asked.contains('/') || asked.contains('.');
    if !looks_like_path && let Some((name, text)) = on_shelf(asked) {
        return read_text(text, &shelf_name(name), None, sets);
    }
    let path = Path::new(asked);
    if path.exists() || looks_like_path {
        return open(path, sets);
    }
    let names = || PLAYBOOKS.iter().chain(SUITES).map(|(name, _)| *name);
    let near = (asked.len() <= 64)
        .then(|| nearest(asked, names()).or_else(|| names().find(|name| name.contains(asked))))
        .flatten();
    let hint = near.map_or_else(
        || {
            format!(
                "give a path, or one of {}",
                names().collect::<Vec<_>>().join(", ")
            )
        },
        |near| format!("did you mean `{near}`?"),
    );
    let finding = Finding::of_file(
        "not-found",
        format!("there is no file and no shipped playbook {}", shown(asked)),
    );
    Err(vec![Findings::of_file(asked, finding.hint(hint))])
}

/// Opens a file, playbook or suite.
///
/// # Errors
/// What is wrong, a [`Findings`] for each file that something is wrong with.
pub fn open(path: &Path, sets: &BTreeMap<String, String>) -> Result<Opened, Vec<Findings>> {
    let name = path.display().to_string();
    let text = read_file(path).map_err(|finding| vec![Findings::of_file(&name, finding)])?;
    read_text(&text, &name, path.parent(), sets)
}

fn read_file(path: &Path) -> Result<String, Finding> {
    let refused = |error: &io::Error| {
        Finding::of_file(
            "unreadable",
            format!("cannot read the file: {}", error.to_string().to_lowercase()),
        )
    };
    let file = File::open(path).map_err(|error| refused(&error))?;
    let mut bytes = Vec::new();
    // One byte more than is read, so that a bigger file is noticed and not loaded.
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| refused(&error))?;
    if bytes.len() > MAX_BYTES {
        let message = format!(
            "the file is longer than {} KiB, and no more is read",
            MAX_BYTES / 1024
        );
        return Err(Finding::of_file("too-large", message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
        Finding::of_file("not-utf-8", format!("line {line} is not UTF-8")).hint("save the file as UTF-8")
    })
}

fn read_text(
    text: &str,
    name: &str,
    beside: Option<&Path>,
    sets: &BTreeMap<String, String>,
) -> Result<Opened, Vec<Findings>> {
    if !is_suite(text) {
        return load(text, name, sets)
            .map(|loaded| Opened::Playbook(Box::new(loaded)))
            .map_err(|findings| vec![findings]);
    }
    let suite = load_suite(text, name).map_err(|findings| vec![findings])?;
    read_suite(&suite, name, beside, sets)
}

fn read_suite(
    suite: &LoadedSuite,
    name: &str,
    beside: Option<&Path>,
    sets: &BTreeMap<String, String>,
) -> Result<Opened, Vec<Findings>> {
    let mut playbooks = Vec::new();
    let mut wrong = Vec::new();
    let mut own = Vec::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for (number, listed) in suite.suite.playbooks.iter().enumerate() {
        let (text, file) = match member(listed, beside) {
            Ok(found) => found,
            Err(finding) => {
                own.push(Finding {
                    place: suite.places.get(number).copied(),
                    ..finding
                });
                continue;
            }
        };
        if is_suite(&text) {
            let place = suite.places.get(number).copied();
            let finding = Finding::of_file("nested-suite", "a suite cannot list a suite");
            own.push(Finding { place, ..finding });
            continue;
        }
        // A variable that only some of the playbooks have is set in those.
        let known = variables(&text);
        let here: BTreeMap<String, String> = sets
            .iter()
            .filter(|(var, _)| known.contains(*var))
            .map(|(var, value)| (var.clone(), value.clone()))
            .collect();
        used.extend(sets.keys().filter(|var| known.contains(*var)).map(String::as_str));
        match load(&text, &file, &here) {
            Ok(loaded) => playbooks.push(loaded),
            Err(findings) => wrong.push(findings),
        }
    }
    for var in sets.keys().filter(|var| !used.contains(var.as_str())) {
        let message = format!(
            "--set {}: no playbook of the suite has such a variable",
            shown(var)
        );
        own.push(Finding::of_file("bad-set", message));
    }
    if !own.is_empty() {
        wrong.insert(0, Findings::new(name, &suite.text, own));
    }
    if wrong.is_empty() {
        Ok(Opened::Suite(Box::new(suite.suite.clone()), playbooks))
    } else {
        Err(wrong)
    }
}

/// A playbook of a suite: a file beside it, or a shipped one by its name.
fn member(listed: &str, beside: Option<&Path>) -> Result<(String, String), Finding> {
    let shelved = || on_shelf(listed).map(|(name, text)| (text.to_owned(), shelf_name(name)));
    let Some(folder) = beside else {
        return shelved().ok_or_else(|| {
            Finding::of_file(
                "not-found",
                format!("there is no shipped playbook {}", shown(listed)),
            )
        });
    };
    let path = folder.join(listed);
    if !path.exists()
        && let Some(found) = shelved()
    {
        return Ok(found);
    }
    let text = read_file(&path)?;
    Ok((text, path.display().to_string()))
}
