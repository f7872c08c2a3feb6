//! One run from its beginning to its exit code, with or without a screen.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::outcome::CliError;
use super::signals::Signals;
use super::trace::TraceLog;
use crate::assemble::{AssembleError, Assembled, Firing, Resuming, Say, Wanted, World};
use crate::headless::{Ended, Form, Lines, farewell};
use crate::journal::Store;
use crate::playbook::Loaded;
use crate::ports::Seat;
use crate::run::{Order, Unattended};
use crate::text::printable;
use crate::tui::theme::Look;
use crate::tui::{self, Left, Options};

/// How runs are played in this process.
pub struct Playing {
    pub runtime: Handle,
    pub store: Store,
    pub trace: TraceLog,
    pub headless: bool,
    pub json: bool,
    pub look: Look,
    pub signals: Signals,
}

impl Playing {
    const fn unattended(&self) -> Unattended {
        if self.headless {
            Unattended::Yes
        } else {
            Unattended::No
        }
    }

    /// Waits between two runs, unless a signal says not to.
    pub fn pause(&self, pause: Duration) -> Result<(), CliError> {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.signals.stopped() => Err(stopped()),
                () = tokio::time::sleep(pause) => Ok(()),
            }
        })
    }

    /// Puts a run together, unless a signal says not to.
    fn unless_stopped(
        &self,
        begin: impl Future<Output = Result<Assembled, AssembleError>>,
    ) -> Result<Assembled, CliError> {
        self.runtime.block_on(async {
            tokio::select! {
                () = self.signals.stopped() => Err(stopped()),
                assembled = begin => assembled.map_err(|error| refused(&error)),
            }
        })
    }
}

/// A signal came while no run was on.
pub fn stopped() -> CliError {
    CliError::message("stopped by a signal before the next run began; nothing of ours is on").exit(3)
}

fn refused(error: &AssembleError) -> CliError {
    CliError::of(error).exit(error.exit())
}

fn say() -> Say {
    Arc::new(|text| {
        // Nobody may be listening.
        let _ = writeln!(io::stderr(), "firedrill: {}", printable(text));
    })
}

/// Plays one playbook.
pub fn begin(
    world: &World,
    playing: &Playing,
    item: &Loaded,
    how: (Firing, Option<String>),
) -> Result<u8, CliError> {
    let (firing, take_over) = how;
    let wanted = Wanted {
        playbook: item.playbook.clone(),
        text: item.text.clone(),
        unattended: playing.unattended(),
        store: playing.store.clone(),
        take_over,
        firing,
        say: say(),
    };
    let assembled = playing.unless_stopped(world.begin(wanted))?;
    play(assembled, playing)
}

/// Goes on with a run whose console died.
pub fn resume(
    world: &World,
    playing: &Playing,
    id: &str,
    how: (Firing, Option<String>),
) -> Result<u8, CliError> {
    let (firing, take_over) = how;
    let wanted = Resuming {
        id: id.to_owned(),
        store: playing.store.clone(),
        take_over,
        firing,
        unattended: playing.unattended(),
        say: say(),
    };
    let assembled = playing.unless_stopped(world.resume(wanted))?;
    play(assembled, playing)
}

fn play(mut assembled: Assembled, playing: &Playing) -> Result<u8, CliError> {
    // A run without its trace log is still a run.
    if let Err(error) = playing.trace.open(assembled.dir.path()) {
        tracing::warn!(%error, "no trace log");
    }
    let Some(seat) = assembled.take_seat() else {
        return Err(CliError::message("the seat of this run is taken"));
    };
    playing
        .signals
        .watch_over(seat.orders.clone(), assembled.killing.clone());
    let form = if playing.json { Form::Json } else { Form::People };
    let mut lines = Lines::new(io::stdout(), form);
    for note in &assembled.notes {
        tracing::warn!("{note}");
    }
    if playing.headless {
        let speed = seat.clock.speed();
        if (speed - 1.0).abs() > f64::EPSILON {
            lines.say(&format!(
                "speed {speed}: every time below is drill time, {speed} seconds of it in one second"
            ));
        }
        playing.runtime.block_on(watch(seat, &mut lines));
    } else {
        console(seat, &assembled, playing);
    }
    // Whatever became of the screen or the lines: the run is waited for, because it pays.
    let (id, folder) = (assembled.id.to_string(), assembled.dir.path().to_owned());
    let driven = playing.runtime.block_on(assembled.ended());
    playing.signals.let_go();
    let driven = driven.map_err(|error| {
        CliError::of(&error)
            .exit(5)
            .hint("see what is on: firedrill status")
    })?;
    let (text, answer) = farewell(&Ended {
        id: &id,
        run: &driven.run,
        exit: driven.exit,
        summary: &driven.summary,
        head: &driven.head,
        folder: &folder,
    });
    lines.say(&text);
    lines.answer(&answer);
    Ok(driven.exit)
}

/// Prints until the run is over.
async fn watch(seat: Seat, lines: &mut Lines<io::Stdout>) {
    let Seat {
        mut entries,
        mut kill_tells,
        mut streamed,
        ..
    } = seat;
    let (mut telling, mut streaming) = (true, true);
    loop {
        tokio::select! {
            biased;
            tells = kill_tells.recv(), if telling => match tells {
                Some(tells) => lines.kill(&tells),
                None => telling = false,
            },
            entry = entries.recv() => match entry {
                Some(entry) => lines.entry(&entry),
                None => return,
            },
            // Nobody reads logs here; an unread stream would count its lines as lost.
            line = streamed.recv(), if streaming => streaming = line.is_some(),
        }
    }
}

/// The screen, on this thread.
fn console(seat: Seat, assembled: &Assembled, playing: &Playing) {
    let orders = seat.orders.clone();
    let options = Options {
        look: playing.look.clone(),
    };
    // What this run owes is paid all the same, whatever becomes of the screen.
    let quit = || {
        // A run that is over needs no order.
        let _ = orders.send(Order::Quit);
    };
    match catch_unwind(AssertUnwindSafe(|| tui::run(seat, options))) {
        Ok(Ok(Left::RunOver)) => {}
        Ok(Ok(Left::QuitAsked)) => {
            quit();
            assembled.killing.leave();
            playing.signals.asked_to_end();
            say()(
                "ending the run: what is on is undone first; Ctrl-C is the kill switch now, and twice leaves",
            );
        }
        Ok(Ok(Left::TerminalLost)) => quit(),
        Ok(Err(error)) => {
            // Nobody may be listening.
            let _ = CliError::of(&error)
                .hint("ending the run: what is on is undone first")
                .tell();
            quit();
        }
        Err(_) => {
            // The panic's hook has pulled the kill switch and given the terminal back.
            say()("the screen is gone by a defect of firedrill; the kill switch is pulled, and works");
        }
    }
}
