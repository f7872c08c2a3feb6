//! Single requests of a sweep, each with an end in time. Decides nothing.

use std::future::Future;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::timeout;

use super::rounds::Wait;
use super::seeing::ScopeIx;
use crate::cluster::{ApiFault, ChaosKind, ChaosObject, Cluster, Deleted, Removal, Removed};
use crate::fault::ChaosRef;
use crate::guard::latch::{Closed, LatchError};
use crate::units::{ErrorChain, Mark};

/// Longer than this nothing is waited for; whether it had an effect is then not known.
const LONGEST: Duration = Duration::from_secs(10);
/// So long a Workflow has to hear that it is aborted before it is deleted.
const ABORT_FIRST: Duration = Duration::from_millis(500);

/// What a request came to.
pub(super) enum Done {
    Listed {
        scope: ScopeIx,
        /// When it was asked: what is newer than this cannot be missed in it.
        asked: Mark,
        outcome: Result<Vec<ChaosObject>, ApiFault>,
    },
    Discovered(Result<Vec<ChaosKind>, ApiFault>),
    Namespaces(Result<Vec<String>, ApiFault>),
    Deleted {
        uid: String,
        /// Why a Workflow could not be told to stop.
        abort: Option<ApiFault>,
        outcome: Result<Deleted, ApiFault>,
    },
    Forced {
        uid: String,
        outcome: Result<Deleted, ApiFault>,
    },
    /// Why an object does not go on, as far as the cluster says.
    Wondered {
        uid: String,
        why: Option<String>,
    },
    /// A debt that cannot be listed was seen out by itself.
    SeenOut {
        debt: usize,
        removed: Removed,
    },
    /// How many events the cluster has about a debt's object.
    Events {
        debt: usize,
        outcome: Result<usize, ApiFault>,
    },
    /// A namespace was latched for every machine.
    Latched {
        namespace: String,
        attempts: u32,
        outcome: Result<(), ApiFault>,
    },
    /// This machine's latch.
    Closed(Result<Closed, LatchError>),
    /// Time to do something again.
    Again(Again),
}

/// What was put off.
#[derive(Debug, Clone)]
pub(super) enum Again {
    Ask(Wait),
    Latch { namespace: String, attempts: u32 },
}

pub(super) type Work = BoxFuture<'static, Done>;

async fn in_time<T>(call: impl Future<Output = Result<T, ApiFault>>) -> Result<T, ApiFault> {
    let late = || {
        ApiFault::Unreachable(ErrorChain::message(format!(
            "no answer within {} s",
            LONGEST.as_secs()
        )))
    };
    timeout(LONGEST, call).await.unwrap_or_else(|_| Err(late()))
}

pub(super) fn list(
    cluster: &Cluster,
    (kind, namespace): (ChaosKind, Option<String>),
    (scope, asked): (ScopeIx, Mark),
) -> Work {
    let cluster = cluster.clone();
    async move {
        // Many pages may take longer than one request.
        let listed = timeout(LONGEST * 3, cluster.list_chaos(&kind, namespace.as_deref(), "")).await;
        let late = || {
            Err(ApiFault::Unreachable(ErrorChain::message(
                "the list does not end",
            )))
        };
        let outcome = listed.unwrap_or_else(|_| late());
        Done::Listed {
            scope,
            asked,
            outcome,
        }
    }
    .boxed()
}

pub(super) fn discover(cluster: &Cluster) -> Work {
    let cluster = cluster.clone();
    async move { Done::Discovered(in_time(cluster.active_kinds()).await) }.boxed()
}

pub(super) fn namespaces(cluster: &Cluster) -> Work {
    let cluster = cluster.clone();
    async move { Done::Namespaces(in_time(cluster.namespaces()).await) }.boxed()
}

pub(super) fn delete(cluster: &Cluster, object: &ChaosRef, uid: &str) -> Work {
    let (cluster, object, uid) = (cluster.clone(), object.clone(), uid.to_owned());
    async move {
        let mut abort = None;
        if object.kind == "Workflow" {
            // The delete does not depend on it: with the webhook away only the delete works.
            abort = match timeout(ABORT_FIRST, cluster.abort_workflow(&object)).await {
                Ok(Err(ApiFault::NotFound) | Ok(())) => None,
                Ok(Err(fault)) => Some(fault),
                Err(_) => Some(ApiFault::Unreachable(ErrorChain::message("no answer in time"))),
            };
        }
        let outcome = in_time(cluster.delete_chaos(&object, &uid)).await;
        Done::Deleted { uid, abort, outcome }
    }
    .boxed()
}

pub(super) fn force(cluster: &Cluster, object: &ChaosRef, uid: &str) -> Work {
    let (cluster, object, uid) = (cluster.clone(), object.clone(), uid.to_owned());
    async move {
        let outcome = in_time(cluster.force_chaos(&object, &uid)).await;
        Done::Forced { uid, outcome }
    }
    .boxed()
}

pub(super) fn wonder(cluster: &Cluster, object: &ChaosRef, uid: &str) -> Work {
    let (cluster, object, uid) = (cluster.clone(), object.clone(), uid.to_owned());
    async move {
        let ask = async {
            match cluster.webhook_refusal(&object).await {
                Some(refusal) => Some(refusal),
                None => cluster.latest_warning(&object).await,
            }
        };
        let why = timeout(LONGEST, ask).await.ok().flatten();
        Done::Wondered { uid, why }
    }
    .boxed()
}

pub(super) fn see_out(
    cluster: &Cluster,
    (debt, object): (usize, &ChaosRef),
    uid: Option<&str>,
    patience: Duration,
) -> Work {
    let (cluster, object, uid) = (cluster.clone(), object.clone(), uid.map(str::to_owned));
    async move {
        let removal = Removal {
            object: &object,
            uid: uid.as_deref(),
            patience,
        };
        let (seen, _unheard) = tokio::sync::mpsc::unbounded_channel();
        let removed = cluster.see_chaos_out(removal, &seen).await;
        Done::SeenOut { debt, removed }
    }
    .boxed()
}

pub(super) fn events(cluster: &Cluster, (debt, object): (usize, &ChaosRef)) -> Work {
    let (cluster, object) = (cluster.clone(), object.clone());
    async move {
        let outcome = in_time(cluster.events_about(&object))
            .await
            .map(|events| events.len());
        Done::Events { debt, outcome }
    }
    .boxed()
}

pub(super) fn latch(
    cluster: &Cluster,
    (namespace, attempts): (String, u32),
    (by, why): (&str, &str),
) -> Work {
    let (cluster, by, why) = (cluster.clone(), by.to_owned(), why.to_owned());
    async move {
        let outcome = in_time(cluster.close_latch(&namespace, &by, &why)).await;
        Done::Latched {
            namespace,
            attempts,
            outcome,
        }
    }
    .boxed()
}

pub(super) fn again(after: Duration, what: Again) -> Work {
    async move {
        tokio::time::sleep(after).await;
        Done::Again(what)
    }
    .boxed()
}

/// Between two tries: doubles from a tenth of a second up to two seconds, never twice the same.
pub(super) fn pause(attempts: u32) -> Duration {
    let base = Duration::from_millis(100 << attempts.min(4)).min(Duration::from_secs(2));
    base.mul_f64(0.75 + fastrand::f64() * 0.5)
}
