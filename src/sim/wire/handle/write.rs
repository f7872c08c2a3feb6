//! Create and update.

use crate::sim::wire::openapi;
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::request::Ask;

/// `POST` of a collection.
pub(super) fn create(ask: &Ask<'_>) -> Answer {
    if ask.resource.is_namespaced() && ask.target.namespace.is_none() {
        return Err(Refusal::method_not_allowed());
    }
    let query = ask.write_query()?;
    let mut object = ask.object()?;
    let mut warnings = openapi::check(&ask.resource, &mut object, query.field_validation)?;
    let written = ask
        .state
        .world
        .with(|world| world.create(ask.at(), ask.namespace(), object, &query))?;
    warnings.extend(written.warnings);
    Ok(Reply::created((*written.object).clone()).with_warnings(&warnings))
}

/// `PUT` of an object, or of its status.
pub(super) fn update(ask: &Ask<'_>) -> Answer {
    let query = ask.write_query()?;
    let mut object = ask.object()?;
    let mut warnings = openapi::check(&ask.resource, &mut object, query.field_validation)?;
    let name = ask.name();
    let written = ask
        .state
        .world
        .with(|world| match ask.target.subresource.as_deref() {
            Some(_status) => world.update_status(ask.at(), &name, object, &query),
            None => world.update(ask.at(), &name, object, &query),
        })?;
    warnings.extend(written.warnings);
    Ok(Reply::json((*written.object).clone()).with_warnings(&warnings))
}
