//! The logs of the target's pods: one tail a container, new pods and restarts included. Never shows a line twice;
//! what may be missing is said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::sync::{broadcast, watch};

use super::hub::{Hub, Known};
use super::outlet::Outlet;
use super::pods::{ContainerSeen, PodSeen};
use super::pulse::Pulse;
use super::tail::{Begin, Now, Tail, Whose};
use super::tasks::Tasks;
use crate::cluster::Cluster;
use crate::ports::{EventLine, Freshness, LogLine, Streamed};
use crate::units::Mark;

/// So many lines may wait for a probe that counts them.
const ROOM: usize = 8192;

/// So many containers are followed at once; each takes a connection.
const MOST: usize = 128;

/// Stands for containers that are not known by name yet.
const EVERY: &str = "every container";

/// Whether a line was there before it was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    History,
    New,
}

/// A line as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub at: Mark,
    pub origin: Origin,
    /// How long it may have been written before it arrived.
    pub late: Duration,
    pub log: LogLine,
}

/// Where the tails put what they read.
#[derive(Clone)]
pub(super) struct Sink {
    outlet: Option<Outlet>,
    lines: broadcast::Sender<Arc<Line>>,
    /// Containers that write and cannot be read, and why.
    unread: Arc<watch::Sender<BTreeMap<String, String>>>,
}

impl Sink {
    pub fn line(&self, line: Line) {
        if let Some(outlet) = &self.outlet {
            outlet.put(Streamed::Log(line.log.clone()));
        }
        // Nobody counts lines: nothing is missed.
        let _ = self.lines.send(Arc::new(line));
    }

    /// Lines are missing, and nobody knows how many.
    pub fn lost(&self, pod: &str, container: &str, why: &str) {
        let Some(outlet) = &self.outlet else { return };
        outlet.put(Streamed::Event(EventLine {
            stamp: None,
            warning: true,
            reason: "LinesMissing".to_owned(),
            object: format!("pod/{pod}"),
            message: format!("lines of container {container} may be missing: {why}"),
            count: 1,
        }));
    }

    pub fn unread(&self, name: &str, why: Option<String>) {
        self.unread.send_if_modified(|unread| match why {
            Some(why) => unread.insert(name.to_owned(), why.clone()) != Some(why),
            None => unread.remove(name).is_some(),
        });
    }
}

/// All tails of a target.
pub(super) struct Logs {
    sink: Sink,
}

impl Logs {
    /// Follows the pods' logs; the lines also go to `outlet`, if there is one.
    pub fn open(
        cluster: &Cluster,
        pods: &Hub<PodSeen>,
        pulse: &Pulse,
        (tasks, outlet): (&Tasks, Option<Outlet>),
    ) -> Self {
        let sink = Sink {
            outlet,
            lines: broadcast::channel(ROOM).0,
            unread: Arc::default(),
        };
        // No line is no proof of silence before the pods are known.
        sink.unread(EVERY, Some("the pods are not listed yet".to_owned()));
        let keeper = Keeper {
            cluster: cluster.clone(),
            pulse: pulse.clone(),
            tasks: tasks.clone(),
            sink: sink.clone(),
            tails: BTreeMap::new(),
            left_out: BTreeSet::new(),
            begin: Begin::WithHistory,
        };
        let (mut told, unread) = (pods.listen(), sink.unread.clone());
        let work = async move {
            let mut keeper = keeper;
            while let Some(known) = told.recv().await {
                keeper.see(&known);
            }
        };
        tasks.spawn(work, move |why| {
            unread.send_modify(|unread| {
                unread.insert(
                    "every container".to_owned(),
                    format!("following failed here: {why}"),
                );
            });
        });
        Self { sink }
    }

    pub fn lines(&self) -> broadcast::Receiver<Arc<Line>> {
        self.sink.lines.subscribe()
    }

    /// Containers that write and cannot be read, and why.
    pub fn unread(&self) -> watch::Receiver<BTreeMap<String, String>> {
        self.sink.unread.subscribe()
    }
}

struct Keeper {
    cluster: Cluster,
    pulse: Pulse,
    tasks: Tasks,
    sink: Sink,
    /// By the pod's uid and the container's name.
    tails: BTreeMap<(String, String), watch::Sender<Now>>,
    /// Containers that are too many.
    left_out: BTreeSet<String>,
    begin: Begin,
}

impl Keeper {
    fn see(&mut self, known: &Known<PodSeen>) {
        if known.freshness != Freshness::Live {
            return;
        }
        let mut gone = std::mem::take(&mut self.tails);
        let mut left_out = BTreeSet::new();
        for pod in known.objects.values() {
            for container in &pod.containers {
                let at = (pod.row.uid.clone(), container.name.clone());
                let tail = match gone.remove(&at) {
                    Some(tail) => {
                        tail.send_if_modified(|now| replace(now, container));
                        tail
                    }
                    None if self.tails.len() + gone.len() >= MOST => {
                        let name = format!("{}/{}", pod.row.name, container.name);
                        let why = format!("more than {MOST} containers; it is not followed");
                        self.sink.unread(&name, Some(why));
                        left_out.insert(name);
                        continue;
                    }
                    None => self.start(pod, container),
                };
                self.tails.insert(at, tail);
            }
        }
        for tail in gone.into_values() {
            tail.send_replace(Now::Gone);
        }
        for name in self.left_out.difference(&left_out) {
            self.sink.unread(name, None);
        }
        self.left_out = left_out;
        // Pods that come later are read from their first line on.
        self.begin = Begin::AtTheBeginning;
        self.sink.unread(EVERY, None);
    }

    fn start(&self, pod: &PodSeen, container: &ContainerSeen) -> watch::Sender<Now> {
        let (sender, state) = watch::channel(Now::There(container.clone()));
        let whose = Whose {
            api: Api::<Pod>::namespaced(self.cluster.streams(), &pod.row.namespace),
            pod: pod.row.name.clone(),
            container: container.name.clone(),
            begin: self.begin,
        };
        let tail = Tail::new(whose, state, self.sink.clone(), self.pulse.clone());
        let (sink, name) = (self.sink.clone(), format!("{}/{}", pod.row.name, container.name));
        if self.begin == Begin::WithHistory && container.running {
            // What it writes until it is followed counts as history.
            sink.unread(&name, Some("it is not followed yet".to_owned()));
        }
        self.tasks.spawn(tail.run(), move |why| {
            sink.unread(&name, Some(format!("following failed here: {why}")));
        });
        sender
    }
}

fn replace(now: &mut Now, container: &ContainerSeen) -> bool {
    let differs = *now != Now::There(container.clone());
    if differs {
        *now = Now::There(container.clone());
    }
    differs
}
