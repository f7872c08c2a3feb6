//! The only reader of clocks. Gives a run its marks and its wall time, and notices when the two part.
//! Never decides anything.
//!
//! Marks come from the boot-time clock, which goes on while the machine is suspended: an outage does
//! not pause because a laptop lid was closed. Wall time is read once, at the start, and carried forward
//! by the same clock, so that a step of the system's time cannot reorder a run.

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::units::{Mark, Stamp};

/// Wall time, read now. For stamps outside a run; inside a run use [`Clock::stamp`].
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn wall() -> Stamp {
    Stamp(jiff::Timestamp::now())
}

/// Nanoseconds since boot, the time that the machine was suspended included.
fn boot_nanos() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Identifies this boot of this machine; empty where the system does not say.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// What a resumed run needs to go on with its clocks still true. Written into the journal at the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockBase {
    /// Which boot of the machine `boot_nanos` belongs to.
    pub boot_id: String,
    /// The boot-time clock at mark zero.
    pub boot_nanos: u64,
    /// Wall time at mark zero.
    pub wall: Stamp,
    /// How many seconds of drill time pass in one second; 1 for anything real.
    pub speed: f64,
}

/// How a resumed clock was put back in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resumed {
    /// The same boot: marks go on exactly.
    SameBoot,
    /// The machine was restarted: marks go on by wall time, and are as good as that.
    ByWallTime,
}

#[derive(Debug)]
enum Source {
    Boot {
        origin: u64,
    },
    /// Follows tokio's clock, and so stands still or leaps with it in tests under paused time.
    Tokio {
        origin: tokio::time::Instant,
    },
}

#[derive(Debug)]
struct Inner {
    source: Source,
    base: ClockBase,
}

/// The clock of one run. Cheap to clone; all clones agree.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

impl Clock {
    /// A clock whose mark zero is now.
    pub fn start(speed: f64) -> Self {
        let origin = boot_nanos();
        let base = ClockBase {
            boot_id: boot_id(),
            boot_nanos: origin,
            wall: wall(),
            speed,
        };
        Self(Arc::new(Inner {
            source: Source::Boot { origin },
            base,
        }))
    }

    /// A clock whose mark zero is now, by the wall time and the speed of another: of an embedded cluster, whose time
    /// may have run away from this machine's.
    pub fn start_beside(other: &Self) -> Self {
        let Self(inner) = Self::start(other.speed());
        let mut base = inner.base.clone();
        base.wall = other.stamp();
        let origin = base.boot_nanos;
        Self(Arc::new(Inner {
            source: Source::Boot { origin },
            base,
        }))
    }

    /// A clock for tests under tokio's paused time. Mark zero is now; `wall` is what it claims to be.
    pub fn paused(wall: Stamp) -> Self {
        let base = ClockBase {
            boot_id: String::new(),
            boot_nanos: 0,
            wall,
            speed: 1.0,
        };
        Self(Arc::new(Inner {
            source: Source::Tokio {
                origin: tokio::time::Instant::now(),
            },
            base,
        }))
    }

    /// Takes a run's clock up again after a crash.
    pub fn resume(base: &ClockBase) -> (Self, Resumed) {
        if !base.boot_id.is_empty() && base.boot_id == boot_id() && boot_nanos() >= base.boot_nanos {
            let source = Source::Boot {
                origin: base.boot_nanos,
            };
            return (
                Self(Arc::new(Inner {
                    source,
                    base: base.clone(),
                })),
                Resumed::SameBoot,
            );
        }
        let gone = wall().0.duration_since(base.wall.0);
        let gone = u64::try_from(gone.as_nanos()).unwrap_or(0);
        let mut now = base.clone();
        now.boot_id = boot_id();
        // On a machine younger than the run, mark zero lies before its boot: wrapping keeps the distance.
        now.boot_nanos = boot_nanos().wrapping_sub(gone);
        let source = Source::Boot {
            origin: now.boot_nanos,
        };
        (Self(Arc::new(Inner { source, base: now })), Resumed::ByWallTime)
    }

    /// What to write into the journal.
    pub fn base(&self) -> &ClockBase {
        &self.0.base
    }

    pub fn speed(&self) -> f64 {
        self.0.base.speed
    }

    /// Time since the run began, as drill time.
    pub fn mark(&self) -> Mark {
        let real = match self.0.source {
            Source::Boot { origin } => Duration::from_nanos(boot_nanos().wrapping_sub(origin)),
            Source::Tokio { origin } => origin.elapsed(),
        };
        Mark::ZERO.after(self.drill_time(real))
    }

    /// Wall time now, carried forward from the start of the run; drill time as well.
    pub fn stamp(&self) -> Stamp {
        self.stamp_at(self.mark())
    }

    /// The wall time of a mark of this run.
    pub fn stamp_at(&self, mark: Mark) -> Stamp {
        let since = jiff::SignedDuration::try_from(mark.elapsed()).unwrap_or(jiff::SignedDuration::MAX);
        Stamp(
            self.0
                .base
                .wall
                .0
                .saturating_add(since)
                .unwrap_or(jiff::Timestamp::MAX),
        )
    }

    /// Waits until `mark`; at once when it has passed.
    pub async fn reach(&self, mark: Mark) {
        loop {
            let left = mark.since(self.mark());
            if left.is_zero() {
                return;
            }
            // tokio's timer stands still while the machine is suspended: look again at least every second.
            tokio::time::sleep(
                self.real_time(left)
                    .min(Duration::from_secs(1))
                    .max(Duration::from_micros(100)),
            )
            .await;
        }
    }

    /// Waits for `span` of drill time.
    pub async fn pass(&self, span: Duration) {
        self.reach(self.mark().after(span)).await;
    }

    /// How long `span` of drill time takes.
    pub fn real_time(&self, span: Duration) -> Duration {
        span.div_f64(self.0.base.speed)
    }

    /// How much drill time passes in `span`.
    pub fn drill_time(&self, span: Duration) -> Duration {
        if (self.0.base.speed - 1.0).abs() < f64::EPSILON {
            span
        } else {
            span.mul_f64(self.0.base.speed)
        }
    }

    /// How far the system's wall time has moved away from ours since the start; only at speed 1.
    pub fn wall_drift(&self) -> jiff::SignedDuration {
        if (self.speed() - 1.0).abs() > f64::EPSILON {
            return jiff::SignedDuration::ZERO;
        }
        wall().0.duration_since(self.stamp().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_clock_goes_on() {
        let first = Clock::start(1.0);
        let mut base = first.base().clone();
        base.boot_nanos = base.boot_nanos.saturating_sub(5_000_000_000);
        let (second, how) = Clock::resume(&base);
        assert_eq!(how, Resumed::SameBoot);
        assert!(second.mark() >= Mark::from_secs(5) || base.boot_nanos == 0);
    }

    #[test]
    fn after_a_reboot_marks_go_on_by_wall_time() {
        let mut base = Clock::start(1.0).base().clone();
        base.boot_id = "another boot".to_owned();
        base.wall = Stamp(base.wall.0 - jiff::SignedDuration::from_secs(90));
        let (clock, how) = Clock::resume(&base);
        assert_eq!(how, Resumed::ByWallTime);
        let mark = clock.mark();
        assert!(
            mark >= Mark::from_secs(90) && mark < Mark::from_secs(100),
            "{mark}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn drill_time_is_told_by_tokio_when_paused() {
        let clock = Clock::paused(Stamp(jiff::Timestamp::UNIX_EPOCH));
        clock.pass(Duration::from_secs(30)).await;
        assert!(clock.mark() >= Mark::from_secs(30));
        assert_eq!(
            clock.stamp_at(Mark::from_secs(30)).rfc3339(),
            "1970-01-01T00:00:30.000Z"
        );
    }
}
