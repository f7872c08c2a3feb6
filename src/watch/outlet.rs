//! The one way out for lines and events: bounded, and what does not fit is counted and told. Never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, mpsc};

use super::tasks::Tasks;
use crate::ports::Streamed;

/// So many lines may wait for their reader.
const ROOM: usize = 4096;

struct Inner {
    sender: mpsc::Sender<Streamed>,
    dropped: AtomicU64,
    more: Notify,
}

/// Where lines and events are put. Cheap to clone.
#[derive(Clone)]
pub(super) struct Outlet(Arc<Inner>);

impl Outlet {
    pub fn open(tasks: &Tasks) -> (Self, mpsc::Receiver<Streamed>) {
        Self::with_room(tasks, ROOM)
    }

    fn with_room(tasks: &Tasks, room: usize) -> (Self, mpsc::Receiver<Streamed>) {
        let (sender, receiver) = mpsc::channel(room);
        let outlet = Self(Arc::new(Inner {
            sender,
            dropped: AtomicU64::new(0),
            more: Notify::new(),
        }));
        let teller = outlet.clone();
        tasks.spawn(async move { teller.tell_dropped().await }, |_| {});
        (outlet, receiver)
    }

    pub fn put(&self, streamed: Streamed) {
        // A reader that has left misses nothing.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.sender.try_send(streamed) {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            self.0.more.notify_one();
        }
    }

    /// Says how many were let go as soon as there is room to say it.
    async fn tell_dropped(&self) {
        loop {
            self.0.more.notified().await;
            let Ok(room) = self.0.sender.reserve().await else {
                return;
            };
            let dropped = self.0.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                room.send(Streamed::Dropped(dropped));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::LogLine;

    fn line(text: &str) -> Streamed {
        Streamed::Log(LogLine {
            pod: String::new(),
            container: String::new(),
            stamp: None,
            text: text.to_owned(),
        })
    }

    #[tokio::test]
    async fn every_line_arrives_or_is_counted() {
        let (tasks, stop) = Tasks::new();
        let (outlet, mut receiver) = Outlet::with_room(&tasks, 4);
        for n in 0..10 {
            outlet.put(line(&n.to_string()));
        }
        let (mut lines, mut dropped) = (0, 0);
        while lines + dropped < 10 {
            match receiver.recv().await.expect("more to come") {
                Streamed::Log(_) => lines += 1,
                Streamed::Dropped(count) => dropped += count,
                Streamed::Event(_) => {}
            }
        }
        assert_eq!((lines, dropped), (4, 6));
        stop.stopped().await;
    }
}
