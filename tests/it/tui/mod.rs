//! The console: a model fed with entries, readings and keys, drawn onto a test backend.

mod keys;
mod safety;
mod screens;
mod stage;
