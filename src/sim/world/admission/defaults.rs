//! Defaults that the server writes into objects.

use serde_json::Value;

use crate::sim::world::resource::Resource;

/// Fills in what the client left out.
pub fn default(_resource: &Resource, _object: &mut Value) {}
