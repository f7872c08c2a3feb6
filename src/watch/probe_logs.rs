//! The probe `pod_logs`: how often a pattern stands in the target's logs, within a window or since it began. Never
//! counts what was written before it began.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use tokio::sync::broadcast::error::RecvError;

use super::hub::Known;
use super::pods::PodSeen;
use super::probes::{Raw, no_data};
use super::sources::Sources;
use crate::clock::Clock;
use crate::evidence::{Observed, Reading};
use crate::playbook::PodLogsProbe;
use crate::ports::Freshness;
use crate::units::Mark;

/// How often a reading comes when nothing changes, in drill time, unless the check says.
const USUAL: Duration = Duration::from_secs(2);

struct Count {
    pattern: Regex,
    window: Option<Duration>,
    hits: VecDeque<Mark>,
    /// Hits that fell out of no window: there is none.
    all: u64,
    late: Duration,
    /// Until when the count is known to be short, and why.
    missed: Option<(Mark, String)>,
}

impl Count {
    fn expire(&mut self, now: Mark) {
        let Some(window) = self.window else { return };
        while self.hits.front().is_some_and(|at| now.since(*at) > window) {
            self.hits.pop_front();
        }
        if self
            .missed
            .as_ref()
            .is_some_and(|(at, _)| now.since(*at) > window)
        {
            self.missed = None;
        }
    }

    fn hit(&mut self, at: Mark) {
        match self.window {
            Some(_) => self.hits.push_back(at),
            None => self.all += 1,
        }
    }

    fn reading(&self, at: Mark, blind: Option<String>) -> Reading {
        let why = blind.or_else(|| self.missed.as_ref().map(|(_, why)| why.clone()));
        if let Some(why) = why {
            return no_data(at, why);
        }
        let counted = self.hits.len() as u64 + self.all;
        Reading {
            at,
            observed: Observed::Number {
                value: f64::from(u32::try_from(counted).unwrap_or(u32::MAX)),
            },
            resolution: self.late,
        }
    }
}

fn blind_pods(known: &Known<PodSeen>) -> Option<String> {
    match &known.freshness {
        Freshness::Live => None,
        Freshness::Connecting => Some("the pods are not listed yet".to_owned()),
        Freshness::Stale { since, why } => Some(format!("the pods are not seen since {since}: {why}")),
        Freshness::Forbidden { right } => Some(format!("no right to {right}")),
    }
}

/// Counts lines that match the pattern, a regular expression; several matches in a line are one.
pub(super) fn count(
    sources: &Arc<Sources>,
    probe: &PodLogsProbe,
    every: Option<Duration>,
    raw: Raw,
) -> Result<impl Future<Output = ()> + Send + use<>, String> {
    let pattern = regex::RegexBuilder::new(&probe.pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| {
            format!(
                "cannot read the pattern `{}`: {error}; not measured",
                probe.pattern
            )
        })?;
    let mut lines = sources.logs().lines();
    let unread = sources.logs().unread();
    let mut pods = sources.pods.listen();
    let (clock, every) = (sources.clock.clone(), every.unwrap_or(USUAL));
    let mut count = Count {
        pattern,
        window: probe.within.map(|span| span.0),
        hits: VecDeque::new(),
        all: 0,
        late: sources.pulse.now().latency,
        missed: None,
    };
    Ok(async move {
        let mut blind = Some("the pods are not listed yet".to_owned());
        let mut next = clock.mark();
        loop {
            tokio::select! {
                line = lines.recv() => match line {
                    Ok(line) => {
                        if line.origin == super::logs::Origin::History || !count.pattern.is_match(&line.log.text) {
                            continue;
                        }
                        count.late = line.late;
                        count.hit(line.at);
                    }
                    Err(RecvError::Lagged(lost)) => {
                        let why = format!("{lost} lines came too fast to be counted");
                        count.missed = Some((clock.mark(), why));
                    }
                    Err(RecvError::Closed) => return,
                },
                known = pods.recv() => match known {
                    Some(known) => {
                        let now = blind_pods(&known);
                        if now == blind {
                            continue;
                        }
                        blind = now;
                    }
                    None => return,
                },
                () = beat(&clock, next) => {}
            }
            let now = clock.mark();
            next = now.after(every);
            count.expire(now);
            let silent = unread
                .borrow()
                .iter()
                .next()
                .map(|(name, why)| format!("the log of {name} is not read: {why}"));
            if raw.send(count.reading(now, blind.clone().or(silent))).is_err() {
                return;
            }
        }
    })
}

async fn beat(clock: &Clock, next: Mark) {
    clock.reach(next).await;
}
