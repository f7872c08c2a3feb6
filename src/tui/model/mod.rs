//! What the console knows and shows: the fold of everything that came in. Never draws, never asks for anything.

mod dialog;
mod feed;
mod kill;
mod list;
mod state;

pub use dialog::{Correction, Dialog, Field, Lock, TAGS};
pub use feed::{Lines, Seen, Sight, Toast, Told, Tone};
pub use kill::KillState;
pub use list::{List, Rest};
pub use state::{About, Feed, Leaving, Model, Start};
