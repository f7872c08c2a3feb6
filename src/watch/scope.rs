//! What one watch is about, and the single requests that it is made of. Each answers in time; none is tried again.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::Api;
use kube::api::{ListParams, ObjectList, WatchEvent, WatchParams};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::cluster::ApiFault;
use crate::units::ErrorChain;

/// The server ends a watch after so long, in real time.
pub(super) const WATCH: Duration = Duration::from_secs(45);
/// Longer than this, in real time, no list page may take, and a start of a watch half of it.
const ANSWER: Duration = Duration::from_secs(10);
/// So many events are taken together at most.
const CHUNK: usize = 512;

/// What is to be watched.
pub(super) struct Scope<K> {
    pub api: Api<K>,
    /// A label selector, empty for all.
    pub labels: String,
    /// For people: `pods`.
    pub what: String,
    /// For people: `in default`, `in every namespace`.
    pub place: String,
    pub steps: Steps,
}

/// What listeners are told of changes that arrive together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// Every one: a state that lasted for a moment only matters.
    Each,
    /// What comes of them: there may be thousands.
    Together,
}

/// Events as they arrive; those that arrive together come together.
pub(super) type Events<K> = Pin<Box<dyn Stream<Item = Vec<kube::Result<WatchEvent<K>>>> + Send>>;

/// Servers count versions upwards; one that does not is waited for until it is quiet.
pub(super) fn number(version: Option<&str>) -> Option<u64> {
    version.and_then(|version| version.parse().ok())
}

/// The version that the server is at.
pub(super) async fn newest<K>(api: Api<K>) -> Option<u64>
where
    K: Clone + DeserializeOwned + Debug,
{
    let params = ListParams::default().limit(1);
    let page = timeout(ANSWER, api.list_metadata(&params)).await.ok()?.ok()?;
    number(page.metadata.resource_version.as_deref())
}

impl<K> Scope<K>
where
    K: Clone + DeserializeOwned + Debug + Send + 'static,
{
    /// The right that is needed: `watch pods in default`.
    pub fn right(&self, verb: &str) -> String {
        format!("{verb} {} {}", self.what, self.place)
    }

    pub fn fault(&self, verb: &str, error: &kube::Error) -> ApiFault {
        ApiFault::of(error, || self.right(verb))
    }

    pub fn late(&self, verb: &str) -> ApiFault {
        let text = format!("no answer to {}", self.right(verb));
        ApiFault::Unreachable(ErrorChain::message(text))
    }

    pub async fn page(&self, token: Option<String>) -> Result<ObjectList<K>, ApiFault> {
        let params = ListParams {
            continue_token: token,
            ..ListParams::default().limit(500).labels(&self.labels)
        };
        match timeout(ANSWER, self.api.list(&params)).await {
            Ok(Ok(page)) => Ok(page),
            Ok(Err(error)) => Err(self.fault("list", &error)),
            Err(_) => Err(self.late("list")),
        }
    }

    /// Everything that changes after this version.
    pub async fn watch(&self, version: &str) -> Result<Events<K>, ApiFault> {
        let params = WatchParams {
            timeout: u32::try_from(WATCH.as_secs()).ok(),
            ..WatchParams::default().labels(&self.labels)
        };
        match timeout(ANSWER / 2, self.api.watch(&params, version)).await {
            Ok(Ok(events)) => Ok(Box::pin(events.ready_chunks(CHUNK))),
            Ok(Err(error)) => Err(self.fault("watch", &error)),
            Err(_) => Err(self.late("watch")),
        }
    }
}
