//! What is known of a set of objects, and everyone who wants to be told. Nothing is skipped: a state that
//! lasted for a moment only is told as well. Never asks a cluster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::ports::Freshness;
use crate::units::Mark;

/// Where an object is: namespace and name.
pub(super) type Key = (String, String);

/// A set of objects at a moment.
#[derive(Debug)]
pub(super) struct Known<T> {
    /// When this was learnt here.
    pub at: Mark,
    pub freshness: Freshness,
    pub objects: Arc<BTreeMap<Key, Arc<T>>>,
    /// What this step changed; a list of everything names all that differs.
    pub changed: Vec<Key>,
    /// How long it may have been so before it was learnt.
    pub unseen: Duration,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self {
            at: self.at,
            freshness: self.freshness.clone(),
            objects: Arc::clone(&self.objects),
            changed: self.changed.clone(),
            unseen: self.unseen,
        }
    }
}

impl<T> Known<T> {
    /// Nothing is known yet.
    pub fn nothing(at: Mark) -> Self {
        Self {
            at,
            freshness: Freshness::Connecting,
            objects: Arc::default(),
            changed: Vec::new(),
            unseen: Duration::ZERO,
        }
    }
}

pub(super) type Told<T> = mpsc::UnboundedReceiver<Known<T>>;

struct Inner<T> {
    latest: Known<T>,
    listeners: Vec<mpsc::UnboundedSender<Known<T>>>,
}

/// Keeps the latest and tells every step of it.
pub(super) struct Hub<T>(Arc<Mutex<Inner<T>>>);

impl<T> Clone for Hub<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Hub<T> {
    pub fn new(at: Mark) -> Self {
        let inner = Inner {
            latest: Known::nothing(at),
            listeners: Vec::new(),
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    pub fn tell(&self, known: Known<T>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner
            .listeners
            .retain(|listener| listener.send(known.clone()).is_ok());
        inner.latest = known;
    }

    /// What was told last is not looked after any more.
    pub fn stale(&self, at: Mark, why: String) {
        let latest = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .latest
            .clone();
        let freshness = Freshness::Stale {
            since: latest.at,
            why,
        };
        self.tell(Known {
            at,
            freshness,
            changed: Vec::new(),
            ..latest
        });
    }

    /// The latest first, then every step after it.
    pub fn listen(&self) -> Told<T> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = Known {
            changed: inner.latest.objects.keys().cloned().collect(),
            ..inner.latest.clone()
        };
        // The receiver is still in our hands.
        let _ = sender.send(first);
        inner.listeners.push(sender);
        receiver
    }
}
