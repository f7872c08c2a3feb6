//! Objects and lists in the shape that was asked for. Pure.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::sim::wire::table::{Include, Shape, partial, table};
use crate::sim::world::{Listed, Resource};
use crate::units::Stamp;

/// One object in the wanted shape.
pub(super) fn one(resource: &Resource, object: &Arc<Value>, shape: Shape, now: Stamp) -> Value {
    match shape {
        Shape::Plain => (**object).clone(),
        Shape::Metadata => partial(object),
        Shape::Table(include) => {
            let mut table = table(resource, std::slice::from_ref(object), include, now);
            table["metadata"] = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
            table
        }
    }
}

/// Items of built-in lists do not repeat what the list says.
fn item(resource: &Resource, object: &Arc<Value>) -> Value {
    let mut object = (**object).clone();
    if !resource.is_custom()
        && let Some(map) = object.as_object_mut()
    {
        map.remove("kind");
        map.remove("apiVersion");
    }
    object
}

fn metadata(resource: &Resource, listed: &Listed, selected: Selected) -> Value {
    let mut metadata = Map::new();
    metadata.insert(
        "resourceVersion".into(),
        listed.resource_version.to_string().into(),
    );
    match &listed.continue_token {
        Some(token) => {
            metadata.insert("continue".into(), token.as_str().into());
        }
        None if resource.is_custom() => {
            metadata.insert("continue".into(), "".into());
        }
        None => {}
    }
    // What a selector leaves out is not counted, so the rest is only known without one.
    if let (Some(remaining), Selected::All) = (listed.remaining, selected) {
        metadata.insert("remainingItemCount".into(), remaining.into());
    }
    Value::Object(metadata)
}

/// Whether a selector narrowed a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selected {
    All,
    Some,
}

/// A page of objects in the wanted shape.
pub(super) fn list(resource: &Resource, listed: &Listed, how: (Shape, Selected), now: Stamp) -> Value {
    let (shape, selected) = how;
    let metadata = metadata(resource, listed, selected);
    match shape {
        Shape::Plain => json!({
            "kind": resource.list_kind(), "apiVersion": resource.at.api_version(), "metadata": metadata,
            "items": listed.items.iter().map(|object| item(resource, object)).collect::<Vec<_>>(),
        }),
        Shape::Metadata => json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "items": listed.items.iter().map(|object| partial(object)).collect::<Vec<_>>(),
        }),
        Shape::Table(include) => {
            let mut table = table(resource, &listed.items, include, now);
            table["metadata"] = metadata;
            table
        }
    }
}

/// The object of a watch event. Only the first table tells its columns.
pub(super) fn event(resource: &Resource, object: &Arc<Value>, how: (Shape, Columns), now: Stamp) -> Value {
    let (shape, columns) = how;
    match shape {
        Shape::Plain | Shape::Metadata => one(resource, object, shape, now),
        Shape::Table(include) => {
            // A watcher needs the object's version to go on from it.
            let include = if include == Include::None {
                Include::Metadata
            } else {
                include
            };
            let mut table = one(resource, object, Shape::Table(include), now);
            if columns == Columns::Known {
                table["columnDefinitions"] = Value::Null;
            }
            table
        }
    }
}

/// Whether a watcher has been told the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    New,
    Known,
}
