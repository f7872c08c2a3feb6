//! Events: what controllers tell people. Equal ones are counted together; after an hour they go.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::world::names::fingerprint;
use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::resource::EVENTS;
use crate::sim::world::state::{World, seconds};

const KEPT: Duration = Duration::from_hours(1);

/// One thing to tell.
#[derive(Debug, Clone)]
pub struct Report {
    kind: &'static str,
    reason: String,
    message: String,
    component: String,
    host: Option<String>,
    /// Chaos Mesh writes each event anew.
    single: Single,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Single {
    Counted,
    EachAnew,
}

impl Report {
    pub fn normal(reason: &str, message: &str) -> Self {
        Self::new("Normal", reason, message)
    }

    pub fn warning(reason: &str, message: &str) -> Self {
        Self::new("Warning", reason, message)
    }

    fn new(kind: &'static str, reason: &str, message: &str) -> Self {
        Self {
            kind,
            reason: reason.to_owned(),
            message: message.to_owned(),
            component: "kubelet".to_owned(),
            host: None,
            single: Single::Counted,
        }
    }

    /// Told by the kubelet of `node`.
    pub fn on_node(mut self, node: &str) -> Self {
        self.host = Some(node.to_owned());
        self
    }

    pub fn by(mut self, component: &str) -> Self {
        component.clone_into(&mut self.component);
        self
    }

    /// Never counted together with an equal one.
    pub fn each(mut self) -> Self {
        self.single = Single::EachAnew;
        self
    }
}

impl World {
    /// Tells something about an object.
    pub(in crate::sim::world) fn report(&mut self, about: &Value, report: &Report) {
        let namespace = match object::namespace(about) {
            "" => "default",
            namespace => namespace,
        }
        .to_owned();
        let stem = object::name(about).to_owned();
        let now = self.timestamp();
        let key = format!("{}/{}/{}", object::uid(about), report.reason, report.message);
        let name = match report.single {
            Single::Counted => format!("{stem}.{:016x}", fingerprint(&key)),
            Single::EachAnew => format!("{stem}.{}", self.dice.hex(16)),
        };
        let at = Name::new(namespace.as_str(), name.as_str());
        if let Some(present) = self.store.get(&EVENTS, &at) {
            let mut event = (**present).clone();
            let count = event.get("count").and_then(Value::as_u64).unwrap_or(1);
            event["count"] = json!(count + 1);
            event["lastTimestamp"] = now;
            self.put(&EVENTS, event);
            return;
        }
        let mut involved = json!({
            "kind": about.get("kind"), "namespace": object::namespace(about), "name": stem,
            "uid": object::uid(about), "apiVersion": about.get("apiVersion"),
            "resourceVersion": object::meta_str(about, "resourceVersion"),
        });
        if object::namespace(about).is_empty()
            && let Some(map) = involved.as_object_mut()
        {
            map.remove("namespace");
        }
        let mut source = json!({"component": report.component});
        if let Some(host) = &report.host {
            source["host"] = json!(host);
        }
        let uid = self.dice.uid();
        let event = json!({
            "kind": "Event", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": now},
            "involvedObject": involved, "reason": report.reason, "message": report.message, "source": source,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1, "type": report.kind,
            "eventTime": null, "reportingComponent": report.component,
            "reportingInstance": report.host.as_deref().unwrap_or_default(),
        });
        self.put(&EVENTS, event);
    }
}

/// Takes out what is older than an hour.
pub fn forget(world: &mut World) {
    let limit = seconds(world.wall_at(world.now.before(KEPT)));
    if world.now.elapsed() < KEPT {
        return;
    }
    let old: Vec<Name> = world
        .store
        .all(&EVENTS)
        .filter(|(_, event)| object::text_at(event, "lastTimestamp") < limit)
        .map(|(name, _)| name.clone())
        .collect();
    for name in old {
        world.take_out(&EVENTS, &name);
    }
}

/// Takes out all of them: a settled cluster's are older than an hour.
pub fn forget_all(world: &mut World) {
    let all: Vec<Name> = world.store.all(&EVENTS).map(|(name, _)| name.clone()).collect();
    for name in all {
        world.take_out(&EVENTS, &name);
    }
}
