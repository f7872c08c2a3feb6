//! Get and list.

use super::show::{self, Selected};
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::request::Ask;

/// One object.
pub(super) fn get(ask: &Ask<'_>) -> Answer {
    let shape = ask.shape()?;
    ask.state.world.look(|world| {
        let object = world.get(ask.at(), &ask.name())?;
        Ok(Reply::json(show::one(
            &ask.resource,
            &object,
            shape,
            world.wall(),
        )))
    })
}

/// A page of a collection.
pub(super) fn list(ask: &Ask<'_>) -> Answer {
    let (shape, query) = (ask.shape()?, ask.list_query()?);
    if query.continue_token.is_some() && query.resource_version.is_some_and(|version| version > 0) {
        return Err(Refusal::bad_request(
            "specifying resource version is not allowed when using continue",
        ));
    }
    let narrowed = ask.query.get("labelSelector").is_some() || ask.query.get("fieldSelector").is_some();
    let selected = if narrowed { Selected::Some } else { Selected::All };
    ask.state.world.look(|world| {
        let listed = world.list(ask.at(), &query)?;
        Ok(Reply::json(show::list(
            &ask.resource,
            &listed,
            (shape, selected),
            world.wall(),
        )))
    })
}
