//! `firedrill kill`: the kill switch from any terminal. Needs no playbook, no configuration and no journal; without
//! them it still sweeps the current context. Decides nothing about objects: that is the sweep's.

mod board;
mod owed;
mod places;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use board::{Board, Form};
use places::{Heard, Others, Place, Shared};

use crate::guard::{Effect, Force, KillRequest};
use crate::journal::Store;
use crate::playbook::Span;
use crate::text::printable;
use crate::units::RunId;

/// Something is owed, or could not be seen.
const OWED: u8 = 5;
/// The arguments make no sense.
const USAGE: u8 = 2;
/// So long local journals may take before the sweep begins without them.
const JOURNALS_FIRST: Duration = Duration::from_secs(2);
/// So long the record may take at the end.
const RECORD_LAST: Duration = Duration::from_secs(5);

/// Delete every chaos object, whoever made it, and say of each what became of it.
///
/// Closes the latch first: no run starts faults until `firedrill reset`. Without --context it sweeps the current
/// context and every cluster in which local journals say that something is owed. Exit code 0: everything was seen
/// and is proven gone; 5: something is owed, or could not be seen.
#[derive(Debug, Clone, clap::Args)]
pub struct KillArgs {
    /// Sweep this context of the kubeconfig only
    #[arg(long, value_name = "C")]
    pub context: Option<String>,
    /// The kubeconfig to use
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Delete only in this namespace; the latch is closed for all
    #[arg(long, short, value_name = "N")]
    pub namespace: Option<String>,
    /// Delete only what this run made; the latch is closed for all
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Show what would be deleted; delete and latch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take finalizers off what is stuck: the fault may stay where it is, and nobody knows
    #[arg(long)]
    pub force: bool,
    /// One JSON object a line on standard output
    #[arg(long)]
    pub json: bool,
    /// When the verdicts stand as they are
    #[arg(long, value_name = "T", default_value = "2m")]
    pub timeout: Span,
}

/// Runs the command in this process.
pub fn main(args: KillArgs) -> ExitCode {
    if let Some(run) = &args.run
        && !RunId::is_well_formed(run)
    {
        let _ = writeln!(
            io::stderr(),
            "firedrill: `{}` is not a run id; one looks like 20250131-093000-1a2b",
            printable(run)
        );
        return ExitCode::from(USAGE);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(io::stderr(), "firedrill: cannot start: {error}");
            return ExitCode::from(OWED);
        }
    };
    let code = runtime.block_on(run(args));
    // A disk or a credential plugin that hangs must not keep the answer.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

/// Where state lies; without a home the system's temporary folder must do.
fn store(board: &mut Board) -> Store {
    Store::from_env().unwrap_or_else(|error| {
        let uid = rustix::process::getuid().as_raw();
        let place = std::env::temp_dir().join(format!("firedrill-{uid}"));
        board.note(
            "",
            &format!("{error}; the latch and the record go to {}", place.display()),
        );
        Store::at(place)
    })
}

fn request(args: &KillArgs) -> KillRequest {
    KillRequest {
        by: "firedrill kill".to_owned(),
        run: args.run.clone(),
        namespace: args.namespace.clone(),
        effect: if args.dry_run {
            Effect::DryRun
        } else {
            Effect::Real
        },
        force: if args.force { Force::Yes } else { Force::No },
        timeout: args.timeout.0,
        debts: Vec::new(),
        keep: None,
    }
}

async fn run(args: KillArgs) -> ExitCode {
    let mut board = Board::new(if args.json { Form::Lines } else { Form::Table });
    let store = store(&mut board);
    let (hear, mut heard) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(store.clone(), request(&args), hear));
    let first = Place {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        pin: None,
    };
    let looking = owed::Asked {
        run: args.run.clone(),
        context: args.context.clone(),
    };
    let mut journals = tokio::task::spawn_blocking(move || owed::unpaid(&store, &looking));
    let whole = async {
        let others = match args.context {
            Some(_) => Others::LeftAlone,
            None => Others::Swept,
        };
        if let Ok(owed) = tokio::time::timeout(JOURNALS_FIRST, &mut journals).await {
            shared.sweep(first, owed.unwrap_or_default(), others).await;
            return;
        }
        shared.say("local journals are still being read; the sweep begins without them");
        shared
            .sweep(first, owed::Unpaid::default(), Others::LeftAlone)
            .await;
        shared.sweep_owed(journals.await.unwrap_or_default()).await;
    };
    tokio::pin!(whole);
    let mut stop = Stop::new();
    let ended = loop {
        tokio::select! {
            Some(heard) = heard.recv() => board.take(&heard),
            () = &mut whole => break Ended::Through,
            () = stop.asked() => break Ended::Stopped,
        }
    };
    while let Ok(heard) = heard.try_recv() {
        board.take(&heard);
    }
    if ended == Ended::Stopped {
        board.note(
            "",
            "stopped; what was asked to go still goes, and nobody watches it",
        );
        board.incomplete();
    }
    if tokio::time::timeout(RECORD_LAST, shared.finish(&mut board))
        .await
        .is_err()
    {
        board.note(
            "",
            "the record of this kill may be incomplete: the disk did not answer in time",
        );
    }
    let clear = board.sum_up();
    if clear {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(OWED)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Through,
    Stopped,
}

/// Ctrl-C and SIGTERM end the watching; a terminal that goes away ends nothing.
struct Stop {
    obeyed: Vec<Signal>,
    /// Heard, so that it does not end the process.
    _hangup: Option<Signal>,
}

impl Stop {
    fn new() -> Self {
        let listen = |kind| signal(kind).ok();
        Self {
            obeyed: [SignalKind::interrupt(), SignalKind::terminate()]
                .into_iter()
                .filter_map(listen)
                .collect(),
            _hangup: listen(SignalKind::hangup()),
        }
    }

    async fn asked(&mut self) {
        if self.obeyed.is_empty() {
            return std::future::pending().await;
        }
        let told = self.obeyed.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(told).await;
    }
}

impl Heard {
    /// What was told, with the name by which people know the cluster.
    fn line(&self) -> serde_json::Value {
        let mut line = serde_json::to_value(&self.tells).unwrap_or_default();
        if let Some(map) = line.as_object_mut() {
            map.insert("context".to_owned(), self.context.as_ref().into());
        }
        line
    }
}
