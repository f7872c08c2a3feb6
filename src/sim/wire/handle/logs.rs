//! Logs of a container, read or followed. A follower ends with its process, as on a real node.

use bytes::Bytes;
use futures::stream;
use tokio::sync::watch::Receiver;

use crate::sim::wire::refusal::Refusal;
use crate::sim::wire::reply::{Answer, Reply};
use crate::sim::wire::request::Ask;
use crate::sim::wire::shared::SharedWorld;
use crate::sim::world::logs::End;
use crate::sim::world::{LogEntry, LogQuery, LogView, Name, Which};

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamps {
    Shown,
    Hidden,
}

/// What of the lines is wanted.
struct Wanted {
    tail: Option<usize>,
    since: Option<jiff::Timestamp>,
    limit: Option<usize>,
    stamps: Stamps,
}

fn wanted(ask: &Ask<'_>, now: jiff::Timestamp) -> Result<Wanted, Refusal> {
    let query = &ask.query;
    let seconds = query.number("sinceSeconds")?;
    let since_time = query
        .get("sinceTime")
        .map(|text| {
            text.parse()
                .map_err(|_| Refusal::bad_request(format!("invalid sinceTime: \"{text}\"")))
        })
        .transpose()?;
    if seconds.is_some() && since_time.is_some() {
        return Err(Refusal::bad_request(
            "at most one of `sinceTime` or `sinceSeconds` may be specified",
        ));
    }
    let since = match seconds {
        Some(seconds) => {
            let ago = jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
            Some(now.checked_sub(ago).unwrap_or(jiff::Timestamp::MIN))
        }
        None => since_time,
    };
    let size = |number: Option<u64>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    Ok(Wanted {
        tail: size(query.number("tailLines")?),
        since,
        limit: size(query.number("limitBytes")?),
        stamps: if query.flag("timestamps") {
            Stamps::Shown
        } else {
            Stamps::Hidden
        },
    })
}

fn write(lines: &[LogEntry], stamps: Stamps, out: &mut String) {
    for line in lines {
        if stamps == Stamps::Shown {
            out.push_str(&line.stamp.0.strftime("%Y-%m-%dT%H:%M:%S%.6fZ ").to_string());
        }
        out.push_str(&line.text);
        out.push('\n');
    }
}

fn first(view: &LogView, wanted: &Wanted) -> String {
    let from = wanted
        .since
        .map_or(0, |since| view.lines.partition_point(|line| line.stamp.0 < since));
    let lines = &view.lines[from..];
    let lines = &lines[lines.len().saturating_sub(wanted.tail.unwrap_or(usize::MAX))..];
    let mut text = String::new();
    write(lines, wanted.stamps, &mut text);
    text
}

struct Follower {
    world: SharedWorld,
    changes: Receiver<u64>,
    pod: Name,
    query: LogQuery,
    process: String,
    stamps: Stamps,
    /// Bytes that may still be sent.
    room: usize,
    pending: Option<String>,
    over: bool,
}

impl Follower {
    fn cut(&mut self, mut text: String) -> Bytes {
        if text.len() >= self.room {
            let mut end = self.room;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            self.over = true;
        }
        self.room -= text.len();
        text.into()
    }

    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        if let Some(text) = self.pending.take().filter(|text| !text.is_empty()) {
            let bytes = self.cut(text);
            return Some((Ok(bytes), self));
        }
        while !self.over {
            self.changes.borrow_and_update();
            // A pod that is gone, or a process that was replaced, has nothing more to say.
            let view = self.world.look(|world| world.logs(&self.pod, &self.query)).ok()?;
            if view.container_id != self.process {
                return None;
            }
            self.query.after = Some(view.cursor);
            self.over = view.end == End::Ended;
            if !view.lines.is_empty() {
                let mut text = String::new();
                write(&view.lines, self.stamps, &mut text);
                let bytes = self.cut(text);
                return Some((Ok(bytes), self));
            }
            if !self.over && self.changes.changed().await.is_err() {
                return None;
            }
        }
        None
    }
}

/// `GET …/pods/<name>/log`.
pub(super) fn logs(ask: &Ask<'_>) -> Answer {
    let query = LogQuery {
        container: ask.query.get("container").map(str::to_owned),
        which: if ask.query.flag("previous") {
            Which::Previous
        } else {
            Which::Current
        },
        after: None,
    };
    let (pod, world) = (ask.name(), &ask.state.world);
    let changes = world.changes();
    let (view, now) = world.look(|world| (world.logs(&pod, &query), world.wall()));
    let (view, wanted) = (view?, wanted(ask, now.0)?);
    let text = first(&view, &wanted);
    let follow = ask.query.flag("follow") && query.which == Which::Current && view.end == End::Open;
    let follower = Follower {
        world: world.clone(),
        changes,
        pod,
        query: LogQuery {
            after: Some(view.cursor),
            ..query
        },
        process: view.container_id,
        stamps: wanted.stamps,
        room: wanted.limit.unwrap_or(usize::MAX),
        pending: Some(text),
        over: !follow,
    };
    Ok(Reply::stream(
        "text/plain",
        stream::unfold(follower, Follower::next),
    ))
}
