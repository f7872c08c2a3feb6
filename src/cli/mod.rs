//! One file a command.

#[cfg(feature = "sim")]
pub mod sim;

use std::process::ExitCode;

use clap::Parser as _;

#[derive(Debug, clap::Parser)]
enum Command {
    #[cfg(feature = "sim")]
    Sim(sim::SimArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return ExitCode::FAILURE;
    };
    match Command::parse() {
        #[cfg(feature = "sim")]
        Command::Sim(args) => match runtime.block_on(sim::run(args)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                use std::io::Write as _;
                let _ = writeln!(std::io::stderr(), "{error}");
                ExitCode::FAILURE
            }
        },
    }
}
