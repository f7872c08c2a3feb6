//! Create and update.

use std::sync::Arc;

use serde_json::{Value, json};

use super::events_view::{shown_as, stored_as, to_stored};
use crate::sim::world::admission;
use crate::sim::world::object;
use crate::sim::world::query::{DryRun, Name, WriteQuery, Written};
use crate::sim::world::resource::{NAMESPACES, Resource, ResourceRef, StatusDoor};
use crate::sim::world::state::World;
use crate::sim::world::status::{Cause, Status};

/// Resources that count their generations.
const GENERATIONS: [&str; 12] = [
    "pods",
    "statefulsets",
    "deployments",
    "daemonsets",
    "replicasets",
    "endpointslices",
    "jobs",
    "cronjobs",
    "poddisruptionbudgets",
    "customresourcedefinitions",
    "mutatingwebhookconfigurations",
    "validatingwebhookconfigurations",
];

/// Metadata that only the server writes.
const OURS: [&str; 6] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
];

/// Which part of an object a write is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Main,
    Status,
}

impl World {
    /// Creates an object in `namespace` (empty for cluster-scoped). The name may come from `generateName`.
    pub fn create(
        &mut self,
        at: &ResourceRef,
        namespace: &str,
        object: Value,
        query: &WriteQuery,
    ) -> Result<Written, Status> {
        let resource = self.served(at)?;
        let mut object = to_stored(at, object);
        self.place(&resource, namespace, &mut object)?;
        let warnings = admission::decode(&resource, &mut object, query.field_validation)?;
        self.check_webhook(&resource)?;
        if resource.status == StatusDoor::Own {
            set_or_drop(&mut object, "status", None);
        }
        self.stamp_new(&resource, &mut object)?;
        admission::default(&resource, &mut object);
        admission::validate(&resource, &object, None)?;
        let name = Name::new(namespace, object::name(&object));
        if let Some(present) = self.store.get(stored_as(at), &name) {
            let dying = object::is_terminating(present);
            let refuse = if dying {
                Status::being_deleted
            } else {
                Status::already_exists
            };
            return Err(refuse(at, &name.name));
        }
        if query.dry_run == DryRun::All {
            return Ok(Written {
                object: shown_as(at, &Arc::new(object)),
                warnings,
            });
        }
        let stored = self.put(stored_as(at), object);
        Ok(Written {
            object: shown_as(at, &stored),
            warnings,
        })
    }

    /// Replaces an object; a stale `resourceVersion` is a conflict, none at all is not looked at.
    pub fn update(
        &mut self,
        at: &ResourceRef,
        name: &Name,
        object: Value,
        query: &WriteQuery,
    ) -> Result<Written, Status> {
        self.replace(at, name, object, (Part::Main, query))
    }

    /// Replaces the status alone, where it has a door of its own.
    pub fn update_status(
        &mut self,
        at: &ResourceRef,
        name: &Name,
        object: Value,
        query: &WriteQuery,
    ) -> Result<Written, Status> {
        if self.served(at)?.status == StatusDoor::Main {
            return Err(Status::plain(
                404,
                "NotFound",
                "the server could not find the requested resource",
            ));
        }
        self.replace(at, name, object, (Part::Status, query))
    }

    fn replace(
        &mut self,
        at: &ResourceRef,
        name: &Name,
        object: Value,
        (part, query): (Part, &WriteQuery),
    ) -> Result<Written, Status> {
        let resource = self.served(at)?;
        let mut object = to_stored(at, object);
        self.place(&resource, &name.namespace, &mut object)?;
        if object::name(&object) != name.name {
            return Err(Status::bad_request(format!(
                "the name of the object ({}) does not match the name on the URL ({})",
                object::name(&object),
                name.name
            )));
        }
        let present = self.store.get(stored_as(at), name).cloned();
        let present = present.ok_or_else(|| Status::not_found(at, &name.name))?;
        let warnings = admission::decode(&resource, &mut object, query.field_validation)?;
        check_versions(at, &present, &object)?;
        if part == Part::Main {
            self.check_webhook(&resource)?;
        }
        keep_ours(&present, &mut object);
        match (part, resource.status) {
            (Part::Status, _) => {
                let status = object.get("status").cloned();
                object = (*present).clone();
                set_or_drop(&mut object, "status", status);
            }
            (Part::Main, StatusDoor::Own) => {
                set_or_drop(&mut object, "status", present.get("status").cloned());
            }
            (Part::Main, StatusDoor::Main) => {}
        }
        admission::default(&resource, &mut object);
        admission::validate(&resource, &object, Some(&present))?;
        count_generation(&resource, &present, &mut object);
        if query.dry_run == DryRun::All {
            return Ok(Written {
                object: shown_as(at, &Arc::new(object)),
                warnings,
            });
        }
        let stored = self.settle(stored_as(at), object);
        Ok(Written {
            object: shown_as(at, &stored),
            warnings,
        })
    }

    /// Stores an update; an object on its way out that nothing holds any more goes.
    pub(in crate::sim::world) fn settle(&mut self, at: &ResourceRef, object: Value) -> Arc<Value> {
        let held = !object::finalizers(&object).is_empty()
            || object::meta(&object, "deletionGracePeriodSeconds")
                .and_then(Value::as_u64)
                .is_some_and(|grace| grace > 0);
        if object::is_terminating(&object) && !held {
            let name = Name::new(object::namespace(&object), object::name(&object));
            if let Some(last) = self.take_out(at, &name) {
                return last;
            }
        }
        self.put(at, object)
    }

    /// Writes an object for a controller: the generation counts, finalizers are looked at, nothing is judged.
    pub(in crate::sim::world) fn write(&mut self, at: &ResourceRef, mut object: Value) -> Arc<Value> {
        let name = Name::new(object::namespace(&object), object::name(&object));
        if let (Some(resource), Some(present)) = (self.registry.find(at), self.store.get(at, &name)) {
            count_generation(resource, present, &mut object);
        }
        self.settle(at, object)
    }

    /// Creates an object for a controller.
    pub(in crate::sim::world) fn make(&mut self, at: &ResourceRef, mut object: Value) -> Option<Arc<Value>> {
        let resource = self.registry.find(at)?.clone();
        self.stamp_new(&resource, &mut object).ok()?;
        admission::default(&resource, &mut object);
        let name = Name::new(object::namespace(&object), object::name(&object));
        if self.store.get(at, &name).is_some() {
            return None;
        }
        Some(self.put(at, object))
    }

    fn served(&self, at: &ResourceRef) -> Result<Resource, Status> {
        let found = self.registry.find(at).cloned();
        found.ok_or_else(|| {
            Status::plain(
                404,
                "NotFound",
                "the server could not find the requested resource",
            )
        })
    }

    /// Checks kind and namespace against the path and writes them in.
    fn place(&self, resource: &Resource, namespace: &str, object: &mut Value) -> Result<(), Status> {
        if !object.is_object() {
            return Err(Status::bad_request(
                "the object provided is unrecognized: it is not an object",
            ));
        }
        let stored = stored_as(&resource.at);
        for (field, wanted) in [
            ("apiVersion", stored.api_version()),
            ("kind", resource.kind.to_string()),
        ] {
            match object.get(field).and_then(Value::as_str) {
                None | Some("") => {}
                Some(found) if found == wanted => {}
                Some(found) => {
                    return Err(Status::bad_request(format!(
                        "the {field} in the data ({found}) does not match the expected {field} ({wanted})"
                    )));
                }
            }
            object[field] = Value::from(wanted);
        }
        let meta = object::meta_mut(object);
        meta.remove("managedFields");
        if resource.is_namespaced() {
            let given = meta.get("namespace").and_then(Value::as_str).unwrap_or_default();
            if !given.is_empty() && given != namespace {
                return Err(Status::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
            meta.insert("namespace".into(), Value::from(namespace));
            let space = self.store.get(&NAMESPACES, &Name::cluster(namespace));
            if space.is_none() {
                return Err(Status::not_found(&NAMESPACES, namespace));
            }
        } else {
            meta.remove("namespace");
        }
        Ok(())
    }

    /// Uid, creation time, generation, and a name if it was left to the server.
    fn stamp_new(&mut self, resource: &Resource, object: &mut Value) -> Result<(), Status> {
        let (uid, now) = (self.dice.uid(), self.timestamp());
        if object::name(object).is_empty() {
            let stem = object::meta_str(object, "generateName").to_owned();
            if stem.is_empty() {
                let cause = Cause {
                    reason: "FieldValueRequired",
                    message: "Required value: name or generateName is required".into(),
                    field: "metadata.name".into(),
                };
                return Err(Status::invalid(resource, "", &[cause]));
            }
            let name = format!("{stem}{}", self.dice.suffix(5));
            object::meta_mut(object).insert("name".into(), Value::from(name));
        }
        let namespace = object::namespace(object).to_owned();
        let space = self.store.get(&NAMESPACES, &Name::cluster(namespace.as_str()));
        if space.is_some_and(|space| object::is_terminating(space)) {
            let name = object::name(object);
            return Err(Status::forbidden(format!(
                "{} \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it is being terminated",
                resource.at.qualified()
            )));
        }
        let counts = resource.is_custom() || GENERATIONS.contains(&resource.at.plural.as_ref());
        let meta = object::meta_mut(object);
        for field in OURS.into_iter().chain(["resourceVersion"]) {
            meta.remove(field);
        }
        meta.insert("uid".into(), Value::from(uid));
        meta.insert("creationTimestamp".into(), now);
        if counts {
            meta.insert("generation".into(), json!(1));
        }
        Ok(())
    }
}

fn set_or_drop(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(map) = object.as_object_mut() {
        match value {
            Some(value) => map.insert(field.to_owned(), value),
            None => map.remove(field),
        };
    }
}

fn check_versions(at: &ResourceRef, present: &Value, object: &Value) -> Result<(), Status> {
    let name = object::name(present);
    let (sent, stored) = (object::uid(object), object::uid(present));
    if !sent.is_empty() && sent != stored {
        let why = format!("Precondition failed: UID in precondition: {sent}, UID in object meta: {stored}");
        return Err(Status::conflict(at, name, &why));
    }
    let version = object::meta_str(object, "resourceVersion");
    if !version.is_empty() && version != "0" && version != object::meta_str(present, "resourceVersion") {
        return Err(Status::stale(at, name));
    }
    Ok(())
}

/// What a client sends in the server's fields is not looked at; finalizers cannot be added on the way out.
fn keep_ours(present: &Value, object: &mut Value) {
    let dying = object::is_terminating(present);
    let had = object::meta(present, "finalizers").cloned();
    let meta = object::meta_mut(object);
    for field in OURS {
        match object::meta(present, field) {
            Some(value) => meta.insert(field.to_owned(), value.clone()),
            None => meta.remove(field),
        };
    }
    if dying && let Some(Value::Array(list)) = meta.get_mut("finalizers") {
        let had = had
            .as_ref()
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        list.retain(|one| had.contains(one));
    }
    let none = meta
        .get("finalizers")
        .is_some_and(|list| list.as_array().is_none_or(Vec::is_empty));
    if none {
        meta.remove("finalizers");
    }
}

/// The generation moves with everything but metadata, and but the status where that has its own door.
fn count_generation(resource: &Resource, present: &Value, object: &mut Value) {
    let Some(generation) = object::meta(present, "generation").and_then(Value::as_u64) else {
        return;
    };
    let relevant = |object: &Value| -> Vec<(String, Value)> {
        let fields = object.as_object().into_iter().flatten();
        fields
            .filter(|(key, _)| {
                *key != "metadata" && !(*key == "status" && resource.status == StatusDoor::Own)
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let next = if relevant(present) == relevant(object) {
        generation
    } else {
        generation + 1
    };
    object::meta_mut(object).insert("generation".into(), Value::from(next));
}
