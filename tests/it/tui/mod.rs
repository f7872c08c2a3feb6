//! The console: a model fed with entries, readings and keys, drawn onto a test backend.

mod keys;
mod pty;
mod safety;
mod screens;
mod stage;
