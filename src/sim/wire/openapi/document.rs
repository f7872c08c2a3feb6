//! The OpenAPI documents: an index, and one document a group and version with its paths and schemas.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::schemas::{BUILT_IN, REFERENCE, Served, name_of, schema_of, served};
use crate::sim::wire::accept;
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::state::State;
use crate::sim::world::{Resource, Scope};

fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str().and_then(|text| text.strip_prefix(REFERENCE)) {
                    Some(name) if key == "$ref" => found.push(name),
                    _other => references(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _leaf => {}
    }
}

/// The schemas of these resources and all that they refer to.
fn closure<'a>(all: impl IntoIterator<Item = &'a Served>) -> Map<String, Value> {
    let mut schemas: Map<String, Value> = all
        .into_iter()
        .map(|served| (name_of(&served.resource), schema_of(served)))
        .collect();
    let mut seen: BTreeSet<String> = schemas.keys().cloned().collect();
    let mut open: Vec<String> = Vec::new();
    for schema in schemas.values() {
        let mut found = Vec::new();
        references(schema, &mut found);
        open.extend(found.into_iter().map(str::to_owned));
    }
    while let Some(name) = open.pop() {
        let Some(schema) = BUILT_IN.get(&name).filter(|_| seen.insert(name.clone())) else {
            continue;
        };
        let mut found = Vec::new();
        references(schema, &mut found);
        open.extend(found.into_iter().map(str::to_owned));
        schemas.insert(name, schema.clone());
    }
    schemas
}

fn parameter(name: &str, kind: &str, what: &str) -> Value {
    json!({"name": name, "in": "query", "description": what, "schema": {"type": kind, "uniqueItems": true}})
}

fn write_parameters() -> Vec<Value> {
    vec![
        parameter(
            "dryRun",
            "string",
            "When present, indicates that modifications should not be persisted.",
        ),
        parameter(
            "fieldManager",
            "string",
            "A name associated with the actor that is making these changes.",
        ),
        parameter(
            "fieldValidation",
            "string",
            "How the server is to handle unknown or duplicate fields.",
        ),
    ]
}

fn operation(resource: &Resource, action: &str, parameters: &[Value]) -> Value {
    json!({
        "operationId": format!("{action}{}{}", resource.at.version, resource.kind),
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "content": {"application/json": {
            "schema": {"$ref": format!("{REFERENCE}{}", name_of(resource))},
        }}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind":
            {"group": resource.at.group, "version": resource.at.version, "kind": resource.kind},
    })
}

fn patch_operation(resource: &Resource) -> Value {
    let mut operation = operation(resource, "patch", &write_parameters());
    let mut content = Map::new();
    let mut types = vec![
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/apply-patch+yaml",
    ];
    if !resource.is_custom() {
        types.push("application/strategic-merge-patch+json");
    }
    for media_type in types {
        content.insert(media_type.to_owned(), json!({"schema": {"type": "object"}}));
    }
    operation["requestBody"] = json!({"content": content, "required": true});
    operation
}

fn paths(all: &[Served]) -> Map<String, Value> {
    let mut paths = Map::new();
    for resource in all.iter().map(|served| &served.resource) {
        let api = resource.at.api_version();
        let root = if resource.at.group.is_empty() {
            format!("/api/{api}")
        } else {
            format!("/apis/{api}")
        };
        let collection = match resource.scope {
            Scope::Namespaced => format!("{root}/namespaces/{{namespace}}/{}", resource.at.plural),
            Scope::Cluster => format!("{root}/{}", resource.at.plural),
        };
        let write = write_parameters();
        let dry = &write[..1];
        paths.insert(
            format!("{collection}/{{name}}"),
            json!({
                "get": operation(resource, "get", &[]), "put": operation(resource, "put", &write),
                "patch": patch_operation(resource), "delete": operation(resource, "delete", dry),
            }),
        );
        paths.insert(
            collection,
            json!({
                "get": operation(resource, "list", &[]), "post": operation(resource, "post", &write),
                "delete": operation(resource, "deletecollection", dry),
            }),
        );
    }
    paths
}

fn document(all: &[Served]) -> Value {
    json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": paths(all), "components": {"schemas": closure(all)},
    })
}

/// `api/v1`, `apis/apps/v1`.
fn by_version(state: &State) -> BTreeMap<String, Vec<Served>> {
    let mut versions: BTreeMap<String, Vec<Served>> = BTreeMap::new();
    for one in state.world.look(served) {
        let at = &one.resource.at;
        let root = if at.group.is_empty() { "api" } else { "apis" };
        versions
            .entry(format!("{root}/{}", at.api_version()))
            .or_default()
            .push(one);
    }
    versions
}

fn hash(all: &[Served]) -> String {
    let names: Vec<String> = all.iter().map(|served| name_of(&served.resource)).collect();
    Sha256::digest(names.join(","))
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02X}"))
}

/// The document of the old format, as far as tools that only look for kinds need it.
fn swagger(state: &State) -> Value {
    let text = Value::Object(closure(&state.world.look(served)))
        .to_string()
        .replace(REFERENCE, "#/definitions/");
    let definitions: Value = serde_json::from_str(&text).unwrap_or_default();
    json!({
        "swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": {},
        "definitions": definitions,
    })
}

/// Answers a path below `/openapi/`.
pub(in crate::sim::wire) fn serve(state: &State, path: &str, accepted: Option<&str>) -> Answer {
    if !accept::takes_json(accepted) {
        return Err(Refusal::not_acceptable("application/json"));
    }
    if path == "v2" {
        return Ok(Reply::ready(
            "application/json",
            Bytes::from(swagger(state).to_string()),
        ));
    }
    let versions = by_version(state);
    if path == "v3" {
        let paths: Map<String, Value> = versions
            .iter()
            .map(|(name, all)| {
                let url = format!("/openapi/v3/{name}?hash={}", hash(all));
                (name.clone(), json!({"serverRelativeURL": url}))
            })
            .collect();
        return Ok(Reply::json(json!({"paths": paths})).of_type("text/plain; charset=utf-8"));
    }
    let found = path
        .strip_prefix("v3/")
        .and_then(|name| versions.get(name))
        .ok_or(Refusal::NoSuchPage)?;
    Ok(Reply::ready(
        "application/json",
        Bytes::from(document(found).to_string()),
    ))
}
