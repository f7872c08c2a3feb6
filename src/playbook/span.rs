//! Reading and writing of [`Span`]. Pure.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::model::Span;
use crate::units::human;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the duration `{0}`; write `90s`, `2m 30s`, `200ms` or `1h`")]
pub struct ParseSpanError(String);

impl FromStr for Span {
    type Err = ParseSpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseSpanError(text.to_owned());
        let mut rest = text.trim();
        let mut total = Duration::ZERO;
        if rest.is_empty() {
            return Err(fail());
        }
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or_else(fail)?;
            let amount: f64 = rest[..digits].parse().map_err(|_| fail())?;
            let tail = &rest[digits..];
            let unit_end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
            let seconds = match &tail[..unit_end] {
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" | "sec" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                "d" => 86400.0,
                _ => return Err(fail()),
            };
            total = Duration::try_from_secs_f64(amount * seconds)
                .ok()
                .and_then(|part| total.checked_add(part))
                .ok_or_else(fail)?;
            rest = tail[unit_end..].trim_start();
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&human(self.0))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Whole milliseconds, so that what is written reads back as the same time.
        let millis = self.0.as_millis();
        if millis.is_multiple_of(1000) {
            serializer.serialize_str(&format!("{}s", millis / 1000))
        } else {
            serializer.serialize_str(&format!("{millis}ms"))
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a length of time: `90s`, `2m 30s`, `200ms`, `1h`",
            "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(us|µs|ms|s|sec|m|min|h|d)\s*)+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        for (text, millis) in [
            ("90s", 90_000),
            ("2m 30s", 150_000),
            ("200ms", 200),
            ("1h", 3_600_000),
            ("1.5s", 1500),
        ] {
            assert_eq!(
                text.parse::<Span>().expect(text).0,
                Duration::from_millis(millis),
                "{text}"
            );
        }
        for bad in ["", "90", "s", "5 parsecs", "-3s", "1e99999h", "."] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
