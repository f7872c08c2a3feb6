//! `firedrill reset`: opens the latch that a kill closed, the cluster's first. Asks for the typed word and a reason,
//! which are recorded. Never starts or undoes anything.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::cluster::{Cluster, ClusterError};
use crate::guard::{KillRecord, Latch, LatchLook, OpenedLatches, all_latches, open_latches};
use crate::journal::{JournalError, Store};
use crate::ports::KillTells;
use crate::text::printable;
use crate::units::ErrorChain;

/// What must be typed.
const WORD: &str = "reset";
/// So long the record may take.
const RECORD_LAST: Duration = Duration::from_secs(5);

/// Open the latch that a kill closed; asks for the typed word and a reason.
#[derive(Debug, Clone, clap::Args)]
pub struct ResetArgs {
    /// The context of the kubeconfig whose cluster is meant; the current one if not given
    #[arg(long, value_name = "C")]
    pub context: Option<String>,
    /// The kubeconfig to use
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The word `reset`, where nobody can be asked
    #[arg(long, value_name = "WORD")]
    pub word: Option<String>,
    /// Why it is opened again, where nobody can be asked
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Why the latch is not open.
#[derive(Debug, thiserror::Error)]
enum ResetError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Store(#[from] JournalError),
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    #[error("cannot read the answer")]
    Input(#[source] io::Error),
    #[error("nothing was opened: the word is `{WORD}`")]
    Word,
    #[error("nothing was opened: it needs a reason")]
    Reason,
    #[error("not everything was opened: {0}")]
    Closed(String),
}

/// Runs the command in this process.
pub fn main(args: &ResetArgs) -> ExitCode {
    let outcome = tokio::runtime::Runtime::new()
        .map_err(ResetError::Runtime)
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(args));
            runtime.shutdown_timeout(Duration::from_millis(200));
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("firedrill: {}", ErrorChain::of(&error)));
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) {
    // Nobody may be listening.
    let _ = writeln!(io::stderr().lock(), "{}", printable(text));
}

/// The answer on standard output; a closed pipe is the reader's choice.
fn answer(args: &ResetArgs, look: &LatchLook, opened: Option<&OpenedLatches>) {
    let mut out = io::stdout().lock();
    if args.json {
        let line = serde_json::json!({"latches": look, "opened": opened});
        let _ = writeln!(out, "{line}");
        return;
    }
    let text = match opened {
        None => "nothing is latched here".to_owned(),
        Some(opened) if opened.failed.is_empty() => "the latch is open".to_owned(),
        Some(_) => "the latch is not open".to_owned(),
    };
    let _ = writeln!(out, "{text}");
}

/// One line, from the flag or from whoever types.
fn ask(given: Option<&String>, prompt: &str) -> Result<String, ResetError> {
    if let Some(given) = given {
        return Ok(given.trim().to_owned());
    }
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let mut err = io::stderr().lock();
        let _ = write!(err, "{prompt} ").and_then(|()| err.flush());
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(ResetError::Input)?;
    Ok(line.trim().to_owned())
}

async fn run(args: &ResetArgs) -> Result<(), ResetError> {
    let store = Store::from_env()?;
    let cluster = Cluster::connect(args.kubeconfig.as_deref(), args.context.as_deref()).await?;
    let latch = Latch::unprepared(store.state(), &cluster.pin().uid);
    let look = all_latches(&latch, &cluster).await;
    for found in &look.found {
        say(&found.to_string());
    }
    for unseen in look.unseen.iter().chain(&look.undecided) {
        say(&format!("not seen: {unseen}"));
    }
    if look.found.is_empty() {
        answer(args, &look, None);
        return Ok(());
    }
    let context = &cluster.pin().context;
    let word = ask(
        args.word.as_ref(),
        &format!(
            "to let faults start in {} again, type `{WORD}`:",
            printable(context)
        ),
    )?;
    if word != WORD {
        return Err(ResetError::Word);
    }
    let reason = ask(args.reason.as_ref(), "why?")?;
    if reason.is_empty() {
        return Err(ResetError::Reason);
    }
    let record = KillRecord::start(&store, "firedrill reset");
    // Names of people do not belong into a record.
    let closed: Vec<String> = look
        .found
        .iter()
        .map(|found| format!("{} at {}", found.why, found.at))
        .collect();
    let text = format!(
        "{WORD}: the latch is opened: {reason} (closed by: {})",
        closed.join("; ")
    );
    record.take(&KillTells::Note { text });
    let opened = open_latches(&latch, &cluster, &look).await;
    let text = match opened.failed.as_slice() {
        [] => "the latch is open".to_owned(),
        failed => format!("the latch stays closed: {}", failed.join("; ")),
    };
    record.take(&KillTells::Note { text });
    let folder = record.folder().display().to_string();
    match tokio::time::timeout(RECORD_LAST, record.finish()).await {
        Ok(failed) if failed.is_empty() => say(&format!("recorded in {folder}")),
        Ok(failed) => say(&format!("not recorded: {}", failed.join("; "))),
        Err(_) => say("the record may be incomplete: the disk did not answer in time"),
    }
    answer(args, &look, Some(&opened));
    if opened.failed.is_empty() {
        Ok(())
    } else {
        Err(ResetError::Closed(opened.failed.join("; ")))
    }
}
