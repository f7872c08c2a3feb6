//! What a kill shows: a line a verdict on standard error as they come, the table and the summary on standard output.
//! Everything from outside is made printable here. A closed pipe is the reader's choice.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::mem::{Discriminant, discriminant};

use super::places::Heard;
use crate::fault::{ChaosRef, Gone};
use crate::ports::{KillTells, ObjectVerdict};
use crate::text::{printable, width};

/// What standard output gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Lines,
    Table,
}

type Key = (String, ChaosRef, Option<String>);

/// Everything that was told, latest of each object.
pub(super) struct Board {
    form: Form,
    verdicts: BTreeMap<Key, ObjectVerdict>,
    said: BTreeMap<Key, Discriminant<Gone>>,
    unseen: Vec<(String, String, String)>,
    /// Whether every cluster that was swept said all clear; `None` while none has.
    clear: Option<bool>,
    took_ms: u64,
    /// Whether people look at standard error.
    people: bool,
}

fn name(verdict: &ObjectVerdict) -> String {
    let ours = verdict
        .debt
        .as_ref()
        .map(|debt| format!(" (debt {debt})"))
        .unwrap_or_default();
    printable(&format!("{}{ours}", verdict.object)).into_owned()
}

fn on(context: &str) -> String {
    if context.is_empty() {
        return String::new();
    }
    format!("[{}] ", printable(context))
}

impl Board {
    pub fn new(form: Form) -> Self {
        Self {
            form,
            verdicts: BTreeMap::new(),
            said: BTreeMap::new(),
            unseen: Vec::new(),
            clear: None,
            took_ms: 0,
            people: io::stderr().is_terminal(),
        }
    }

    fn talk(&self, text: &str) {
        if self.form == Form::Table || self.people {
            // Nobody may be listening; the kill goes on.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    pub fn note(&mut self, context: &str, text: &str) {
        self.talk(&format!("{}{}", on(context), printable(text)));
    }

    /// It was stopped before its end.
    pub const fn incomplete(&mut self) {
        self.clear = Some(false);
    }

    pub fn take(&mut self, heard: &Heard) {
        if self.form == Form::Lines {
            let _ = writeln!(io::stdout().lock(), "{}", heard.line());
        }
        let context = &*heard.context;
        match &heard.tells {
            KillTells::GateClosed => {
                self.note(
                    context,
                    "the gate is closed: no run starts a fault until `firedrill reset`",
                );
            }
            KillTells::Object(verdict) => self.object(context, verdict),
            KillTells::NotSeen { what, why } => {
                self.note(context, &format!("not seen: {what} ({why})"));
                self.unseen.push((context.to_owned(), what.clone(), why.clone()));
            }
            KillTells::Note { text } => self.note(context, text),
            KillTells::Ended(summary) => {
                self.clear = Some(self.clear.unwrap_or(true) && summary.all_clear);
                self.took_ms = self.took_ms.max(summary.took_ms);
            }
        }
    }

    fn object(&mut self, context: &str, verdict: &ObjectVerdict) {
        let key = |uid: Option<&String>| (context.to_owned(), verdict.object.clone(), uid.cloned());
        let this = key(verdict.uid.as_ref());
        if verdict.uid.is_some() && verdict.debt.is_some() {
            // What was owed under this name was found.
            self.verdicts.remove(&key(None));
        }
        let word = discriminant(&verdict.gone);
        if self.said.insert(this.clone(), word) != Some(word) {
            let text = printable(&verdict.gone.to_string()).into_owned();
            self.talk(&format!("{}{}: {text}", on(context), name(verdict)));
        }
        self.verdicts.insert(this, verdict.clone());
    }

    /// Prints the answer; whether all is clear.
    pub fn sum_up(&self) -> bool {
        let clear = self.clear == Some(true) && self.unseen.is_empty();
        if self.form == Form::Lines {
            let line = serde_json::json!({
                "tells": "summary", "all_clear": clear, "objects": self.verdicts.len(), "proven": self.proven(),
                "not_seen": self.unseen.iter().map(|(context, what, _)| format!("{}{what}", on(context))).collect::<Vec<_>>(),
            });
            let _ = writeln!(io::stdout().lock(), "{line}");
            return clear;
        }
        let _ = io::stdout().lock().write_all(self.table(clear).as_bytes());
        clear
    }

    fn proven(&self) -> usize {
        self.verdicts
            .values()
            .filter(|verdict| verdict.gone.pays())
            .count()
    }

    fn table(&self, clear: bool) -> String {
        let mut out = String::new();
        // What is left to do comes last, where the eye is.
        let mut rows: Vec<(&Key, &ObjectVerdict)> = self.verdicts.iter().collect();
        rows.sort_by_key(|(_, verdict)| !verdict.gone.pays());
        let words: Vec<String> = rows
            .iter()
            .map(|(_, verdict)| printable(&verdict.gone.to_string()).into_owned())
            .collect();
        let column = words
            .iter()
            .map(|word| width(word))
            .filter(|wide| *wide <= 24)
            .max()
            .unwrap_or(0);
        for ((key, verdict), word) in rows.into_iter().zip(&words) {
            let pad = " ".repeat(column.saturating_sub(width(word)));
            let targets = if verdict.targets.is_empty() {
                String::new()
            } else {
                format!("  on {}", printable(&verdict.targets.join(", ")))
            };
            // Writing into a string cannot fail.
            let _ = writeln!(out, "{word}{pad}  {}{}{targets}", on(&key.0), name(verdict));
            if let Some(next) = &verdict.next {
                let _ = writeln!(out, "    next: {}", printable(next));
            }
        }
        for (context, what, why) in &self.unseen {
            let (what, why) = (printable(what), printable(why));
            let _ = writeln!(out, "not seen: {}{what} ({why})", on(context));
        }
        #[allow(clippy::cast_precision_loss, reason = "for people, in seconds")]
        let took = self.took_ms as f64 / 1000.0;
        let count = format!(
            "{} of {} proven gone in {took:.1} s",
            self.proven(),
            self.verdicts.len()
        );
        let not = if clear { "" } else { "NOT " };
        let _ = writeln!(out, "{not}all clear: {count}");
        out
    }
}
