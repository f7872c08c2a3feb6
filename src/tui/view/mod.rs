//! A model onto a frame. Never changes the model, never reads a clock.

mod active;
mod arming;
mod broker;
mod checks;
mod console;
mod dialogs;
mod faults;
mod footer;
mod header;
mod help;
mod kill;
mod logs;
mod marks;
mod now;
mod page;
mod pen;
mod pods;
mod recovery;
mod run;
mod steps;
mod timeline;

pub use page::view;
pub use recovery::is_running as is_recovering;
