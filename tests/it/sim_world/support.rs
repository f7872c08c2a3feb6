//! A world, and short words for what tests do with it.

use std::time::Duration;

use firedrill::sim::world::resource::{PODS, chaos_resource};
use firedrill::sim::world::{
    DeleteQuery, ListQuery, Name, Removed, ResourceRef, Setup, Status, What, World, WriteQuery, Written,
};
use firedrill::units::{Mark, Stamp};
use serde_json::{Value, json};

pub fn setup(seed: u64) -> Setup {
    Setup {
        seed,
        start: Stamp("2026-11-21T03:00:00Z".parse().expect("a time")),
        ..Setup::default()
    }
}

pub fn world(seed: u64) -> World {
    World::new(setup(seed))
}

pub fn pass(world: &mut World, millis: u64) {
    world.advance(world.now().after(Duration::from_millis(millis)));
}

pub fn kind(kind: &str) -> ResourceRef {
    chaos_resource(kind).expect("a kind of Chaos Mesh")
}

pub fn pod(world: &World, ordinal: u32) -> Value {
    (*world
        .get(&PODS, &Name::new("default", format!("emqx-go-{ordinal}")))
        .expect("the pod stands"))
    .clone()
}

#[allow(clippy::needless_pass_by_value, reason = "callers build the spec in place")]
pub fn chaos(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "default"}, "spec": spec,
    })
}

pub fn brokers() -> Value {
    json!({"namespaces": ["default"], "labelSelectors": {"app": "emqx-go"}})
}

pub fn delay(duration: &str) -> Value {
    json!({
        "action": "delay", "mode": "one", "selector": brokers(), "direction": "to", "duration": duration,
        "delay": {"latency": "250ms", "correlation": "50", "jitter": "100ms"},
    })
}

pub fn create(world: &mut World, object: &Value) -> Result<Written, Status> {
    let at = kind(object["kind"].as_str().expect("a kind"));
    world.create(&at, "default", object.clone(), &WriteQuery::default())
}

pub fn read(world: &World, of: &str, name: &str) -> Option<Value> {
    world
        .get(&kind(of), &Name::new("default", name))
        .ok()
        .map(|object| (*object).clone())
}

pub fn remove(world: &mut World, of: &str, name: &str) -> Result<Removed, Status> {
    world.delete(&kind(of), &Name::new("default", name), &DeleteQuery::default())
}

pub fn update(world: &mut World, object: Value) -> Result<Written, Status> {
    let at = kind(object["kind"].as_str().expect("a kind"));
    let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
    world.update(&at, &Name::new("default", name), object, &WriteQuery::default())
}

pub fn annotate(world: &mut World, of: &str, name: &str, (key, value): (&str, &str)) {
    let mut object = read(world, of, name).expect("the object stands");
    object["metadata"]["annotations"][key] = json!(value);
    update(world, object).expect("an annotation is no change of the spec");
}

pub fn everything() -> ListQuery {
    ListQuery::default()
}

pub fn phases(object: &Value) -> Vec<String> {
    let records = object
        .pointer("/status/experiment/containerRecords")
        .and_then(Value::as_array);
    records
        .into_iter()
        .flatten()
        .map(|one| one["phase"].as_str().unwrap_or_default().to_owned())
        .collect()
}

pub fn condition(object: &Value, kind: &str) -> String {
    let all = object.pointer("/status/conditions").and_then(Value::as_array);
    let one = all.into_iter().flatten().find(|one| one["type"] == kind);
    one.and_then(|one| one["status"].as_str())
        .unwrap_or_default()
        .to_owned()
}

pub fn happened(world: &World, test: impl Fn(&What) -> bool) -> Option<Mark> {
    world
        .happenings()
        .iter()
        .find(|one| test(&one.what))
        .map(|one| one.at)
}

/// Advances until `test` holds, at most `secs`; whether it did.
pub fn until(world: &mut World, secs: u64, test: impl Fn(&World) -> bool) -> bool {
    let end = world.now().after(Duration::from_secs(secs));
    while !test(world) {
        match world.next_due() {
            Some(next) if next <= end => world.advance(next),
            _ => return false,
        }
    }
    true
}

pub fn events_of(world: &World, object: &str) -> Vec<(String, String)> {
    use firedrill::sim::world::resource::EVENTS;
    let listed = world.list(&EVENTS, &everything()).expect("events are served");
    let mut found: Vec<(u64, String, String)> = listed
        .items
        .iter()
        .filter(|event| event["involvedObject"]["name"] == object)
        .map(|event| {
            let version = event["metadata"]["resourceVersion"]
                .as_str()
                .and_then(|text| text.parse().ok());
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
            (version.unwrap_or(0), text("reason"), text("message"))
        })
        .collect();
    found.sort();
    found
        .into_iter()
        .map(|(_, reason, message)| (reason, message))
        .collect()
}
