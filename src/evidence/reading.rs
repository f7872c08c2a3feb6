//! A reading: what a probe saw, when, and how fine its clock is. Never a guess: no data is said as such.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Mark;

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "saw")]
pub enum Observed {
    Number {
        #[serde(with = "number")]
        value: f64,
    },
    /// So many of so many, such as ready pods of wanted pods.
    Parts { have: u32, want: u32 },
    /// The source answered, and had nothing; or it could not be asked. Neither a pass nor a fail.
    NoData { why: String },
}

/// What a probe saw, when, and how fine its clock is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub at: Mark,
    pub observed: Observed,
    /// The longest time that the thing seen may have been so before it was seen.
    pub resolution: Duration,
}

/// Whether a check holds. Three values: what was not seen is not a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Holds,
    Broken,
    Unknown,
}

/// Numbers as JSON has them; those that it lacks (`NaN`, `inf`, `-inf`) as text, so that the record keeps them.
mod number {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else {
            serializer.collect_str(value)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(value) => Ok(value),
            Written::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { value } if value.fract() == 0.0 && value.abs() < 1e15 => write!(f, "{value:.0}"),
            Self::Number { value } => write!(f, "{value:.3}"),
            Self::Parts { have, want } => write!(f, "{have}/{want}"),
            Self::NoData { why } => write!(f, "no data: {why}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        })
    }
}
