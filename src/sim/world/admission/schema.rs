//! The schemas of the Chaos Mesh kinds, and what a server does with one: prune, fill in, judge.
//!
//! `crd.json` holds them in short keys, with repeated parts by number (`$`): `t` type (first letter; `is` is a
//! number or a string), `p` properties, `m` the values of a map, `l` the items of a list, `r` required,
//! `e` enum, `d` default, `x` keep unknown fields, `u` may be null, `min`/`max`.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::sim::world::status::Cause;

static SCHEMAS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("crd.json")).expect("the schemas in this folder are JSON")
});

/// The schema of a kind.
pub fn of_kind(kind: &str) -> Option<&'static Value> {
    SCHEMAS.get("kinds")?.get(kind)?.get("schema")
}

/// Name, type and path of each column that `get` prints.
pub fn columns(kind: &str) -> &'static [Value] {
    let columns = SCHEMAS
        .get("kinds")
        .and_then(|kinds| kinds.get(kind)?.get("columns")?.as_array());
    columns.map(Vec::as_slice).unwrap_or_default()
}

fn resolve(node: &'static Value) -> &'static Value {
    node.get("$")
        .and_then(Value::as_str)
        .and_then(|part| SCHEMAS.get("parts")?.get(part))
        .unwrap_or(node)
}

fn child(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Takes out what the schema does not know and names it.
pub fn prune(node: &'static Value, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    let node = resolve(node);
    match value {
        Value::Object(map) => prune_map(node, map, path, unknown),
        Value::Array(list) => {
            if let Some(items) = node.get("l") {
                for (at, item) in list.iter_mut().enumerate() {
                    prune(items, item, &format!("{path}[{at}]"), unknown);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn prune_map(node: &'static Value, map: &mut Map<String, Value>, path: &str, unknown: &mut Vec<String>) {
    let known = node.get("p");
    let values = node.get("m");
    let keeps = node.get("x").is_some() || (known.is_none() && values.is_none());
    let keys: Vec<String> = map.keys().cloned().collect();
    for key in keys {
        let rule = known.and_then(|known| known.get(&key)).or(values);
        match rule {
            Some(rule) => {
                if let Some(value) = map.get_mut(&key) {
                    prune(rule, value, &child(path, &key), unknown);
                }
            }
            None if keeps => {}
            None => {
                map.remove(&key);
                unknown.push(child(path, &key));
            }
        }
    }
}

/// What a typed client sends for a required field that was not given: its zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeros {
    Fill,
    Leave,
}

/// Writes the schema's defaults, and the zeros of required fields, into maps that are there.
pub fn fill(node: &'static Value, value: &mut Value, zeros: Zeros) {
    let node = resolve(node);
    match value {
        Value::Object(map) => {
            for (key, rule) in node.get("p").and_then(Value::as_object).into_iter().flatten() {
                let rule_node = resolve(rule);
                if let Some(default) = rule_node.get("d").filter(|_| !map.contains_key(key)) {
                    map.insert(key.clone(), default.clone());
                }
                let required = node
                    .get("r")
                    .and_then(Value::as_array)
                    .is_some_and(|all| all.contains(&json!(key)));
                if required && zeros == Zeros::Fill && !map.contains_key(key) {
                    let zero = match rule_node.get("t").and_then(Value::as_str) {
                        Some("s") => Some(json!("")),
                        Some("o") => Some(json!({})),
                        _ => None,
                    };
                    zero.map(|zero| map.insert(key.clone(), zero));
                }
                if let Some(value) = map.get_mut(key) {
                    fill(rule, value, zeros);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = node.get("l") {
                for item in list {
                    fill(items, item, zeros);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Names everything that breaks the schema, by path.
pub fn judge(node: &'static Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let node = resolve(node);
    if value.is_null() && node.get("u").is_some() {
        return;
    }
    if let Some(wanted) = wrong_type(node, value) {
        causes.push(Cause::wrong_type(path, value, wanted));
        return;
    }
    if let Some(allowed) = node.get("e").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        causes.push(Cause::unsupported(path, value, &allowed));
    }
    judge_bounds(node, value, path, causes);
    for key in node
        .get("r")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if value.get(key).is_none() {
            causes.push(Cause::required(&child(path, key)));
        }
    }
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let rule = node
                    .get("p")
                    .and_then(|known| known.get(key))
                    .or_else(|| node.get("m"));
                if let Some(rule) = rule {
                    judge(rule, inner, &child(path, key), causes);
                }
            }
        }
        Value::Array(list) => {
            if let Some(rule) = node.get("l") {
                for (at, item) in list.iter().enumerate() {
                    judge(rule, item, &format!("{path}[{at}]"), causes);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn judge_bounds(node: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let number = value.as_f64();
    if let (Some(number), Some(least)) = (number, node.get("min").and_then(Value::as_f64))
        && number < least
    {
        let why = format!("{path} in body should be greater than or equal to {least}");
        causes.push(Cause::invalid(path, value, &why));
    }
    if let (Some(number), Some(most)) = (number, node.get("max").and_then(Value::as_f64))
        && number > most
    {
        let why = format!("{path} in body should be less than or equal to {most}");
        causes.push(Cause::invalid(path, value, &why));
    }
}

fn wrong_type(node: &Value, value: &Value) -> Option<&'static str> {
    let (fits, wanted) = match node.get("t").and_then(Value::as_str)? {
        "o" => (value.is_object(), "object"),
        "a" => (value.is_array(), "array"),
        "s" => (value.is_string(), "string"),
        "b" => (value.is_boolean(), "boolean"),
        "i" => (value.is_i64() || value.is_u64(), "integer"),
        "n" => (value.is_number(), "number"),
        _ => (true, ""),
    };
    (!fits).then_some(wanted)
}

/// The schema as OpenAPI has it, `depth` levels deep; below that, unknown fields are kept.
pub fn openapi(node: &'static Value, depth: usize) -> Value {
    let node = resolve(node);
    let kind = match node.get("t").and_then(Value::as_str) {
        Some("a") => "array",
        Some("s") => "string",
        Some("b") => "boolean",
        Some("i") => "integer",
        Some("n") => "number",
        Some("is") => return json!({"x-kubernetes-int-or-string": true}),
        _ => "object",
    };
    let mut out = json!({"type": kind});
    for (short, long) in [
        ("r", "required"),
        ("e", "enum"),
        ("d", "default"),
        ("min", "minimum"),
        ("max", "maximum"),
    ] {
        if let Some(value) = node.get(short) {
            out[long] = value.clone();
        }
    }
    if depth == 0 {
        if kind == "object" {
            out["x-kubernetes-preserve-unknown-fields"] = json!(true);
        }
        if let Some(map) = out.as_object_mut() {
            map.remove("required");
        }
        if kind == "array" {
            out["items"] = json!({"x-kubernetes-preserve-unknown-fields": true});
        }
        return out;
    }
    if let Some(known) = node.get("p").and_then(Value::as_object) {
        let known = known
            .iter()
            .map(|(key, rule)| (key.clone(), openapi(rule, depth - 1)));
        out["properties"] = Value::Object(known.collect());
    }
    if let Some(values) = node.get("m") {
        out["additionalProperties"] = openapi(values, depth - 1);
    }
    if let Some(items) = node.get("l") {
        out["items"] = openapi(items, depth - 1);
    }
    out
}
