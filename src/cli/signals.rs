//! The signals of this process, heard by one task from the first run to the last, whatever the screen or a full pipe
//! is doing. What a signal means depends on whether a run is on.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::assemble::Killing;
use crate::run::Order;

/// Ctrl-C: once ends the run and pays, twice is the emergency, the third leaves.
struct Escalation {
    interrupts: u32,
    orders: mpsc::UnboundedSender<Order>,
    killing: Killing,
}

enum Told {
    Interrupt,
    Terminate,
    Hangup,
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
                        self.quit();
                    }
                    2 => self.killing.pull("the second Ctrl-C"),
                    _ => self.killing.leave(),
                }
            }
            Told::Terminate => self.killing.pull("SIGTERM"),
            // Nobody can see or stop anything from here any more: pay what this run owes.
            Told::Hangup => self.quit(),
        }
    }

    fn quit(&self) {
        // A run that is over needs no order.
        let _ = self.orders.send(Order::Quit);
    }
}

/// Hears signals until the process ends.
#[derive(Clone)]
pub struct Signals {
    run: Arc<Mutex<Option<Escalation>>>,
    stopped: watch::Receiver<bool>,
}

struct Heard {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// Heard, so that a limit on file sizes is a failed write, which the run survives, and not the end of the process.
    _file_too_large: Option<Signal>,
}

/// `SIGXFSZ`, the same number on every Linux that this runs on.
const FILE_TOO_LARGE: i32 = 25;

impl Heard {
    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.interrupt.recv() => Told::Interrupt,
            _ = self.hangup.recv() => Told::Hangup,
        }
    }
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not let this process hear its signals.
    pub fn listen(runtime: &Handle) -> io::Result<Self> {
        let _inside = runtime.enter();
        let mut heard = Heard {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            _file_too_large: signal(SignalKind::from_raw(FILE_TOO_LARGE)).ok(),
        };
        let (stop, stopped) = watch::channel(false);
        let run = Arc::new(Mutex::new(None::<Escalation>));
        let current = Arc::clone(&run);
        runtime.spawn(async move {
            loop {
                let told = heard.next().await;
                let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
                match current.as_mut() {
                    Some(run) => run.take(&told),
                    // Between two runs there is nothing to undo.
                    None => {
                        stop.send_replace(true);
                    }
                }
            }
        });
        Ok(Self { run, stopped })
    }

    /// A run is on: signals are for it. `after` Ctrl-Cs were heard already.
    pub fn watch_over(&self, orders: mpsc::UnboundedSender<Order>, killing: Killing) {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(Escalation {
            interrupts: 0,
            orders,
            killing,
        });
    }

    /// The run was asked to end on the screen: the next Ctrl-C is the second.
    pub fn asked_to_end(&self) {
        if let Some(run) = self.run.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            run.interrupts = run.interrupts.max(1);
        }
    }

    /// The run is over.
    pub fn let_go(&self) {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until a signal came while no run was on.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.clone();
        if stopped.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
