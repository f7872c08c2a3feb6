//! The keyboard: a thread of its own, so that the emergency keys work while the screen is stuck. Obeys them itself and
//! hands everything else on. Never draws.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;

use super::chords::{Chord, Chords};
use super::update::Msg;
use crate::ports::KillSwitch;
use crate::run::Order;

/// How long the thread waits for a key before it looks whether the size changed or the console left.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// How long crossterm may look; with no time at all it does not look.
const GLANCE: Duration = Duration::from_millis(1);

/// What the emergency keys act on.
#[derive(Clone)]
pub struct Hands {
    pub kill: KillSwitch,
    pub orders: mpsc::UnboundedSender<Order>,
}

impl Hands {
    /// Does what an emergency key asks for; takes no lock and waits for nobody.
    pub fn obey(&self, chord: Chord) {
        match chord {
            Chord::Kill(by) => (self.kill)(by),
            Chord::Quit => {
                // An engine that is gone has nothing to end.
                let _ = self.orders.send(Order::Quit);
            }
            Chord::Leave => {}
        }
    }
}

/// The running thread. Its end is the end of the channel: the terminal is lost.
pub struct Keyboard {
    stop: Arc<AtomicBool>,
    ended: std_mpsc::Receiver<()>,
}

/// Starts to read keys.
///
/// # Errors
/// When no thread can be started.
pub fn start(fd: OwnedFd, hands: Hands, out: mpsc::UnboundedSender<Msg>) -> io::Result<Keyboard> {
    let stop = Arc::new(AtomicBool::new(false));
    let (over, ended) = std_mpsc::channel();
    let asked = Arc::clone(&stop);
    std::thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(move || {
            if let Err(error) = read(&fd, &hands, &out, &asked) {
                tracing::warn!(%error, "the terminal is gone");
            }
            // Nobody waits for it when the console left first.
            let _ = over.send(());
        })?;
    Ok(Keyboard { stop, ended })
}

impl Keyboard {
    /// Ends the thread, so that the next reader of the terminal has it alone.
    pub fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        // A thread that is caught in a terminal that hung up is left to itself.
        let _ = self.ended.recv_timeout(Duration::from_secs(1));
    }
}

/// Waits with our own poll: crossterm's reader spins for ever on a terminal that hung up.
fn read(fd: &OwnedFd, hands: &Hands, out: &mpsc::UnboundedSender<Msg>, stop: &AtomicBool) -> io::Result<()> {
    let mut chords = Chords::default();
    while !stop.load(Ordering::SeqCst) {
        let mut fds = [PollFd::new(fd, PollFlags::IN)];
        match poll(&mut fds, Some(&LOOK)) {
            // A signal is most likely that the size changed.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if fds[0].revents().intersects(gone) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while event::poll(GLANCE)? {
            let msg = match event::read()? {
                Event::Key(key) => match chords.take(&key) {
                    Some(chord) => {
                        hands.obey(chord);
                        Msg::Obeyed(chord)
                    }
                    None => Msg::Key(key),
                },
                Event::Paste(text) => Msg::Paste(text),
                Event::Resize(columns, rows) => Msg::Resize(columns, rows),
                Event::FocusGained | Event::FocusLost | Event::Mouse(_) => continue,
            };
            if out.send(msg).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
