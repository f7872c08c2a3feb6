//! Chaos Mesh as its source behaves: finalizer, desired phase, conditions, records, expiry, pause, recovery.
//! One pass of `pipeline` is one reconcile; `injure` is what an injector does to a pod, `schedule` and
//! `workflow` spawn, `select` picks.

mod cron;
mod injure;
mod kinds;
mod per_pod;
mod pipeline;
mod record;
mod schedule;
mod select;
mod units;
mod wake;
mod workflow;

pub use cron::Cron;
pub use injure::{out_of_memory, strain};
pub use kinds::is_injection;
pub use per_pod::sync as sync_per_pod;
pub use pipeline::{Memory, reconcile};
pub use schedule::reconcile as cron;
pub use units::parse_duration;
pub use wake::changed;
pub use workflow::{reconcile_node as workflow_node, reconcile_workflow as workflow};
