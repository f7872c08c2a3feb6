//! Delete, deletecollection, eviction.

use std::time::Duration;

use serde_json::{Value, json};

use super::show::{self, Selected};
use crate::sim::wire::body;
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::request::Ask;
use crate::sim::wire::table::Shape;
use crate::sim::world::{DeleteQuery, DryRun, EvictQuery, Propagation, Removed};

/// Kinds whose deletion answers with the object even when it is gone.
const RETURN_OBJECT: [&str; 4] = ["pods", "services", "serviceaccounts", "persistentvolumeclaims"];

fn propagation(word: &str) -> Result<Propagation, Refusal> {
    match word {
        "Background" => Ok(Propagation::Background),
        "Foreground" => Ok(Propagation::Foreground),
        "Orphan" => Ok(Propagation::Orphan),
        other => Err(Refusal::new(
            422,
            "Invalid",
            format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"{other}\": \
                 supported values: \"Foreground\", \"Background\", \"Orphan\""
            ),
        )),
    }
}

fn seconds(value: &Value) -> Result<Option<Duration>, Refusal> {
    match value {
        Value::Null => Ok(None),
        value => value
            .as_u64()
            .map(|seconds| Some(Duration::from_secs(seconds)))
            .ok_or_else(|| {
                Refusal::bad_request(format!(
                    "gracePeriodSeconds: Invalid value: {value}: must be non-negative"
                ))
            }),
    }
}

/// `DeleteOptions` as a body states them.
fn options(options: &Value) -> Result<DeleteQuery, Refusal> {
    let preconditions = &options["preconditions"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let dry_run = options["dryRun"]
        .as_array()
        .is_some_and(|list| list.iter().any(|word| word == "All"));
    let orphan = options["orphanDependents"] == true;
    Ok(DeleteQuery {
        uid: text(&preconditions["uid"]),
        resource_version: text(&preconditions["resourceVersion"]),
        grace: seconds(&options["gracePeriodSeconds"])?,
        propagation: match options["propagationPolicy"].as_str() {
            Some(word) => propagation(word)?,
            None if orphan => Propagation::Orphan,
            None => Propagation::Background,
        },
        dry_run: if dry_run { DryRun::All } else { DryRun::No },
    })
}

fn delete_query(ask: &Ask<'_>) -> Result<DeleteQuery, Refusal> {
    let body = if ask.body.is_empty() {
        json!({})
    } else {
        body::decode(&ask.body, &ask.media_type())?
    };
    let mut query = options(&body)?;
    if let Some(grace) = ask.query.number("gracePeriodSeconds")? {
        query.grace = Some(Duration::from_secs(grace));
    }
    if let Some(word) = ask.query.get("propagationPolicy") {
        query.propagation = propagation(word)?;
    }
    if ask.dry_run()? == DryRun::All {
        query.dry_run = DryRun::All;
    }
    Ok(query)
}

/// `DELETE` of an object.
pub(super) fn delete(ask: &Ask<'_>) -> Answer {
    let query = delete_query(ask)?;
    let (at, name) = (ask.at(), ask.name());
    let removed = ask.state.world.with(|world| world.delete(at, &name, &query))?;
    Ok(Reply::json(match removed {
        Removed::Marked(object) => (*object).clone(),
        Removed::Gone(object) if at.group.is_empty() && RETURN_OBJECT.contains(&at.plural.as_ref()) => {
            (*object).clone()
        }
        Removed::Gone(object) => {
            let mut details = json!({"name": name.name, "kind": at.plural, "uid": object["metadata"]["uid"]});
            if !at.group.is_empty() {
                details["group"] = Value::from(at.group.as_ref());
            }
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
        }
    }))
}

/// `DELETE` of a collection: answers with the list of what was deleted or marked.
pub(super) fn delete_collection(ask: &Ask<'_>) -> Answer {
    if ask.resource.is_namespaced() && ask.target.namespace.is_none() {
        return Err(Refusal::NoSuchPage);
    }
    let (list, delete) = (ask.list_query()?, delete_query(ask)?);
    ask.state.world.with(|world| {
        let listed = world.delete_collection(ask.at(), &list, &delete)?;
        Ok(Reply::json(show::list(
            &ask.resource,
            &listed,
            (Shape::Plain, Selected::Some),
            world.wall(),
        )))
    })
}

/// `POST …/pods/<name>/eviction`.
pub(super) fn evict(ask: &Ask<'_>) -> Answer {
    let eviction = ask.object()?;
    let named = eviction["metadata"]["name"].as_str().unwrap_or_default();
    let name = ask.name();
    if !named.is_empty() && named != name.name {
        return Err(Refusal::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let mut delete = options(&eviction["deleteOptions"])?;
    if ask.dry_run()? == DryRun::All {
        delete.dry_run = DryRun::All;
    }
    ask.state
        .world
        .with(|world| world.evict(&name, &EvictQuery { delete }))?;
    Ok(Reply::created(
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
    ))
}
