//! Whether the API server answers at all, and how fast. One for all watches of a cluster: whatever arrives
//! anywhere proves it, and only while nothing does is it asked. Never judges what a single watch has missed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::cluster::{ApiFault, Cluster};
use crate::units::Mark;

/// So long, in real time, nothing may arrive before the server is asked.
const SILENCE: Duration = Duration::from_secs(2);
/// An answer that takes longer than this, in real time, is none.
const ANSWER: Duration = Duration::from_secs(3);
/// Below this, in real time, no latency is believed: the server's own way from a change to its watchers.
const FLOOR: Duration = Duration::from_millis(10);
/// A look that comes so late, in real time, comes from a machine that was suspended, or as good as that.
const ASLEEP: Duration = Duration::from_secs(15);
/// The slowest of so many answers is taken as the latency.
const ANSWERS: usize = 5;

/// What is known of the server's life.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Beat {
    /// It certainly answered then.
    pub proven: Mark,
    /// Why it does not answer, while it does not.
    pub failing: Option<String>,
    /// The longest that news is on its way, in drill time.
    pub latency: Duration,
    /// How often it came back after it had not answered: connections from before are not to be trusted.
    pub comebacks: u64,
}

/// The pulse of one API server. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pulse {
    clock: Clock,
    heard: Arc<AtomicU64>,
    beat: Arc<watch::Sender<Beat>>,
}

impl Pulse {
    pub fn new(clock: Clock) -> Self {
        let now = clock.mark();
        let latency = clock.drill_time(FLOOR);
        let beat = Beat {
            proven: now,
            failing: None,
            latency,
            comebacks: 0,
        };
        Self {
            heard: Arc::new(AtomicU64::new(now.as_nanos())),
            beat: Arc::new(watch::Sender::new(beat)),
            clock,
        }
    }

    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Something of the server arrived just now.
    pub fn hear(&self) -> Mark {
        let now = self.clock.mark();
        self.heard.fetch_max(now.as_nanos(), Ordering::Relaxed);
        now
    }

    pub fn beats(&self) -> watch::Receiver<Beat> {
        self.beat.subscribe()
    }

    pub fn now(&self) -> Beat {
        self.beat.borrow().clone()
    }

    /// Asks while nothing arrives; ends only when it is dropped.
    pub async fn run(self, cluster: Cluster) {
        let mut answers: VecDeque<Duration> = VecDeque::new();
        let mut looked = self.clock.mark();
        loop {
            let now = self.clock.mark();
            if now.since(looked) > self.clock.drill_time(ASLEEP) {
                // Whatever was connected before may be dead without knowing it.
                self.beat.send_modify(|beat| beat.comebacks += 1);
            }
            looked = now;
            let heard = Mark::from_nanos(self.heard.load(Ordering::Relaxed));
            let quiet = self.clock.mark().since(heard) >= self.clock.drill_time(SILENCE);
            let failing = self.beat.borrow().failing.is_some();
            if quiet || failing || answers.is_empty() {
                self.ask(&cluster, &mut answers).await;
            } else {
                self.beat.send_modify(|beat| beat.proven = beat.proven.max(heard));
            }
            tokio::time::sleep(if self.beat.borrow().failing.is_some() {
                SILENCE / 2
            } else {
                SILENCE
            })
            .await;
        }
    }

    async fn ask(&self, cluster: &Cluster, answers: &mut VecDeque<Duration>) {
        let asked = self.clock.mark();
        let answer = tokio::time::timeout(ANSWER, cluster.ping()).await;
        let failure = match answer {
            Ok(Ok(())) => None,
            // A refusal is an answer; that the credentials are no good any more ends every watch as well.
            Ok(Err(fault)) if fault.is_definite() && fault != ApiFault::Unauthorized => None,
            Ok(Err(fault)) => Some(fault.to_string()),
            Err(_) => Some("the API server does not answer".to_owned()),
        };
        if failure.is_none() {
            answers.push_back(self.clock.mark().since(asked));
            if answers.len() > ANSWERS {
                answers.pop_front();
            }
        }
        let slowest = answers.iter().max().copied().unwrap_or_default();
        let latency = slowest.max(self.clock.drill_time(FLOOR));
        self.beat.send_modify(|beat| {
            if failure.is_none() {
                beat.comebacks += u64::from(beat.failing.is_some());
                beat.proven = beat.proven.max(asked);
                beat.latency = latency;
            }
            beat.failing = failure;
        });
    }
}
