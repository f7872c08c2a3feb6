//! What is wrong with a playbook, and where. Rendered as text with snippets or as JSON; never printed here.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::text::{clip, printable, width};

/// Findings kept of one file; the rest is counted.
const KEPT: usize = 100;
/// Columns of a source line that are shown.
const SHOWN: usize = 96;

/// A piece of the file, in bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub start: usize,
    pub end: usize,
}

impl Place {
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// The playbook cannot be run.
    Error,
    /// It can, and something in it is probably not meant.
    Warning,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's stable name: `unknown-field`, `target-above-acceptable`, …
    pub rule: &'static str,
    pub grade: Grade,
    pub message: String,
    /// `None` when it is about the file as a whole.
    pub place: Option<Place>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    pub fn error(rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            rule,
            grade: Grade::Error,
            message: message.into(),
            place: Some(place),
            hint: None,
        }
    }

    pub fn warning(rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            grade: Grade::Warning,
            ..Self::error(rule, place, message)
        }
    }

    /// About the file as a whole.
    pub fn of_file(rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            place: None,
            ..Self::error(rule, Place::default(), message)
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

/// Text from a playbook as it may stand in a message: safe and short.
pub fn shown(text: &str) -> String {
    let start: String = text.chars().take(60).collect();
    let cut = if start.len() < text.len() { "…" } else { "" };
    format!("`{}{cut}`", clip(&printable(&start), 60))
}

/// Everything that is wrong with one file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    file: String,
    text: Arc<str>,
    list: Vec<Finding>,
    left_out: usize,
}

/// Where something stands, as people count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LineColumn {
    pub line: usize,
    pub column: usize,
}

impl Findings {
    /// `file` is the name shown; `text` is what the places point into.
    pub fn new(file: impl Into<String>, text: &str, mut list: Vec<Finding>) -> Self {
        list.sort_by_key(|finding| (finding.place, finding.grade));
        list.dedup();
        let left_out = list.len().saturating_sub(KEPT);
        if left_out > 0 {
            // What stops the run is told before what does not.
            list.sort_by_key(|finding| finding.grade);
            list.truncate(KEPT);
            list.sort_by_key(|finding| (finding.place, finding.grade));
        }
        Self {
            file: file.into(),
            text: Arc::from(text),
            list,
            left_out,
        }
    }

    /// A finding about a file whose text is not known.
    pub fn of_file(file: impl Into<String>, finding: Finding) -> Self {
        Self::new(file, "", vec![finding])
    }

    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn errors(&self) -> usize {
        self.count(Grade::Error)
    }

    pub fn warnings(&self) -> usize {
        self.count(Grade::Warning)
    }

    fn count(&self, grade: Grade) -> usize {
        self.list.iter().filter(|finding| finding.grade == grade).count()
    }

    /// Where a finding stands.
    pub fn position(&self, finding: &Finding) -> Option<LineColumn> {
        finding
            .place
            .filter(|_| !self.text.is_empty())
            .map(|place| position(&self.text, place.start))
    }

    /// `file:line:col`, safe to print.
    pub fn whereabouts(&self, finding: &Finding) -> String {
        let file = printable(&self.file);
        match self.position(finding) {
            Some(at) => format!("{file}:{}:{}", at.line, at.column),
            None => file.into_owned(),
        }
    }

    /// For programs: one object a finding.
    pub fn to_json(&self) -> Value {
        let list = self.list.iter().map(|finding| {
            let at = self.position(finding);
            json!({
                "file": self.file,
                "line": at.map(|at| at.line),
                "column": at.map(|at| at.column),
                "grade": finding.grade,
                "rule": finding.rule,
                "message": finding.message,
                "hint": finding.hint,
            })
        });
        Value::Array(list.collect())
    }

    /// How many findings were left out, because a broken file can have very many.
    pub const fn left_out(&self) -> usize {
        self.left_out
    }

    fn render(&self, finding: &Finding, out: &mut impl fmt::Write) -> fmt::Result {
        writeln!(out, "{}[{}]: {}", finding.grade, finding.rule, finding.message)?;
        writeln!(out, "  --> {}", self.whereabouts(finding))?;
        if let (Some(place), Some(at)) = (finding.place, self.position(finding)) {
            let snippet = Snippet::cut(&self.text, place);
            let number = at.line.to_string();
            let margin = " ".repeat(number.len());
            writeln!(out, " {margin} |")?;
            writeln!(out, " {number} | {}", snippet.line)?;
            let marks = "^".repeat(snippet.marked.max(1));
            writeln!(out, " {margin} | {}{marks}", " ".repeat(snippet.before))?;
        }
        if let Some(hint) = &finding.hint {
            writeln!(out, "   = help: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Findings {
    /// Every finding with its place and its line of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, finding) in self.list.iter().enumerate() {
            if number > 0 {
                f.write_char('\n')?;
            }
            self.render(finding, f)?;
        }
        if self.left_out > 0 {
            writeln!(f, "\nand {} more findings of this file", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

fn position(text: &str, offset: usize) -> LineColumn {
    let before = &text[..floor(text, offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    LineColumn {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The nearest character boundary at or below `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A line of the file, made safe and cut to what fits, with the columns to mark.
struct Snippet {
    line: String,
    before: usize,
    marked: usize,
}

impl Snippet {
    fn cut(text: &str, place: Place) -> Self {
        let start = floor(text, place.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(text, place.end).clamp(start, line_end);
        let lead: Vec<char> = text[line_start..start].chars().collect();
        let (ellipsis, from) = match lead.len().checked_sub(SHOWN / 2) {
            Some(cut) if cut > 0 => ("…", cut),
            _ => ("", 0),
        };
        let lead: String = lead[from..].iter().collect();
        let lead = format!("{ellipsis}{}", printable(&lead));
        let marked: String = text[start..end].chars().take(SHOWN).collect();
        let rest: String = text[start..line_end].chars().take(SHOWN).collect();
        let room = SHOWN.saturating_sub(width(&lead)).max(8);
        Self {
            before: width(&lead),
            marked: width(&printable(marked.trim_end_matches(['\r', ' ']))).min(room),
            line: format!("{lead}{}", clip(&printable(rest.trim_end_matches('\r')), room)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_shown_with_its_line_in_any_script() {
        let text = "a: 1\ntitle: \"中文\" wrong\u{1b}[31m\n";
        let start = text.find("wrong").unwrap();
        let findings = Findings::new(
            "x.yaml",
            text,
            vec![Finding::error("rule", Place::new(start, start + 5), "no").hint("yes")],
        );
        // The caret stands under the word by columns, where each Chinese character takes two.
        let caret = " ".repeat(width("title: \"中文\" "));
        let want = [
            "error[rule]: no",
            "  --> x.yaml:2:13",
            "   |",
            " 2 | title: \"中文\" wrong␛[31m",
            &format!("   | {caret}^^^^^"),
            "   = help: yes",
        ];
        assert_eq!(findings.to_string().lines().collect::<Vec<_>>(), want);
        assert_eq!(findings.to_json()[0]["column"], 13);
    }

    #[test]
    fn long_lines_and_odd_places_are_cut_to_fit() {
        let text = format!("{}x{}", "长".repeat(5000), "y".repeat(5000));
        for place in [
            Place::new(15_000, 15_001),
            Place::new(1, 2),
            Place::new(90_000, 1),
        ] {
            let findings = Findings::new("f", &text, vec![Finding::error("r", place, "m")]);
            assert!(findings.to_string().lines().all(|line| width(line) < 200));
        }
    }

    #[test]
    fn the_number_of_findings_is_bounded_and_said() {
        let list = (0..500)
            .map(|n| Finding::warning("r", Place::new(n, n), "m"))
            .chain([Finding::error("e", Place::new(900, 900), "m")])
            .collect();
        let findings = Findings::new("f", "text", list);
        assert_eq!((findings.errors(), findings.left_out()), (1, 401));
        assert!(findings.to_string().contains("401 more"));
    }
}
