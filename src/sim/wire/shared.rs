//! The one world behind all sockets: who enters it first brings it up to now, and who changed it tells
//! the watchers and the driver. Never holds the world across an await.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::sim::world::World;

struct Inner {
    world: Mutex<World>,
    clock: Clock,
    /// Counts what happened; its value means nothing, that it moved does.
    changed: watch::Sender<u64>,
    /// Wakes the driver when what is due next may have moved.
    due_moved: Notify,
}

/// A handle to the world that the wire serves. Cheap to clone; all clones see one world.
#[derive(Clone)]
pub struct SharedWorld(Arc<Inner>);

impl std::fmt::Debug for SharedWorld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedWorld").finish_non_exhaustive()
    }
}

impl SharedWorld {
    pub(super) fn new(world: World, clock: Clock) -> Self {
        let (changed, _) = watch::channel(0);
        Self(Arc::new(Inner {
            world: Mutex::new(world),
            clock,
            changed,
            due_moved: Notify::new(),
        }))
    }

    /// Looks at the world as it is now.
    pub fn look<T>(&self, see: impl FnOnce(&World) -> T) -> T {
        let (seen, moved) = {
            let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
            let moved = self.bring_up_to_now(&mut world);
            (see(&world), moved)
        };
        if moved {
            self.tell();
        }
        seen
    }

    /// Changes the world as it is now, and wakes everyone who watches it.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let done = {
            let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
            self.bring_up_to_now(&mut world);
            act(&mut world)
        };
        self.tell();
        self.0.due_moved.notify_one();
        done
    }

    /// The clock that moves the world: drill time since it began.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Whether the world still had something to do before now.
    fn bring_up_to_now(&self, world: &mut World) -> bool {
        let now = self.0.clock.mark();
        let due = world.next_due().is_some_and(|due| due <= now);
        world.advance(now);
        due
    }

    fn tell(&self) {
        self.0.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A receiver that wakes whenever the world may look different.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Real time until something happens by itself; `None` if nothing will.
    fn until_due(&self) -> Option<Duration> {
        let due = self.look(World::next_due)?;
        let drill = due.since(self.0.clock.mark());
        Some(drill.div_f64(self.0.clock.speed()))
    }

    /// Lets the world's time pass until `stop`.
    pub(super) async fn drive(self, stop: CancellationToken) {
        loop {
            let wait = self.until_due();
            let due = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.due_moved.notified() => {}
                () = due => {}
            }
        }
    }
}
