//! The embedded cluster's world, from outside: what a client sees against what the world says really happened.

mod chaos;
mod laws;
mod life;
mod recorded;
mod support;
