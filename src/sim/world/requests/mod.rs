//! The verbs of the API, as methods of the world. Who may call them is decided on the wire.

mod events_view;
mod read;
pub(super) mod remove;
mod write;
