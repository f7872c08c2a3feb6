//! Unknown fields of built-in kinds: refused, told or taken out, as `fieldValidation` asks. Custom kinds are
//! judged by the world. Pure.

use serde_json::{Map, Value};

use super::schemas::{BUILT_IN, REFERENCE, name_of};
use crate::sim::wire::refusal::Refusal;
use crate::sim::world::{FieldValidation, Resource};

/// Follows references to the schema that says something.
fn resolved(schema: &Value) -> Option<&Map<String, Value>> {
    let mut schema = schema.as_object()?;
    for _hop in 0..8 {
        let next = schema
            .get("$ref")
            .and_then(Value::as_str)
            .or_else(|| schema.get("allOf")?.as_array()?.first()?.get("$ref")?.as_str());
        match next.and_then(|name| name.strip_prefix(REFERENCE)) {
            Some(name) => schema = BUILT_IN.get(name)?.as_object()?,
            None => return Some(schema),
        }
    }
    None
}

/// Takes out what the schema does not know, and names it.
fn prune(value: &mut Value, schema: &Value, path: &str, unknown: &mut Vec<String>) {
    let Some(schema) = resolved(schema) else { return };
    match value {
        Value::Object(map) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            let (None, Some(properties)) = (others, properties) else {
                if let Some(others) = others.filter(|schema| schema.is_object()) {
                    for (key, value) in map.iter_mut() {
                        prune(value, others, &format!("{path}.{key}"), unknown);
                    }
                }
                return;
            };
            map.retain(|key, value| {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let known = properties.get(key);
                if let Some(schema) = known {
                    prune(value, schema, &path, unknown);
                } else {
                    unknown.push(path);
                }
                known.is_some()
            });
        }
        Value::Array(list) => {
            if let Some(items) = schema.get("items") {
                for (at, value) in list.iter_mut().enumerate() {
                    prune(value, items, &format!("{path}[{at}]"), unknown);
                }
            }
        }
        _leaf => {}
    }
}

/// Judges an object of a built-in kind; the warnings are for the answer's header.
pub(in crate::sim::wire) fn check(
    resource: &Resource,
    object: &mut Value,
    validation: FieldValidation,
) -> Result<Vec<String>, Refusal> {
    let Some(schema) = BUILT_IN.get(&name_of(resource)) else {
        return Ok(Vec::new());
    };
    let mut unknown = Vec::new();
    prune(object, schema, "", &mut unknown);
    let told: Vec<String> = unknown
        .iter()
        .map(|field| format!("unknown field \"{field}\""))
        .collect();
    match validation {
        FieldValidation::Strict if !told.is_empty() => Err(Refusal::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {kind}: strict decoding error: {}",
            resource.at.version,
            told.join(", "),
            kind = resource.kind,
        ))),
        FieldValidation::Strict | FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(told),
    }
}
