//! Text to tree: YAML 1.2 read event by event, within bounds. Keeps the place of everything; judges no meaning.

use std::borrow::Cow;
use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Span as Range, StrInput, Tag, options};

use super::node::{Data, Entry, Node};
use super::scalar;
use crate::playbook::findings::{Finding, Place, shown};

/// The biggest file that is read.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 48;
/// How much a file may weigh, aliases counted as often as they are used: one a value, one more for 64 bytes of text.
pub const MAX_WEIGHT: usize = 50_000;

/// A document and what was found wrong while reading it. No root: nothing could be read.
#[derive(Debug)]
pub struct Tree {
    pub root: Option<Node>,
    pub findings: Vec<Finding>,
    /// Plain words like `on` that are text here and a boolean to kubectl.
    pub old_booleans: Vec<Place>,
}

impl Tree {
    fn refused(findings: Vec<Finding>) -> Self {
        Self {
            root: None,
            findings,
            old_booleans: Vec::new(),
        }
    }
}

/// What an alias stands for.
#[derive(Debug)]
struct Anchored {
    node: Node,
    weight: usize,
    height: usize,
}

#[derive(Debug)]
enum Holds {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// Keys seen, so that a second one of the same name is noticed at once.
        seen: BTreeMap<String, Place>,
        key: Option<(String, Place)>,
    },
}

/// A collection that has not ended yet.
#[derive(Debug)]
struct Open {
    holds: Holds,
    start: Place,
    anchor: usize,
    weight: usize,
    height: usize,
}

struct Builder<'t> {
    text: &'t str,
    open: Vec<Open>,
    root: Option<Node>,
    anchored: BTreeMap<usize, Anchored>,
    weight: usize,
    documents: usize,
    findings: Vec<Finding>,
    /// What the anchors keep copies of.
    copied: usize,
    old_booleans: Vec<Place>,
}

/// Reads one document. A syntax error ends the reading; everything else is collected.
pub fn parse(text: &str) -> Tree {
    if text.len() > MAX_BYTES {
        return Tree::refused(vec![Finding::of_file(
            "too-large",
            format!(
                "the file is {} KiB long; at most {} KiB are read",
                text.len() / 1024,
                MAX_BYTES / 1024
            ),
        )]);
    }
    let controls = control_characters(text);
    if !controls.is_empty() {
        return Tree::refused(controls);
    }
    let mut builder = Builder {
        text,
        open: Vec::new(),
        root: None,
        anchored: BTreeMap::new(),
        weight: 0,
        documents: 0,
        findings: Vec::new(),
        copied: 0,
        old_booleans: Vec::new(),
    };
    let limits =
        options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH, emit_comments: false };
    for next in Parser::<StrInput>::new_from_str_with_options(text, limits) {
        let outcome = match next {
            Ok((event, range)) => builder.take(event, range),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                let place = Place::new(at, at + 1);
                let finding = Finding::error(
                    "yaml-syntax",
                    place,
                    format!("cannot read the YAML: {}", error.info()),
                );
                Err(finding.maybe_hint(syntax_hint(text, at)))
            }
        };
        if let Err(finding) = outcome {
            builder.findings.push(finding);
            return Tree::refused(builder.findings);
        }
    }
    Tree {
        root: builder.root,
        findings: builder.findings,
        old_booleans: builder.old_booleans,
    }
}

/// YAML allows no control characters but tab and line ends; a text editor does not show them.
fn control_characters(text: &str) -> Vec<Finding> {
    text.char_indices()
        .filter(|(_, c)| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
        .take(20)
        .map(|(at, c)| {
            let place = Place::new(at, at + c.len_utf8());
            let what = format!("a control character (U+{:04X}) stands in the file", c as u32);
            Finding::error("control-character", place, what)
                .hint("take it out, or write it as an escape in double quotes")
        })
        .collect()
}

fn syntax_hint(text: &str, at: usize) -> Option<String> {
    let before = text.get(..at)?;
    let line = before.rfind('\n').map_or(0, |start| start + 1);
    let line = &text[line..];
    let line = &line[..line.find('\n').unwrap_or(line.len())];
    if line.trim_start_matches(' ').starts_with('\t') {
        return Some("indent with spaces, not with tabs".to_owned());
    }
    line.contains("${")
        .then(|| "put quotes around a value with `${…}` inside braces or brackets".to_owned())
}

fn place(range: &Range) -> Place {
    let bytes = range.byte_range().unwrap_or(0..0);
    Place::new(bytes.start, bytes.end.max(bytes.start))
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, range: Range) -> Result<(), Finding> {
        let at = place(&range);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Finding::error(
                        "several-documents",
                        Place::new(at.start, at.start + 3),
                        "a second document begins here; a playbook is one document",
                    )
                    .hint("put each playbook into a file of its own, and list them in a suite"));
                }
                Ok(())
            }
            Event::Scalar(value, style, anchor, tag) => {
                let node = self.scalar(&value, style, tag.as_deref(), at);
                self.keep(node, anchor, 1 + value.len() / 64, 0)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag, "seq", at);
                self.begin(Holds::List(Vec::new()), at, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag, "map", at);
                let map = Holds::Map {
                    entries: Vec::new(),
                    seen: BTreeMap::new(),
                    key: None,
                };
                self.begin(map, at, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(at),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_) => Ok(()),
            // The parser's enum may grow; what is new is refused rather than passed over.
            _ => Err(Finding::error(
                "yaml-syntax",
                at,
                "this kind of YAML is not read here",
            )),
        }
    }

    fn begin(&mut self, holds: Holds, start: Place, anchor: usize) -> Result<(), Finding> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Finding::error(
                "too-deep",
                Place::new(start.start, start.start + 1),
                format!("nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        if let Some(Open {
            holds: Holds::Map { key: None, .. },
            ..
        }) = self.open.last()
        {
            return Err(Finding::error(
                "odd-key",
                Place::new(start.start, start.start + 1),
                "a list or a map stands here as a key; a key is one word",
            )
            .maybe_hint(syntax_hint(self.text, start.start)));
        }
        self.open.push(Open {
            holds,
            start,
            anchor,
            weight: 1,
            height: 0,
        });
        Ok(())
    }

    fn finish(&mut self, end: Place) -> Result<(), Finding> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let node = Node {
            place: Place::new(open.start.start, end.start.max(open.start.start + 1)),
            data: match open.holds {
                Holds::List(items) => Data::List(items),
                Holds::Map { entries, .. } => Data::Map(entries),
            },
        };
        // What is inside was counted when it was kept.
        self.weight -= open.weight - 1;
        self.keep(node, open.anchor, open.weight, open.height + 1)
    }

    fn alias(&mut self, anchor: usize, at: Place) -> Result<(), Finding> {
        let Some(anchored) = self.anchored.get(&anchor) else {
            return Err(Finding::error(
                "alias-in-itself",
                at,
                "this alias stands inside of what it names",
            ));
        };
        let (weight, height) = (anchored.weight, anchored.height);
        if self.weight + weight > MAX_WEIGHT || self.open.len() + height > MAX_DEPTH {
            return Err(too_many(at));
        }
        let mut node = anchored.node.clone();
        node.place = at;
        self.keep(node, 0, weight, height)
    }

    /// Puts a finished value where it belongs.
    fn keep(&mut self, node: Node, anchor: usize, weight: usize, height: usize) -> Result<(), Finding> {
        self.weight += weight;
        if self.weight > MAX_WEIGHT {
            return Err(too_many(node.place));
        }
        if anchor != 0 {
            self.copied += weight;
            if self.copied > MAX_WEIGHT {
                return Err(too_many(node.place));
            }
            self.anchored.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    weight,
                    height,
                },
            );
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight += weight;
        open.height = open.height.max(height);
        match &mut open.holds {
            Holds::List(items) => items.push(node),
            Holds::Map { entries, seen, key } => match key.take() {
                None => *key = Some(key_of(self.text, node)?),
                Some((name, place)) => {
                    if name == "<<" {
                        self.findings.push(
                            Finding::error("merge-key", place, "merge keys are not read here")
                                .hint("write the fields out, or use `vars:`"),
                        );
                    } else if let Some(first) = seen.get(&name) {
                        let line = self.text[..first.start].matches('\n').count() + 1;
                        let what = format!("{} stands twice in this map", shown(&name));
                        self.findings.push(
                            Finding::error("duplicate-key", place, what)
                                .hint(format!("the first one is in line {line}")),
                        );
                    } else {
                        seen.insert(name.clone(), place);
                        entries.push(Entry {
                            key: name,
                            place,
                            value: node,
                        });
                    }
                }
            },
        }
        Ok(())
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, tag: Option<&Tag>, at: Place) -> Node {
        let is_key = matches!(
            self.open.last(),
            Some(Open {
                holds: Holds::Map { key: None, .. },
                ..
            })
        );
        let is_text = tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
        if let Some(tag) = tag
            && tag.core_suffix().is_none()
        {
            self.findings.push(unknown_tag(
                &format!("{}{}", tag.original_handle(), tag.suffix()),
                at,
            ));
        }
        // A key is a name, whatever it looks like: `1:` and `no:` too.
        let data = if style != ScalarStyle::Plain || is_key || is_text {
            Ok(Data::Text(value.to_owned()))
        } else {
            if scalar::is_old_boolean(value) {
                self.old_booleans.push(at);
            }
            scalar::resolve(value)
        };
        let data = data.unwrap_or_else(|why| {
            self.findings.push(Finding::error(
                "unclear-number",
                at,
                format!("{}: {why}", shown(value)),
            ));
            Data::Text(value.to_owned())
        });
        Node { place: at, data }
    }

    fn tag(&mut self, tag: Option<Cow<'_, Tag>>, own: &str, at: Place) {
        if let Some(tag) = tag
            && tag.core_suffix() != Some(own)
        {
            let name = format!("{}{}", tag.original_handle(), tag.suffix());
            self.findings
                .push(unknown_tag(&name, Place::new(at.start, at.start + 1)));
        }
    }
}

fn unknown_tag(tag: &str, at: Place) -> Finding {
    Finding::error(
        "unknown-tag",
        at,
        format!("the tag {} means nothing here", shown(tag)),
    )
    .hint("take it out; text that looks like a number goes in quotes")
}

fn too_many(at: Place) -> Finding {
    Finding::error(
        "too-many-values",
        at,
        format!("the file has more than {MAX_WEIGHT} values, or is too deep, once its aliases are followed"),
    )
}

fn key_of(text: &str, node: Node) -> Result<(String, Place), Finding> {
    match node.data {
        Data::Text(key) => Ok((key, node.place)),
        Data::Null | Data::Bool(_) | Data::Number(_) | Data::List(_) | Data::Map(_) => Err(Finding::error(
            "odd-key",
            Place::new(node.place.start, node.place.start + 1),
            "a key is one word",
        )
        .maybe_hint(syntax_hint(text, node.place.start))),
    }
}
