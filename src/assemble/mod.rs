//! The only place that knows everything: a real or an embedded cluster, watchers, injector, journal, driver and
//! kill switch, put together into one run. Decides nothing about the run, shows nothing.

mod error;
mod killing;
mod latching;
mod place;
mod run;

pub use error::AssembleError;
pub use killing::Killing;
pub use place::{Place, World};
pub use run::{Assembled, Firing, Resuming, Say, Wanted};
