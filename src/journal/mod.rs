//! The record on disk: one line a fact, chained by hash, one file a process. Never decides what is written.

mod debts;
mod error;
mod format;
mod reader;
mod store;
mod writer;

pub use debts::{Owed, OwedDebt, owed};
pub use error::JournalError;
pub use format::{GENESIS, Line, VERSION, hash};
pub use reader::{Damage, Head, Journal, Record, merge, read, skim};
pub use store::{Process, RunDir, Store};
pub use writer::{Durability, Writer};
