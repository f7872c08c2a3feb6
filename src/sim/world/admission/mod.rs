//! What a write must pass before it is stored: unknown fields, defaults, schema, webhooks.

mod defaults;
mod webhook;

pub use defaults::default;
pub use webhook::{decode, validate};
