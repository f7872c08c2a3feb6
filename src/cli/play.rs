//! One run from its beginning to its exit code, with or without a screen. Hands signals to the run.

use std::io::{self, Write as _};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::outcome::CliError;
use super::trace::TraceLog;
use crate::assemble::{AssembleError, Assembled, Firing, Killing, Resuming, Say, Wanted, World};
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
        unattended: if playing.headless {
            Unattended::Yes
        } else {
            Unattended::No
        },
        store: playing.store.clone(),
        take_over,
        firing,
        say: say(),
    };
    let assembled = playing
        .runtime
        .block_on(world.begin(wanted))
        .map_err(|error| refused(&error))?;
    play(assembled, playing)
}

/// Goes on with a run whose console died.
pub fn resume(world: &World, playing: &Playing, id: &str, take_over: Option<String>) -> Result<u8, CliError> {
    let wanted = Resuming {
        id: id.to_owned(),
        store: playing.store.clone(),
        take_over,
        say: say(),
    };
    let assembled = playing
        .runtime
        .block_on(world.resume(wanted))
        .map_err(|error| refused(&error))?;
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
    let form = if playing.json { Form::Json } else { Form::People };
    let mut lines = Lines::new(io::stdout(), form);
    let notes = assembled.notes.clone();
    if playing.headless {
        for note in &notes {
            tracing::warn!("{note}");
        }
        let speed = seat.clock.speed();
        if (speed - 1.0).abs() > f64::EPSILON {
            lines.say(&format!(
                "speed {speed}: every time below is drill time, {speed} seconds of it in one second"
            ))?;
        }
        let watched = watch(seat, assembled.killing.clone(), &mut lines);
        playing.runtime.block_on(watched)?;
    } else {
        console(seat, &assembled, playing)?;
    }
    let (id, folder) = (assembled.id.to_string(), assembled.dir.path().to_owned());
    let driven = playing.runtime.block_on(assembled.ended()).map_err(|error| {
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
    lines.say(&text)?;
    lines.answer(&answer)?;
    Ok(driven.exit)
}

/// What a signal asks for.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

enum Told {
    Interrupt,
    Terminate,
    Hangup,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.interrupt.recv() => Told::Interrupt,
            _ = self.hangup.recv() => Told::Hangup,
        }
    }
}

/// The first Ctrl-C ends the run and pays, the second is the emergency, the third leaves.
struct Escalation {
    interrupts: u32,
    orders: mpsc::UnboundedSender<Order>,
    killing: Killing,
}

impl Escalation {
    fn take(&mut self, told: &Told) {
        match told {
            Told::Interrupt => {
                self.interrupts += 1;
                match self.interrupts {
                    1 => {
                        tracing::warn!(
                            "ending the run: what is on is undone first; Ctrl-C again is the kill switch"
                        );
                        // A run that is over needs no order.
                        let _ = self.orders.send(Order::Quit);
                    }
                    2 => self.killing.pull("the second Ctrl-C"),
                    _ => self.killing.leave(),
                }
            }
            Told::Terminate => self.killing.pull("SIGTERM"),
            Told::Hangup => {
                let _ = self.orders.send(Order::Quit);
            }
        }
    }
}

/// Prints until the run is over.
async fn watch(seat: Seat, killing: Killing, lines: &mut Lines<io::Stdout>) -> io::Result<()> {
    let Seat {
        mut entries,
        mut kill_tells,
        mut streamed,
        orders,
        ..
    } = seat;
    let mut signals = Signals::listen()?;
    let mut escalation = Escalation {
        interrupts: 0,
        orders,
        killing,
    };
    let (mut telling, mut streaming) = (true, true);
    loop {
        tokio::select! {
            biased;
            told = signals.next() => escalation.take(&told),
            tells = kill_tells.recv(), if telling => match tells {
                Some(tells) => lines.kill(&tells)?,
                None => telling = false,
            },
            entry = entries.recv() => match entry {
                Some(entry) => lines.entry(&entry)?,
                None => return Ok(()),
            },
            // Nobody reads logs here; an unread stream would count its lines as lost.
            line = streamed.recv(), if streaming => streaming = line.is_some(),
        }
    }
}

/// The screen, on this thread.
fn console(seat: Seat, assembled: &Assembled, playing: &Playing) -> Result<(), CliError> {
    let killing = assembled.killing.clone();
    let orders = seat.orders.clone();
    let mut signals = playing.runtime.block_on(async { Signals::listen() })?;
    let mut escalation = Escalation {
        interrupts: 0,
        orders: orders.clone(),
        killing: killing.clone(),
    };
    let listener = playing.runtime.spawn(async move {
        loop {
            let told = signals.next().await;
            escalation.take(&told);
        }
    });
    let options = Options {
        look: playing.look.clone(),
    };
    let left = tui::run(seat, options);
    match left {
        Ok(Left::RunOver) => {}
        Ok(Left::QuitAsked) => {
            let _ = orders.send(Order::Quit);
            killing.leave();
            let _ = writeln!(
                io::stderr(),
                "firedrill: ending the run; Ctrl-C leaves it as it is"
            );
        }
        Ok(Left::TerminalLost) => {
            // Nobody can see or stop anything from here: pay what this run owes.
            let _ = orders.send(Order::Quit);
        }
        Err(error) => {
            // The screen is gone; what this run owes is paid all the same.
            let _ = CliError::of(&error)
                .hint("ending the run: what is on is undone first")
                .tell();
            let _ = orders.send(Order::Quit);
        }
    }
    drop(listener);
    Ok(())
}
