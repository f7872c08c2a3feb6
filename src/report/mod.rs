//! What a run says about itself once it is folded: words for facts, a summary, and how it is written down.
//! Pure: facts in, text out; never opens a file, never reads a clock.

pub mod words;
