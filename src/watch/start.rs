//! Starts all watchers of a run and owns them. Never outlives what it gave.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::outlet::Outlet;
use super::probes::Registry;
use super::sources::Sources;
use super::tasks::{Stop, Tasks};
use super::{chaos, events, pods};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::playbook::Target;
use crate::ports::{Freshness, Probes, Streamed, Views};

/// What is watched while a run is on.
pub struct Watching {
    pub views: Views,
    pub streamed: mpsc::Receiver<Streamed>,
    pub probes: Arc<dyn Probes>,
    /// Ends every watcher when it is dropped.
    pub stop: Stop,
}

/// Watches the target's pods, their logs, its namespace's events and all chaos in the cluster. Must be called within
/// a tokio runtime; returns before anything is seen.
pub fn start(cluster: &Cluster, clock: &Clock, target: &Target) -> Watching {
    let (tasks, stop) = Tasks::new();
    let (outlet, streamed) = Outlet::open(&tasks);
    let sources = Sources::open(cluster.clone(), clock.clone(), target.clone(), tasks.clone());
    let (pod_rows, pods) = watch::channel((Freshness::Connecting, Arc::default()));
    tasks.spawn(pods::publish(sources.pods.listen(), pod_rows), |_| {});
    let (chaos_rows, chaos) = watch::channel((Freshness::Connecting, Arc::default()));
    let shared = (sources.pulse.clone(), tasks.clone());
    let follow = chaos::follow(
        cluster.clone(),
        target.namespace.clone(),
        shared.clone(),
        chaos_rows,
    );
    tasks.spawn(follow, |_| {});
    let events = events::stream(cluster.clone(), target.namespace.clone(), shared, outlet.clone());
    tasks.spawn(events, |_| {});
    sources.stream_logs(outlet);
    Watching {
        views: Views { pods, chaos },
        streamed,
        probes: Arc::new(Registry::over(Arc::new(sources))),
        stop,
    }
}
