//! The one owner of Kubernetes clients: connection, identity, the kinds of Chaos Mesh, what its objects say.
//!
//! `connect` clients and who the cluster is · `kinds` discovery · `chaos` one object as plain data ·
//! `follow` objects as they change · `calls` single requests · `lease` leases · `removal` sees an
//! object out. Decides nothing about a run.

mod calls;
mod chaos;
mod connect;
mod error;
mod follow;
mod kinds;
mod lease;
mod removal;

pub use calls::{Deleted, Field};
pub use chaos::{ChaosObject, Desired, Record, labels};
pub(crate) use connect::REQUEST;
pub use connect::{Cluster, looks_like_production};
pub use error::{ApiFault, ClusterError};
pub use follow::{Followed, Following};
pub use kinds::{ChaosKind, Role, known_kinds};
pub use lease::{Hold, LatchSeen};
pub use removal::{Removal, Removed};
