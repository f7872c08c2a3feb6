//! `firedrill list`: the runs of this user, newest first.

use std::io::{self, Write as _};

use serde_json::json;

use super::record::{RecordError, StoreArgs, life, say, warn};
use crate::journal::{JournalError, RunDir, Store};
use crate::report::{NOT_IN_A_ROW, Row, VERSION, json_text};

/// List the runs, newest first.
#[derive(Debug, Clone, clap::Args)]
pub struct ListArgs {
    /// For programs
    #[arg(long)]
    pub json: bool,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N")]
    pub limit: Option<usize>,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Prints row by row as they are read, so that the newest stand there at once.
pub fn run(args: &ListArgs) -> Result<(), RecordError> {
    let store = args.store.store()?;
    let ids = store.list()?;
    let rows = ids
        .iter()
        .take(args.limit.unwrap_or(usize::MAX))
        .filter_map(|id| match row(&store, id.as_str()) {
            Ok(row) => Some(row),
            Err(error) => {
                warn(&format!(
                    "run {id} cannot be read: {}",
                    crate::units::ErrorChain::of(&error)
                ));
                None
            }
        });
    if args.json {
        let rows: Vec<_> = rows.map(|row| row.json()).collect();
        return say(&json_text(
            &json!({"kind": "firedrill/runs", "version": VERSION, "runs": rows}),
        ));
    }
    if ids.is_empty() {
        warn(&format!("no runs yet in {}", store.runs().display()));
        return Ok(());
    }
    // Line by line: the newest are read first, and stand there while the rest is read.
    let mut out = io::stdout().lock();
    let lines = std::iter::once(Row::heads()).chain(rows.map(|row| row.line()));
    for line in lines {
        if let Err(error) = writeln!(out, "{}", line.trim_end()) {
            return closed(error);
        }
    }
    out.flush().or_else(closed)
}

fn row(store: &Store, id: &str) -> Result<Row, JournalError> {
    let run: RunDir = store.open(id)?;
    let life = life(&run);
    Ok(Row::of(run.id(), &run.skim(NOT_IN_A_ROW)?, life))
}

/// A reader that has gone away has seen all that it wanted.
fn closed(error: io::Error) -> Result<(), RecordError> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(RecordError::Output(error)),
    }
}
