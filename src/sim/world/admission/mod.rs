//! What a write must pass before it is stored: unknown fields, defaults, schema, webhooks.

mod defaults;
mod definitions;
mod schema;
mod webhook;

pub use defaults::default;
pub use definitions::crds;
pub use webhook::{decode, validate};
