//! `PATCH`: reads, changes and writes back under one lock, so that a patch cannot lose another's write.

use std::sync::PoisonError;

use serde_json::{Value, json};

use crate::sim::wire::access;
use crate::sim::wire::openapi;
use crate::sim::wire::patch::{Conflict, Ledger, apply, json_patch, merge, strategic};
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::request::{Ask, attempt};
use crate::sim::world::{DryRun, FieldValidation, Status, World, WriteQuery, Written};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// `present` after the patch of this request, for all but server-side apply.
pub(super) fn patched(ask: &Ask<'_>, present: &Value) -> Result<Value, Refusal> {
    let media_type = ask.media_type();
    let custom = ask.resource.is_custom();
    let patch = || ask.object();
    let mut object = present.clone();
    match media_type.as_str() {
        JSON => json_patch(&mut object, &patch()?)?,
        MERGE => merge(&mut object, &patch()?),
        STRATEGIC if !custom => strategic(&mut object, &patch()?),
        _other => {
            let mut accepted = vec![JSON, MERGE];
            if !custom {
                accepted.push(STRATEGIC);
            }
            accepted.push(APPLY);
            return Err(Refusal::unsupported_media_type(&accepted.join(", ")));
        }
    }
    if !object.is_object() {
        return Err(Refusal::bad_request("the patch leaves no object"));
    }
    Ok(object)
}

fn store(ask: &Ask<'_>, world: &mut World, object: Value, query: &WriteQuery) -> Result<Written, Status> {
    let name = ask.name();
    match ask.target.subresource.as_deref() {
        Some(_status) => world.update_status(ask.at(), &name, object, query),
        None => world.update(ask.at(), &name, object, query),
    }
}

fn in_conflict(conflicts: &[Conflict]) -> Refusal {
    let told: Vec<String> = conflicts
        .iter()
        .map(|c| format!("conflict with \"{}\": {}", c.manager, c.field))
        .collect();
    let (count, told) = match told.as_slice() {
        [one] => ("1 conflict".to_owned(), one.clone()),
        many => (
            format!("{} conflicts", many.len()),
            format!("\n- {}", many.join("\n- ")),
        ),
    };
    let separator = if told.starts_with('\n') { ":" } else { ": " };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|c| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with \"{}\"", c.manager), "field": c.field})
        })
        .collect();
    Refusal::new(
        409,
        "Conflict",
        format!("Apply failed with {count}{separator}{told}"),
    )
    .with_details(json!({"causes": causes}))
}

/// Apply refuses unknown fields whatever was asked, and in its own words.
fn undeclared(ask: &Ask<'_>, refusal: Refusal) -> Refusal {
    let Refusal::Status(status) = &refusal else {
        return refusal;
    };
    let Some((_, field)) = status.message.split_once("unknown field \"") else {
        return refusal;
    };
    let field = field.split('"').next().unwrap_or_default();
    let name = ask.name();
    Refusal::new(
        500,
        "",
        format!(
            "failed to create typed patch object ({}/{}; {}, Kind={}): .{field}: field not declared in schema",
            name.namespace,
            name.name,
            ask.at().api_version(),
            ask.resource.kind
        ),
    )
}

/// Whether an apply found its object or made it.
enum Applied {
    Made(Written),
    Changed(Written),
}

fn apply_under_lock(
    ask: &Ask<'_>,
    world: &mut World,
    ledger: &mut Ledger,
    (wanted, query): (&Value, &WriteQuery),
) -> Result<Applied, Refusal> {
    let manager = query.field_manager.as_deref().unwrap_or_default();
    let name = ask.name();
    let live = match world.get(ask.at(), &name) {
        Ok(live) => live,
        Err(missing) if missing.code == 404 && ask.target.subresource.is_none() => {
            // Making something by applying it takes the right to create it, too.
            let create = attempt("create", &ask.target, &ask.target.plural);
            if !access::allowed(ask.user, &create) {
                return Err(access::forbidden(ask.user, &create));
            }
            let written = world.create(ask.at(), ask.namespace(), wanted.clone(), query)?;
            return Ok(Applied::Made(written));
        }
        Err(other) => return Err(other.into()),
    };
    let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
    let conflicts = ledger.conflicts(uid, manager, wanted, &live);
    if !conflicts.is_empty() && !ask.query.flag("force") {
        return Err(in_conflict(&conflicts));
    }
    let object = apply(ledger, manager, &live, wanted);
    Ok(Applied::Changed(store(ask, world, object, query)?))
}

fn server_side_apply(ask: &Ask<'_>) -> Answer {
    let Some(manager) = ask.query.get("fieldManager") else {
        return Err(Refusal::new(
            422,
            "Invalid",
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    };
    let query = WriteQuery {
        field_validation: FieldValidation::Strict,
        ..ask.write_query()?
    };
    let mut wanted = ask.object()?;
    let fits = wanted["apiVersion"] == ask.at().api_version() && wanted["kind"] == *ask.resource.kind;
    if !fits {
        return Err(Refusal::bad_request(
            "invalid object type: the patch must state apiVersion and kind of the object",
        ));
    }
    let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) else {
        return Err(Refusal::bad_request(
            "invalid object: the patch must state metadata",
        ));
    };
    metadata.entry("name").or_insert_with(|| ask.name().name.into());
    openapi::check(&ask.resource, &mut wanted, FieldValidation::Strict)
        .map_err(|refusal| undeclared(ask, refusal))?;
    let applied = ask.state.world.with(|world| {
        let mut ledger = ask.state.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let applied = apply_under_lock(ask, world, &mut ledger, (&wanted, &query))?;
        if query.dry_run == DryRun::No {
            let (Applied::Made(written) | Applied::Changed(written)) = &applied;
            let uid = written.object["metadata"]["uid"].as_str().unwrap_or_default();
            ledger.record(uid, manager, wanted.clone());
        }
        Ok(applied)
    });
    match applied.map_err(|refusal: Refusal| undeclared(ask, refusal))? {
        Applied::Made(written) => {
            Ok(Reply::created((*written.object).clone()).with_warnings(&written.warnings))
        }
        Applied::Changed(written) => {
            Ok(Reply::json((*written.object).clone()).with_warnings(&written.warnings))
        }
    }
}

/// `PATCH` of an object, or of its status.
pub(super) fn patch(ask: &Ask<'_>) -> Answer {
    if ask.media_type() == APPLY {
        return server_side_apply(ask);
    }
    let query = ask.write_query()?;
    ask.state.world.with(|world| {
        let present = world.get(ask.at(), &ask.name())?;
        let mut object = patched(ask, &present)?;
        let mut warnings = openapi::check(&ask.resource, &mut object, query.field_validation)?;
        let written = store(ask, world, object, &query)?;
        warnings.extend(written.warnings);
        Ok(Reply::json((*written.object).clone()).with_warnings(&warnings))
    })
}
