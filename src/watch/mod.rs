//! What is seen of a cluster while a run is on: pods, chaos, events, logs, and the probes of checks.
//!
//! `feed` keeps one list-and-watch up · `scope` what it is about, and its requests · `hub` tells every step of it · `pulse` whether the server answers at all ·
//! `sources` what is watched once and read by many · `pods`, `pod_state`, `owners`, `endpoints`, `chaos`, `chaos_row`,
//! `events` what is read of each · `logs`, `tail`, `log_lines` the logs · `outlet` the bounded way out ·
//! `probes`, `probe_*`, `judge` checks · `survey` one look at everything, for `status` · `tasks`, `start`.
//!
//! Nothing here changes a cluster. What is not proven live is said to be stale, and is no data for a check.

mod chaos;
mod chaos_row;
mod endpoints;
mod events;
mod feed;
mod hub;
mod judge;
mod log_lines;
mod logs;
mod outlet;
mod owners;
mod pod_state;
mod pods;
mod probe_http;
mod probe_logs;
mod probe_pods;
mod probes;
mod pulse;
mod scope;
mod sources;
mod start;
mod survey;
mod tail;
mod tasks;

pub use chaos_row::{Phase, age, remaining};
pub use probes::Registry;
pub use start::{Watching, start};
pub use survey::{FaultSeen, LatchClosed, Places, Survey, Unseen, survey};
pub use tasks::Stop;
