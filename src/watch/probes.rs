//! Starts the probe of a check, judges what it reads and ends it when nobody listens. Never fires a fault.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::judge::Judge;
use super::sources::Sources;
use super::tasks::{Stop, Tasks};
use super::{probe_http, probe_logs, probe_pods};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::evidence::{Comparison, Expect, Observed, Reading};
use crate::playbook::{Check, Probe, Target};
use crate::ports::{CheckNow, Probes, Readings};
use crate::units::Mark;

/// What a probe may measure here. All its probes share one watch of each kind of object.
pub struct Registry {
    sources: Arc<Sources>,
    /// Only where the registry stands alone.
    _stop: Option<Stop>,
}

impl Registry {
    /// Watches by itself for as long as it lives. Must be called within a tokio runtime.
    pub fn new(cluster: Cluster, clock: Clock, target: Target) -> Self {
        let (tasks, stop) = Tasks::new();
        Self {
            sources: Arc::new(Sources::open(cluster, clock, target, tasks)),
            _stop: Some(stop),
        }
    }

    /// Reads what is watched already; lives no longer than that.
    pub(super) const fn over(sources: Arc<Sources>) -> Self {
        Self { sources, _stop: None }
    }
}

/// Where a probe puts what it reads: unjudged.
pub(super) type Raw = mpsc::UnboundedSender<Reading>;

/// What a check expects that does not say.
fn usual(probe: &Probe) -> Expect {
    match probe {
        // A pattern is looked for because it should not be there.
        Probe::PodLogs(_) => Expect::Compare {
            comparison: Comparison::Equal,
            bound: 0.0,
            written: "0".to_owned(),
        },
        Probe::PodsReady(_)
        | Probe::Endpoints(_)
        | Probe::Prometheus(_)
        | Probe::Mqtt(_)
        | Probe::Http(_) => Expect::All,
    }
}

fn later(what: &str) -> String {
    format!("{what} checks come with a later version; not measured")
}

impl Probes for Registry {
    fn start(&self, check: &Check) -> Result<Readings, String> {
        let (raw, readings) = mpsc::unbounded_channel();
        let sources = &self.sources;
        let every = check.every.map(|span| span.0);
        match &check.probe {
            Probe::PodsReady(_) => self.run(raw.clone(), probe_pods::ready(sources, raw)),
            Probe::Endpoints(_) => self.run(raw.clone(), probe_pods::endpoints(sources, raw)),
            Probe::PodLogs(probe) => {
                let work = probe_logs::count(sources, probe, every, raw.clone())?;
                self.run(raw, work);
            }
            Probe::Http(probe) => {
                let expect = check.expect.as_ref();
                let work = probe_http::ask(&sources.clock, probe, (every, expect), raw.clone())?;
                self.run(raw, work);
            }
            Probe::Prometheus(_) => return Err(later("Prometheus")),
            Probe::Mqtt(_) => return Err(later("MQTT")),
        }
        let judge = Judge::new(check, usual(&check.probe));
        let (sender, judged) = mpsc::unbounded_channel();
        let clock = sources.clock.clone();
        sources
            .tasks
            .spawn(judging(judge, clock, readings, sender), |_| {});
        Ok(judged)
    }
}

impl Registry {
    /// Runs a probe until nobody listens; one that fails says so as a reading.
    fn run(&self, raw: Raw, work: impl Future<Output = ()> + Send + 'static) {
        let (clock, failing, listening) = (self.sources.clock.clone(), raw.clone(), raw);
        let work = async move {
            tokio::select! {
                () = work => {}
                () = listening.closed() => {}
            }
        };
        self.sources.tasks.spawn(work, move |why| {
            // Whoever listened may have gone.
            let _ = failing.send(no_data(clock.mark(), format!("the probe failed here: {why}")));
        });
    }
}

pub(super) fn no_data(at: Mark, why: String) -> Reading {
    Reading {
        at,
        observed: Observed::NoData { why },
        resolution: Duration::ZERO,
    }
}

async fn judging(
    judge: Judge,
    clock: Clock,
    mut readings: mpsc::UnboundedReceiver<Reading>,
    judged: mpsc::UnboundedSender<CheckNow>,
) {
    let mut judge = judge;
    loop {
        let due = judge.due();
        let lapse = async {
            match due {
                Some(due) => clock.reach(due).await,
                None => std::future::pending().await,
            }
        };
        let told = tokio::select! {
            biased;
            () = judged.closed() => return,
            reading = readings.recv() => match reading {
                Some(reading) => Some(judge.take(reading)),
                None => return,
            },
            () = lapse => judge.lapse(),
        };
        if let Some(told) = told
            && judged.send(told).is_err()
        {
            return;
        }
    }
}
