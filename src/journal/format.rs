//! One line of a journal and how lines are chained. Pure; never opens a file.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::run::{Entry, Fact};
use crate::units::{Mark, Stamp};

/// The version of the format that is written.
pub const VERSION: u32 = 1;

/// What the first line names as the line before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub v: u32,
    pub seq: u64,
    pub at_ns: Mark,
    pub wall: Stamp,
    /// SHA-256 of the bytes of the line before, its line break left out.
    pub prev: String,
    pub fact: Fact,
}

/// A line about to be written; borrows its fact.
#[derive(Serialize)]
struct Outgoing<'a> {
    v: u32,
    seq: u64,
    at_ns: Mark,
    wall: Stamp,
    prev: &'a str,
    fact: &'a Fact,
}

impl Line {
    /// The fact with its place and time, without what only the file needs.
    pub fn into_entry(self) -> Entry {
        Entry {
            seq: self.seq,
            at: self.at_ns,
            wall: self.wall,
            fact: self.fact,
        }
    }
}

/// The bytes of one line, without its line break.
pub(super) fn encode(entry: &Entry, prev: &str) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Outgoing {
        v: VERSION,
        seq: entry.seq,
        at_ns: entry.at,
        wall: entry.wall,
        prev,
        fact: &entry.fact,
    })
}

/// SHA-256 of a line's bytes, in lower-case hex.
pub fn hash(line: &[u8]) -> String {
    let mut hex = String::with_capacity(GENESIS.len());
    for byte in Sha256::digest(line) {
        let _infallible = write!(hex, "{byte:02x}");
    }
    hex
}
