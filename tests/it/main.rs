//! One crate of integration tests: everything that needs more than one floor, or a socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops there")]

mod floors;
mod playbook;
mod playbook_schema;
