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
    let since = clock.mark();
    let mut gap = Some(gap).filter(|gap| !gap.is_zero());
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
        if let Some(unseen) = gap {
            // Nobody looked until now, however long the first reading took.
            let unseen = unseen + now.reading.at.since(since);
            now.reading.resolution = now.reading.resolution.max(unseen);
            if !matches!(now.reading.observed, Observed::NoData { .. }) {
                gap = None;
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Mark;

    #[tokio::test]
    async fn the_gap_of_a_resumed_run_lasts_until_there_is_data() {
        let clock = Clock::start(1.0);
        let (readings, seen) = mpsc::unbounded_channel();
        let (inputs, mut inbox) = mpsc::unbounded_channel();
        let gap = Duration::from_secs(90);
        let to = (clock.clone(), CheckPublisher::new(), inputs);
        tokio::spawn(follow("pods".into(), seen, gap, to));
        let none = || Observed::NoData {
            why: "starting".to_owned(),
        };
        let some = || Observed::Number { value: 1.0 };
        let told = [
            (none(), Verdict::Unknown),
            (some(), Verdict::Holds),
            (some(), Verdict::Broken),
        ];
        let mut resolutions = Vec::new();
        for (observed, verdict) in told {
            let reading = Reading {
                at: Mark::ZERO,
                observed,
                resolution: Duration::from_secs(1),
            };
            readings.send(CheckNow { reading, verdict }).unwrap();
            if let Some(Input::Seen { reading, .. }) = inbox.recv().await {
                resolutions.push(reading.resolution);
            }
        }
        assert_eq!(resolutions, [gap, gap, Duration::from_secs(1)]);
    }
}
