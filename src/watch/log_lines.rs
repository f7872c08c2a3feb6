//! Bytes of a log into lines, and which of them were seen before. Pure.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::units::Stamp;

/// A longer line is cut.
pub(super) const LONGEST: usize = 16 * 1024;
/// Room for the server's stamp before the text.
const STAMP: usize = 40;

/// Collects bytes until a line is complete: a character split over two chunks is whole again in it.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    line: Vec<u8>,
    /// Bytes beyond what is kept of this line.
    over: usize,
}

impl Splitter {
    /// The lines that these bytes complete.
    pub fn take(&mut self, bytes: &[u8], mut each: impl FnMut(String)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.keep(&rest[..end]);
            each(self.finish());
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (LONGEST + STAMP).saturating_sub(self.line.len());
        let kept = bytes.len().min(room);
        self.line.extend_from_slice(&bytes[..kept]);
        self.over += bytes.len() - kept;
    }

    /// The line so far, without its end.
    fn finish(&mut self) -> String {
        let mut line = std::mem::take(&mut self.line);
        let over = std::mem::take(&mut self.over);
        if over == 0 {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return String::from_utf8_lossy(&line).into_owned();
        }
        // Do not show half a character where the line was cut.
        let whole = match std::str::from_utf8(&line) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Ok(_) | Err(_) => line.len(),
        };
        let cut = over + line.len() - whole;
        line.truncate(whole);
        format!("{} … [cut: {cut} bytes more]", String::from_utf8_lossy(&line))
    }

    /// What came of a line that never ended; nothing when there is none.
    pub fn rest(&mut self) -> Option<String> {
        let any = !self.line.is_empty();
        any.then(|| self.finish())
    }
}

/// The server's stamp and the text after it.
pub(super) fn parse(line: &str) -> (Option<Stamp>, &str) {
    let (first, text) = line.split_once(' ').unwrap_or((line, ""));
    match first.parse::<jiff::Timestamp>() {
        Ok(stamp) => (Some(Stamp(stamp)), text),
        Err(_) => (None, line),
    }
}

/// Remembers the lines of the newest second: a server takes up a log again at whole seconds only.
#[derive(Debug, Default)]
pub(super) struct Seen {
    second: Option<jiff::Timestamp>,
    lines: HashMap<u64, u32>,
    /// What the server is sending again.
    again: HashMap<u64, u32>,
}

fn whole(stamp: Stamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(stamp.0.as_second()).unwrap_or(stamp.0)
}

fn print_of(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

impl Seen {
    /// From when to ask again; `None` when nothing was seen yet. What comes again from there is known.
    pub fn resume(&mut self) -> Option<jiff::Timestamp> {
        self.again = self.lines.clone();
        self.second
    }

    /// Whether a whole line, stamp included, is new.
    pub fn is_new(&mut self, line: &str, stamp: Option<Stamp>) -> bool {
        let print = print_of(line);
        if let Some(times) = self.again.get_mut(&print) {
            *times -= 1;
            if *times == 0 {
                self.again.remove(&print);
            }
            return false;
        }
        if let Some(stamp) = stamp {
            let second = whole(stamp);
            if self.second.is_none_or(|newest| newest < second) {
                self.second = Some(second);
                self.lines.clear();
                self.again.clear();
            }
        }
        *self.lines.entry(print).or_default() += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.take(chunk, |line| lines.push(line));
        }
        lines.extend(splitter.rest());
        lines
    }

    #[test]
    fn a_character_split_over_chunks_is_whole() {
        let text = "节点 emqx-go-1 掉线\n第二行".as_bytes();
        for at in 0..text.len() {
            let (a, b) = text.split_at(at);
            assert_eq!(split(&[a, b]), ["节点 emqx-go-1 掉线", "第二行"], "split at {at}");
        }
        assert_eq!(split(&[b"a\r\nb\xff\n"]), ["a", "b\u{fffd}"]);
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_says_so() {
        let long = "断".repeat(LONGEST);
        let lines = split(&[long.as_bytes(), b"\nnext\n"]);
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].len() < LONGEST + 100 && lines[0].ends_with("bytes more]"),
            "{}",
            lines[0].len()
        );
        assert!(!lines[0].contains('\u{fffd}'));
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn what_is_sent_again_is_known_even_twice_the_same() {
        let mut seen = Seen::default();
        let line = |text: &str| {
            let stamp = text.split(' ').next().expect("a stamp");
            (text.to_owned(), stamp.parse().ok().map(Stamp))
        };
        let first = [
            "2026-11-21T00:00:00.900000Z old",
            "2026-11-21T00:00:01.100000Z same",
            "2026-11-21T00:00:01.100000Z same",
            "2026-11-21T00:00:01.700000Z last",
        ];
        for text in first {
            let (line, stamp) = line(text);
            assert!(seen.is_new(&line, stamp), "{text}");
        }
        assert_eq!(
            seen.resume().map(|at| at.to_string()),
            Some("2026-11-21T00:00:01Z".to_owned())
        );
        let again = [
            (first[1], false),
            (first[2], false),
            (first[3], false),
            ("2026-11-21T00:00:01.700000Z last", true),
            ("2026-11-21T00:00:02.000000Z new", true),
        ];
        for (text, new) in again {
            let (line, stamp) = line(text);
            assert_eq!(seen.is_new(&line, stamp), new, "{text}");
        }
    }
}
