//! Unknown fields and refusals.

use serde_json::Value;

use crate::sim::world::query::FieldValidation;
use crate::sim::world::resource::Resource;
use crate::sim::world::status::Status;
use crate::sim::world::world::World;

pub fn decode(_: &Resource, _: &mut Value, _: FieldValidation) -> Result<Vec<String>, Status> {
    Ok(Vec::new())
}

pub fn validate(_: &Resource, _: &Value, _: Option<&Value>) -> Result<(), Status> {
    Ok(())
}

impl World {
    pub(in crate::sim::world) fn check_webhook(&self, _: &Resource) -> Result<(), Status> {
        Ok(())
    }
}
