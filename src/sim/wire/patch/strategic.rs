//! Strategic merge patch for the built-in kinds: lists of objects are merged by their key, and
//! directives (`$patch`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…`, `$retainKeys`) are obeyed. Pure.

use serde_json::{Map, Value};

const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// How a list of the built-in kinds is merged.
enum ListKind {
    /// By the first of these keys that the patch's elements have.
    ByKey(&'static [&'static str]),
    /// As a set of plain values.
    Set,
    /// Not at all: the patch's list takes its place.
    Atomic,
}

/// The merge keys of the built-in kinds, by field name. A field's name decides: where kinds differ
/// (ports of containers and of services), the elements do.
fn list_kind(field: &str) -> ListKind {
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets" => ListKind::ByKey(&["name"]),
        "ports" => ListKind::ByKey(&["containerPort", "port"]),
        "volumeMounts" => ListKind::ByKey(&["mountPath"]),
        "volumeDevices" => ListKind::ByKey(&["devicePath"]),
        "conditions" | "addresses" => ListKind::ByKey(&["type"]),
        "ownerReferences" => ListKind::ByKey(&["uid"]),
        "hostAliases" | "podIPs" | "hostIPs" => ListKind::ByKey(&["ip"]),
        "topologySpreadConstraints" => ListKind::ByKey(&["topologyKey"]),
        "taints" => ListKind::ByKey(&["key"]),
        "finalizers" => ListKind::Set,
        _others => ListKind::Atomic,
    }
}

fn merge_key<'a>(keys: &[&'a str], elements: &[Value]) -> Option<&'a str> {
    keys.iter()
        .copied()
        .find(|key| elements.iter().any(|element| element.get(key).is_some()))
}

fn merge_objects(target: &mut Vec<Value>, patch: &[Value], key: &str) {
    if patch.iter().any(|element| element["$patch"] == "replace") {
        *target = patch
            .iter()
            .filter(|element| element["$patch"] != "replace")
            .map(stripped)
            .collect();
        return;
    }
    for element in patch {
        let at = target.iter().position(|have| have[key] == element[key]);
        match (element["$patch"].as_str(), at) {
            (Some("delete"), Some(at)) => {
                target.remove(at);
            }
            (Some("delete"), None) => {}
            (_merge, Some(at)) => strategic(&mut target[at], element),
            (_merge, None) => target.push(stripped(element)),
        }
    }
}

/// A patch without its directives, as what it makes of nothing.
fn stripped(patch: &Value) -> Value {
    let mut made = Value::Null;
    strategic(&mut made, patch);
    made
}

fn same(key: Option<&str>, left: &Value, right: &Value) -> bool {
    key.map_or_else(|| left == right, |key| left[key] == right[key])
}

/// Sorts a list as a `$setElementOrder` asks; what it does not name keeps its place behind.
fn reorder(list: &mut Vec<Value>, order: &[Value], key: Option<&str>) {
    let mut rest = std::mem::take(list);
    for wanted in order {
        if let Some(at) = rest.iter().position(|have| same(key, have, wanted)) {
            list.push(rest.remove(at));
        }
    }
    list.append(&mut rest);
}

fn merge_list(have: &mut Value, field: &str, patch: &[Value]) {
    if !have.is_array() {
        *have = Value::Array(Vec::new());
    }
    let Value::Array(list) = have else { return };
    match list_kind(field) {
        ListKind::ByKey(keys) if let Some(key) = merge_key(keys, patch) => merge_objects(list, patch, key),
        ListKind::ByKey(_) if patch.iter().any(|element| element["$patch"] == "replace") => list.clear(),
        ListKind::Set => {
            for value in patch {
                if !list.contains(value) {
                    list.push(value.clone());
                }
            }
        }
        ListKind::ByKey(_) | ListKind::Atomic => *list = patch.iter().map(stripped).collect(),
    }
}

fn directives(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        let Some(values) = value.as_array() else { continue };
        if let Some(field) = name.strip_prefix(DELETE_FROM) {
            if let Some(Value::Array(list)) = target.get_mut(field) {
                list.retain(|have| !values.contains(have));
            }
        } else if let Some(field) = name.strip_prefix(ORDER) {
            let key = match list_kind(field) {
                ListKind::ByKey(keys) => merge_key(keys, values),
                ListKind::Set | ListKind::Atomic => None,
            };
            if let Some(Value::Array(list)) = target.get_mut(field) {
                reorder(list, values, key);
            }
        } else if name == "$retainKeys" {
            target.retain(|key, _| values.iter().any(|keep| keep == key));
        }
    }
}

/// Lays a strategic merge patch over an object.
pub(in crate::sim::wire) fn strategic(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    if let Some("replace" | "delete") = patch.get("$patch").and_then(Value::as_str) {
        target.clear();
    }
    for (field, value) in patch.iter().filter(|(field, _)| !field.starts_with('$')) {
        match value {
            Value::Null => {
                target.remove(field);
            }
            Value::Array(list) => merge_list(target.entry(field.clone()).or_insert(Value::Null), field, list),
            Value::Object(inner) if inner.get("$patch").is_some_and(|word| word == "delete") => {
                target.remove(field);
            }
            other => strategic(target.entry(field.clone()).or_insert(Value::Null), other),
        }
    }
    directives(target, patch);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(mut target: Value, patch: &Value) -> Value {
        strategic(&mut target, patch);
        target
    }

    #[test]
    fn containers_and_env_are_merged_by_name() {
        let target = json!({"spec": {"containers": [
            {"name": "a", "image": "x", "env": [{"name": "E", "value": "1"}, {"name": "F", "value": "2"}]},
            {"name": "b", "image": "y"}]}});
        let patch = json!({"spec": {"containers": [
            {"name": "a", "env": [{"name": "E", "value": "9"}, {"name": "F", "$patch": "delete"}]},
            {"name": "c", "image": "z"}]}});
        assert_eq!(
            patched(target, &patch),
            json!({"spec": {"containers": [
                {"name": "a", "image": "x", "env": [{"name": "E", "value": "9"}]},
                {"name": "b", "image": "y"}, {"name": "c", "image": "z"}]}})
        );
    }

    #[test]
    fn ports_of_services_are_merged_by_port() {
        let target = json!({"ports": [{"port": 80, "name": "http"}]});
        assert_eq!(
            patched(
                target,
                &json!({"ports": [{"port": 80, "name": "web"}, {"port": 81}]})
            ),
            json!({"ports": [{"port": 80, "name": "web"}, {"port": 81}]})
        );
    }

    #[test]
    fn plain_lists_and_directives() {
        let target = json!({"finalizers": ["a", "b"], "args": ["1"], "map": {"x": 1, "y": 2}, "strategy": {"type": "A", "old": 1}});
        let patch = json!({
            "$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"], "args": ["2"],
            "$setElementOrder/finalizers": ["c", "b"],
            "map": {"$patch": "replace", "z": 3}, "strategy": {"$retainKeys": ["type"], "type": "B"}});
        assert_eq!(
            patched(target, &patch),
            json!({"finalizers": ["c", "b"], "args": ["2"], "map": {"z": 3}, "strategy": {"type": "B"}})
        );
    }

    #[test]
    fn directives_never_stay_in_what_is_made_new() {
        let made = patched(
            json!({}),
            &json!({"spec": {"containers": [{"name": "a", "env": [{"name": "E", "$patch": "delete"}]}]}}),
        );
        assert_eq!(made, json!({"spec": {"containers": [{"name": "a", "env": []}]}}));
    }
}
