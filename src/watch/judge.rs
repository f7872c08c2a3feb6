//! Judges readings one after the other: what no data counts as, and how long broken must last. Pure.

use std::time::Duration;

use crate::evidence::{Expect, Observed, Reading, Verdict};
use crate::playbook::{Check, NoData};
use crate::ports::CheckNow;
use crate::units::Mark;

/// The memory of one check.
#[derive(Debug)]
pub(super) struct Judge {
    expect: Expect,
    no_data: NoData,
    /// How long it must be broken before it counts as broken.
    patience: Duration,
    /// The verdict that stands.
    verdict: Verdict,
    /// The first reading of a span of broken ones that does not count yet, and the newest.
    broken: Option<(Reading, Reading)>,
}

impl Judge {
    /// `usual` is what is expected where the check does not say.
    pub fn new(check: &Check, usual: Expect) -> Self {
        Self {
            expect: check.expect.clone().unwrap_or(usual),
            no_data: check.no_data,
            patience: check.for_.map_or(Duration::ZERO, |span| span.0),
            verdict: Verdict::Unknown,
            broken: None,
        }
    }

    fn alone(&self, observed: &Observed) -> Verdict {
        match (observed, self.no_data) {
            (Observed::NoData { .. }, NoData::Unknown) => Verdict::Unknown,
            (Observed::NoData { .. }, NoData::Fail) => Verdict::Broken,
            (Observed::NoData { .. }, NoData::Pass) => Verdict::Holds,
            (Observed::Number { .. } | Observed::Parts { .. }, _) => self.expect.judge(observed),
        }
    }

    /// What is to be told of a reading. When it changes the verdict, its `at` is since when it is so.
    pub fn take(&mut self, reading: Reading) -> CheckNow {
        let verdict = self.alone(&reading.observed);
        if verdict != Verdict::Broken || self.verdict == Verdict::Broken {
            self.broken = None;
            self.verdict = verdict;
            return CheckNow { reading, verdict };
        }
        let (first, _) = self.broken.take().unwrap_or((reading.clone(), reading.clone()));
        if reading.at.since(first.at) >= self.patience {
            self.verdict = verdict;
            return CheckNow {
                reading: Reading {
                    observed: reading.observed,
                    ..first
                },
                verdict,
            };
        }
        self.broken = Some((first, reading.clone()));
        CheckNow {
            reading,
            verdict: self.verdict,
        }
    }

    /// When what is broken will have lasted long enough, if nothing comes.
    pub fn due(&self) -> Option<Mark> {
        self.broken
            .as_ref()
            .map(|(first, _)| first.at.after(self.patience))
    }

    /// What is to be told when [`Judge::due`] has come and nothing else did.
    pub fn lapse(&mut self) -> Option<CheckNow> {
        let (first, newest) = self.broken.take()?;
        self.verdict = Verdict::Broken;
        let reading = Reading {
            observed: newest.observed,
            ..first
        };
        Some(CheckNow {
            reading,
            verdict: Verdict::Broken,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::{PodsReadyProbe, Probe, Span};
    use crate::units::CheckId;

    fn judge(patience: u64, no_data: NoData) -> Judge {
        let check = Check {
            id: CheckId::from("c"),
            probe: Probe::PodsReady(PodsReadyProbe {}),
            expect: None,
            every: None,
            when: Vec::new(),
            no_data,
            for_: Some(Span(Duration::from_secs(patience))),
        };
        Judge::new(&check, Expect::All)
    }

    fn parts(at: u64, have: u32) -> Reading {
        Reading {
            at: Mark::from_secs(at),
            observed: Observed::Parts { have, want: 3 },
            resolution: Duration::from_millis(at),
        }
    }

    fn blind(at: u64) -> Reading {
        Reading {
            observed: Observed::NoData { why: String::new() },
            ..parts(at, 0)
        }
    }

    fn told(now: &CheckNow) -> (Verdict, Mark) {
        (now.verdict, now.reading.at)
    }

    #[test]
    fn broken_counts_after_its_time_and_from_its_beginning() {
        let mut judge = judge(5, NoData::Unknown);
        assert_eq!(
            told(&judge.take(parts(1, 3))),
            (Verdict::Holds, Mark::from_secs(1))
        );
        assert_eq!(
            told(&judge.take(parts(2, 2))),
            (Verdict::Holds, Mark::from_secs(2))
        );
        assert_eq!(judge.due(), Some(Mark::from_secs(7)));
        assert_eq!(
            told(&judge.take(parts(4, 1))),
            (Verdict::Holds, Mark::from_secs(4))
        );
        let lapsed = judge.lapse().expect("it was broken");
        assert_eq!(told(&lapsed), (Verdict::Broken, Mark::from_secs(2)));
        assert_eq!(lapsed.reading.observed, Observed::Parts { have: 1, want: 3 });
        assert_eq!(
            lapsed.reading.resolution,
            Duration::from_millis(2),
            "that of the first"
        );
        assert_eq!(judge.due(), None);
        assert_eq!(
            told(&judge.take(parts(9, 3))),
            (Verdict::Holds, Mark::from_secs(9))
        );
    }

    #[test]
    fn a_good_reading_between_begins_anew_and_so_does_blindness() {
        let mut judge = judge(5, NoData::Unknown);
        judge.take(parts(1, 3));
        judge.take(parts(2, 2));
        judge.take(parts(3, 3));
        assert_eq!(judge.due(), None);
        assert_eq!(told(&judge.take(parts(6, 2))).0, Verdict::Holds);
        assert_eq!(told(&judge.take(blind(7))).0, Verdict::Unknown);
        assert_eq!(
            told(&judge.take(parts(8, 2))).0,
            Verdict::Unknown,
            "not broken long enough"
        );
        assert_eq!(
            told(&judge.take(parts(13, 2))),
            (Verdict::Broken, Mark::from_secs(8))
        );
    }

    #[test]
    fn what_no_data_counts_as_is_the_checks_own_word() {
        assert_eq!(judge(0, NoData::Fail).take(blind(1)).verdict, Verdict::Broken);
        assert_eq!(judge(0, NoData::Pass).take(blind(1)).verdict, Verdict::Holds);
        assert_eq!(judge(0, NoData::Unknown).take(blind(1)).verdict, Verdict::Unknown);
    }
}
