//! `firedrill schema`: the format of the files, for editors and for other programs.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::playbook::{playbook_schema, suite_schema};

/// Print the JSON Schema of a file format.
#[derive(Debug, Clone, clap::Args)]
pub struct SchemaArgs {
    /// Of which file
    #[arg(value_enum, default_value_t = Of::Playbook)]
    pub of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Of {
    Playbook,
    Suite,
    Journal,
}

/// Prints it.
pub fn run(args: &SchemaArgs) -> ExitCode {
    let schema = match args.of {
        Of::Playbook => playbook_schema(),
        Of::Suite => suite_schema(),
        Of::Journal => {
            let _unheard = writeln!(
                io::stderr().lock(),
                "firedrill: the journal has no schema yet; `firedrill show RUN --json` prints what is in one"
            );
            return ExitCode::from(2);
        }
    };
    let mut out = io::stdout().lock();
    match writeln!(out, "{schema:#}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _unheard = writeln!(io::stderr().lock(), "firedrill: cannot write the schema: {error}");
            ExitCode::from(2)
        }
        _ => ExitCode::SUCCESS,
    }
}
