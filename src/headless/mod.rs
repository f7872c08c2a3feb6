//! The console without a screen: one line a fact. `lines` prints · `verdict` says how it ended. Decides nothing.

mod lines;
mod verdict;

pub use lines::{Form, Lines};
pub use verdict::{Ended, farewell};
