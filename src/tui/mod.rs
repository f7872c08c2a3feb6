//! The console: what a person sees of a run and asks of it. Draws on the terminal and reads its keys; never decides
//! what a run does and never touches a cluster.
//!
//! | file | what it does |
//! |---|---|
//! | [`seat`] | the loop: takes what comes in, updates the model, draws, does what was asked |
//! | [`terminal`] | raw mode and the way back out of it, whatever happens |
//! | [`keyboard`] | its own thread; sees the kill chord before anyone |
//! | [`chords`] | the emergency keys |
//! | [`keys`] | the one table of keys; the help screen prints it |
//! | [`model`] | what is known: folds the same facts as the engine |
//! | [`update`] | a message in, a changed model and what is asked for out |
//! | [`view`] | a model onto a frame; one file a screen |
//! | [`console_log`] | the program's own log as a screen |

pub mod chords;
pub mod console_log;
pub mod keyboard;
pub mod keys;
pub mod layout;
pub mod model;
pub mod seat;
pub mod terminal;
pub mod theme;
pub mod times;
pub mod update;
pub mod view;

pub use seat::{Left, Options, TuiError, run};
