//! What containers write: a bounded ring a container, with a cursor that only grows, and one ring of the
//! process before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::units::{Mark, Stamp};

/// Lines kept of one process.
const KEEP: usize = 4000;

/// One line, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Grows by one a line within one pod's container, across restarts.
    pub cursor: u64,
    pub at: Mark,
    pub stamp: Stamp,
    pub text: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    #[default]
    Current,
    Previous,
}

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// May be absent where the pod has one container.
    pub container: Option<String>,
    pub which: Which,
    /// Only lines after this cursor; to follow, pass the last view's cursor.
    pub after: Option<u64>,
}

/// Lines, and how to go on.
#[derive(Debug, Clone)]
pub struct LogView {
    pub lines: Vec<Entry>,
    /// Pass as `after` to read on; the same one when nothing came.
    pub cursor: u64,
    /// Identity of the process: a follower ends when it changes.
    pub container_id: String,
    pub end: End,
}

/// Whether more lines can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Open,
    Ended,
}

#[derive(Debug, Clone, Default)]
struct Ring {
    lines: VecDeque<Entry>,
}

#[derive(Debug, Clone, Default)]
struct Journal {
    next: u64,
    current: Ring,
    previous: Option<Ring>,
}

/// All containers' lines, by pod uid and container name.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    journals: BTreeMap<(String, String), Journal>,
}

impl Logs {
    pub fn write(&mut self, pod_uid: &str, container: &str, at: (Mark, Stamp), text: String) {
        let journal = self
            .journals
            .entry((pod_uid.to_owned(), container.to_owned()))
            .or_default();
        journal.next += 1;
        let line = Entry {
            cursor: journal.next,
            at: at.0,
            stamp: at.1,
            text: text.into(),
        };
        journal.current.lines.push_back(line);
        if journal.current.lines.len() > KEEP {
            journal.current.lines.pop_front();
        }
    }

    /// A new process writes from here on.
    pub fn rotate(&mut self, pod_uid: &str, container: &str) {
        if let Some(journal) = self.journals.get_mut(&(pod_uid.to_owned(), container.to_owned())) {
            journal.previous = Some(std::mem::take(&mut journal.current));
        }
    }

    /// Everything written so far was written before mark zero, where `built` becomes mark zero.
    pub fn rebase(&mut self, built: Mark) {
        for line in self
            .journals
            .values_mut()
            .flat_map(|journal| journal.current.lines.iter_mut())
        {
            line.at = Mark::from_nanos(line.at.as_nanos().saturating_sub(built.as_nanos()));
        }
    }

    pub fn forget(&mut self, pod_uid: &str) {
        self.journals.retain(|(uid, _), _| uid != pod_uid);
    }

    /// The lines after `after` and the cursor to go on with.
    pub fn read(
        &self,
        pod_uid: &str,
        container: &str,
        which: Which,
        after: Option<u64>,
    ) -> (Vec<Entry>, u64) {
        let after = after.unwrap_or(0);
        let Some(journal) = self.journals.get(&(pod_uid.to_owned(), container.to_owned())) else {
            return (Vec::new(), after);
        };
        let ring = match which {
            Which::Current => Some(&journal.current),
            Which::Previous => journal.previous.as_ref(),
        };
        let lines = ring.map(|ring| &ring.lines);
        let lines: Vec<Entry> = lines
            .map(|lines| {
                lines
                    .range(lines.partition_point(|line| line.cursor <= after)..)
                    .cloned()
                    .collect()
            })
            .unwrap_or_default();
        let cursor = lines.last().map_or(after, |line| line.cursor);
        (lines, cursor)
    }
}
