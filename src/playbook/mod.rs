//! The YAML file that a game day follows: its types, its reading, its rules.

pub mod model;
mod span;

pub use model::*;
pub use span::ParseSpanError;
