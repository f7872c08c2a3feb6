//! How a run ended, in a few lines for people or as one JSON object. Never judges: the engine did.

use std::path::Path;

use serde_json::{Value, json};

use crate::report::words;
use crate::run::Run;
use crate::text::printable;

/// A run that is over.
#[derive(Debug)]
pub struct Ended<'a> {
    pub id: &'a str,
    pub run: &'a Run,
    pub exit: u8,
    pub summary: &'a str,
    /// The hash of the journal's last line.
    pub head: &'a str,
    pub folder: &'a Path,
}

/// The last lines: outcome, recovery, what is owed, where the record is.
pub fn farewell(ended: &Ended<'_>) -> (String, Value) {
    let objective = ended.run.objective.as_ref();
    let recovery = objective.map_or_else(|| "not recorded".to_owned(), words::objective_words);
    let owed: Vec<_> = ended.run.owed().collect();
    let unmeasured: Vec<_> = ended
        .run
        .not_measured
        .keys()
        .map(crate::units::CheckId::as_str)
        .collect();
    let mut lines = vec![
        format!("run      {}", ended.id),
        format!(
            "outcome  {}, exit {} ({})",
            printable(ended.summary),
            ended.exit,
            words::exit_words(ended.exit)
        ),
        format!("recovery {}", printable(&recovery)),
    ];
    if !unmeasured.is_empty() {
        lines.push(format!("not measured: {}", printable(&unmeasured.join(", "))));
    }
    for debt in &owed {
        lines.push(format!(
            "OWED     {}: {}; end it with `firedrill kill`",
            printable(debt.id.as_str()),
            printable(&debt.summary)
        ));
    }
    lines.push(format!(
        "record   {}",
        printable(&ended.folder.display().to_string())
    ));
    lines.push(format!("journal  sha256 {}", ended.head));
    let answer = json!({
        "ended": {
            "run": ended.id,
            "exit": ended.exit,
            "summary": ended.summary,
            "objective": objective,
            "owed": owed,
            "not_measured": unmeasured,
            "folder": ended.folder,
            "journal_sha256": ended.head,
        }
    });
    (lines.join("\n"), answer)
}
