//! Reading and mending objects that are plain JSON: metadata, paths, owners. No rules live here.

use serde_json::{Map, Value};

/// The text at a dotted path; empty where there is none.
pub fn text_at(object: &Value, path: &str) -> String {
    let mut here = object;
    for step in path.split('.') {
        let Some(next) = here.get(step) else {
            return String::new();
        };
        here = next;
    }
    match here {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

pub fn meta<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.get("metadata")?.get(field)
}

pub fn meta_str<'a>(object: &'a Value, field: &str) -> &'a str {
    meta(object, field).and_then(Value::as_str).unwrap_or_default()
}

pub fn name(object: &Value) -> &str {
    meta_str(object, "name")
}

pub fn namespace(object: &Value) -> &str {
    meta_str(object, "namespace")
}

pub fn uid(object: &Value) -> &str {
    meta_str(object, "uid")
}

pub fn labels(object: &Value) -> Option<&Value> {
    meta(object, "labels")
}

pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    meta(object, "annotations")?.get(key)?.as_str()
}

pub fn is_terminating(object: &Value) -> bool {
    meta(object, "deletionTimestamp").is_some_and(|at| !at.is_null())
}

pub fn finalizers(object: &Value) -> Vec<&str> {
    let list = meta(object, "finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The metadata as a map, made if it is missing or not one.
pub fn meta_mut(object: &mut Value) -> &mut Map<String, Value> {
    child_mut(object, "metadata")
}

/// A child as a map, made if it is missing or not one.
pub fn child_mut<'a>(object: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Value::Object(map) = object else {
        unreachable!("made an object just above")
    };
    let child = map
        .entry(key.to_owned())
        .or_insert_with(|| Value::Object(Map::new()));
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    let Value::Object(child) = child else {
        unreachable!("made an object just above")
    };
    child
}

/// The owner that controls the object, if one does: its reference.
pub fn controller(object: &Value) -> Option<&Value> {
    let owners = meta(object, "ownerReferences")?.as_array()?;
    owners
        .iter()
        .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
}

/// The uids of all owners.
pub fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    let owners = meta(object, "ownerReferences").and_then(Value::as_array);
    owners
        .into_iter()
        .flatten()
        .filter_map(|owner| owner.get("uid").and_then(Value::as_str))
}

/// The strings of a list field.
pub fn strings(value: Option<&Value>) -> Vec<&str> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
