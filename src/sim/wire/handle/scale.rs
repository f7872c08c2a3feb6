//! The `scale` subresource: a workload seen as a number.

use serde_json::{Value, json};

use super::patch;
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::request::Ask;

fn selector(object: &Value) -> String {
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let pairs: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.join(",")
}

fn view(object: &Value) -> Value {
    let meta = &object["metadata"];
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": {"replicas": object["spec"]["replicas"].as_u64().unwrap_or(0)},
        "status": {"replicas": object["status"]["replicas"].as_u64().unwrap_or(0), "selector": selector(object)},
    })
}

pub(super) fn get(ask: &Ask<'_>) -> Answer {
    let object = ask.state.world.look(|world| world.get(ask.at(), &ask.name()))?;
    Ok(Reply::json(view(&object)))
}

fn replicas(scale: &Value) -> Result<u64, Refusal> {
    match &scale["spec"]["replicas"] {
        Value::Null => Ok(0),
        value => value.as_u64().ok_or_else(|| {
            Refusal::new(
                422,
                "Invalid",
                format!("Scale.autoscaling \"\" is invalid: spec.replicas: Invalid value: {value}: must be greater than or equal to 0"),
            )
        }),
    }
}

/// Sets a member of a section that is there.
fn put(object: &mut Value, section: &str, field: &str, value: Value) {
    if let Some(section) = object.get_mut(section).and_then(Value::as_object_mut) {
        section.insert(field.to_owned(), value);
    }
}

/// `PUT` or `PATCH` of the number.
pub(super) fn set(ask: &Ask<'_>, change: Change) -> Answer {
    let query = ask.write_query()?;
    let sent = match change {
        Change::Replace => Some(ask.object()?),
        Change::Patch => None,
    };
    ask.state.world.with(|world| {
        let present = world.get(ask.at(), &ask.name())?;
        let scale = match sent {
            Some(scale) => scale,
            None => patch::patched(ask, &view(&present))?,
        };
        let mut object = (*present).clone();
        put(&mut object, "spec", "replicas", replicas(&scale)?.into());
        if let Some(version) = scale["metadata"]["resourceVersion"]
            .as_str()
            .filter(|version| !version.is_empty())
        {
            put(&mut object, "metadata", "resourceVersion", version.into());
        }
        let written = world.update(ask.at(), &ask.name(), object, &query)?;
        Ok(Reply::json(view(&written.object)).with_warnings(&written.warnings))
    })
}

/// How the number is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Replace,
    Patch,
}
