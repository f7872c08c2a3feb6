//! Server-side apply: a manager states what it wants, what it wanted before and no longer does goes,
//! and what another manager wants otherwise is a conflict. Pure; the ledger is the caller's to keep.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What each manager last applied to each object, by the object's uid.
#[derive(Debug, Default)]
pub(in crate::sim::wire) struct Ledger(BTreeMap<String, BTreeMap<String, Value>>);

/// A field that two managers want to be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sim::wire) struct Conflict {
    pub manager: String,
    /// As the server writes it: `.spec.delay.latency`.
    pub field: String,
}

/// Objects remembered at most; one of them goes for a new one, and is then as if never applied.
const REMEMBERED: usize = 10_000;

impl Ledger {
    pub fn record(&mut self, uid: &str, manager: &str, applied: Value) {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(uid) {
            self.0.pop_first();
        }
        self.0
            .entry(uid.to_owned())
            .or_default()
            .insert(manager.to_owned(), applied);
    }

    fn of(&self, uid: &str, manager: &str) -> Option<&Value> {
        self.0.get(uid)?.get(manager)
    }

    /// The fields of `wanted` that others hold and that would change.
    pub fn conflicts(&self, uid: &str, manager: &str, wanted: &Value, live: &Value) -> Vec<Conflict> {
        let mut found = Vec::new();
        for (other, theirs) in self
            .0
            .get(uid)
            .into_iter()
            .flatten()
            .filter(|(other, _)| *other != manager)
        {
            for section in ["metadata", "spec", "data"] {
                let mut path = format!(".{section}");
                clash(
                    &wanted[section],
                    &theirs[section],
                    &live[section],
                    &mut path,
                    &mut |field| {
                        found.push(Conflict {
                            manager: other.clone(),
                            field,
                        });
                    },
                );
            }
        }
        found
    }
}

fn clash(wanted: &Value, theirs: &Value, live: &Value, path: &mut String, found: &mut impl FnMut(String)) {
    match (wanted, theirs) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(wanted), Value::Object(theirs)) => {
            for (key, value) in wanted {
                let len = path.len();
                path.push('.');
                path.push_str(key);
                clash(
                    value,
                    theirs.get(key).unwrap_or(&Value::Null),
                    &live[key],
                    path,
                    found,
                );
                path.truncate(len);
            }
        }
        (wanted, _) if wanted != live && !path.starts_with(".metadata.name") => found(path.clone()),
        _agreed => {}
    }
}

/// The keys by which lists of the built-in kinds are maps; all other lists are taken whole.
fn list_key(field: &str, elements: &[Value]) -> Option<&'static str> {
    let key = match field {
        "containers" | "initContainers" | "env" | "volumes" => "name",
        "ports"
            if elements
                .iter()
                .any(|element| element.get("containerPort").is_some()) =>
        {
            "containerPort"
        }
        "ports" => "port",
        "volumeMounts" => "mountPath",
        "conditions" => "type",
        "ownerReferences" => "uid",
        _others => return None,
    };
    elements
        .iter()
        .all(|element| element.get(key).is_some())
        .then_some(key)
}

/// Takes out of `live` what `before` stated and `now` does not.
fn withdraw(live: &mut Map<String, Value>, before: &Map<String, Value>, now: &Map<String, Value>) {
    for (key, old) in before {
        match (live.get_mut(key), old, now.get(key)) {
            (_, _, None) => {
                live.remove(key);
            }
            (Some(Value::Object(live)), Value::Object(old), Some(Value::Object(now))) => {
                withdraw(live, old, now);
            }
            (Some(Value::Array(live)), Value::Array(old), Some(Value::Array(now))) => {
                if let Some(list_key) = list_key(key, old) {
                    live.retain(|have| {
                        let is = |element: &Value| element[list_key] == have[list_key];
                        now.iter().any(is) || !old.iter().any(is)
                    });
                }
            }
            _kept => {}
        }
    }
}

fn lay(live: &mut Value, field: &str, wanted: &Value) {
    match wanted {
        Value::Object(wanted) => {
            if !live.is_object() {
                *live = Value::Object(Map::new());
            }
            if let Value::Object(live) = live {
                for (key, value) in wanted {
                    lay(live.entry(key.clone()).or_insert(Value::Null), key, value);
                }
            }
        }
        Value::Array(wanted) => match (list_key(field, wanted), live) {
            (Some(key), Value::Array(live)) => {
                for element in wanted {
                    match live.iter_mut().find(|have| have[key] == element[key]) {
                        Some(have) => lay(have, "", element),
                        None => live.push(element.clone()),
                    }
                }
            }
            (None, Value::Array(live)) if field == "finalizers" => {
                for element in wanted {
                    if !live.contains(element) {
                        live.push(element.clone());
                    }
                }
            }
            (_, live) => *live = Value::Array(wanted.clone()),
        },
        leaf => *live = leaf.clone(),
    }
}

/// `live` after `manager` applied `wanted`.
pub(in crate::sim::wire) fn apply(ledger: &Ledger, manager: &str, live: &Value, wanted: &Value) -> Value {
    let mut result = live.clone();
    let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
    if let (Some(Value::Object(before)), Value::Object(live), Value::Object(now)) =
        (ledger.of(uid, manager), &mut result, wanted)
    {
        withdraw(live, before, now);
    }
    lay(&mut result, "", wanted);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_manager_no_longer_wants_goes_and_the_rest_stays() {
        let mut ledger = Ledger::default();
        ledger.record(
            "u",
            "me",
            json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"x": 1}}),
        );
        let live = json!({"metadata": {"uid": "u", "labels": {"a": "1", "b": "2", "other": "3"}}, "spec": {"x": 1, "y": 2}});
        let now = apply(
            &ledger,
            "me",
            &live,
            &json!({"metadata": {"labels": {"a": "9"}}, "spec": {"x": 1}}),
        );
        assert_eq!(
            now,
            json!({"metadata": {"uid": "u", "labels": {"a": "9", "other": "3"}}, "spec": {"x": 1, "y": 2}})
        );
    }

    #[test]
    fn two_managers_that_disagree_are_in_conflict() {
        let mut ledger = Ledger::default();
        ledger.record("u", "console", json!({"spec": {"delay": {"latency": "1s"}}}));
        let live = json!({"metadata": {"uid": "u"}, "spec": {"delay": {"latency": "1s"}}});
        let conflicts = |wanted: Value| ledger.conflicts("u", "me", &wanted, &live);
        assert_eq!(
            conflicts(json!({"spec": {"delay": {"latency": "2s"}}})),
            [Conflict {
                manager: "console".into(),
                field: ".spec.delay.latency".into()
            }]
        );
        assert!(conflicts(json!({"spec": {"delay": {"latency": "1s", "jitter": "2s"}}})).is_empty());
        assert!(
            ledger
                .conflicts(
                    "u",
                    "console",
                    &json!({"spec": {"delay": {"latency": "2s"}}}),
                    &live
                )
                .is_empty()
        );
    }
}
