//! Puts objects into a `Table` or down to their metadata, as an `Accept` header asks. Pure.

use std::sync::Arc;

use serde_json::{Value, json};

use super::columns::columns;
use crate::sim::world::Resource;
use crate::units::Stamp;

/// What each row carries beside its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sim::wire) enum Include {
    None,
    #[default]
    Metadata,
    Object,
}

/// In which shape objects are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sim::wire) enum Shape {
    #[default]
    Plain,
    Table(Include),
    Metadata,
}

/// An object without all that is not its metadata.
pub(in crate::sim::wire) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

fn row_object(object: &Value, include: Include) -> Option<Value> {
    match include {
        Include::None => None,
        Include::Metadata => Some(partial(object)),
        Include::Object => Some(object.clone()),
    }
}

/// A table of objects of one resource; `now` is the server's time, from which ages are counted.
pub(in crate::sim::wire) fn table(
    resource: &Resource,
    objects: &[Arc<Value>],
    include: Include,
    now: Stamp,
) -> Value {
    let columns = columns(&resource.at.group, &resource.at.plural);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name, "type": column.of.name(), "format": column.of.format(),
                "description": column.description, "priority": column.priority,
            })
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells: Vec<Value> = columns.iter().map(|column| (column.cell)(object, now)).collect();
            let mut row = json!({"cells": cells});
            if let Some(object) = row_object(object, include) {
                row["object"] = object;
            }
            row
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": definitions,
        "rows": rows,
    })
}
