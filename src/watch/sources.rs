//! Everything about a target that is watched once and read by many. Opened when it is first asked for; never judges.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, OnceLock, PoisonError};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::endpoints::{ServiceSeen, SliceSeen};
use super::feed;
use super::hub::{Hub, Told};
use super::logs::Logs;
use super::outlet::Outlet;
use super::owners::{Owner, OwnerKind};
use super::pods::PodSeen;
use super::pulse::Pulse;
use super::scope::{Scope, Steps};
use super::tasks::Tasks;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::playbook::Target;

/// What is watched of one target.
pub(super) struct Sources {
    pub cluster: Cluster,
    pub clock: Clock,
    pub target: Target,
    pub pulse: Pulse,
    pub tasks: Tasks,
    pub pods: Hub<PodSeen>,
    owners: OnceLock<BTreeMap<OwnerKind, Hub<Owner>>>,
    services: OnceLock<Hub<ServiceSeen>>,
    slices: OnceLock<Hub<SliceSeen>>,
    logs: OnceLock<Logs>,
    outlet: Mutex<Option<Outlet>>,
}

/// A label selector of the API from labels that must all match.
pub(super) fn selector(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

impl Sources {
    pub fn open(cluster: Cluster, clock: Clock, target: Target, tasks: Tasks) -> Self {
        let pulse = Pulse::new(clock.clone());
        tasks.spawn(pulse.clone().run(cluster.clone()), |_| {});
        let scope = Scope {
            api: Api::<Pod>::namespaced(cluster.streams(), &target.namespace),
            labels: selector(&target.pods),
            what: "pods".to_owned(),
            place: format!("in {}", target.namespace),
            steps: Steps::Each,
        };
        let pods = feed::open(scope, &pulse, &tasks, PodSeen::of);
        Self {
            cluster,
            clock,
            target,
            pulse,
            tasks,
            pods,
            owners: OnceLock::new(),
            services: OnceLock::new(),
            slices: OnceLock::new(),
            logs: OnceLock::new(),
            outlet: Mutex::new(None),
        }
    }

    fn open_all<K, T>(&self, what: &str, read: impl Fn(&K) -> T + Send + Sync + 'static) -> Hub<T>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
        T: PartialEq + Send + Sync + 'static,
    {
        let scope = Scope {
            api: Api::<K>::namespaced(self.cluster.streams(), &self.target.namespace),
            labels: String::new(),
            what: what.to_owned(),
            place: format!("in {}", self.target.namespace),
            steps: Steps::Each,
        };
        feed::open(scope, &self.pulse, &self.tasks, read)
    }

    pub fn owners(&self) -> BTreeMap<OwnerKind, Told<Owner>> {
        let hubs = self.owners.get_or_init(|| {
            let sets = self.open_all::<StatefulSet, _>("statefulsets.apps", Owner::of_set);
            let deployments = self.open_all::<Deployment, _>("deployments.apps", Owner::of_deployment);
            let replicas = self.open_all::<ReplicaSet, _>("replicasets.apps", Owner::of_replicas);
            let daemons = self.open_all::<DaemonSet, _>("daemonsets.apps", Owner::of_daemons);
            [
                (OwnerKind::StatefulSet, sets),
                (OwnerKind::Deployment, deployments),
                (OwnerKind::ReplicaSet, replicas),
                (OwnerKind::DaemonSet, daemons),
            ]
            .into()
        });
        hubs.iter().map(|(kind, hub)| (*kind, hub.listen())).collect()
    }

    pub fn services(&self) -> Told<ServiceSeen> {
        let open = || self.open_all::<Service, _>("services", ServiceSeen::of);
        self.services.get_or_init(open).listen()
    }

    pub fn slices(&self) -> Told<SliceSeen> {
        let open = || self.open_all::<EndpointSlice, _>("endpointslices.discovery.k8s.io", SliceSeen::of);
        self.slices.get_or_init(open).listen()
    }

    /// The lines of the target's pods also go there. Only before the logs are first asked for.
    pub fn stream_logs(&self, outlet: Outlet) {
        *self.outlet.lock().unwrap_or_else(PoisonError::into_inner) = Some(outlet);
        self.logs();
    }

    pub fn logs(&self) -> &Logs {
        self.logs.get_or_init(|| {
            let outlet = self.outlet.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Logs::open(&self.cluster, &self.pods, &self.pulse, (&self.tasks, outlet))
        })
    }
}
