//! The console on a real terminal: a child process on a pseudo terminal, keys in, screen out.
//!
//! The child is this test program itself, at [`child`]: it sits a console down before a run that stands still, and writes
//! what happens to it into a file.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firedrill::clock::{Clock, wall};
use firedrill::ports::{Freshness, Seat, Views};
use firedrill::run::{Entry, Fact, Unattended};
use firedrill::tui::{Left, Options};
use firedrill::units::{Mark, RunId, StepIx};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::watch;

use super::stage::{RUN, pin, playbook, pods};

const NOTES: &str = "FIREDRILL_TEST_NOTES";
const MISHAP: &str = "FIREDRILL_TEST_MISHAP";
/// Long enough for a machine that is busy with six builds.
const PATIENCE: Duration = Duration::from_mins(1);

fn some(n: u16) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::new(n).unwrap()
}

fn note(path: &Path, said: &str) {
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    writeln!(file, "{said}").unwrap();
}

/// Not a test: what the tests below run on their terminals.
#[test]
#[ignore = "the child process of the terminal tests; needs their terminal and files"]
fn child() {
    let Some(notes) = std::env::var_os(NOTES).map(PathBuf::from) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // A hang-up is seen by the console itself; the signal would end the process before that.
    let hung_up = runtime
        .block_on(async { tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) })
        .unwrap();
    let clock = Clock::start(1.0);
    let (entries_in, entries) = tokio::sync::mpsc::unbounded_channel();
    for (seq, fact) in [
        Fact::RunStarted {
            run: RunId::new(RUN),
            playbook: Box::new(playbook()),
            clock: clock.base().clone(),
            cluster: pin(),
            unattended: Unattended::No,
            version: "0".to_owned(),
        },
        Fact::StepBegan { step: StepIx(0) },
    ]
    .into_iter()
    .enumerate()
    {
        let entry = Entry {
            seq: seq as u64,
            at: Mark::ZERO,
            wall: wall(),
            fact,
        };
        entries_in.send(entry).unwrap();
    }
    let (_pods, pods) = watch::channel((Freshness::Live, Arc::new(pods())));
    let (_chaos, chaos) = watch::channel((Freshness::Live, Arc::default()));
    let (_checks, checks) = watch::channel(std::collections::BTreeMap::default());
    let (_lines, streamed) = tokio::sync::mpsc::channel(10);
    let (_tells, kill_tells) = tokio::sync::mpsc::unbounded_channel();
    let (orders, mut ordered) = tokio::sync::mpsc::unbounded_channel();
    let pulled = notes.clone();
    let seat = Seat {
        clock,
        entries,
        views: Views { pods, chaos },
        checks,
        streamed,
        kill_tells,
        orders,
        kill: Arc::new(move |by| note(&pulled, &format!("pulled by {by}"))),
        production: None,
    };
    let mishap = std::env::var(MISHAP).unwrap_or_default();
    if mishap == "screen" {
        let _screen = firedrill::tui::terminal::Guard::enter(&seat.kill).unwrap();
        panic!("the screen fell over");
    }
    let heard = notes.clone();
    std::thread::spawn(move || {
        while let Some(order) = ordered.blocking_recv() {
            note(&heard, &format!("ordered {order:?}"));
            assert!(mishap != "thread", "a thread fell over");
        }
    });
    let left = firedrill::tui::run(seat, Options::default());
    note(&notes, &format!("left {left:?}"));
    drop((hung_up, entries_in));
    assert!(matches!(
        left,
        Ok(Left::TerminalLost | Left::QuitAsked | Left::RunOver)
    ));
}

/// A console on a terminal.
struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    news: mpsc::Receiver<()>,
    notes: PathBuf,
    _folder: tempfile::TempDir,
}

impl Console {
    fn start(mishap: &str) -> Self {
        let (columns, rows) = (80, 24);
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let pty = native_pty_system()
            .openpty(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", "tui::pty::child", "--ignored", "--nocapture"]);
        command.env(NOTES, &notes);
        command.env(MISHAP, mishap);
        command.env("TERM", "xterm-256color");
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader().unwrap();
        let writer = pty.master.take_writer().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(some(rows), some(columns), 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let (told, news) = mpsc::channel();
        let (seen, bytes) = (Arc::clone(&screen), Arc::clone(&raw));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || told.send(()).is_err() {
                    break;
                }
                seen.lock().unwrap().process(&buffer[..n]);
                bytes.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        Self {
            child,
            master: Some(pty.master),
            writer: Some(writer),
            screen,
            raw,
            news,
            notes,
            _folder: folder,
        }
    }

    fn shown(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until something is so; looks again whenever the screen changes, and a few times a second for files.
    fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let mut left = PATIENCE;
        let step = Duration::from_millis(50);
        while !so(self) {
            assert!(
                !left.is_zero(),
                "never: {what}\n{}\n{}",
                self.shown(),
                self.told()
            );
            if self.news.recv_timeout(step).is_err() {
                left = left.saturating_sub(step);
            }
        }
    }

    fn press(&mut self, bytes: &[u8]) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(bytes).unwrap();
        writer.flush().unwrap();
    }

    fn told(&self) -> String {
        std::fs::read_to_string(&self.notes).unwrap_or_default()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_keyboard_reaches_the_console_and_the_emergency_does_not_wait_for_it() {
    let mut console = Console::start("");
    console.until("the first frame", |c| {
        c.shown().contains("One broker pod is killed")
    });
    console.press(b"?");
    console.until("help", |c| c.shown().contains("KILL SWITCH: remove every fault"));
    console.press(b"\x1b");
    console.until("help is closed", |c| c.shown().contains("STEADY STATE"));
    console.press("n\x1b[200~慢\n了\x1b[201~\r".as_bytes());
    console.until("the note", |c| c.told().contains("慢 了"));
    // The legacy encoding of Ctrl-K, then of F12.
    console.press(b"\x0b");
    console.until("Ctrl-K", |c| c.told().contains("pulled by ctrl-k"));
    console.press(b"\x1b[24~");
    console.until("F12", |c| c.told().contains("pulled by f12"));
    console.until("the kill screen", |c| c.shown().contains("KILL SWITCH PULLED"));
    assert_eq!(
        console.told().matches("pulled").count(),
        2,
        "each once: {}",
        console.told()
    );
    // Ctrl-C: end, kill, leave.
    console.press(b"\x03");
    console.until("a quit", |c| c.told().contains("ordered Quit"));
    console.press(b"\x03");
    console.until("a kill", |c| c.told().contains("pulled by ctrl-c twice"));
    console.press(b"\x03");
    console.until("leaving", |c| c.told().contains("left Ok(QuitAsked)"));
    console.until("the shell's screen", |c| {
        !c.screen.lock().unwrap().screen().alternate_screen()
    });
    assert!(!console.screen.lock().unwrap().screen().hide_cursor());
    assert!(console.child.wait().unwrap().success());
}

#[test]
fn a_terminal_that_hangs_up_ends_the_console_and_not_in_a_spin() {
    let mut console = Console::start("");
    console.until("the first frame", |c| {
        c.shown().contains("One broker pod is killed")
    });
    console.writer = None;
    console.master = None;
    // The reader's clone is the last handle on the terminal: it goes with the next news.
    let (_quiet, news) = mpsc::channel();
    console.news = news;
    console.until("the console noticed", |c| {
        c.told().contains("left Ok(TerminalLost)")
    });
    assert!(
        !console.told().contains("pulled"),
        "a hang-up is not the emergency"
    );
}

#[test]
fn a_panic_pulls_the_switch_and_gives_the_terminal_back() {
    let mut console = Console::start("screen");
    console.until("the panic's words", |c| {
        c.shown().contains("the screen fell over")
    });
    assert!(console.told().contains("pulled by panic"));
    let seen = console.raw.lock().unwrap().clone();
    let seen = String::from_utf8_lossy(&seen);
    let (back, words) = (seen.find("\u{1b}[?1049l"), seen.find("the screen fell over"));
    assert!(
        back.is_some() && back < words,
        "first the terminal, then the words: {seen:?}"
    );
    assert!(!console.screen.lock().unwrap().screen().hide_cursor());
    assert!(!console.child.wait().unwrap().success());
}

#[test]
fn a_panic_elsewhere_pulls_the_switch_and_leaves_the_screen_whole() {
    let mut console = Console::start("thread");
    console.until("the first frame", |c| {
        c.shown().contains("One broker pod is killed")
    });
    console.press(b"\r");
    console.until("the panic", |c| c.told().contains("pulled by panic"));
    console.press(b"6");
    console.until("the console goes on", |c| {
        c.shown().contains("TIMELINE  2 entries")
    });
    assert!(!console.shown().contains("fell over"), "{}", console.shown());
}

/// A reader that waits for edges loses a key that comes together with a change of size, the kill key too.
#[test]
fn no_key_is_lost_while_the_size_changes() {
    let mut console = Console::start("");
    console.until("the first frame", |c| {
        c.shown().contains("One broker pod is killed")
    });
    for round in 0_u16..30 {
        let rows = 24 + round % 2;
        let size = PtySize {
            rows,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        console
            .screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(some(rows), some(80));
        console.master.as_ref().unwrap().resize(size).unwrap();
        console.press(b"\x0b");
        let pulls = usize::from(round) + 1;
        console.until("the kill key", |c| c.told().matches("pulled").count() == pulls);
    }
}

#[test]
fn a_new_size_is_drawn_at_once() {
    let console = Console::start("");
    console.until("the first frame", |c| {
        c.shown().contains("One broker pod is killed")
    });
    let size = PtySize {
        rows: 12,
        cols: 40,
        pixel_width: 0,
        pixel_height: 0,
    };
    console
        .screen
        .lock()
        .unwrap()
        .screen_mut()
        .set_size(some(12), some(40));
    console.master.as_ref().unwrap().resize(size).unwrap();
    console.until("the narrow form", |c| {
        c.shown().contains("REC --:--.-") && c.shown().contains("^K KILL")
    });
}
