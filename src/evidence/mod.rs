//! What was seen, and whether it is what was expected. Pure.

mod expect;
mod reading;
mod ring;

pub use expect::{Comparison, Expect, ParseExpectError};
pub use reading::{Observed, Reading, Verdict};
pub use ring::Ring;
