//! Get, list, watch and logs.

use std::sync::Arc;

use serde_json::Value;

use super::events_view::{shown_as, stored_as};
use crate::sim::world::logs::{End, LogQuery, LogView, Which};
use crate::sim::world::query::{Exact, ListQuery, Listed, Name, WatchEvent};
use crate::sim::world::resource::{PODS, ResourceRef};
use crate::sim::world::state::World;
use crate::sim::world::status::{Expired, Status};
use crate::sim::world::store;

impl World {
    pub fn get(&self, at: &ResourceRef, name: &Name) -> Result<Arc<Value>, Status> {
        let found = self.store.get(stored_as(at), name);
        found
            .map(|object| shown_as(at, object))
            .ok_or_else(|| Status::not_found(at, &name.name))
    }

    /// A page of objects in the order of namespace and name. A continue token names the version of the first
    /// page and the last name given; objects are as they are now.
    pub fn list(&self, at: &ResourceRef, query: &ListQuery) -> Result<Listed, Status> {
        let token = query.continue_token.as_deref().filter(|token| !token.is_empty());
        let token = token.map(Token::parse).transpose()?;
        let version = token.as_ref().map_or(self.store.version(), |token| token.version);
        if version < self.store.oldest() && token.is_some() {
            return Err(Status::plain(
                410,
                "Expired",
                "The provided continue parameter is too old to display a consistent list result. You can start a \
                 new list without the continue parameter, or use the continue token in this response to retrieve \
                 the remainder of the results. Continuing with the provided token results in an inconsistent list \
                 - objects that were created, modified, or deleted between the time the first chunk was returned \
                 and now may show up in the list.",
            ));
        }
        if query.exact == Exact::Exact
            && let Some(asked) = query.resource_version
            && asked < self.store.oldest()
        {
            return Err(Expired {
                asked,
                oldest: self.store.oldest(),
            }
            .into());
        }
        let after = token.map(|token| token.after);
        let mut matching = self
            .matching(at, query)
            .filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        let mut items = Vec::new();
        let mut last = None;
        for (name, object) in matching.by_ref().take(limit) {
            last = Some(name.clone());
            items.push(shown_as(at, object));
        }
        let remaining = matching.count();
        let next = last
            .filter(|_| remaining > 0)
            .map(|after| Token { version, after }.render());
        Ok(Listed {
            items,
            resource_version: version,
            remaining: next.is_some().then_some(remaining),
            continue_token: next,
        })
    }

    /// What `query` is about, by namespace and name.
    pub(in crate::sim::world) fn matching<'a>(
        &'a self,
        at: &ResourceRef,
        query: &'a ListQuery,
    ) -> impl Iterator<Item = (&'a Name, &'a Arc<Value>)> + use<'a> {
        let at = stored_as(at);
        let one = query
            .namespace
            .as_deref()
            .map(|namespace| self.store.within(at, namespace));
        let all = query.namespace.is_none().then(|| self.store.all(at));
        let objects = one.into_iter().flatten().chain(all.into_iter().flatten());
        objects.filter(|(_, object)| store::matches(query, object))
    }

    /// What happened to these objects after `rv`, oldest first; namespace and selectors of `query` count.
    pub fn events_since(
        &self,
        at: &ResourceRef,
        query: &ListQuery,
        rv: u64,
    ) -> Result<Vec<WatchEvent>, Expired> {
        let mut events = self.store.since(stored_as(at), query, rv)?;
        for event in &mut events {
            event.object = shown_as(at, &event.object);
        }
        Ok(events)
    }

    /// What a container wrote, from a cursor on.
    pub fn logs(&self, pod: &Name, query: &LogQuery) -> Result<LogView, Status> {
        let object = self.get(&PODS, pod)?;
        let names: Vec<&str> = container_names(&object);
        let container = match (query.container.as_deref(), names.as_slice()) {
            (Some(wanted), names) if names.contains(&wanted) => wanted,
            (Some(wanted), _) => {
                let message = format!("container {wanted} is not valid for pod {}", pod.name);
                return Err(Status::bad_request(message));
            }
            (None, [only]) => only,
            (None, names) => {
                return Err(Status::bad_request(format!(
                    "a container name must be specified for pod {}, choose one of: [{}]",
                    pod.name,
                    names.join(" ")
                )));
            }
        };
        let uid = crate::sim::world::object::uid(&object);
        let run = self.pods.get(uid).and_then(|run| run.container(container));
        let Some(run) = run.filter(|run| run.has_started()) else {
            let reason = run.map_or("ContainerCreating", |run| run.waiting_reason());
            return Err(Status::bad_request(format!(
                "container \"{container}\" in pod \"{}\" is waiting to start: {reason}",
                pod.name
            )));
        };
        if query.which == Which::Previous && run.restarts() == 0 {
            return Err(Status::bad_request(format!(
                "previous terminated container \"{container}\" in pod \"{}\" not found",
                pod.name
            )));
        }
        let (lines, cursor) = self.logs.read(uid, container, query.which, query.after);
        let end = if query.which == Which::Current && run.is_running() {
            End::Open
        } else {
            End::Ended
        };
        Ok(LogView {
            lines,
            cursor,
            container_id: run.id().to_owned(),
            end,
        })
    }
}

fn container_names(pod: &Value) -> Vec<&str> {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    containers
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("name").and_then(Value::as_str))
        .collect()
}

/// Where the next page starts. Opaque to clients.
struct Token {
    version: u64,
    after: Name,
}

impl Token {
    fn render(&self) -> String {
        let text = format!("{}/{}/{}", self.version, self.after.namespace, self.after.name);
        text.bytes().fold(String::new(), |mut out, byte| {
            use std::fmt::Write as _;
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    fn parse(text: &str) -> Result<Self, Status> {
        let bad = || Status::bad_request("continue key is not valid: encoding error");
        if !text.is_ascii() || !text.len().is_multiple_of(2) {
            return Err(bad());
        }
        let bytes: Option<Vec<u8>> = (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok())
            .collect();
        let text = bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(bad)?;
        let mut parts = text.splitn(3, '/');
        let version = parts.next().and_then(|part| part.parse().ok()).ok_or_else(bad)?;
        let (Some(namespace), Some(name)) = (parts.next(), parts.next()) else {
            return Err(bad());
        };
        Ok(Self {
            version,
            after: Name::new(namespace, name),
        })
    }
}
