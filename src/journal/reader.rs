//! Reads journals: tolerates a torn end, verifies the chain, keeps what it does not know, merges files by time.
//! Never repairs and never guesses: what is wrong is told.

use std::fmt;

use serde::Serialize;

use super::format::{GENESIS, Line, hash};
use crate::run::Entry;

/// A fact and the journal file that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// `console`, `warden`, `kill-4711`.
    pub file: String,
    pub entry: Entry,
}

/// The last whole line of a file: what an outside witness should have seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    pub file: String,
    pub lines: usize,
    pub sha256: String,
}

/// Something that is not as it was written. Lines are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "damage")]
pub enum Damage {
    /// The end of a line is missing: the process died while it wrote. Nobody was told that it was kept.
    Torn { file: String, line: usize, bytes: usize },
    /// A whole line that is not one of ours.
    Unreadable { file: String, line: usize, why: String },
    /// This line names another line before it than the one that stands there.
    Chain { file: String, line: usize },
    /// Numbers go back or leave some out.
    Sequence {
        file: String,
        line: usize,
        expected: u64,
        found: u64,
    },
    /// A journal file that could not be read at all.
    Unseen { file: String, why: String },
}

impl Damage {
    /// Whether a mere crash explains it.
    pub const fn is_crash(&self) -> bool {
        matches!(self, Self::Torn { .. })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn { file, line, bytes } => {
                write!(
                    f,
                    "{file}, line {line}: torn after {bytes} bytes; its process died while it wrote"
                )
            }
            Self::Unreadable { file, line, why } => write!(f, "{file}, line {line}: unreadable ({why})"),
            Self::Chain { file, line } => {
                write!(
                    f,
                    "{file}, line {line}: does not follow from the line before; something was changed"
                )
            }
            Self::Sequence {
                file,
                line,
                expected,
                found,
            } => {
                write!(f, "{file}, line {line}: number {found} where {expected} was due")
            }
            Self::Unseen { file, why } => write!(f, "{file}: not read ({why})"),
        }
    }
}

/// What journals say, and what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Journal {
    pub records: Vec<Record>,
    pub damage: Vec<Damage>,
    pub heads: Vec<Head>,
}

impl Journal {
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.records.iter().map(|record| &record.entry)
    }

    /// The number that the next line of this file must have; other files have numbers of their own.
    pub fn next_seq(&self, file: &str) -> u64 {
        let own = self.records.iter().filter(|record| record.file == file);
        own.map(|record| record.entry.seq.saturating_add(1))
            .max()
            .unwrap_or(0)
    }

    /// Whether nothing was changed or lost; a torn end is no change.
    pub fn is_intact(&self) -> bool {
        self.damage.iter().all(Damage::is_crash)
    }
}

/// Reads one file's bytes; `file` is what it is called in what is told.
pub fn read(file: &str, bytes: &[u8]) -> Journal {
    let mut journal = Journal::default();
    let mut prev = GENESIS.to_owned();
    let mut due: Option<u64> = None;
    let mut lines = 0;
    for (index, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (file, line) = (file.to_owned(), index + 1);
        let Some(raw) = raw.strip_suffix(b"\n") else {
            journal.damage.push(Damage::Torn {
                file,
                line,
                bytes: raw.len(),
            });
            break;
        };
        lines = line;
        let before = std::mem::replace(&mut prev, hash(raw));
        let parsed = match serde_json::from_slice::<Line>(raw) {
            Ok(parsed) => parsed,
            Err(error) => {
                journal.damage.push(Damage::Unreadable {
                    file,
                    line,
                    why: error.to_string(),
                });
                due = None;
                continue;
            }
        };
        if parsed.prev != before {
            journal.damage.push(Damage::Chain {
                file: file.clone(),
                line,
            });
        }
        if let Some(expected) = due.filter(|expected| *expected != parsed.seq) {
            journal.damage.push(Damage::Sequence {
                file: file.clone(),
                line,
                expected,
                found: parsed.seq,
            });
        }
        due = Some(parsed.seq.saturating_add(1));
        journal.records.push(Record {
            file,
            entry: parsed.into_entry(),
        });
    }
    journal.heads.push(Head {
        file: file.to_owned(),
        lines,
        sha256: prev,
    });
    journal
}

/// Reads one file's bytes without the facts named in `skip`, and verifies no chain: for lists of many runs. What
/// cannot be told apart by its name is read.
pub fn skim(file: &str, bytes: &[u8], skip: &[&str]) -> Journal {
    let mut journal = Journal::default();
    for (index, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (file, line) = (file.to_owned(), index + 1);
        let Some(raw) = raw.strip_suffix(b"\n") else {
            let bytes = raw.len();
            journal.damage.push(Damage::Torn { file, line, bytes });
            break;
        };
        if name_of(raw).is_some_and(|name| skip.iter().any(|skipped| skipped.as_bytes() == name)) {
            continue;
        }
        match serde_json::from_slice::<Line>(raw) {
            Ok(parsed) => journal.records.push(Record {
                file,
                entry: parsed.into_entry(),
            }),
            Err(error) => {
                let why = error.to_string();
                journal.damage.push(Damage::Unreadable { file, line, why });
            }
        }
    }
    journal
}

/// The name of a line's fact, found without reading the line: nothing before it holds text of others.
fn name_of(raw: &[u8]) -> Option<&[u8]> {
    const BEFORE: &[u8] = br#","fact":{"fact":""#;
    let start = raw.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let rest = &raw[start..];
    let end = rest.iter().position(|byte| *byte == b'"')?;
    Some(&rest[..end])
}

/// Several files as one, by wall time; the order within a file is never changed.
pub fn merge(journals: Vec<Journal>) -> Journal {
    let mut merged = Journal::default();
    let mut queues = Vec::new();
    for journal in journals {
        merged.damage.extend(journal.damage);
        merged.heads.extend(journal.heads);
        queues.push(journal.records.into_iter().peekable());
    }
    loop {
        let next = queues
            .iter_mut()
            .enumerate()
            .filter_map(|(index, queue)| Some((queue.peek()?.entry.wall, index)))
            .min();
        let Some(record) = next.and_then(|(_, index)| queues[index].next()) else {
            return merged;
        };
        merged.records.push(record);
    }
}
