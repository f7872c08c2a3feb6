//! The injector of Chaos Mesh: what it remembers of its objects, and the port. The work is in the files beside.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use super::witness::Witness;
use super::{fire, plan, revert};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::fault::{ChaosRef, ClusterPin, Debt, Gone};
use crate::ports::{Firing, Injector, PlanRequest, Task};
use crate::run::{Injected, Plan, Refusal};

/// How a create stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Create {
    UnderWay,
    Made {
        uid: String,
    },
    /// The server certainly has not made it.
    Refused,
    /// It was asked for, and nobody knows.
    Doubt,
}

/// Chaos Mesh on one cluster.
pub struct ChaosMesh {
    pub cluster: Cluster,
    pub clock: Clock,
    creates: Mutex<BTreeMap<ChaosRef, watch::Sender<Create>>>,
    witnesses: Mutex<BTreeMap<ChaosRef, Arc<Witness>>>,
}

impl ChaosMesh {
    pub fn new(cluster: Cluster, clock: Clock) -> Self {
        Self {
            cluster,
            clock,
            creates: Mutex::new(BTreeMap::new()),
            witnesses: Mutex::new(BTreeMap::new()),
        }
    }

    /// Says how the create of an object stands now.
    pub fn note(&self, object: &ChaosRef, create: Create) {
        let mut creates = self.creates.lock().unwrap_or_else(PoisonError::into_inner);
        match creates.get(object) {
            Some(told) => {
                told.send_replace(create);
            }
            None => {
                creates.insert(object.clone(), watch::channel(create).0);
            }
        }
    }

    /// How the create of an object stands, if it was asked for by this process.
    pub fn create_of(&self, object: &ChaosRef) -> Option<watch::Receiver<Create>> {
        let creates = self.creates.lock().unwrap_or_else(PoisonError::into_inner);
        creates.get(object).map(watch::Sender::subscribe)
    }

    pub fn keep(&self, object: &ChaosRef, witness: Witness) {
        let mut witnesses = self.witnesses.lock().unwrap_or_else(PoisonError::into_inner);
        witnesses.insert(object.clone(), Arc::new(witness));
    }

    /// Who has watched the object since it was made.
    pub fn witness(&self, object: &ChaosRef) -> Option<Arc<Witness>> {
        let witnesses = self.witnesses.lock().unwrap_or_else(PoisonError::into_inner);
        witnesses.get(object).cloned()
    }

    /// Nothing more is owed for it.
    pub fn forget(&self, object: &ChaosRef) {
        let mut witnesses = self.witnesses.lock().unwrap_or_else(PoisonError::into_inner);
        witnesses.remove(object);
    }

    /// Why a debt that is pinned to a cluster cannot be touched through this connection.
    pub fn elsewhere(&self, pin: &ClusterPin) -> Option<String> {
        let here = self.cluster.pin();
        (!here.is_same_cluster(pin)).then(|| {
            let why = format!(
                "{} at {} is another cluster than the one it was fired at",
                here.context, here.server
            );
            crate::text::printable(&why).into_owned()
        })
    }
}

impl Injector for ChaosMesh {
    fn plan(&self, request: PlanRequest) -> Task<'_, Result<Plan, Refusal>> {
        Box::pin(async move { plan::plan(&self.cluster, &request).await })
    }

    fn inject<'a>(&'a self, firing: Firing<'a>) -> Task<'a, Injected> {
        Box::pin(fire::fire(self, firing))
    }

    fn revert<'a>(&'a self, debt: &'a Debt, seen: mpsc::UnboundedSender<Gone>) -> Task<'a, Gone> {
        Box::pin(revert::revert(self, debt, seen))
    }
}
