//! The embedded cluster's world: objects, controllers, brokers' logs and a Chaos Mesh, pure and seeded.
//!
//! Time is an argument: [`World::advance`] runs everything that is due up to a mark, in order. The same
//! [`Setup`] and the same requests at the same marks give the same history, byte for byte. Nothing in here
//! reads a clock, does IO or knows of async; `sim::wire` puts it on a socket.
//!
//! * [`resource`] what is served · [`query`] what a request says · [`status`] how one is refused
//! * `store` objects, the one counter of versions, the bounded history that watches read
//! * `requests` the verbs · `admission` what a write must pass · `agenda` what is due when
//! * `controller` one file a controller · `chaos` Chaos Mesh · `logs` what containers say
//! * [`happening`] the world's own record, which tests take as the truth · `knobs` how it fails on demand

mod admission;
mod agenda;
mod bootstrap;
mod chaos;
mod controller;
pub mod happening;
mod knobs;
pub mod logs;
mod names;
mod object;
pub mod query;
mod requests;
pub mod resource;
mod selector;
mod state;
pub mod status;
mod store;

pub use happening::{Effect, Fault, Happening, ObjectId, Target, What};
pub use knobs::{Link, Pull, Running};
pub use logs::{End, Entry as LogEntry, LogQuery, LogView, Which};
pub use query::{
    DeleteQuery, DryRun, EvictQuery, Exact, FieldValidation, ListQuery, Listed, Name, Propagation, Removed,
    WatchEvent, WatchKind, WriteQuery, Written,
};
pub use resource::{Resource, ResourceRef, Scope};
pub use selector::{FieldSelector, LabelSelector};
pub use state::{Profile, Setup, World};
pub use status::{Expired, Status};
