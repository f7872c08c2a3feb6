//! A run as one row of a list: only what the row shows, so that a thousand runs are listed quickly. Pure.

use std::time::Duration;

use serde_json::{Value, json};

use super::moment::Life;
use super::table::fit;
use super::words::{exit_words, kept_words};
use crate::journal::{Journal, owed};
use crate::run::{Fact, Kept};
use crate::text::printable;
use crate::units::{RunId, Stamp, human};

/// Facts that no row needs, and of which a run has most: they need not be read for a list.
pub const NOT_IN_A_ROW: &[&str] = &[
    "check-changed",
    "check-not-measured",
    "step-began",
    "step-ended",
    "item-ticked",
    "answered",
    "armed",
    "note-added",
];

/// A run in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub run: RunId,
    pub playbook: Option<String>,
    pub title: Option<String>,
    pub began: Option<Stamp>,
    pub life: Life,
    pub exit: Option<u8>,
    pub kept: Option<Kept>,
    pub took: Option<Duration>,
    /// Debts that no fact has proven paid.
    pub owed: usize,
    pub damaged: usize,
}

impl Row {
    /// Folds what a row needs. The journal may lack the facts of [`NOT_IN_A_ROW`].
    pub fn of(run: &RunId, journal: &Journal, life: Life) -> Self {
        let left = owed(journal.entries());
        let mut row = Self {
            run: run.clone(),
            playbook: None,
            title: None,
            began: None,
            life,
            exit: None,
            kept: None,
            took: None,
            owed: left.debts.len() + left.not_understood.len(),
            damaged: journal.damage.len(),
        };
        for entry in journal.entries() {
            match &entry.fact {
                Fact::RunStarted { playbook, .. } => {
                    row.playbook = Some(playbook.name.clone());
                    row.title = Some(playbook.title.to_string());
                    row.began = Some(entry.wall);
                }
                Fact::ObjectiveStopped { objective } => {
                    row.kept = Some(objective.kept.clone());
                    row.took = objective.took;
                }
                Fact::Relapsed { .. } => (row.kept, row.took) = (None, None),
                Fact::RunEnded { exit, .. } => row.exit = Some(*exit),
                _ => {}
            }
        }
        row
    }

    /// `held`, `running`, `unfinished`, `debts owed`, …
    pub const fn outcome(&self) -> &'static str {
        match (self.exit, self.life) {
            // Said in full elsewhere; a list has no room for it.
            (Some(1), _) => "broken or missed",
            (Some(5), _) if self.owed == 0 => "owed, paid since",
            (Some(exit), _) => exit_words(exit),
            (None, Life::Running) => "running",
            (None, Life::Gone) => "unfinished",
        }
    }

    /// `7.4s met`.
    pub fn recovery(&self) -> String {
        let word = match &self.kept {
            None => return "-".to_owned(),
            Some(Kept::NotJudged { .. }) => "not judged".to_owned(),
            Some(kept) => kept_words(kept),
        };
        match self.took {
            Some(took) => format!("{} {word}", human(took)),
            None => word,
        }
    }

    /// The line of the list; what has no fixed length comes last.
    pub fn line(&self) -> String {
        let began = self.began.map_or_else(
            || "-".to_owned(),
            |began| began.0.strftime("%Y-%m-%d %H:%M").to_string(),
        );
        let owed = if self.owed == 0 {
            "-".to_owned()
        } else {
            format!("owes {}", self.owed)
        };
        let name = self.playbook.as_deref().unwrap_or("not recorded");
        let title = match &self.title {
            Some(title) if !title.is_empty() => format!(" · {title}"),
            _ => String::new(),
        };
        let damaged = if self.damaged > 0 {
            " (journal damaged)"
        } else {
            ""
        };
        let line = [
            fit(self.run.as_str(), 20),
            fit(&began, 16),
            fit(self.outcome(), 16),
            fit(&self.recovery(), 18),
            fit(&owed, 7),
            printable(&format!("{name}{title}{damaged}")).into_owned(),
        ];
        line.join("  ")
    }

    /// The heads of the columns.
    pub fn heads() -> String {
        let heads = [
            ("RUN", 20),
            ("BEGAN (UTC)", 16),
            ("OUTCOME", 16),
            ("RECOVERY", 18),
            ("DEBTS", 7),
        ];
        let mut cells: Vec<_> = heads.map(|(head, columns)| fit(head, columns)).to_vec();
        cells.push("PLAYBOOK".to_owned());
        cells.join("  ")
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "run": self.run,
            "playbook": self.playbook,
            "title": self.title,
            "began": self.began.map(Stamp::rfc3339),
            "running": self.life == Life::Running,
            "outcome": self.outcome(),
            "exit": self.exit,
            "objective": self.kept,
            "recovery_ns": self.took.and_then(|took| u64::try_from(took.as_nanos()).ok()),
            "owed": self.owed,
            "damaged": self.damaged,
        })
    }
}
