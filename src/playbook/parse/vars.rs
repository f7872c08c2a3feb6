//! `${name}` in a tree: filled in from `vars:` and `--set`, each at its place, within bounds. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Data, Entry, Node};
use super::yaml;
use crate::playbook::findings::{Finding, Place, shown};
use crate::text::nearest;

/// How much text all variables together may bring into a file.
const MAX_FILLED: usize = 4 * 1024 * 1024;

/// The variables of a playbook, overrides applied, and which of them were used.
#[derive(Debug, Default)]
pub struct Vars {
    values: BTreeMap<String, Node>,
    used: BTreeSet<String>,
    filled: usize,
}

impl Vars {
    /// Reads `vars:` of the root, and applies what `--set` gave.
    pub fn of(root: &Node, sets: &BTreeMap<String, String>, findings: &mut Vec<Finding>) -> Self {
        let mut vars = Self::default();
        if let Some(node) = root.get("vars") {
            match &node.data {
                Data::Map(entries) => {
                    for entry in entries {
                        vars.define(entry, findings);
                    }
                }
                Data::Null => {}
                _ => findings.push(Finding::error(
                    "wrong-type",
                    node.place,
                    format!("`vars` is a map of names to values, and here is {}", node.kind()),
                )),
            }
        }
        for (name, text) in sets {
            vars.set(name, text, findings);
        }
        vars
    }

    fn define(&mut self, entry: &Entry, findings: &mut Vec<Finding>) {
        if !is_name(&entry.key) {
            findings.push(
                Finding::error(
                    "bad-variable-name",
                    entry.place,
                    format!("{} cannot name a variable", shown(&entry.key)),
                )
                .hint("a name has letters, digits, `_` and `-`, and begins with a letter"),
            );
        }
        if let Some(place) = first_use(&entry.value) {
            findings.push(
                Finding::error(
                    "variable-in-variable",
                    place,
                    "the value of a variable cannot name another variable",
                )
                .hint("write it out, or use both variables where they are needed"),
            );
        }
        self.values.insert(entry.key.clone(), entry.value.clone());
    }

    fn set(&mut self, name: &str, text: &str, findings: &mut Vec<Finding>) {
        let refused = |message: String| Finding::of_file("bad-set", message);
        let Some(before) = self.values.get(name) else {
            let hint = self.hint(name);
            findings.push(
                refused(format!(
                    "--set {}: the playbook has no such variable",
                    shown(name)
                ))
                .hint(hint),
            );
            return;
        };
        let data = if matches!(before.data, Data::Text(_) | Data::Null) {
            Data::Text(text.to_owned())
        } else {
            let read = yaml::parse(text);
            let data = read
                .root
                .map(|node| node.data)
                .filter(|_| read.findings.is_empty());
            let same = |data: &Data| std::mem::discriminant(data) == std::mem::discriminant(&before.data);
            match data {
                Some(data) if same(&data) => data,
                _ => {
                    findings.push(refused(format!(
                        "--set {}: {} is not {}, which the variable is in the playbook",
                        shown(name),
                        shown(text),
                        before.kind(),
                    )));
                    return;
                }
            }
        };
        let place = before.place;
        self.values.insert(name.to_owned(), Node { place, data });
    }

    fn hint(&self, name: &str) -> String {
        let known = || self.values.keys().map(String::as_str);
        let near = (name.len() <= 64).then(|| nearest(name, known())).flatten();
        match near {
            Some(near) => format!("did you mean {}?", shown(near)),
            None if self.values.is_empty() => "the playbook has no `vars:`".to_owned(),
            None => format!(
                "it has {}",
                known().take(10).map(shown).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// Variables that nothing uses, with their places.
    pub fn unused(&self) -> impl Iterator<Item = (&str, Place)> {
        self.values
            .iter()
            .filter(|(name, _)| !self.used.contains(*name))
            .map(|(name, node)| (name.as_str(), node.place))
    }

    /// The variables as data.
    pub fn values(&self) -> BTreeMap<String, serde_json::Value> {
        self.values
            .iter()
            .map(|(name, node)| (name.clone(), node.to_json()))
            .collect()
    }

    /// Fills a tree, keys too; `vars:` of the root is left as it is.
    pub fn fill_root(&mut self, root: &mut Node, findings: &mut Vec<Finding>) {
        let Data::Map(entries) = &mut root.data else {
            return;
        };
        for entry in entries.iter_mut().filter(|entry| entry.key != "vars") {
            self.fill(&mut entry.value, findings);
        }
    }

    fn fill(&mut self, node: &mut Node, findings: &mut Vec<Finding>) {
        match &mut node.data {
            Data::Null | Data::Bool(_) | Data::Number(_) => {}
            Data::Text(text) => {
                if let Some(data) = self.filled(text, node.place, findings) {
                    node.data = data;
                }
            }
            Data::List(items) => {
                for item in items {
                    self.fill(item, findings);
                }
            }
            Data::Map(entries) => {
                for entry in entries.iter_mut() {
                    self.fill(&mut entry.value, findings);
                    match self.filled(&entry.key, entry.place, findings) {
                        None => {}
                        Some(Data::Text(key)) => entry.key = key,
                        Some(Data::Number(number)) => entry.key = number.to_string(),
                        Some(_) => findings.push(Finding::error(
                            "odd-key",
                            entry.place,
                            "a key is one word, and this variable is not",
                        )),
                    }
                }
                let mut seen = BTreeSet::new();
                for entry in entries.iter() {
                    if !seen.insert(entry.key.as_str()) {
                        findings.push(Finding::error(
                            "duplicate-key",
                            entry.place,
                            format!("{} stands twice in this map", shown(&entry.key)),
                        ));
                    }
                }
            }
        }
    }

    /// What a text becomes; `None` when it has no variable. A text that is one variable takes its type.
    fn filled(&mut self, text: &str, place: Place, findings: &mut Vec<Finding>) -> Option<Data> {
        if !text.contains("${") {
            return None;
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = &after[2..];
                continue;
            }
            out.push_str(before);
            let Some((name, tail)) = after[2..].split_once('}').filter(|(name, _)| is_name(name)) else {
                findings.push(
                    Finding::error("bad-variable", place, "`${` begins no variable here")
                        .hint("write `${name}`; for the two characters themselves write `$${`"),
                );
                return None;
            };
            let Some(value) = self.values.get(name) else {
                let hint = self.hint(name);
                let what = format!("no variable {}", shown(name));
                findings.push(Finding::error("unknown-variable", place, what).hint(hint));
                return None;
            };
            self.used.insert(name.to_owned());
            let whole = before.is_empty() && tail.is_empty() && rest.len() == text.len();
            let added = weight(value);
            self.filled += added;
            if self.filled > MAX_FILLED {
                findings.push(Finding::error(
                    "too-much-filled-in",
                    place,
                    "the variables bring in too much text",
                ));
                return None;
            }
            if whole {
                return Some(placed(value.clone(), place).data);
            }
            match &value.data {
                Data::Text(text) => out.push_str(text),
                Data::Number(number) => out.push_str(&number.to_string()),
                Data::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
                Data::Null | Data::List(_) | Data::Map(_) => {
                    findings.push(Finding::error(
                        "variable-in-text",
                        place,
                        format!(
                            "the variable {} is {}, and cannot stand in a text",
                            shown(name),
                            value.kind()
                        ),
                    ));
                    return None;
                }
            }
            rest = tail;
        }
        out.push_str(rest);
        Some(Data::Text(out))
    }
}

/// What was filled in stands where the variable is used.
fn placed(mut node: Node, place: Place) -> Node {
    node.place = place;
    match &mut node.data {
        Data::List(items) => {
            for item in items {
                *item = placed(
                    std::mem::replace(
                        item,
                        Node {
                            place,
                            data: Data::Null,
                        },
                    ),
                    place,
                );
            }
        }
        Data::Map(entries) => {
            for entry in entries {
                entry.place = place;
                entry.value = placed(
                    std::mem::replace(
                        &mut entry.value,
                        Node {
                            place,
                            data: Data::Null,
                        },
                    ),
                    place,
                );
            }
        }
        Data::Null | Data::Bool(_) | Data::Number(_) | Data::Text(_) => {}
    }
    node
}

fn weight(node: &Node) -> usize {
    match &node.data {
        Data::Null | Data::Bool(_) | Data::Number(_) => 32,
        Data::Text(text) => 32 + text.len(),
        Data::List(items) => 32 + items.iter().map(weight).sum::<usize>(),
        Data::Map(entries) => {
            32 + entries
                .iter()
                .map(|entry| entry.key.len() + weight(&entry.value))
                .sum::<usize>()
        }
    }
}

fn first_use(node: &Node) -> Option<Place> {
    match &node.data {
        Data::Text(text) => text.contains("${").then_some(node.place),
        Data::List(items) => items.iter().find_map(first_use),
        Data::Map(entries) => entries.iter().find_map(|entry| first_use(&entry.value)),
        Data::Null | Data::Bool(_) | Data::Number(_) => None,
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}
