//! One store of events, two views: core `v1` and `events.k8s.io/v1`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::sim::world::resource::{EVENTS, EVENTS_V1, ResourceRef};

/// Where a resource is really stored.
pub fn stored_as(at: &ResourceRef) -> &ResourceRef {
    if *at == EVENTS_V1 { &EVENTS } else { at }
}

/// An object as this resource shows it.
pub fn shown_as(at: &ResourceRef, object: &Arc<Value>) -> Arc<Value> {
    if *at == EVENTS_V1 {
        Arc::new(to_new(object))
    } else {
        Arc::clone(object)
    }
}

const PAIRS: [(&str, &str); 5] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
];
const MORE: [(&str, &str); 3] = [
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
    ("reportingInstance", "reportingInstance"),
];

fn to_new(event: &Value) -> Value {
    let mut out = Map::new();
    for (key, value) in event.as_object().into_iter().flatten() {
        let pair = PAIRS.iter().chain(&MORE).find(|(old, _)| old == key);
        out.insert(
            pair.map_or(key.as_str(), |(_, new)| new).to_owned(),
            value.clone(),
        );
    }
    out.insert("kind".into(), json!("Event"));
    out.insert("apiVersion".into(), json!("events.k8s.io/v1"));
    Value::Object(out)
}

/// An event written through the new view, as it is stored.
pub fn to_stored(at: &ResourceRef, event: Value) -> Value {
    if *at != EVENTS_V1 {
        return event;
    }
    let mut out = Map::new();
    for (key, value) in event.as_object().into_iter().flatten() {
        let pair = PAIRS.iter().chain(&MORE).find(|(_, new)| new == key);
        out.insert(
            pair.map_or(key.as_str(), |(old, _)| old).to_owned(),
            value.clone(),
        );
    }
    out.insert("apiVersion".into(), json!("v1"));
    Value::Object(out)
}
