//! A YAML document as a tree whose every part knows its place. Pure.

use serde_json::{Map, Number, Value};

use crate::playbook::findings::Place;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub place: Place,
    pub data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, where it stands, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub place: Place,
    pub value: Node,
}

/// One step down a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Down {
    Key(String),
    Item(usize),
}

/// The way from the root to a part of a playbook, in the words of its long form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way(Vec<Down>);

impl Way {
    /// A field of the playbook itself.
    pub fn to(field: &str) -> Self {
        Self(vec![Down::Key(field.to_owned())])
    }

    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.0.push(Down::Key(key.to_owned()));
        self
    }

    #[must_use]
    pub fn item(mut self, item: usize) -> Self {
        self.0.push(Down::Item(item));
        self
    }

    /// The same way, further down by what `rest` says.
    #[must_use]
    pub fn join(mut self, rest: &[Down]) -> Self {
        self.0.extend_from_slice(rest);
        self
    }
}

impl Node {
    /// What this is, in the words of a message.
    pub const fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(_) => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|entry| entry.key == key),
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::Text(_) | Data::List(_) => None,
        }
    }

    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(yes) => Value::Bool(*yes),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Data::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The place of what `way` leads to, or of the last part of it that is there.
    ///
    /// Where the file has a short form (`verify: [a]`), the words of the long form that it leaves out are passed over.
    pub fn place_of(&self, way: &Way) -> Place {
        let (mut node, mut place) = (self, None);
        for down in &way.0 {
            match (down, &node.data) {
                (Down::Key(key), Data::Map(_)) => match node.entry(key) {
                    Some(entry) => {
                        // A big value is better shown by its key.
                        place = Some(match entry.value.data {
                            Data::List(_) | Data::Map(_) | Data::Null => entry.place,
                            Data::Bool(_) | Data::Number(_) | Data::Text(_) => entry.value.place,
                        });
                        node = &entry.value;
                    }
                    None => break,
                },
                (Down::Item(item), Data::List(items)) => match items.get(*item) {
                    Some(found) => {
                        node = found;
                        place = Some(match &found.data {
                            Data::Map(entries) => entries.first().map_or(found.place, |entry| entry.place),
                            _ => found.place,
                        });
                    }
                    None => break,
                },
                (Down::Key(_), Data::List(_)) => {}
                (Down::Key(_) | Down::Item(_), _) => break,
            }
        }
        place.unwrap_or_else(|| match &self.data {
            Data::Map(entries) => entries.first().map_or(self.place, |entry| entry.place),
            _ => self.place,
        })
    }
}
