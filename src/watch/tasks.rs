//! Owns every task of this room: all end together, and one that panics says so. Never knows what they do.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Where tasks are started. Cheap to clone; a task does not keep the others alive.
#[derive(Debug, Clone)]
pub(super) struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
    runtime: Handle,
}

/// Ends the tasks when it is dropped.
#[derive(Debug)]
pub struct Stop {
    guard: DropGuard,
    tracker: TaskTracker,
}

impl Stop {
    /// Ends the tasks and waits until they have ended.
    pub async fn stopped(self) {
        drop(self.guard);
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Tasks {
    /// Must be called within a tokio runtime: the tasks run there, wherever they are started from.
    pub fn new() -> (Self, Stop) {
        let tasks = Self {
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
            runtime: Handle::current(),
        };
        let stop = Stop {
            guard: tasks.stop.clone().drop_guard(),
            tracker: tasks.tracker.clone(),
        };
        (tasks, stop)
    }

    /// The same tasks, of which those started through this one can also be ended alone.
    pub fn branch(&self) -> (Self, DropGuard) {
        let branch = Self {
            stop: self.stop.child_token(),
            tracker: self.tracker.clone(),
            runtime: self.runtime.clone(),
        };
        let guard = branch.stop.clone().drop_guard();
        (branch, guard)
    }

    /// Runs until it ends or everything does; a panic is handed to `failed`.
    pub fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
        failed: impl FnOnce(String) + Send + 'static,
    ) {
        let stop = self.stop.clone();
        let guarded = async move {
            let work = AssertUnwindSafe(stop.run_until_cancelled(work)).catch_unwind();
            if let Err(panic) = work.await {
                let why = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_else(|| "no reason given".to_owned());
                tracing::error!(why, "a watcher's task failed");
                failed(why);
            }
        };
        self.tracker.spawn_on(guarded, &self.runtime);
    }
}
