//! `firedrill show RUN`: the timeline of a run, for people or programs.

use std::io::{self, IsTerminal as _};

use super::record::{RecordError, StoreArgs, say, summary};
use crate::report::{entries, json_text, lines};

/// Show the timeline of a run.
#[derive(Debug, Clone, clap::Args)]
pub struct ShowArgs {
    /// The run's id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// For programs: every fact as it stands in the journal
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Prints the run.
pub fn run(args: &ShowArgs) -> Result<(), RecordError> {
    let summary = summary(&args.store.store()?, &args.run)?;
    if args.json {
        return say(&json_text(&entries(&summary)));
    }
    say(&lines(&summary, columns()))
}

/// The width to break lines at; files and pipes get whole lines.
fn columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    crossterm::terminal::size()
        .ok()
        .map(|(columns, _)| usize::from(columns))
}
