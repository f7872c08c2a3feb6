//! The embedded cluster's world, from outside: what a client sees against what the world says really happened.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod chaos;
mod laws;
mod life;
mod recorded;
mod spawners;
mod support;
