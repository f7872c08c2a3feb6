//! The console's loop, on the main thread and synchronous: take all that came in, update the model, do what was asked,
//! draw if something changed. A slow terminal slows nothing but this loop. Never decides what a run does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt as _};
use tokio::sync::{mpsc, watch};

use super::keyboard::{self, Hands};
use super::model::{Leaving, Model, Sight, Start};
use super::terminal::{self, Guard, TerminalError};
use super::theme::Look;
use super::update::{Ask, Msg, update};
use super::view::is_recovering;
use crate::clock::Clock;
use crate::ports::{Seat, Views};
use crate::units::Mark;

/// At most thirty frames a second.
const FRAME: Duration = Duration::from_millis(33);
/// How many messages of one source are taken in one round, so that no source starves the keys.
const BATCH: usize = 2_000;

/// How the console looks and speaks.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub look: Look,
}

/// How the console was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The run ended, and somebody saw that.
    RunOver,
    /// The operator asked to leave; the run may go on to pay what it owes.
    QuitAsked,
    /// The terminal hung up. Nobody sees anything any more.
    TerminalLost,
}

/// Why the console could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    #[error("cannot start the keyboard's thread")]
    Keyboard { source: std::io::Error },
}

/// Shows a run until somebody leaves. Blocks this thread; needs no runtime of its own.
///
/// # Errors
/// When there is no terminal, or it cannot be switched. A terminal that is lost later is an answer, not an error.
pub fn run(seat: Seat, options: Options) -> Result<Left, TuiError> {
    let fd = terminal::keys_fd()?;
    let mut screen = Guard::enter(&seat.kill)?;
    let hands = Hands {
        kill: seat.kill,
        orders: seat.orders,
    };
    let mut model = Model::new(Start {
        look: options.look,
        production: seat.production,
    });
    let (keys, typed) = mpsc::unbounded_channel();
    let keyboard =
        keyboard::start(fd, hands.clone(), keys).map_err(|source| TuiError::Keyboard { source })?;
    let mut inbox = Inbox::new(Sources {
        typed,
        entries: seat.entries,
        views: seat.views,
        checks: seat.checks,
        streamed: seat.streamed,
        kill_tells: seat.kill_tells,
    });
    let left = sit(&mut screen, &mut model, &mut inbox, (&seat.clock, &hands));
    drop(screen);
    keyboard.stop();
    Ok(left)
}

fn sit(screen: &mut Guard, model: &mut Model, inbox: &mut Inbox, world: (&Clock, &Hands)) -> Left {
    let (clock, hands) = world;
    let mut pace = Pace::default();
    loop {
        let came = inbox.take();
        if came.terminal_lost {
            return Left::TerminalLost;
        }
        let now = clock.mark();
        let wall = clock.stamp_at(now);
        let mut asks = update(model, Msg::Frame { now, wall });
        for msg in came.msgs {
            pace.note(&msg);
            asks.extend(update(model, msg));
        }
        for ask in asks {
            match ask {
                Ask::Order(order) => {
                    if hands.orders.send(order).is_err() {
                        let _ = update(model, Msg::FeedEnded);
                    }
                }
                Ask::Kill(by) => (hands.kill)(by),
                Ask::Redraw => {
                    if screen.forget().is_err() {
                        return Left::TerminalLost;
                    }
                }
                Ask::Leave if model.leaving == Leaving::Asked => return Left::QuitAsked,
                Ask::Leave => return Left::RunOver,
            }
        }
        match pace.wait(clock, now, model) {
            None => {
                if screen.draw(model).is_err() {
                    return Left::TerminalLost;
                }
                pace.drawn(now);
            }
            Some(wait) if !came.has_more => std::thread::park_timeout(wait),
            Some(_) => {}
        }
    }
}

/// When to draw.
#[derive(Debug, Default)]
struct Pace {
    drawn: Option<Mark>,
    urgent: bool,
    changed: bool,
}

impl Pace {
    fn note(&mut self, msg: &Msg) {
        match msg {
            Msg::Key(_) | Msg::Obeyed(_) | Msg::Paste(_) | Msg::Resize(..) => self.urgent = true,
            Msg::Entry(_)
            | Msg::FeedEnded
            | Msg::Readings(_)
            | Msg::Streamed(_)
            | Msg::KillTells(_)
            | Msg::Frame { .. } => self.changed = true,
        }
    }

    /// `None` when it is time to draw, else how long there is nothing to do.
    fn wait(&self, clock: &Clock, now: Mark, model: &Model) -> Option<Duration> {
        let last = self.drawn?;
        if self.urgent {
            return None;
        }
        let rest = FRAME.saturating_sub(clock.real_time(now.since(last)));
        if self.changed {
            return if rest.is_zero() { None } else { Some(rest) };
        }
        let step = tick(model);
        let next = Mark::from_nanos((last.as_nanos() / step + 1).saturating_mul(step));
        let until = clock.real_time(next.since(now)).max(rest);
        if now >= next && rest.is_zero() {
            None
        } else {
            // Later than the next tick only when drill time flies; never sooner than it can show.
            Some(until.max(Duration::from_millis(1)))
        }
    }

    fn drawn(&mut self, now: Mark) {
        *self = Self {
            drawn: Some(now),
            urgent: false,
            changed: false,
        };
    }
}

/// Nanoseconds of drill time between two looks of the clocks: tenths only while the recovery is timed.
fn tick(model: &Model) -> u64 {
    if is_recovering(model) {
        100_000_000
    } else {
        1_000_000_000
    }
}

/// Everything that the console listens to.
struct Sources {
    typed: mpsc::UnboundedReceiver<Msg>,
    entries: mpsc::UnboundedReceiver<crate::run::Entry>,
    views: Views,
    checks: crate::ports::CheckBoard,
    streamed: mpsc::Receiver<crate::ports::Streamed>,
    kill_tells: mpsc::UnboundedReceiver<crate::ports::KillTells>,
}

type Source = Pin<Box<dyn Stream<Item = Msg>>>;

/// The sources as one, polled from this thread: no task in between that could pile up what the screen is too slow for.
struct Inbox {
    typed: mpsc::UnboundedReceiver<Msg>,
    sources: Vec<stream::Fuse<Source>>,
    waker: Waker,
}

/// What came in one round.
struct Came {
    msgs: Vec<Msg>,
    has_more: bool,
    terminal_lost: bool,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Inbox {
    /// For the thread that it is made on.
    fn new(sources: Sources) -> Self {
        let Sources {
            typed,
            mut entries,
            views,
            checks,
            mut streamed,
            mut kill_tells,
        } = sources;
        let facts = stream::poll_fn(move |cx| entries.poll_recv(cx))
            .map(|entry| Msg::Entry(Box::new(entry)))
            .chain(stream::once(std::future::ready(Msg::FeedEnded)));
        let tells = stream::poll_fn(move |cx| kill_tells.poll_recv(cx)).map(Msg::KillTells);
        let lines = stream::poll_fn(move |cx| streamed.poll_recv(cx)).map(Msg::Streamed);
        let pods = latest(views.pods).map(|(fresh, rows)| Msg::Readings(Sight::Pods(fresh, rows)));
        let chaos = latest(views.chaos).map(|(fresh, rows)| Msg::Readings(Sight::Chaos(fresh, rows)));
        let board = latest(checks).map(|board| Msg::Readings(Sight::Checks(board)));
        let sources: Vec<Source> = vec![
            Box::pin(tells),
            Box::pin(facts),
            Box::pin(pods),
            Box::pin(chaos),
            Box::pin(board),
            Box::pin(lines),
        ];
        Self {
            typed,
            sources: sources.into_iter().map(stream::StreamExt::fuse).collect(),
            waker: Waker::from(Arc::new(Unpark(std::thread::current()))),
        }
    }

    /// All that is there now, keys first.
    fn take(&mut self) -> Came {
        let mut cx = Context::from_waker(&self.waker);
        let mut came = Came {
            msgs: Vec::new(),
            has_more: false,
            terminal_lost: false,
        };
        loop {
            match self.typed.poll_recv(&mut cx) {
                Poll::Ready(Some(msg)) => came.msgs.push(msg),
                Poll::Ready(None) => {
                    came.terminal_lost = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        for source in &mut self.sources {
            let mut taken = 0;
            while let Poll::Ready(Some(msg)) = source.poll_next_unpin(&mut cx) {
                came.msgs.push(msg);
                taken += 1;
                if taken == BATCH {
                    came.has_more = true;
                    break;
                }
            }
        }
        came
    }
}

/// The value now, then every later one that is not overtaken by the next.
fn latest<T: Clone + 'static>(receiver: watch::Receiver<T>) -> impl Stream<Item = T> {
    stream::unfold((receiver, true), |(mut receiver, first)| async move {
        if !first {
            receiver.changed().await.ok()?;
        }
        let value = receiver.borrow_and_update().clone();
        Some((value, (receiver, false)))
    })
}
