//! Leases: one a target namespace while a run is on, and one that latches the cluster for every machine.
//! Never decides what a foreign holder means.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};

use super::{ApiFault, Cluster, labels};
use crate::clock;

const TARGET: &str = "firedrill-target";
const LATCH: &str = "firedrill-latch";
const SECONDS: i32 = 30;

/// Who has a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    Ours,
    /// Another run; `renewals` moves while it lives. Compare two looks: clocks of two machines do not agree.
    Foreign {
        holder: String,
        renewals: String,
    },
}

/// What a cluster latch says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatchSeen {
    pub by: String,
    pub why: String,
    pub at: Option<String>,
}

fn right(verb: &str, namespace: &str) -> String {
    format!("{verb} leases.coordination.k8s.io in {namespace}")
}

impl Cluster {
    fn leases(&self, namespace: &str) -> Api<Lease> {
        Api::namespaced(self.calls(), namespace)
    }

    /// Takes or renews the target's lease. A foreign one is taken only when `seen_dead` names its renewals:
    /// they did not move for as long as the lease lasts.
    pub async fn hold_target(
        &self,
        namespace: &str,
        holder: &str,
        seen_dead: Option<&str>,
    ) -> Result<Hold, ApiFault> {
        let api = self.leases(namespace);
        let fault =
            |verb: &'static str| move |error: kube::Error| ApiFault::of(&error, || right(verb, namespace));
        let now = Some(MicroTime(clock::wall().0));
        let Some(mut lease) = api.get_opt(TARGET).await.map_err(fault("get"))? else {
            let spec = LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                lease_duration_seconds: Some(SECONDS),
                acquire_time: now.clone(),
                renew_time: now,
                ..LeaseSpec::default()
            };
            let lease = lease_of(TARGET, spec, &[]);
            api.create(&PostParams::default(), &lease)
                .await
                .map_err(fault("create"))?;
            return Ok(Hold::Ours);
        };
        let spec = lease.spec.get_or_insert_default();
        let current = spec.holder_identity.clone().unwrap_or_default();
        let renewals = spec
            .renew_time
            .as_ref()
            .map(|time| time.0.to_string())
            .unwrap_or_default();
        if !current.is_empty() && current != holder && seen_dead != Some(renewals.as_str()) {
            return Ok(Hold::Foreign {
                holder: current,
                renewals,
            });
        }
        spec.holder_identity = Some(holder.to_owned());
        spec.lease_duration_seconds = Some(SECONDS);
        spec.renew_time = now;
        // The resource version in it makes this a compare-and-swap.
        api.replace(TARGET, &PostParams::default(), &lease)
            .await
            .map_err(fault("update"))?;
        Ok(Hold::Ours)
    }

    /// Gives the target's lease back, if it is ours.
    pub async fn release_target(&self, namespace: &str, holder: &str) -> Result<(), ApiFault> {
        let api = self.leases(namespace);
        let fault =
            |verb: &'static str| move |error: kube::Error| ApiFault::of(&error, || right(verb, namespace));
        let Some(mut lease) = api.get_opt(TARGET).await.map_err(fault("get"))? else {
            return Ok(());
        };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() == Some(holder) {
            spec.holder_identity = None;
            api.replace(TARGET, &PostParams::default(), &lease)
                .await
                .map_err(fault("update"))?;
        }
        Ok(())
    }

    /// Latches a namespace for every machine. It does not expire.
    pub async fn close_latch(&self, namespace: &str, by: &str, why: &str) -> Result<(), ApiFault> {
        let spec = LeaseSpec {
            holder_identity: Some(by.to_owned()),
            acquire_time: Some(MicroTime(clock::wall().0)),
            ..LeaseSpec::default()
        };
        let lease = lease_of(LATCH, spec, &[("firedrill.io/why", why)]);
        match self
            .leases(namespace)
            .create(&PostParams::default(), &lease)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) => match ApiFault::of(&error, || right("create", namespace)) {
                // Whoever latched it first stays named.
                ApiFault::Conflict { .. } => Ok(()),
                fault => Err(fault),
            },
        }
    }

    pub async fn read_latch(&self, namespace: &str) -> Result<Option<LatchSeen>, ApiFault> {
        let found = self.leases(namespace).get_opt(LATCH).await;
        let found = found.map_err(|error| ApiFault::of(&error, || right("get", namespace)))?;
        Ok(found.map(latch_of))
    }

    /// Every latch that is closed in a namespace from now on, and one that is closed already; reconnects by itself.
    /// Where leases may not be watched nothing comes.
    pub fn watch_latch(&self, namespace: &str) -> Pin<Box<dyn Stream<Item = LatchSeen> + Send>> {
        let api: Api<Lease> = Api::namespaced(self.streams(), namespace);
        let config = watcher::Config::default().fields(&format!("metadata.name={LATCH}"));
        let namespace = namespace.to_owned();
        let seen = watcher(api, config).default_backoff().filter_map(move |event| {
            let latch = match event {
                Ok(watcher::Event::Apply(lease) | watcher::Event::InitApply(lease)) => Some(latch_of(lease)),
                Ok(watcher::Event::Init | watcher::Event::InitDone | watcher::Event::Delete(_)) => None,
                Err(error) => {
                    tracing::debug!(namespace, %error, "the latch is not watched");
                    None
                }
            };
            futures::future::ready(latch)
        });
        Box::pin(seen)
    }

    pub async fn open_latch(&self, namespace: &str) -> Result<(), ApiFault> {
        match self
            .leases(namespace)
            .delete(LATCH, &DeleteParams::default())
            .await
        {
            Ok(_) => Ok(()),
            Err(error) => match ApiFault::of(&error, || right("delete", namespace)) {
                ApiFault::NotFound => Ok(()),
                fault => Err(fault),
            },
        }
    }
}

fn latch_of(lease: Lease) -> LatchSeen {
    let spec = lease.spec.unwrap_or_default();
    LatchSeen {
        by: spec.holder_identity.unwrap_or_default(),
        why: lease
            .metadata
            .annotations
            .unwrap_or_default()
            .remove("firedrill.io/why")
            .unwrap_or_default(),
        at: spec.acquire_time.map(|time| time.0.to_string()),
    }
}

fn lease_of(name: &str, spec: LeaseSpec, annotations: &[(&str, &str)]) -> Lease {
    let annotations = annotations
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some([(labels::MANAGED_BY.to_owned(), labels::US.to_owned())].into()),
        annotations: Some(annotations),
        ..ObjectMeta::default()
    };
    Lease {
        metadata,
        spec: Some(spec),
    }
}
