//! What runs: a pod's containers as its kubelet knows them. The object's status is drawn from this.

use std::time::Duration;

use super::kubelet::Ending;
use crate::sim::world::happening::Target;
use crate::units::Mark;

/// A pod as its kubelet knows it.
#[derive(Debug, Clone)]
pub struct PodRun {
    pub target: Target,
    pub node: Option<String>,
    pub ip: Option<String>,
    /// When the kubelet took it on; RFC 3339 to the second.
    pub started: Option<String>,
    pub scheduled: Option<String>,
    /// When `Ready` last changed.
    pub turned: Option<String>,
    pub ready: bool,
    pub containers: Vec<ContainerRun>,
    /// When the last process ends at the latest, once the pod is told to go.
    pub stop: Option<Mark>,
}

#[derive(Debug, Clone)]
pub struct ContainerRun {
    pub name: String,
    pub image: String,
    pub id: String,
    pub state: State,
    pub last: Option<Ended>,
    pub restarts: u32,
    pub ready: bool,
    /// Crashes in a row, which the back-off doubles with.
    pub crashes: u32,
}

/// A process's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub started: String,
    pub finished: String,
    pub how: Ending,
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No process yet: the image, then the container itself.
    Creating { until: Option<Mark> },
    /// The image does not come.
    NoImage { tries: u32, until: Mark },
    Running {
        since: Mark,
        started: String,
        ready_at: Mark,
    },
    /// The process ended; a restart follows.
    Ended { until: Mark },
    /// The restart waits.
    BackOff { until: Mark, delay: Duration },
    /// The process ended for good.
    Finished,
}

impl PodRun {
    pub fn container(&self, name: &str) -> Option<&ContainerRun> {
        self.containers.iter().find(|one| one.name == name)
    }

    /// When something changes by itself next.
    pub fn next(&self) -> Option<Mark> {
        let own = self.containers.iter().filter_map(ContainerRun::next);
        own.chain(self.stop).min()
    }
}

impl ContainerRun {
    pub fn new(name: &str, image: &str) -> Self {
        Self {
            name: name.to_owned(),
            image: image.to_owned(),
            id: String::new(),
            state: State::Creating { until: None },
            last: None,
            restarts: 0,
            ready: false,
            crashes: 0,
        }
    }

    fn next(&self) -> Option<Mark> {
        match self.state {
            State::Creating { until } => until,
            State::NoImage { until, .. } | State::Ended { until } | State::BackOff { until, .. } => {
                Some(until)
            }
            State::Running { ready_at, .. } => (!self.ready).then_some(ready_at),
            State::Finished => None,
        }
    }

    /// Whether there ever was a process.
    pub fn has_started(&self) -> bool {
        !self.id.is_empty()
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn waiting_reason(&self) -> &'static str {
        match self.state {
            State::NoImage { tries: 0 | 1, .. } => "ErrImagePull",
            State::NoImage { .. } => "ImagePullBackOff",
            State::BackOff { .. } => "CrashLoopBackOff",
            State::Creating { .. } | State::Running { .. } | State::Ended { .. } | State::Finished => {
                "ContainerCreating"
            }
        }
    }
}
