//! What a check expects to see, and the judgement of a reading by it. Pure.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Observed, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    #[serde(rename = "==")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = ">")]
    More,
    #[serde(rename = ">=")]
    AtLeast,
}

impl Comparison {
    fn holds(self, seen: f64, bound: f64) -> bool {
        let near = (seen - bound).abs() <= f64::EPSILON * seen.abs().max(bound.abs()).max(1.0);
        match self {
            Self::Equal => near,
            Self::NotEqual => !near,
            Self::Less => seen < bound && !near,
            Self::AtMost => seen <= bound || near,
            Self::More => seen > bound && !near,
            Self::AtLeast => seen >= bound || near,
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// What a check expects to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Expect {
    /// As many as are wanted: `all`.
    All,
    /// `>= 0.66`, `< 500ms`, `== 0`, `>= 90 %`. Times are compared in seconds, percents as shares of 1.
    Compare {
        comparison: Comparison,
        bound: f64,
        written: String,
    },
    /// `0.9..1.1`, both ends included.
    Range { low: f64, high: f64 },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the expectation `{text}`: {why}; write `all`, `>= 0.66`, `< 500ms`, `== 0`, `>= 90 %` or `0.9..1.1`"
)]
pub struct ParseExpectError {
    text: String,
    why: &'static str,
}

impl Expect {
    /// Judges what was seen. A number that is not one is no data, and no data is unknown.
    pub fn judge(&self, observed: &Observed) -> Verdict {
        let held = match (self, observed) {
            // `all` says nothing about a bare number.
            (_, Observed::NoData { .. }) | (Self::All, Observed::Number { .. }) => return Verdict::Unknown,
            (_, Observed::Number { value }) if !value.is_finite() => return Verdict::Unknown,
            (Self::All, Observed::Parts { have, want }) => *want > 0 && have >= want,
            (
                Self::Compare {
                    comparison, bound, ..
                },
                Observed::Number { value },
            ) => comparison.holds(*value, *bound),
            (
                Self::Compare {
                    comparison, bound, ..
                },
                Observed::Parts { have, .. },
            ) => comparison.holds(f64::from(*have), *bound),
            (Self::Range { low, high }, Observed::Number { value }) => (*low..=*high).contains(value),
            (Self::Range { low, high }, Observed::Parts { have, .. }) => {
                (*low..=*high).contains(&f64::from(*have))
            }
        };
        if held { Verdict::Holds } else { Verdict::Broken }
    }
}

fn number(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("ms", 1e-3),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("%", 0.01),
        ("min", 60.0),
        ("s", 1.0),
        ("m", 60.0),
    ];
    let text = text.trim();
    let (digits, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|rest| (rest.trim_end(), *factor)))
        .unwrap_or((text, 1.0));
    digits
        .parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())
        .map(|n| n * factor)
}

impl FromStr for Expect {
    type Err = ParseExpectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Two-letter signs first, so that `>=` is not read as `>`.
        const SIGNS: [Comparison; 6] = [
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::AtMost,
            Comparison::AtLeast,
            Comparison::Less,
            Comparison::More,
        ];
        let fail = |why| ParseExpectError {
            text: text.to_owned(),
            why,
        };
        let trimmed = text.trim();
        if trimmed == "all" {
            return Ok(Self::All);
        }
        if let Some((low, high)) = trimmed.split_once("..") {
            let low = number(low).ok_or_else(|| fail("the lower end is not a number"))?;
            let high = number(high).ok_or_else(|| fail("the upper end is not a number"))?;
            if low > high {
                return Err(fail("the lower end is above the upper one"));
            }
            return Ok(Self::Range { low, high });
        }
        for comparison in SIGNS {
            if let Some(rest) = trimmed.strip_prefix(comparison.sign()) {
                let bound = number(rest).ok_or_else(|| fail("what follows the sign is not a number"))?;
                return Ok(Self::Compare {
                    comparison,
                    bound,
                    written: rest.trim().to_owned(),
                });
            }
        }
        Err(fail("it begins with no comparison"))
    }
}

impl TryFrom<String> for Expect {
    type Error = ParseExpectError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Expect> for String {
    fn from(expect: Expect) -> Self {
        expect.to_string()
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Compare {
                comparison, written, ..
            } => write!(f, "{} {written}", comparison.sign()),
            Self::Range { low, high } => write!(f, "{low}..{high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(expect: &str, value: f64) -> Verdict {
        expect
            .parse::<Expect>()
            .expect(expect)
            .judge(&Observed::Number { value })
    }

    #[test]
    fn numbers_units_and_ranges() {
        assert_eq!(judge(">= 0.66", 2.0 / 3.0), Verdict::Holds);
        assert_eq!(judge(">= 0.67", 2.0 / 3.0), Verdict::Broken);
        assert_eq!(judge("< 500ms", 0.5), Verdict::Broken);
        assert_eq!(judge("< 500ms", 0.4999), Verdict::Holds);
        assert_eq!(judge(">= 90 %", 0.9), Verdict::Holds);
        assert_eq!(judge("0.9..1.1", 1.2), Verdict::Broken);
        assert_eq!(judge("== 0", f64::NAN), Verdict::Unknown);
        assert_eq!(judge("== 0", f64::INFINITY), Verdict::Unknown);
    }

    #[test]
    fn none_of_none_is_not_all() {
        assert_eq!(
            Expect::All.judge(&Observed::Parts { have: 0, want: 0 }),
            Verdict::Broken
        );
        assert_eq!(
            Expect::All.judge(&Observed::Parts { have: 3, want: 3 }),
            Verdict::Holds
        );
        assert_eq!(
            Expect::All.judge(&Observed::Parts { have: 2, want: 3 }),
            Verdict::Broken
        );
        assert_eq!(
            Expect::All.judge(&Observed::NoData { why: String::new() }),
            Verdict::Unknown
        );
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        for bad in ["", "0.66", "=> 1", ">= ", "2..1", "> x", "~ 3"] {
            assert!(bad.parse::<Expect>().is_err(), "{bad}");
        }
    }
}
