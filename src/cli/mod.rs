//! The command line: one file a command. Turns arguments into calls and answers into exit codes; knows nothing else.

pub mod check;
pub mod kill;
pub mod list;
mod outcome;
mod play;
mod record;
pub mod report;
pub mod reset;
pub mod run;
pub mod schema;
pub mod show;
mod signals;
#[cfg(feature = "sim")]
pub mod sim;
pub mod status;
mod trace;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

/// A game-day console for the terminal.
#[derive(Debug, clap::Parser)]
#[command(name = "firedrill", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Walk the built-in game day on an embedded cluster.
    #[cfg(feature = "sim")]
    Demo(run::DemoArgs),
    /// Walk a playbook on a cluster.
    Run(Box<run::RunArgs>),
    /// Serve the embedded cluster and print the path of its kubeconfig.
    #[cfg(feature = "sim")]
    Sim(sim::SimArgs),
    /// Show every active fault in the cluster, whoever made it.
    Status(status::StatusArgs),
    /// Read playbooks and say everything that is wrong with them, offline.
    Check(check::CheckArgs),
    /// Print the JSON Schema of a playbook.
    Schema(schema::SchemaArgs),
    Kill(kill::KillArgs),
    /// Open the latch that a kill closed; asks for the typed word and a reason.
    Reset(reset::ResetArgs),
    /// List the runs, newest first.
    List(list::ListArgs),
    /// Show the timeline of a run.
    Show(show::ShowArgs),
    /// Write the retrospective of a run.
    Report(report::ReportArgs),
    /// Print the completions of a shell.
    Completions {
        shell: clap_complete::Shell,
    },
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        #[cfg(feature = "sim")]
        Command::Demo(args) => run::demo(&args),
        Command::Run(args) => run::run(&args),
        #[cfg(feature = "sim")]
        Command::Sim(args) => answer(block_on(sim::run(args))),
        Command::Status(args) => status::main(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Kill(args) => kill::main(args),
        Command::Reset(args) => reset::main(&args),
        Command::List(args) => answer(list::run(&args).map_err(Into::into)),
        Command::Show(args) => answer(show::run(&args).map_err(Into::into)),
        Command::Report(args) => answer(report::run(&args).map_err(Into::into)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "firedrill", &mut script);
            // A closed pipe is the reader's choice, not a failure.
            let _ = std::io::stdout().write_all(&script);
            ExitCode::SUCCESS
        }
    }
}

#[cfg(feature = "sim")]
fn block_on<E: std::error::Error + 'static>(
    work: impl Future<Output = Result<(), E>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    Ok(runtime.block_on(work)?)
}

/// Says what failed and gives the exit code of a failure.
fn answer(outcome: Result<(), Box<dyn std::error::Error>>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let chain = crate::units::ErrorChain::of(error.as_ref());
    let text = crate::text::printable_lines(&chain.to_string());
    let _ = writeln!(std::io::stderr(), "firedrill: {text}");
    ExitCode::from(2)
}
