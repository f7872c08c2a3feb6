//! JSON patch: RFC 6902, with the refusals of the Kubernetes API. Pure.

use serde_json::Value;

use crate::sim::wire::refusal::Refusal;

fn invalid(why: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        422,
        "Invalid",
        format!("the server rejected our request due to an error in our request: {why}"),
    )
}

fn tokens(pointer: &str) -> Result<Vec<String>, Refusal> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let rest = pointer
        .strip_prefix('/')
        .ok_or_else(|| Refusal::bad_request("json pointer must start with \"/\""))?;
    Ok(rest
        .split('/')
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect())
}

fn index(token: &str, len: usize) -> Option<usize> {
    if token.len() > 1 && token.starts_with('0') {
        return None;
    }
    token.parse().ok().filter(|index| *index <= len)
}

fn walk<'a>(document: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |at, token| match at {
        Value::Object(map) => map.get_mut(token),
        Value::Array(list) => {
            let index = index(token, list.len())?;
            list.get_mut(index)
        }
        _leaf => None,
    })
}

fn add(document: &mut Value, path: &[String], value: Value) -> Option<()> {
    let Some((last, parents)) = path.split_last() else {
        *document = value;
        return Some(());
    };
    match walk(document, parents)? {
        Value::Object(map) => {
            map.insert(last.clone(), value);
        }
        Value::Array(list) => {
            let at = if last == "-" {
                list.len()
            } else {
                index(last, list.len())?
            };
            list.insert(at, value);
        }
        _leaf => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &[String]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    match walk(document, parents)? {
        Value::Object(map) => map.remove(last),
        Value::Array(list) => {
            let at = index(last, list.len()).filter(|at| *at < list.len())?;
            Some(list.remove(at))
        }
        _leaf => None,
    }
}

/// How many values a document has in it.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Object(map) => map.values().map(size).sum(),
        Value::Array(list) => list.iter().map(size).sum(),
        _leaf => 0,
    }
}

/// A few copies of copies would fill the memory.
const MOST_VALUES: usize = 1_000_000;

fn step(document: &mut Value, operation: &Value) -> Result<(), Refusal> {
    let name = operation["op"].as_str().unwrap_or_default();
    let pointer = operation["path"]
        .as_str()
        .ok_or_else(|| Refusal::bad_request("a JSON patch operation needs a path"))?;
    let path = tokens(pointer)?;
    let missing = |what: &str| {
        invalid(format!(
            "{what} operation does not apply: doc is missing path: \"{pointer}\": missing value"
        ))
    };
    let value = || operation.get("value").cloned().ok_or_else(|| missing(name));
    let from = || -> Result<Vec<String>, Refusal> { tokens(operation["from"].as_str().unwrap_or_default()) };
    match name {
        "add" => add(document, &path, value()?).ok_or_else(|| missing("add")),
        "remove" => remove(document, &path).map(drop).ok_or_else(|| missing("remove")),
        "replace" => {
            let value = value()?;
            let place = walk(document, &path).ok_or_else(|| missing("replace"))?;
            *place = value;
            Ok(())
        }
        "test" => {
            let wanted = value()?;
            match walk(document, &path) {
                Some(have) if *have == wanted => Ok(()),
                _differs => Err(invalid(format!("testing value {pointer} failed: test failed"))),
            }
        }
        "copy" => {
            let value = walk(document, &from()?).cloned().ok_or_else(|| missing("copy"))?;
            if size(document).saturating_add(size(&value)) > MOST_VALUES {
                return Err(Refusal::new(
                    413,
                    "RequestEntityTooLarge",
                    "the copies of a JSON patch are too large",
                ));
            }
            add(document, &path, value).ok_or_else(|| missing("copy"))
        }
        "move" => {
            let value = remove(document, &from()?).ok_or_else(|| missing("move"))?;
            add(document, &path, value).ok_or_else(|| missing("move"))
        }
        other => Err(Refusal::bad_request(format!("Unexpected kind: {other}"))),
    }
}

/// Applies a list of operations; the document is as it was if one of them fails.
pub(in crate::sim::wire) fn json_patch(document: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let operations = patch.as_array().ok_or_else(|| {
        Refusal::bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    })?;
    if operations.len() > 10_000 {
        return Err(Refusal::new(
            413,
            "RequestEntityTooLarge",
            format!(
                "The allowed maximum operations in a JSON patch is 10000, got {}",
                operations.len()
            ),
        ));
    }
    let mut changed = document.clone();
    for operation in operations {
        step(&mut changed, operation)?;
    }
    *document = changed;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations() {
        let mut document = json!({"a": {"b/c": [1, 2]}, "d": 1});
        json_patch(
            &mut document,
            &json!([
                {"op": "test", "path": "/a/b~1c/0", "value": 1},
                {"op": "add", "path": "/a/b~1c/-", "value": 3},
                {"op": "add", "path": "/a/b~1c/0", "value": 0},
                {"op": "remove", "path": "/a/b~1c/1"},
                {"op": "move", "from": "/d", "path": "/e"},
                {"op": "copy", "from": "/e", "path": "/f"},
                {"op": "replace", "path": "/f", "value": null},
            ]),
        )
        .unwrap();
        assert_eq!(document, json!({"a": {"b/c": [0, 2, 3]}, "e": 1, "f": null}));
    }

    #[test]
    fn a_failed_operation_changes_nothing() {
        for bad in [
            json!([{"op": "add", "path": "/x", "value": 1}, {"op": "remove", "path": "/nope"}]),
            json!([{"op": "add", "path": "/x", "value": 1}, {"op": "test", "path": "/a", "value": 2}]),
            json!([{"op": "replace", "path": "/a/b/c", "value": 2}]),
            json!([{"op": "add", "path": "/l/01", "value": 2}]),
            json!([{"op": "fly", "path": "/a"}]),
            json!({"op": "add"}),
        ] {
            let mut document = json!({"a": 1, "l": [1, 2]});
            assert!(json_patch(&mut document, &bad).is_err(), "{bad}");
            assert_eq!(document, json!({"a": 1, "l": [1, 2]}));
        }
    }
}
