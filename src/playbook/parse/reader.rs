//! Tree to types, every error collected: what a field may be called, where it belongs, and what it must look like.

use std::collections::BTreeMap;

use super::node::{Data, Entry, Node};
use super::shapes::FIELDS;
use crate::evidence::Expect;
use crate::playbook::findings::{Finding, Place, shown};
use crate::playbook::model::{Span, Title};
use crate::text::nearest;
use crate::units::{CheckId, FaultId, Percent};

/// Collects what is wrong while a tree becomes types.
#[derive(Debug, Default)]
pub struct Reader {
    pub findings: Vec<Finding>,
}

/// Fields that say all there is to say by their name.
const BARE: [&str; 2] = ["pods_ready", "endpoints"];

/// What can be read from a node. `None` means that a finding says why.
pub trait Read: Sized {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self>;
}

/// The fields of a map, names already judged.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'n> {
    what: &'static str,
    place: Place,
    entries: &'n [Entry],
}

impl Reader {
    pub fn error(&mut self, rule: &'static str, place: Place, message: impl Into<String>) {
        self.findings.push(Finding::error(rule, place, message));
    }

    /// Says that something else was expected.
    pub fn wrong<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        let seen = match &node.data {
            Data::Text(text) => format!("the text {}", shown(text)),
            Data::Number(number) => format!("the number {number}"),
            Data::Bool(yes) => format!("`{yes}`"),
            Data::Null | Data::List(_) | Data::Map(_) => node.kind().to_owned(),
        };
        let place = match node.data {
            Data::List(_) | Data::Map(_) => Place::new(node.place.start, node.place.start + 1),
            _ => node.place,
        };
        self.error("wrong-type", place, format!("expected {wanted}, found {seen}"));
        None
    }

    /// The fields of the map `what`; every unknown one is a finding.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &'static str) -> Option<Fields<'n>> {
        let known = known(what);
        let Data::Map(entries) = &node.data else {
            return self.wrong(node, &format!("a map for `{what}` ({})", known.join(", ")));
        };
        for entry in entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
        {
            self.findings.push(unknown_field(entry, what, known));
        }
        for entry in entries.iter().filter(|entry| entry.value.data == Data::Null) {
            if known.contains(&entry.key.as_str()) && !BARE.contains(&entry.key.as_str()) {
                let message = format!("`{}` in `{what}` has no value", entry.key);
                self.error("missing-field", entry.place, message);
            }
        }
        Some(Fields {
            what,
            place: node.place,
            entries,
        })
    }

    /// Every item that can be read, with its number in the file.
    pub fn items<T: Read>(&mut self, node: &Node, what: &str) -> Option<Vec<(usize, T)>> {
        let Data::List(items) = &node.data else {
            return self.wrong(node, &format!("a list of {what}"));
        };
        let read = items.iter().enumerate();
        Some(
            read.filter_map(|(number, item)| Some((number, T::read(self, item)?)))
                .collect(),
        )
    }
}

/// The field names of a part of the format.
pub fn known(what: &str) -> &'static [&'static str] {
    FIELDS
        .iter()
        .find(|(part, _)| *part == what)
        .map_or(&[], |(_, fields)| fields)
}

fn unknown_field(entry: &Entry, what: &str, known: &[&str]) -> Finding {
    let finding = Finding::error(
        "unknown-field",
        entry.place,
        format!("unknown field {} in `{what}`", shown(&entry.key)),
    );
    let short = entry.key.len() <= 64;
    let near = short
        .then(|| nearest(&entry.key, known.iter().copied()))
        .flatten();
    if let Some(near) = near {
        return finding.hint(format!("did you mean `{near}`?"));
    }
    let homes: Vec<String> = FIELDS
        .iter()
        .filter(|(_, fields)| fields.contains(&entry.key.as_str()))
        .map(|(part, _)| format!("`{part}`"))
        .collect();
    if homes.is_empty() {
        finding.hint(format!("`{what}` has {}", known.join(", ")))
    } else {
        finding.hint(format!("it belongs in {}", homes.join(" or ")))
    }
}

impl<'n> Fields<'n> {
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
            .filter(|node| node.data != Data::Null)
    }

    /// A field that must be there.
    pub fn need<T: Read>(&self, reader: &mut Reader, key: &'static str) -> Option<T> {
        if let Some(node) = self.get(key) {
            return T::read(reader, node);
        }
        // One without a value was told of already, and so was a slip of the fingers.
        let known = known(self.what);
        let told = |entry: &Entry| {
            entry.key == key
                || (entry.key.len() <= 64
                    && !known.contains(&entry.key.as_str())
                    && nearest(&entry.key, known.iter().copied()) == Some(key))
        };
        if !self.entries.iter().any(told) {
            let message = format!("`{}` needs the field `{key}`", self.what);
            reader.error("missing-field", self.shown_place(), message);
        }
        None
    }

    /// A field with a default.
    pub fn or<T: Read>(&self, reader: &mut Reader, key: &'static str, default: T) -> Option<T> {
        match self.get(key) {
            Some(node) => T::read(reader, node),
            None => Some(default),
        }
    }

    /// A field that may be left out: not there is `Some(None)`.
    #[allow(clippy::option_option, reason = "what cannot be read is not what is left out")]
    pub fn maybe<T: Read>(&self, reader: &mut Reader, key: &'static str) -> Option<Option<T>> {
        match self.get(key) {
            Some(node) => T::read(reader, node).map(Some),
            None => Some(None),
        }
    }

    fn shown_place(&self) -> Place {
        self.entries
            .first()
            .map_or(Place::new(self.place.start, self.place.start + 1), |entry| {
                entry.place
            })
    }
}

impl Read for String {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        match &node.data {
            Data::Text(text) => Some(text.clone()),
            Data::Number(number) => {
                let hint = format!("put it in quotes: \"{number}\"");
                let message = format!("expected text, found the number {number}");
                reader
                    .findings
                    .push(Finding::error("wrong-type", node.place, message).hint(hint));
                None
            }
            Data::Null | Data::Bool(_) | Data::List(_) | Data::Map(_) => reader.wrong(node, "text"),
        }
    }
}

impl Read for u32 {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        match &node.data {
            Data::Number(number) => number
                .as_u64()
                .and_then(|number| Self::try_from(number).ok())
                .or_else(|| reader.wrong(node, "a whole number from 0 on")),
            _ => reader.wrong(node, "a whole number from 0 on"),
        }
    }
}

macro_rules! smaller {
    ($($number:ty),*) => {$(
        impl Read for $number {
            fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
                let number = u32::read(reader, node)?;
                Self::try_from(number)
                    .ok()
                    .or_else(|| reader.wrong(node, concat!("a number that fits ", stringify!($number))))
            }
        }
    )*};
}
smaller!(u8, u16);

impl Read for Percent {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        match &node.data {
            Data::Number(number) => number.as_f64().map(Self),
            _ => reader.wrong(node, "a number of percent, such as 34"),
        }
    }
}

/// Reads what has a parser of its own; its error is the finding.
fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    reader: &mut Reader,
    node: &Node,
    wanted: &str,
) -> Option<T> {
    let Data::Text(text) = &node.data else {
        return reader.wrong(node, wanted);
    };
    if text.len() > 200 {
        return reader.wrong(node, wanted);
    }
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            let message = crate::text::printable(&error.to_string()).into_owned();
            reader.error("bad-value", node.place, message);
            None
        }
    }
}

impl Read for Span {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        parsed(reader, node, "a length of time, such as 90s or 2m 30s")
    }
}

impl Read for Expect {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        parsed(reader, node, "an expectation, such as \">= 0.66\" or all")
    }
}

impl Read for CheckId {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        String::read(reader, node).map(Self::new)
    }
}

impl Read for FaultId {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        String::read(reader, node).map(Self::new)
    }
}

impl Read for Title {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        match &node.data {
            Data::Text(text) => Some(Self::One(text.clone())),
            Data::Map(entries) if !entries.is_empty() => entries
                .iter()
                .map(|entry| {
                    if !is_language(&entry.key) {
                        let message = format!("{} is no language", shown(&entry.key));
                        let finding = Finding::error("unknown-language", entry.place, message);
                        reader.findings.push(finding.hint("such as `en`, `zh`, `pt-BR`"));
                        return None;
                    }
                    Some((entry.key.clone(), String::read(reader, &entry.value)?))
                })
                .collect::<Vec<_>>()
                .into_iter()
                .collect::<Option<_>>()
                .map(Self::Each),
            _ => reader.wrong(node, "text, or one text a language (`{ en: …, zh: … }`)"),
        }
    }
}

/// `en`, `zh`, `pt-BR`, `zh-Hans`.
pub fn is_language(text: &str) -> bool {
    let (language, region) = text.split_once('-').unwrap_or((text, "XX"));
    language.len() == 2
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && (2..=8).contains(&region.len())
        && region.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl Read for serde_json::Value {
    fn read(_: &mut Reader, node: &Node) -> Option<Self> {
        Some(node.to_json())
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let Data::List(items) = &node.data else {
            return reader.wrong(node, "a list");
        };
        // Every item is read, so that every error is told; one bad item spoils the list.
        let read: Vec<Option<T>> = items.iter().map(|item| T::read(reader, item)).collect();
        read.into_iter().collect()
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let Data::Map(entries) = &node.data else {
            return reader.wrong(node, "a map");
        };
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|entry| Some((entry.key.clone(), T::read(reader, &entry.value)?)))
            .collect();
        read.into_iter().collect()
    }
}

/// One of a few words.
pub fn word<T: Copy>(reader: &mut Reader, node: &Node, words: &[(&'static str, T)]) -> Option<T> {
    let names = || words.iter().map(|(name, _)| *name);
    let list = names().collect::<Vec<_>>().join(", ");
    let Data::Text(text) = &node.data else {
        return reader.wrong(node, &format!("one of {list}"));
    };
    if let Some((_, value)) = words.iter().find(|(name, _)| name == text) {
        return Some(*value);
    }
    let near = (text.len() <= 64).then(|| nearest(text, names())).flatten();
    let hint = near.map_or_else(
        || format!("one of {list}"),
        |near| format!("did you mean `{near}`?"),
    );
    let finding = Finding::error(
        "unknown-word",
        node.place,
        format!("{} is not known here", shown(text)),
    );
    reader.findings.push(finding.hint(hint));
    None
}
