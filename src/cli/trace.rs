//! Where diagnostics go: the run's trace log once there is a run, standard error for a person without a screen, the
//! console-log screen where there is one. Never standard output, never over a screen.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

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

/// Bytes that one trace log may hold on a bad day.
const MOST: u64 = 64 * 1024 * 1024;
/// Lines that wait for a slow disk; more are left out and counted.
const WAITING: usize = 4096;
/// How long the last lines may take to the disk.
const LAST_LINES: Duration = Duration::from_millis(500);

/// What the writer's thread is told.
enum Word {
    Line(Vec<u8>),
    /// The next run of a suite: the handle changes, the subscriber stays.
    Into(Bounded<Box<dyn Write + Send>>),
    /// Answered when everything before it is written.
    Settle(SyncSender<()>),
}

#[derive(Default)]
struct Inner {
    words: OnceLock<SyncSender<Word>>,
    left_out: AtomicU64,
}

/// Where lines are handed to the writer's thread. Never waits for the disk.
#[derive(Clone, Default)]
struct Lines(Arc<Inner>);

/// The trace log, once it has a file; lines before that are let go. Dropping it waits a moment for the last lines.
#[derive(Default)]
pub struct TraceLog(Lines);

impl TraceLog {
    /// Sends diagnostics to `<folder>/trace.log` from now on.
    pub fn open(&self, folder: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.open(folder.join("trace.log"))?;
        let held = file.metadata()?.len();
        self.0
            .write_to(Bounded::new(Box::new(file), MOST.saturating_sub(held)))
    }
}

impl Drop for TraceLog {
    fn drop(&mut self) {
        let Some(words) = self.0.0.words.get() else { return };
        let (done, settled) = sync_channel(1);
        // A disk that is behind is not waited for.
        if words.try_send(Word::Settle(done)).is_ok() {
            let _ = settled.recv_timeout(LAST_LINES);
        }
    }
}

impl Lines {
    fn write_to(&self, to: Bounded<Box<dyn Write + Send>>) -> io::Result<()> {
        let (words, told) = sync_channel(WAITING);
        let first = Word::Into(to);
        let Err(_) = self.0.words.set(words) else {
            let inner = Arc::clone(&self.0);
            thread::Builder::new()
                .name("trace".to_owned())
                .spawn(move || keep(&told, &inner.left_out))?;
            return self.send(first);
        };
        self.send(first)
    }

    fn send(&self, word: Word) -> io::Result<()> {
        let Some(words) = self.0.words.get() else {
            return Ok(());
        };
        words
            .try_send(word)
            .map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "the disk is behind with the trace log"))
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.words.get().is_some() && self.send(Word::Line(line.to_vec())).is_err() {
            self.0.left_out.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what it is told, for as long as the process lives.
fn keep(told: &Receiver<Word>, left_out: &AtomicU64) {
    let mut to: Option<Bounded<Box<dyn Write + Send>>> = None;
    for word in told {
        match word {
            Word::Into(next) => to = Some(next),
            Word::Line(line) => {
                if let Some(to) = &mut to {
                    to.line(&line);
                }
            }
            // Who asked may have gone.
            Word::Settle(done) => drop(done.try_send(())),
        }
        let missed = left_out.swap(0, Ordering::Relaxed);
        if let Some(to) = to.as_mut().filter(|_| missed > 0) {
            to.line(format!("firedrill: {missed} lines are left out: the disk was behind\n").as_bytes());
        }
    }
}

/// A log that takes so many bytes, and then one last line that says so.
struct Bounded<W> {
    to: W,
    left: u64,
    full: bool,
}

impl<W: Write> Bounded<W> {
    const fn new(to: W, left: u64) -> Self {
        Self {
            to,
            left,
            // An earlier process has said so.
            full: left == 0,
        }
    }

    /// A line that cannot be written is lost: there is nobody left to tell.
    fn line(&mut self, line: &[u8]) {
        if self.full {
            return;
        }
        let bytes = line.len() as u64;
        if bytes > self.left {
            self.full = true;
            let _ = self
                .to
                .write_all(b"firedrill: the trace log is full; nothing more is kept\n");
            return;
        }
        self.left -= bytes;
        let _ = self.to.write_all(line);
    }
}

/// Starts diagnostics; `FIREDRILL_LOG` says how much (`info`, `firedrill=debug`, …).
pub fn start(talk: Talk) -> TraceLog {
    let log = TraceLog::default();
    let writer = log.0.clone();
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    #[test]
    fn a_full_log_says_so_once() {
        let mut log = Bounded::new(Vec::new(), 10);
        for _ in 0..5 {
            log.line(b"1234\n");
        }
        let text = String::from_utf8(log.to).unwrap();
        assert_eq!(text.matches("1234").count(), 2);
        assert_eq!(text.matches("full").count(), 1);
    }

    /// A disk that hangs until it is let go.
    struct Hung {
        go: Mutex<std::sync::mpsc::Receiver<()>>,
        said: Sender<Vec<u8>>,
    }

    impl Write for Hung {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // Let go for good once the other end is dropped.
            let _ = self.go.lock().unwrap().recv();
            let _ = self.said.send(line.to_vec());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_hung_disk_holds_nobody_up_and_what_is_left_out_is_counted() {
        let mut lines = Lines::default();
        let (go, wait) = channel();
        let (said, heard) = channel();
        let go_on = Hung {
            go: Mutex::new(wait),
            said,
        };
        lines.write_to(Bounded::new(Box::new(go_on), MOST)).unwrap();
        for _ in 0..WAITING + 10 {
            lines.write_all(b"line\n").unwrap();
        }
        assert!(lines.0.left_out.load(Ordering::Relaxed) > 0);
        drop(go);
        // Bounded, so that a defect fails instead of hanging.
        let next = || heard.recv_timeout(Duration::from_secs(20)).ok();
        let counted = std::iter::from_fn(next).any(|line| line.ends_with(b"the disk was behind\n"));
        assert!(counted);
    }
}
