//! One file's text to a playbook or a suite, with everything that is wrong with it at once. Never reads a file.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{damaged, draft};
use super::node::{Data, Node};
use super::reader::{Read as _, Reader, known};
use super::vars::Vars;
use super::{implied, yaml};
use crate::playbook::findings::{Finding, Findings, Grade, Place, shown};
use crate::playbook::lint;
use crate::playbook::model::{Playbook, Suite};

/// The version of the format that is read.
pub const FORMAT: u64 = 1;

/// A playbook that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub playbook: Playbook,
    pub warnings: Findings,
    /// The file as it was read.
    pub text: String,
    /// Steps that the file does not have and the run does, by their words.
    pub implied: Vec<&'static str>,
}

/// A suite as read; its playbooks are not.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedSuite {
    pub suite: Suite,
    /// Where each playbook is named.
    pub places: Vec<Place>,
    pub text: String,
}

/// Reads a playbook. `name` is the file shown; `sets` override variables.
///
/// # Errors
/// Everything that is wrong with it, when something is.
pub fn load(text: &str, name: &str, sets: &BTreeMap<String, String>) -> Result<Loaded, Findings> {
    let refused = |list| Err(Findings::new(name, text, list));
    let tree = yaml::parse(text);
    let mut findings = tree.findings;
    let Some(mut root) = tree.root else {
        if findings.is_empty() {
            findings.push(empty());
        }
        return refused(findings);
    };
    if let Some(finding) = not_a_playbook(&root) {
        findings.push(finding);
        return refused(findings);
    }
    let mut vars = Vars::of(&root, sets, &mut findings);
    vars.fill_root(&mut root, &mut findings);
    let mut reader = Reader { findings };
    let draft = draft(&root, vars.values(), &mut reader);
    let mut findings = reader.findings;
    for (var, place) in vars.unused() {
        let message = format!("nothing uses the variable {}", shown(var));
        findings.push(Finding::warning("unused-variable", place, message));
    }
    let Some(mut draft) = draft else {
        return refused(findings);
    };
    findings.extend(old_booleans(&root, &tree.old_booleans));
    draft.damaged = damaged(&root, known("playbook"), &findings);
    findings.extend(lint::lint(&draft, &root));
    if findings.iter().any(|finding| finding.grade == Grade::Error) {
        return refused(findings);
    }
    let mut playbook = draft.playbook;
    let implied = implied::fill(&mut playbook);
    Ok(Loaded {
        playbook,
        warnings: Findings::new(name, text, findings),
        text: text.to_owned(),
        implied,
    })
}

/// Reads a suite; the playbooks that it names are not looked at.
///
/// # Errors
/// Everything that is wrong with it, when something is.
pub fn load_suite(text: &str, name: &str) -> Result<LoadedSuite, Findings> {
    let tree = yaml::parse(text);
    let mut reader = Reader {
        findings: tree.findings,
    };
    let Some(root) = tree.root else {
        if reader.findings.is_empty() {
            reader.findings.push(empty());
        }
        return Err(Findings::new(name, text, reader.findings));
    };
    reader.findings.extend(other_format(&root));
    let suite = Suite::read(&mut reader, &root);
    let places: Vec<Place> = match root.get("playbooks").map(|node| &node.data) {
        Some(Data::List(items)) => items.iter().map(|item| item.place).collect(),
        _ => Vec::new(),
    };
    if suite.as_ref().is_some_and(|suite| suite.playbooks.is_empty()) {
        let place = root.get("playbooks").map_or(root.place, |node| node.place);
        reader.error("empty-suite", place, "the suite lists no playbook");
    }
    match suite {
        Some(suite) if reader.findings.is_empty() => Ok(LoadedSuite {
            suite,
            places,
            text: text.to_owned(),
        }),
        _ => Err(Findings::new(name, text, reader.findings)),
    }
}

/// Whether the text is a suite rather than a playbook, as far as can be told.
pub fn is_suite(text: &str) -> bool {
    yaml::parse(text)
        .root
        .is_some_and(|root| root.get("suite").is_some() && root.get("steps").is_none())
}

/// The names of the variables that a text defines, wrong as it may be otherwise.
pub fn variables(text: &str) -> BTreeSet<String> {
    let root = yaml::parse(text).root;
    match root
        .as_ref()
        .and_then(|root| root.get("vars"))
        .map(|node| &node.data)
    {
        Some(Data::Map(entries)) => entries.iter().map(|entry| entry.key.clone()).collect(),
        _ => BTreeSet::new(),
    }
}

fn empty() -> Finding {
    Finding::of_file("empty", "the file is empty")
        .hint("see `firedrill schema` for what goes into a playbook")
}

fn not_a_playbook(root: &Node) -> Option<Finding> {
    let place = Place::new(root.place.start, root.place.start + 1);
    match &root.data {
        Data::Null => return Some(empty()),
        Data::Map(_) => {}
        _ => {
            let message = format!(
                "a playbook is a map that begins with `firedrill: 1`; this is {}",
                root.kind()
            );
            return Some(Finding::error("no-playbook", place, message));
        }
    }
    if root.get("suite").is_some() && root.get("steps").is_none() {
        return Some(Finding::error(
            "no-playbook",
            place,
            "this is a suite, not a playbook",
        ));
    }
    if root.get("apiVersion").is_some() && root.get("kind").is_some() && root.get("firedrill").is_none() {
        return Some(
            Finding::error(
                "no-playbook",
                place,
                "this is a Kubernetes manifest, not a playbook",
            )
            .hint("put it under `chaos_mesh:` of a `fault` step"),
        );
    }
    other_format(root)
}

/// A later format may mean anything, so nothing more is said of such a file.
fn other_format(root: &Node) -> Option<Finding> {
    let version = root.get("firedrill")?;
    match &version.data {
        Data::Number(number) if number.as_u64() != Some(FORMAT) => Some(
            Finding::error(
                "format-version",
                version.place,
                format!("format version {number} is not known; this program reads version {FORMAT}"),
            )
            .hint("a newer firedrill may read it"),
        ),
        _ => None,
    }
}

/// Manifests are read by kubectl too, which takes some plain words for booleans.
fn old_booleans<'a>(root: &'a Node, words: &'a [Place]) -> impl Iterator<Item = Finding> {
    let steps = match root.get("steps").map(|node| &node.data) {
        Some(Data::List(items)) => items.as_slice(),
        _ => &[],
    };
    let manifests: Vec<Place> = steps
        .iter()
        .filter_map(|step| step.get("fault")?.get("chaos_mesh").map(|node| node.place))
        .collect();
    words
        .iter()
        .filter(move |word| {
            manifests
                .iter()
                .any(|manifest| (manifest.start..manifest.end).contains(&word.start))
        })
        .map(|word| {
            Finding::warning(
                "old-boolean",
                *word,
                "read as text here, and as true or false by kubectl",
            )
            .hint("put it in quotes")
        })
}
