//! The recovery clock: when it starts, when every signal is back, and what that is worth. Pure.

use std::time::Duration;

use super::{Fired, Kept, Objective, Run};
use crate::evidence::Verdict;
use crate::playbook::{ClockFrom, Recovery};
use crate::units::{CheckId, Mark, human};

impl Run {
    /// From when the recovery time counts, once that is known.
    pub(super) fn clock_start(&self, recovery: &Recovery) -> Option<Mark> {
        let injected = self.fired.iter().filter_map(|fired| fired.injected).min()?;
        match recovery.clock {
            // The cluster's word may arrive after the first impact: a fault that is felt has begun.
            ClockFrom::FaultStart => Some(match &self.symptom {
                Some((at, _, _)) => injected.min(*at),
                None => injected,
            }),
            ClockFrom::FirstSymptom => self.symptom.as_ref().map(|(at, _, _)| *at),
            ClockFrom::FaultEnd => self
                .fired
                .iter()
                .map(Fired::over)
                .collect::<Option<Vec<_>>>()?
                .into_iter()
                .max(),
        }
    }

    /// Since when every recovery signal has held; `None` while one does not, or none was seen broken since the fault.
    pub(super) fn all_back_since(&self, recovery: &Recovery, from: Mark) -> Option<Mark> {
        let mut since = from;
        let mut impact = false;
        for id in &recovery.when {
            let check = self
                .checks
                .get(id)
                .filter(|check| check.verdict == Verdict::Holds)?;
            impact |= check.broken_since_fault.is_some();
            since = since.max(check.reading.at);
        }
        impact.then_some(since)
    }

    /// The first recovery signal that does not hold now.
    pub(super) fn first_not_back(&self, recovery: &Recovery) -> Option<CheckId> {
        let holds = |id: &&CheckId| {
            self.checks
                .get(*id)
                .is_some_and(|check| check.verdict == Verdict::Holds)
        };
        recovery.when.iter().find(|id| !holds(id)).cloned()
    }

    /// The first recovery signal that is seen broken now.
    pub(super) fn first_broken(&self, recovery: &Recovery) -> Option<CheckId> {
        let broken = |id: &&CheckId| {
            self.checks
                .get(*id)
                .is_some_and(|check| check.verdict == Verdict::Broken)
        };
        recovery.when.iter().find(|id| broken(id)).cloned()
    }

    /// The signal that came back last, and how fine its clock is.
    fn slowest(&self, recovery: &Recovery) -> Option<(CheckId, Duration)> {
        recovery
            .when
            .iter()
            .filter_map(|id| self.checks.get(id).map(|check| (id, check)))
            .filter(|(_, check)| check.broken_since_fault.is_some())
            .max_by_key(|(_, check)| check.reading.at)
            .map(|(id, check)| (id.clone(), check.reading.resolution))
    }

    /// The objective once every signal has held for long enough.
    pub(super) fn judge_stable(&self, recovery: &Recovery, from: Mark, since: Mark) -> Objective {
        let took = since.since(from);
        let slowest = self.slowest(recovery);
        let coarse = slowest
            .as_ref()
            .filter(|(_, resolution)| *resolution > recovery.target.0 / 4);
        let kept = if let Some((id, resolution)) = coarse {
            Kept::NotJudged {
                why: format!(
                    "{id} is seen to within {} only, coarser than a quarter of the target",
                    human(*resolution)
                ),
            }
        } else if let Some(why) = self.back_before(recovery, from) {
            Kept::NotJudged { why }
        } else if took <= recovery.target.0 {
            Kept::Met
        } else if took <= recovery.acceptable.0 {
            Kept::Acceptable
        } else {
            Kept::Missed
        };
        let stable = Some(since.after(recovery.hold.0));
        Objective {
            kept,
            took: Some(took),
            from: Some(from),
            recovered: Some(since),
            stable,
            slowest,
        }
    }

    /// Why a time counted from the fault's end says nothing: everything was back well before that end was seen, so
    /// the end was seen late, or had nothing to do with it.
    fn back_before(&self, recovery: &Recovery, from: Mark) -> Option<String> {
        let back = recovery.when.iter().filter_map(|id| self.checks.get(id));
        let back = back.map(|check| check.reading.at).max()?;
        let early = from.since(back);
        let late = recovery.clock == ClockFrom::FaultEnd && early > recovery.target.0 / 4;
        late.then(|| {
            format!(
                "every signal was back {} before the fault was seen to end",
                human(early)
            )
        })
    }

    /// Whether every signal is back, and came back while that was still acceptable.
    fn is_back_in_time(&self, recovery: &Recovery) -> bool {
        self.objective_from.is_some_and(|from| {
            self.all_back_since(recovery, from)
                .is_some_and(|since| since.since(from) <= recovery.acceptable.0)
        })
    }

    /// The objective when the time for it is over and it is not stable.
    pub(super) fn judge_unfinished(&self, recovery: &Recovery) -> Objective {
        let missing = recovery.when.iter().find(|id| {
            self.not_measured.contains_key(*id)
                || self
                    .checks
                    .get(*id)
                    .is_none_or(|check| check.verdict == Verdict::Unknown)
        });
        let broken = recovery.when.iter().any(|id| {
            self.checks
                .get(id)
                .is_some_and(|c| c.broken_since_fault.is_some())
        });
        let kept = if let Some(id) = missing {
            Kept::NotJudged {
                why: format!("data was missing: {id}"),
            }
        } else if !self.fired.iter().any(|fired| fired.injected.is_some()) {
            Kept::NotJudged {
                why: "no fault was seen injected".to_owned(),
            }
        } else if !broken {
            Kept::NotJudged {
                why: format!("no impact seen by {}", names(&recovery.when)),
            }
        } else if self.is_back_in_time(recovery) {
            Kept::NotJudged {
                why: format!("it came back, and was not seen to hold for {}", recovery.hold),
            }
        } else {
            Kept::Missed
        };
        let from = self.objective_from;
        Objective {
            kept,
            took: None,
            from,
            recovered: None,
            stable: None,
            slowest: self.slowest(recovery),
        }
    }
}

fn names(ids: &[CheckId]) -> String {
    ids.iter().map(CheckId::as_str).collect::<Vec<_>>().join(", ")
}
