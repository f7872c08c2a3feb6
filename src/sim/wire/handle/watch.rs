//! Watch: every change of a collection as a line of JSON, flushed at once, until the client or the clock
//! ends it. Never loses an event: what the history no longer holds is told as `ERROR` 410.

use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::show::{self, Columns};
use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::request::Ask;
use crate::sim::wire::shared::SharedWorld;
use crate::sim::wire::table::Shape;
use crate::sim::world::{ListQuery, Resource, World};

/// How often a quiet watch is told that it is still up to date.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// The last bookmark comes this long before the end.
const BOOKMARK_BEFORE_END: Duration = Duration::from_millis(1500);
/// How long a watch lasts that does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

/// What the stream starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Changes after a version.
    At(u64),
    /// All objects as `ADDED`, then changes.
    WithState,
    /// The same, with a bookmark between.
    WithStateAndMark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bookmarks {
    Wanted,
    Unwanted,
}

struct Watcher {
    world: SharedWorld,
    changes: Receiver<u64>,
    resource: Resource,
    query: ListQuery,
    shape: Shape,
    columns: Columns,
    bookmarks: Bookmarks,
    /// Everything up to here was told.
    version: u64,
    start: Option<Start>,
    ends: Instant,
    next_bookmark: Instant,
    over: bool,
}

/// How a watch goes on after a look at the world.
enum Look {
    Lines(String),
    Quiet,
}

fn line(kind: &str, object: &Value, lines: &mut String) {
    lines.push_str(&json!({"type": kind, "object": object}).to_string());
    lines.push('\n');
}

impl Watcher {
    fn bookmark(&self, annotations: Option<Value>, lines: &mut String) {
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if let Some(annotations) = annotations {
            metadata["annotations"] = annotations;
        }
        let object = json!({
            "kind": self.resource.kind, "apiVersion": self.resource.at.api_version(), "metadata": metadata,
        });
        line("BOOKMARK", &object, lines);
    }

    fn event(&mut self, world: &World, kind: &str, object: &std::sync::Arc<Value>, lines: &mut String) {
        let shown = show::event(&self.resource, object, (self.shape, self.columns), world.wall());
        self.columns = Columns::Known;
        line(kind, &shown, lines);
    }

    fn state(&mut self, world: &World, lines: &mut String) -> Result<(), Refusal> {
        let query = ListQuery {
            limit: 0,
            continue_token: None,
            resource_version: None,
            ..self.query.clone()
        };
        let listed = world.list(&self.resource.at, &query)?;
        for object in &listed.items {
            self.event(world, "ADDED", object, lines);
        }
        self.version = listed.resource_version;
        Ok(())
    }

    fn refuse(&mut self, refusal: &Refusal, lines: &mut String) {
        if let Refusal::Status(status) = refusal {
            line("ERROR", &status.to_value(), lines);
        }
        self.over = true;
    }

    /// What is new since the last look.
    fn look(&mut self, world: &World) -> Look {
        let mut lines = String::new();
        match self.start.take() {
            Some(Start::At(version)) => self.version = version,
            Some(start) => {
                if let Err(refusal) = self.state(world, &mut lines) {
                    self.refuse(&refusal, &mut lines);
                    return Look::Lines(lines);
                }
                if start == Start::WithStateAndMark {
                    self.bookmark(Some(json!({"k8s.io/initial-events-end": "true"})), &mut lines);
                }
            }
            None => {}
        }
        // A version from the future is silence until it comes.
        if self.version <= world.resource_version() {
            match world.events_since(&self.resource.at, &self.query, self.version) {
                Ok(events) => {
                    for event in &events {
                        self.event(world, event.kind.as_str(), &event.object, &mut lines);
                    }
                    self.version = world.resource_version();
                }
                Err(expired) => self.refuse(&expired.into(), &mut lines),
            }
        }
        if lines.is_empty() {
            Look::Quiet
        } else {
            Look::Lines(lines)
        }
    }

    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        loop {
            if self.over {
                return None;
            }
            self.changes.borrow_and_update();
            let world = self.world.clone();
            if let Look::Lines(lines) = world.look(|world| self.look(world)) {
                return Some((Ok(lines.into()), self));
            }
            let bookmark_at = match self.bookmarks {
                Bookmarks::Wanted => self.next_bookmark,
                Bookmarks::Unwanted => self.ends,
            };
            tokio::select! {
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                }
                () = tokio::time::sleep_until(self.ends) => return None,
                () = tokio::time::sleep_until(bookmark_at), if self.bookmarks == Bookmarks::Wanted => {
                    let mut lines = String::new();
                    self.bookmark(None, &mut lines);
                    let last = self.ends.checked_sub(BOOKMARK_BEFORE_END).unwrap_or(self.ends);
                    let now = Instant::now();
                    self.next_bookmark = (now + BOOKMARK_EVERY).min(if now < last { last } else { self.ends + BOOKMARK_EVERY });
                    return Some((Ok(lines.into()), self));
                }
            }
        }
    }
}

fn start_of(ask: &Ask<'_>, query: &ListQuery) -> Result<Start, Refusal> {
    if ask.query.flag("sendInitialEvents") {
        if ask.query.get("resourceVersionMatch") != Some("NotOlderThan") {
            return Err(Refusal::new(
                422,
                "Invalid",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires \
                 setting resourceVersionMatch to NotOlderThan",
            ));
        }
        return Ok(Start::WithStateAndMark);
    }
    Ok(match query.resource_version {
        None | Some(0) => Start::WithState,
        Some(version) => Start::At(version),
    })
}

/// A stream of changes.
pub(super) fn watch(ask: &Ask<'_>) -> Answer {
    let query = ask.list_query()?;
    let start = start_of(ask, &query)?;
    let timeout = ask.query.number("timeoutSeconds")?.filter(|seconds| *seconds > 0);
    let timeout = timeout
        .map_or(DEFAULT_TIMEOUT, Duration::from_secs)
        .min(Duration::from_hours(24));
    let now = Instant::now();
    let ends = now + timeout;
    let first_bookmark =
        (now + BOOKMARK_EVERY).min(ends.checked_sub(BOOKMARK_BEFORE_END).unwrap_or(now).max(now));
    let bookmarks = if ask.query.flag("allowWatchBookmarks") {
        Bookmarks::Wanted
    } else {
        Bookmarks::Unwanted
    };
    let watcher = Watcher {
        changes: ask.state.world.changes(),
        world: ask.state.world.clone(),
        resource: ask.resource.clone(),
        shape: ask.shape()?,
        query,
        columns: Columns::New,
        bookmarks,
        version: 0,
        start: Some(start),
        ends,
        next_bookmark: first_bookmark,
        over: false,
    };
    Ok(Reply::stream(
        "application/json",
        stream::unfold(watcher, Watcher::next),
    ))
}
