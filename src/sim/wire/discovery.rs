//! Discovery: which groups, versions and resources are served, in the old form (one document a version)
//! and in the aggregated one. Derived from the world's registry; never a list of its own.

use std::collections::BTreeMap;

use axum::http::header;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::handle::REVIEWS;
use super::refusal::Refusal;
use super::reply::{Answer, Reply};
use super::state::State;
use super::{accept, base64};
use crate::sim::world::{Resource, Scope};

/// The resources of one version of one group.
type Versions = BTreeMap<(String, String), Vec<Resource>>;

fn versions(state: &State) -> Versions {
    let mut versions = Versions::new();
    for resource in state
        .world
        .look(|world| world.resources().cloned().collect::<Vec<_>>())
    {
        let key = (resource.at.group.to_string(), resource.at.version.to_string());
        versions.entry(key).or_default().push(resource);
    }
    for (group, version, _, _) in REVIEWS {
        versions
            .entry((group.to_owned(), version.to_owned()))
            .or_default();
    }
    versions
}

/// `sha256` as the server shortens it for one resource's storage.
fn storage_hash(resource: &Resource) -> String {
    let digest = Sha256::digest(format!("{}/{}", resource.at.api_version(), resource.kind));
    base64::encode(&digest[..8])
}

fn put_unless_empty(entry: &mut Value, key: &str, list: &[&str]) {
    if !list.is_empty() {
        entry[key] = json!(list);
    }
}

fn legacy_entries(resource: &Resource) -> Vec<Value> {
    let namespaced = resource.scope == Scope::Namespaced;
    let mut main = json!({
        "name": resource.at.plural, "singularName": resource.singular, "namespaced": namespaced,
        "kind": resource.kind, "verbs": resource.verbs, "storageVersionHash": storage_hash(resource),
    });
    put_unless_empty(&mut main, "shortNames", resource.short_names);
    put_unless_empty(&mut main, "categories", resource.categories);
    let mut entries = vec![main];
    for sub in &resource.subs {
        let mut entry = json!({
            "name": format!("{}/{}", resource.at.plural, sub.name), "singularName": "", "namespaced": namespaced,
            "kind": sub.kind, "verbs": sub.verbs,
        });
        if let Some((group, version)) = sub.foreign {
            entry["group"] = group.into();
            entry["version"] = version.into();
        }
        entries.push(entry);
    }
    entries
}

fn review_entries(group: &str, version: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (group, version) = (group.to_owned(), version.to_owned());
    REVIEWS
        .into_iter()
        .filter(move |(g, v, _, _)| *g == group && *v == version)
        .map(|(_, _, plural, kind)| (plural, kind))
}

/// `/api/v1`, `/apis/<group>/<version>`.
fn resource_list(versions: &Versions, group: &str, version: &str) -> Answer {
    let found = versions
        .get(&(group.to_owned(), version.to_owned()))
        .ok_or(Refusal::NoSuchPage)?;
    let mut resources: Vec<Value> = found.iter().flat_map(legacy_entries).collect();
    resources.extend(review_entries(group, version).map(|(plural, kind)| {
        json!({"name": plural, "singularName": kind.to_lowercase(), "namespaced": false, "kind": kind, "verbs": ["create"]})
    }));
    let name = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let mut list = json!({"kind": "APIResourceList", "groupVersion": name, "resources": resources});
    if !group.is_empty() {
        list["apiVersion"] = "v1".into();
    }
    Ok(Reply::json(list))
}

fn groups(versions: &Versions) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (group, version) in versions.keys() {
        groups.entry(group).or_default().push(version);
    }
    groups
}

fn group(name: &str, versions: &[&str]) -> Value {
    let entry = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let preferred = versions.last().map(entry);
    let versions: Vec<Value> = versions.iter().rev().map(entry).collect();
    json!({"name": name, "versions": versions, "preferredVersion": preferred})
}

fn aggregated_entry(resource: &Resource) -> Value {
    // Built-in kinds leave out what the list says above them; custom ones repeat it.
    let own = if resource.is_custom() {
        (resource.at.group.as_ref(), resource.at.version.as_ref())
    } else {
        ("", "")
    };
    let kind = |kind: &str, foreign: Option<(&str, &str)>| {
        let (group, version) = foreign.unwrap_or(own);
        json!({"group": group, "version": version, "kind": kind})
    };
    let mut entry = json!({
        "resource": resource.at.plural, "responseKind": kind(&resource.kind, None),
        "scope": if resource.scope == Scope::Namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular, "verbs": resource.verbs,
    });
    put_unless_empty(&mut entry, "shortNames", resource.short_names);
    put_unless_empty(&mut entry, "categories", resource.categories);
    if !resource.subs.is_empty() {
        entry["subresources"] = resource
            .subs
            .iter()
            .map(|sub| json!({"subresource": sub.name, "responseKind": kind(sub.kind, sub.foreign), "verbs": sub.verbs}))
            .collect();
    }
    entry
}

/// Everything under `/api` or under `/apis` in one document, unless the client has it.
fn aggregated(versions: &Versions, root: &str, format: &str, known: Option<&str>) -> Reply {
    let core = root == "api";
    let mut items = Vec::new();
    for (name, list) in groups(versions)
        .into_iter()
        .filter(|(name, _)| name.is_empty() == core)
    {
        let told: Vec<Value> = list
            .iter()
            .rev()
            .map(|version| {
                let found = versions
                    .get(&(name.to_owned(), (*version).to_owned()))
                    .map_or(&[][..], Vec::as_slice);
                let mut resources: Vec<Value> = found.iter().map(aggregated_entry).collect();
                resources.extend(review_entries(name, version).map(|(plural, kind)| {
                    json!({
                        "resource": plural, "responseKind": {"group": "", "version": "", "kind": kind},
                        "scope": "Cluster", "singularResource": kind.to_lowercase(), "verbs": ["create"],
                    })
                }));
                json!({"version": version, "resources": resources, "freshness": "Current"})
            })
            .collect();
        let mut metadata = Map::new();
        if !name.is_empty() {
            metadata.insert("name".into(), name.into());
        }
        items.push(json!({"metadata": metadata, "versions": told}));
    }
    let body = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{format}"), "metadata": {},
        "items": items,
    });
    let digest = Sha256::digest(body.to_string());
    let tag = format!(
        "\"{}\"",
        digest
            .iter()
            .fold(String::new(), |tag, byte| format!("{tag}{byte:02X}"))
    );
    let content_type = if format == "v2" {
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    } else {
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
    };
    if known == Some(tag.as_str()) {
        // A cache takes the headers of this answer over its own: the type must be the whole one.
        return Reply::not_modified()
            .of_type(content_type)
            .with_header(header::ETAG, tag);
    }
    Reply::json(body)
        .of_type(content_type)
        .with_header(header::ETAG, tag)
}

/// Answers a path of discovery; `None` for any other. `known` is the tag of the client's own copy.
pub(super) fn serve(state: &State, path: &str, accept: Option<&str>, known: Option<&str>) -> Option<Answer> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    Some(match parts.as_slice() {
        [] | [""] => Ok(Reply::json(json!({"paths": [
            "/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version",
        ]}))),
        [root @ ("api" | "apis")] if let Some(format) = accept::aggregated(accept) => {
            Ok(aggregated(&versions(state), root, format, known))
        }
        ["api"] => Ok(Reply::json(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": state.address}],
        }))),
        ["apis"] => {
            let versions = versions(state);
            let groups: Vec<Value> = groups(&versions)
                .into_iter()
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, list)| group(name, &list))
                .collect();
            Ok(Reply::json(
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
            ))
        }
        ["api", version] => resource_list(&versions(state), "", version),
        ["apis", name] => {
            let versions = versions(state);
            groups(&versions).get(name).filter(|_| !name.is_empty()).map_or(
                Err(Refusal::NoSuchPage),
                |list| {
                    let mut group = group(name, list);
                    group["kind"] = "APIGroup".into();
                    group["apiVersion"] = "v1".into();
                    Ok(Reply::json(group))
                },
            )
        }
        ["apis", group, version] => resource_list(&versions(state), group, version),
        _resource => return None,
    })
}
