//! Facts as lines on a stream, for people or as JSON. A reader that goes away is no reason to end a run: its faults
//! must be undone, whoever watches.

use std::io::{self, Write};

use serde_json::json;

use crate::ports::KillTells;
use crate::report::words::{self, Names};
use crate::run::{Entry, Fact};
use crate::text::printable;

/// What the lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    People,
    /// One JSON object a line: `{"entry": …}` or `{"kill": …}`.
    Json,
}

/// Prints what happens in a run.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    form: Form,
    names: Names,
    /// Nobody reads any more.
    closed: bool,
}

impl<W: Write> Lines<W> {
    pub fn new(out: W, form: Form) -> Self {
        Self {
            out,
            form,
            names: Names::default(),
            closed: false,
        }
    }

    /// One line for one fact.
    pub fn entry(&mut self, entry: &Entry) {
        if let Fact::RunStarted { playbook, .. } = &entry.fact {
            self.names = Names::of(playbook);
        }
        let line = match self.form {
            Form::Json => json!({ "entry": entry }).to_string(),
            Form::People => {
                let sign = words::sign(&entry.fact);
                let sentence = words::sentence(&entry.fact, &self.names);
                format!("{} {} {sentence}", entry.at, sign.glyph)
            }
        };
        self.line(&line);
    }

    /// One line for what the kill switch tells.
    pub fn kill(&mut self, tells: &KillTells) {
        let line = match self.form {
            Form::Json => json!({ "kill": tells }).to_string(),
            Form::People => format!("KILL {}", in_words(tells)),
        };
        self.line(&line);
    }

    /// A line of its own; for people only.
    pub fn say(&mut self, text: &str) {
        match self.form {
            Form::People => self.line(text),
            Form::Json => {}
        }
    }

    /// A whole answer; for programs only.
    pub fn answer(&mut self, value: &serde_json::Value) {
        match self.form {
            Form::People => {}
            Form::Json => self.line(&value.to_string()),
        }
    }

    /// A pipe that is closed, a terminal that is gone, a disk that is full: none ends a run.
    fn line(&mut self, line: &str) {
        if self.closed {
            return;
        }
        if let Err(error) = writeln!(self.out, "{line}").and_then(|()| self.out.flush()) {
            self.closed = true;
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::warn!(%error, "nobody can be told any more; the run goes on");
            }
        }
    }
}

fn in_words(tells: &KillTells) -> String {
    let text = match tells {
        KillTells::GateClosed => "the gate is closed".to_owned(),
        KillTells::Object(verdict) => match &verdict.next {
            Some(next) => format!("{}: {}; next: {next}", verdict.object, verdict.gone),
            None => format!("{}: {}", verdict.object, verdict.gone),
        },
        KillTells::NotSeen { what, why } => format!("not seen: {what} ({why})"),
        KillTells::Note { text } => text.clone(),
        KillTells::Ended(summary) => format!(
            "{}: {} of {} objects proven gone{}",
            if summary.all_clear {
                "all clear"
            } else {
                "NOT all clear"
            },
            summary.proven,
            summary.objects,
            if summary.not_seen.is_empty() {
                String::new()
            } else {
                format!(", not seen: {}", summary.not_seen.join(", "))
            }
        ),
    };
    printable(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Mark, Stamp};

    struct Closed(usize);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn note(text: &str) -> Entry {
        Entry {
            seq: 3,
            at: Mark::from_millis(12_300),
            wall: Stamp(jiff::Timestamp::UNIX_EPOCH),
            fact: Fact::NoteAdded {
                text: text.to_owned(),
                tags: Vec::new(),
                author: None,
            },
        }
    }

    #[test]
    fn a_fact_is_one_line_whatever_it_holds() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, Form::People);
        lines.entry(&note("one\ntwo\x1b[2Jthree\r"));
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("T+00:12.3 "), "{text}");
        assert!(!text.trim_end().contains(|c: char| c.is_control()), "{text:?}");
    }

    #[test]
    fn a_reader_that_goes_away_is_left_alone() {
        let mut lines = Lines::new(Closed(0), Form::Json);
        lines.entry(&note("a"));
        lines.entry(&note("b"));
        assert_eq!(lines.out.0, 1, "nothing is written after the first refusal");
    }
}
