//! When a schedule fires: `@every`, the usual names, and the five fields.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A parsed schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cron {
    Every(Duration),
    Fields(Box<Fields>),
}

/// The five fields, one bit a value. A star in one of the two day fields leaves the day to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    any_day: Any,
    any_weekday: Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Any {
    Yes,
    No,
}

impl Cron {
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(every) = text.strip_prefix("@every ") {
            let every = super::parse_duration(every.trim())?;
            // Below a second the library behind the real one rounds up.
            return Some(Self::Every(Duration::from_secs(every.as_secs().max(1))));
        }
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts.as_slice() else {
            return None;
        };
        let any = |text: &str| {
            if text.starts_with(['*', '?']) {
                Any::Yes
            } else {
                Any::No
            }
        };
        Some(Self::Fields(Box::new(Fields {
            minute: bits(minute, 0, 59)?,
            hour: bits(hour, 0, 23)?,
            day: bits(day, 1, 31)?,
            month: bits(month, 1, 12)?,
            // Seven is Sunday too.
            weekday: bits(weekday, 0, 7).map(|bits| if bits & 0x80 == 0 { bits } else { bits & 0x7f | 1 })?,
            any_day: any(day),
            any_weekday: any(weekday),
        })))
    }

    /// The first time after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole
                    .checked_add(jiff::SignedDuration::try_from(*every).ok()?)
                    .ok()
            }
            Self::Fields(fields) => fields.next(after),
        }
    }
}

impl Fields {
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut at = after.to_zoned(TimeZone::UTC).datetime();
        at = at
            .with()
            .second(0)
            .subsec_nanosecond(0)
            .build()
            .ok()?
            .checked_add(1.minute())
            .ok()?;
        // Five years hold every day that can be written, the 29th of February too.
        for _ in 0..5 * 366 * 25 {
            if !has(self.month, at.month()) || !self.has_day(at) {
                at = at
                    .with()
                    .hour(0)
                    .minute(0)
                    .build()
                    .ok()?
                    .checked_add(1.day())
                    .ok()?;
            } else if !has(self.hour, at.hour()) {
                at = at.with().minute(0).build().ok()?.checked_add(1.hour()).ok()?;
            } else if let Some(minute) = (at.minute()..60).find(|minute| has(self.minute, *minute)) {
                let found = at.with().minute(minute).build().ok()?;
                return found.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
            } else {
                at = at.with().minute(0).build().ok()?.checked_add(1.hour()).ok()?;
            }
        }
        None
    }

    fn has_day(&self, at: DateTime) -> bool {
        let day = has(self.day, at.day());
        let weekday = has(self.weekday, at.weekday().to_sunday_zero_offset());
        if self.any_day == Any::Yes || self.any_weekday == Any::Yes {
            day && weekday
        } else {
            day || weekday
        }
    }
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits >> value & 1 == 1)
}

/// `*`, `1-5`, `*/15`, `1,2,3`, `mon-fri`.
fn bits(text: &str, from: u32, to: u32) -> Option<u64> {
    let mut all = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (first, last) = match range {
            "*" | "?" => (from, to.min(if to == 7 { 6 } else { to })),
            _ => match range.split_once('-') {
                Some((first, last)) => (value(first)?, value(last)?),
                None => (value(range)?, if part.contains('/') { to } else { value(range)? }),
            },
        };
        if first < from || last > to || first > last {
            return None;
        }
        let mut at = first;
        while at <= last {
            all |= 1 << at;
            at += step;
        }
    }
    Some(all)
}

fn value(text: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let lower = text.to_ascii_lowercase();
    let month = MONTHS.iter().position(|one| *one == lower).map(|at| at + 1);
    let named = month.or_else(|| DAYS.iter().position(|one| *one == lower));
    named
        .and_then(|at| u32::try_from(at).ok())
        .or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_fire_when_cron_would() {
        let after: Timestamp = "2026-11-21T02:39:30Z".parse().unwrap();
        for (text, next) in [
            ("@every 5m", "2026-11-21T02:44:30Z"),
            ("*/5 * * * *", "2026-11-21T02:40:00Z"),
            ("0 3 * * *", "2026-11-21T03:00:00Z"),
            ("30 2 * * mon-fri", "2026-11-23T02:30:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("0 0 1 * 7", "2026-11-22T00:00:00Z"),
            ("@hourly", "2026-11-21T03:00:00Z"),
        ] {
            assert_eq!(
                Cron::parse(text).unwrap().next(after).unwrap().to_string(),
                next,
                "{text}"
            );
        }
        for bad in [
            "",
            "@every",
            "@every soon",
            "* * * *",
            "61 * * * *",
            "*/0 * * * *",
            "5-1 * * * *",
        ] {
            assert_eq!(Cron::parse(bad), None, "{bad}");
        }
        assert_eq!(Cron::parse("0 0 31 2 *").unwrap().next(after), None);
    }
}
