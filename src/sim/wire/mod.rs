//! The wire of the embedded cluster: a Kubernetes API over HTTPS on loopback, so that the console, kubectl
//! and tests meet the world as they would meet a real one.
//!
//! `sim` starts it · `shared` the world and its time · `server`, `tls` sockets · `users`, `access` who may
//! what · `handle` one file a family of verbs · `discovery`, `openapi` what is served · `table`, `patch`
//! pure transformations. Decisions about objects are the world's; nothing here changes one by itself.

mod accept;
mod access;
mod base64;
mod body;
mod discovery;
mod error;
mod fields;
mod handle;
mod openapi;
mod patch;
mod protobuf;
mod refusal;
mod reply;
mod request;
mod runtime;
mod server;
mod shared;
mod sim;
mod state;
mod table;
mod target;
mod tls;
mod users;

pub use error::SimError;
pub use runtime::CONTEXT;
pub use shared::SharedWorld;
pub use sim::{Seat, Sim, SimOptions, start};
