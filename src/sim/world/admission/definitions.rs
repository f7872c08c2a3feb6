//! The CustomResourceDefinitions of Chaos Mesh, readable as objects.

use serde_json::{Value, json};

use super::schema;
use crate::sim::world::resource::{CHAOS_GROUP, CRDS, Resource, StatusDoor};
use crate::sim::world::state::World;

/// How deep the schema is shown. Schedules and Workflows embed every other kind; all of it would be megabytes.
const DEPTH: usize = 3;

/// Puts a definition for each kind into a new world.
pub fn crds(world: &mut World) {
    let kinds: Vec<Resource> = world
        .registry
        .iter()
        .filter(|one| one.at.group == CHAOS_GROUP)
        .cloned()
        .collect();
    for resource in kinds {
        let crd = definition(&resource, &world.timestamp());
        world.make(&CRDS, crd);
    }
}

fn definition(resource: &Resource, now: &Value) -> Value {
    let names = json!({
        "kind": resource.kind, "listKind": resource.list_kind(), "plural": resource.at.plural,
        "singular": resource.singular, "shortNames": resource.short_names,
    });
    let mut root = schema::of_kind(&resource.kind)
        .map(|node| schema::openapi(node, DEPTH))
        .unwrap_or_default();
    for field in ["apiVersion", "kind"] {
        root["properties"][field] = json!({"type": "string"});
    }
    root["properties"]["metadata"] = json!({"type": "object"});
    let mut version = json!({
        "name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": root},
    });
    let columns: Vec<Value> = schema::columns(&resource.kind)
        .iter()
        .map(|column| json!({"name": column[0], "type": column[1], "jsonPath": column[2]}))
        .collect();
    if !columns.is_empty() {
        version["additionalPrinterColumns"] = Value::Array(columns);
    }
    if resource.status == StatusDoor::Own {
        version["subresources"] = json!({"status": {}});
    }
    json!({
        "kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1",
        "metadata": {
            "name": resource.at.qualified(),
            "annotations": {"controller-gen.kubebuilder.io/version": "v0.14.0"},
        },
        "spec": {
            "group": CHAOS_GROUP, "names": names, "conversion": {"strategy": "None"},
            "scope": if resource.is_namespaced() { "Namespaced" } else { "Cluster" }, "versions": [version],
        },
        "status": {
            "acceptedNames": names, "storedVersions": ["v1alpha1"],
            "conditions": [
                {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found", "lastTransitionTime": now},
                {"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "the initial names have been accepted", "lastTransitionTime": now},
            ],
        },
    })
}
