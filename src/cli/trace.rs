//! Where diagnostics go: the run's trace log once there is a run, standard error for a person without a screen, the
//! console-log screen where there is one. Never standard output, never over a screen.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Whether a person reads standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    Stderr,
    /// A screen is drawn there.
    Screen,
}

/// The trace log, once it has a file; lines before that are let go.
#[derive(Debug, Clone, Default)]
pub struct TraceLog(Arc<OnceLock<Mutex<File>>>);

/// Bytes that one trace log may hold on a bad day.
impl TraceLog {
    /// Sends diagnostics to `<folder>/trace.log` from now on.
    pub fn open(&self, folder: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.open(folder.join("trace.log"))?;
        if let Err(second) = self.0.set(Mutex::new(file)) {
            // The next run of a suite: the handle changes, the subscriber stays.
            let file = second.into_inner().unwrap_or_else(PoisonError::into_inner);
            if let Some(first) = self.0.get() {
                *first.lock().unwrap_or_else(PoisonError::into_inner) = file;
            }
        }
        Ok(())
    }
}

impl Write for TraceLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.0.get() {
            Some(file) => file.lock().unwrap_or_else(PoisonError::into_inner).write(line),
            None => Ok(line.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts diagnostics; `FIREDRILL_LOG` says how much (`info`, `firedrill=debug`, …).
pub fn start(talk: Talk) -> TraceLog {
    let log = TraceLog::default();
    let writer = log.clone();
    let wanted = || {
        EnvFilter::try_from_env("FIREDRILL_LOG")
            .unwrap_or_else(|_| EnvFilter::new("info,kube_client=warn,kube_runtime=warn"))
    };
    let file = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .with_filter(wanted());
    let stderr = (talk == Talk::Stderr).then(|| {
        tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(io::stderr)
            // What the Kubernetes client says of single connections belongs into the trace log; what it means to a
            // run is said by the run.
            .with_filter(EnvFilter::new("warn,kube_client=off,kube_runtime=off"))
    });
    let screen = (talk == Talk::Screen).then(|| {
        if let Err(error) = crate::tui::console_log::keep(log::LevelFilter::Info) {
            tracing::warn!(%error, "the console log has no screen");
        }
        crate::tui::console_log::layer().with_filter(wanted())
    });
    // A second start in one process keeps the first subscriber.
    let _ = tracing_subscriber::registry()
        .with(file)
        .with(stderr)
        .with(screen)
        .try_init();
    log
}
