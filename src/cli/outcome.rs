//! What a command came to, as one type: what failed, on what, what to do next, and the exit code it ends with.

use std::io::Write as _;
use std::process::ExitCode;

use crate::text::printable_lines;
use crate::units::ErrorChain;

/// A command that could not do what it was asked.
#[derive(Debug)]
pub struct CliError {
    chain: ErrorChain,
    exit: u8,
    hints: Vec<String>,
}

impl CliError {
    /// A usage or playbook error, unless `exit` says otherwise.
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        Self {
            chain: ErrorChain::of(error),
            exit: 2,
            hints: Vec::new(),
        }
    }

    pub fn message(text: impl Into<String>) -> Self {
        Self {
            chain: ErrorChain::message(text),
            exit: 2,
            hints: Vec::new(),
        }
    }

    #[must_use]
    pub fn exit(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says it on standard error.
    pub fn tell(&self) -> ExitCode {
        let mut text = format!("firedrill: {}\n", self.chain);
        for hint in &self.hints {
            text.push_str("  ");
            text.push_str(hint);
            text.push('\n');
        }
        // Nobody may be listening.
        let _ = std::io::stderr()
            .lock()
            .write_all(printable_lines(&text).as_bytes());
        ExitCode::from(self.exit)
    }
}

impl<E: std::error::Error + 'static> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}
