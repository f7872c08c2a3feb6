//! Remembers how objects ended that are watched since before they ended: somebody else may delete them, properly
//! or not, while nobody here asks. Never changes one.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{BoxStream, select_all};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::cluster::{ChaosObject, Followed};
use crate::fault::Gone;

/// So long the watch may lag behind a request.
const LAG: Duration = Duration::from_secs(2);

/// What is known of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate {
    /// The newest that was seen of it.
    pub last: ChaosObject,
    /// What its end proved, once it has ended.
    pub ended: Option<Gone>,
}

impl Fate {
    /// What its absence means.
    pub fn once_absent(&self) -> Gone {
        self.ended.clone().unwrap_or_else(|| self.last.once_missed())
    }
}

/// By uid.
pub type Fates = BTreeMap<String, Fate>;

#[derive(Debug)]
pub struct Witness {
    fates: watch::Receiver<Fates>,
    task: AbortHandle,
}

impl Witness {
    /// Watches what these streams tell, from what is known already on.
    pub fn new(known: Fates, streams: Vec<BoxStream<'static, Followed>>) -> Self {
        let (tell, fates) = watch::channel(known);
        let task = tokio::spawn(async move {
            let mut streams = select_all(streams);
            while let Some(told) = streams.next().await {
                tell.send_modify(|fates| take(fates, told));
            }
        });
        Self {
            fates,
            task: task.abort_handle(),
        }
    }

    /// Everything that was seen so far.
    pub fn fates(&self) -> Fates {
        self.fates.borrow().clone()
    }

    /// How the object of this uid ended, which a request has found gone. `None` if it was never seen.
    pub async fn end_of(&self, uid: &str) -> Option<Gone> {
        let mut fates = self.fates.clone();
        let ended = fates.wait_for(|fates| fates.get(uid).is_none_or(|fate| fate.ended.is_some()));
        // Late or never: what is known then has to do.
        let _ = timeout(LAG, ended).await;
        self.fates.borrow().get(uid).map(Fate::once_absent)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes in what a watch told.
pub fn take(fates: &mut Fates, told: Followed) {
    let (last, ended) = match told {
        Followed::Seen(object) => (object, None),
        Followed::Gone(object) => {
            let gone = object.once_gone();
            (object, Some(gone))
        }
        Followed::Vanished(object) => {
            let gone = object.once_missed();
            (object, Some(gone))
        }
        Followed::Listed | Followed::Lost(_) => return,
    };
    fates.insert(last.uid.clone(), Fate { last: *last, ended });
}
