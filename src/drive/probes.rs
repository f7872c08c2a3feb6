//! Runs the checks: starts each probe, keeps its latest reading for the screen, and tells the engine of changes only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::evidence::{Observed, Reading, Verdict};
use crate::playbook::Playbook;
use crate::ports::{CheckBoard, CheckNow, Probes, Readings};
use crate::run::Input;
use crate::units::CheckId;

/// The board that the probe tasks write and the screen reads.
#[derive(Debug, Clone)]
pub struct CheckPublisher(Arc<watch::Sender<BTreeMap<CheckId, CheckNow>>>);

impl CheckPublisher {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeMap::new())))
    }

    pub fn board(&self) -> CheckBoard {
        self.0.subscribe()
    }

    fn publish(&self, check: &CheckId, now: CheckNow) {
        self.0.send_modify(|board| {
            board.insert(check.clone(), now);
        });
    }
}

impl Default for CheckPublisher {
    fn default() -> Self {
        Self::new()
    }
}

/// What the probes of a run need.
pub(super) struct Checks<'a> {
    pub probes: &'a dyn Probes,
    pub clock: &'a Clock,
    pub publisher: &'a CheckPublisher,
    pub inputs: &'a mpsc::UnboundedSender<Input>,
    pub tasks: &'a TaskTracker,
    /// For how long nobody looked before now: a change found at first may be as old.
    pub gap: Duration,
}

impl Checks<'_> {
    /// Starts every probe of the playbook. What cannot be measured is told, never left out in silence.
    pub fn start(&self, playbook: &Playbook) {
        for check in playbook.all_checks().into_iter().chain(playbook.stop_checks()) {
            match self.probes.start(&check) {
                Ok(readings) => {
                    let follow = follow(
                        check.id,
                        readings,
                        self.gap,
                        (self.clock.clone(), self.publisher.clone(), self.inputs.clone()),
                    );
                    self.tasks.spawn(follow);
                }
                Err(why) => {
                    let _ = self.inputs.send(Input::NotMeasured { check: check.id, why });
                }
            }
        }
    }
}

type Told = (Clock, CheckPublisher, mpsc::UnboundedSender<Input>);

async fn follow(check: CheckId, mut readings: Readings, gap: Duration, to: Told) {
    let (clock, publisher, inputs) = to;
    let mut last = None;
    loop {
        let mut now = tokio::select! {
            () = inputs.closed() => return,
            now = readings.recv() => now.unwrap_or_else(|| CheckNow {
                reading: Reading {
                    at: clock.mark(),
                    observed: Observed::NoData { why: "its probe ended".to_owned() },
                    resolution: Duration::ZERO,
                },
                verdict: Verdict::Unknown,
            }),
        };
        let ended = readings.is_closed() && readings.is_empty();
        if last.is_none() {
            now.reading.resolution = now.reading.resolution.max(gap);
        }
        publisher.publish(&check, now.clone());
        if last != Some(now.verdict) {
            last = Some(now.verdict);
            let seen = Input::Seen {
                check: check.clone(),
                verdict: now.verdict,
                reading: now.reading,
            };
            if inputs.send(seen).is_err() {
                return;
            }
        }
        if ended && now.verdict == Verdict::Unknown {
            return;
        }
    }
}
