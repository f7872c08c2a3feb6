//! Newtypes that every floor speaks: time since the run began, wall time, ids, percent, error chains.
//! Never reads a clock, never does IO.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nanoseconds since the run began, on a clock that goes on while the machine is suspended.
///
/// At a speed other than 1 this is drill time. One run's marks are comparable with each other and
/// with nothing else.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Mark(u64);

impl Mark {
    /// The moment the run began.
    pub const ZERO: Self = Self(0);

    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since the run began.
    pub const fn elapsed(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time from `earlier` to here; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This mark moved later, saturating at the end of time.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// This mark moved earlier, saturating at the beginning of the run.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

impl fmt::Display for Mark {
    /// `T+mm:ss.d`, or `T+h:mm:ss.d` from an hour on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0 / 100_000_000;
        let (secs, tenth) = (tenths / 10, tenths % 10);
        let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
        if hours > 0 {
            write!(f, "T+{hours}:{minutes:02}:{secs:02}.{tenth}")
        } else {
            write!(f, "T+{minutes:02}:{secs:02}.{tenth}")
        }
    }
}

/// Wall-clock time in UTC, for people and for other machines; never subtracted to get a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub jiff::Timestamp);

impl Stamp {
    /// RFC 3339 with milliseconds, UTC.
    pub fn rfc3339(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// `HH:MM:SS`, UTC.
    pub fn time_of_day(self) -> String {
        self.0.strftime("%H:%M:%S").to_string()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// A share of a whole, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Percent(pub f64);

impl Percent {
    /// `part` of `whole`; a part of nothing is everything, so that a limit on it never lets it pass.
    pub fn of(part: usize, whole: usize) -> Self {
        if whole == 0 {
            return Self(if part == 0 { 0.0 } else { 100.0 });
        }
        #[allow(clippy::cast_precision_loss, reason = "pod counts are far below 2^52")]
        Self(part as f64 * 100.0 / whole as f64)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %", self.0)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

id! {
    /// One run: `YYYYMMDD-HHMMSS-xxxx`. Safe as a file name and as a Kubernetes label value.
    RunId
}
id! {
    /// A check of a playbook, or a built-in one (`pods-ready`, `endpoints`, …).
    CheckId
}
id! {
    /// A fault of a playbook.
    FaultId
}
id! {
    /// One attempt at a fault: `<fault>-<attempt>`. What is owed is owed under this name.
    DebtId
}

impl CheckId {
    const STOP: &str = "/stop";

    /// The signal of a stop condition that expects something else of this check than the check itself.
    #[must_use]
    pub fn stop_signal(&self) -> Self {
        Self::new(format!("{}{}", self.as_str(), Self::STOP))
    }

    pub fn is_stop_signal(&self) -> bool {
        self.as_str().ends_with(Self::STOP)
    }
}

impl RunId {
    /// Whether `text` has the form of a run id, and so may become a folder name.
    pub fn is_well_formed(text: &str) -> bool {
        let mut parts = text.split('-');
        let digits = |part: Option<&str>, len: usize| {
            part.is_some_and(|p| p.len() == len && p.bytes().all(|b| b.is_ascii_digit()))
        };
        digits(parts.next(), 8)
            && digits(parts.next(), 6)
            && parts.next().is_some_and(|p| {
                p.len() == 4 && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            })
            && parts.next().is_none()
    }

    /// The id of a run that starts at `at`; `salt` tells two runs of one second apart.
    pub fn at(at: Stamp, salt: u16) -> Self {
        Self(format!("{}-{salt:04x}", at.0.strftime("%Y%m%d-%H%M%S")))
    }
}

/// Which step of the playbook, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StepIx(pub usize);

impl StepIx {
    /// The number people see, counted from 1.
    pub const fn number(self) -> usize {
        self.0 + 1
    }
}

/// An error and what caused it, outermost first, as data that survives the journal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorChain(Vec<String>);

impl ErrorChain {
    /// Flattens an error and all its sources. A source that only repeats its parent's text is dropped.
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut links: Vec<String> = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !links.last().is_some_and(|last| last.contains(&text)) {
                links.push(text);
            }
            source = cause.source();
        }
        Self(links)
    }

    pub fn message(text: impl Into<String>) -> Self {
        Self(vec![text.into()])
    }

    /// The same chain with one more outer link.
    #[must_use]
    pub fn within(mut self, outer: impl Into<String>) -> Self {
        self.0.insert(0, outer.into());
        self
    }

    pub fn links(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ErrorChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(": "))
    }
}

impl std::error::Error for ErrorChain {}

/// A duration for people: `850ms`, `7.4s`, `90s` as `1m 30s`, `2h 05m`.
pub fn human(duration: Duration) -> String {
    let secs = duration.as_secs();
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_millis())
    } else if secs < 60 {
        let tenths = duration.as_millis() / 100;
        if tenths.is_multiple_of(10) {
            format!("{secs}s")
        } else {
            format!("{}.{}s", tenths / 10, tenths % 10)
        }
    } else if secs < 3600 {
        if secs.is_multiple_of(60) {
            format!("{}m", secs / 60)
        } else {
            format!("{}m {:02}s", secs / 60, secs % 60)
        }
    } else {
        format!("{}h {:02}m", secs / 3600, secs / 60 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_as_people_read_clocks() {
        assert_eq!(Mark::from_millis(7_440).to_string(), "T+00:07.4");
        assert_eq!(Mark::from_secs(3_725).to_string(), "T+1:02:05.0");
        assert_eq!(Mark::from_secs(1).since(Mark::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn run_ids_cannot_be_paths() {
        assert!(RunId::is_well_formed("20261121-033247-a9f0"));
        for bad in [
            "",
            "..",
            "20261121-033247-a9f",
            "20261121-033247-A9F0",
            "20261121-033247-a9f0-x",
            "../../etc-x-y",
        ] {
            assert!(!RunId::is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn durations_for_people() {
        for (millis, text) in [
            (0, "0ms"),
            (850, "850ms"),
            (7_440, "7.4s"),
            (10_000, "10s"),
            (90_000, "1m 30s"),
            (120_000, "2m"),
            (7_500_000, "2h 05m"),
        ] {
            assert_eq!(human(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_part_of_nothing_is_everything() {
        assert!(Percent::of(1, 0).0 >= 100.0);
        assert!((Percent::of(1, 3).0 - 33.3).abs() < 0.1);
    }
}
