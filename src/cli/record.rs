//! What `list`, `show` and `report` share: where runs are, which one is meant, and how an answer leaves the process.

use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::journal::{Damage, JournalError, RunDir, Store};
use crate::report::{Life, Summary};
use crate::text::printable;
use crate::units::RunId;

/// How many runs are named when a prefix means several.
const NAMED: usize = 5;

/// Where runs are kept.
#[derive(Debug, Clone, clap::Args)]
pub struct StoreArgs {
    /// Where the runs are, instead of the folder `runs` of $FIREDRILL_STATE or of the user's state folder
    #[arg(long, value_name = "D")]
    pub runs_dir: Option<PathBuf>,
}

/// Why the record of a run cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(
        "`{}` is the beginning of {many} runs: {named}; give more of it",
        printable(text)
    )]
    Ambiguous {
        text: String,
        many: usize,
        named: String,
    },
    #[error("no run begins with `{}` in {}; `firedrill list` names them", printable(text), runs.display())]
    NoSuchRun { text: String, runs: PathBuf },
    #[error("nothing of run {run} can be read: {damage}")]
    NothingReadable { run: RunId, damage: String },
    #[error("the answer could not be written to standard output")]
    Output(#[source] io::Error),
    #[error("{} exists; give another name, or --force to replace it", path.display())]
    Exists { path: PathBuf },
    #[error("cannot {what} {}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl StoreArgs {
    pub fn store(&self) -> Result<Store, RecordError> {
        match &self.runs_dir {
            // Reading runs needs no state folder.
            Some(runs) => Ok(Store::at(PathBuf::new()).with_runs_in(runs)),
            None => Ok(Store::from_env()?),
        }
    }
}

/// The run that `text` means: an id, the beginning of one, or `last`.
pub fn find(store: &Store, text: &str) -> Result<RunDir, RecordError> {
    if text == "last" || RunId::is_well_formed(text) {
        return Ok(store.open(text)?);
    }
    let mut ids = store.list()?;
    ids.retain(|id| !text.is_empty() && id.as_str().starts_with(text));
    match &ids[..] {
        [] => Err(RecordError::NoSuchRun {
            text: text.to_owned(),
            runs: store.runs().to_owned(),
        }),
        [one] => Ok(store.open(one.as_str())?),
        _ => {
            let named: Vec<_> = ids.iter().take(NAMED).map(RunId::as_str).collect();
            let more = if ids.len() > NAMED { ", …" } else { "" };
            Err(RecordError::Ambiguous {
                text: text.to_owned(),
                many: ids.len(),
                named: named.join(", ") + more,
            })
        }
    }
}

/// Whether the process of a run lives.
pub fn life(run: &RunDir) -> Life {
    if run.is_live() { Life::Running } else { Life::Gone }
}

/// Reads and folds a run; what is damaged is told on standard error.
pub fn summary(store: &Store, text: &str) -> Result<Summary, RecordError> {
    let run = find(store, text)?;
    // Asked before reading: a run that ends in between is told as it was, never as unfinished.
    let life = life(&run);
    let journal = run.read()?;
    if journal.records.is_empty() && !journal.damage.is_empty() {
        let damage: Vec<_> = journal.damage.iter().map(ToString::to_string).collect();
        return Err(RecordError::NothingReadable {
            run: run.id().clone(),
            damage: printable(&damage.join("; ")).into_owned(),
        });
    }
    if !journal.damage.is_empty() {
        warn(&told(run.id(), &journal.damage));
    }
    Ok(Summary::of(run.id(), &journal, life))
}

fn told(run: &RunId, damage: &[Damage]) -> String {
    let first = damage.first().map(ToString::to_string).unwrap_or_default();
    let more = match damage.len() {
        0 | 1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    format!("the journal of run {run} is damaged: {}{more}", printable(&first))
}

/// A line for people on standard error; nobody may be listening.
pub fn warn(text: &str) {
    let _unheard = writeln!(io::stderr().lock(), "firedrill: {text}");
}

/// The answer, on standard output. A reader that has gone away has seen all that it wanted.
pub fn say(text: &str) -> Result<(), RecordError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(RecordError::Output(error)),
        _ => Ok(()),
    }
}
