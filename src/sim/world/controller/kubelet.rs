//! stub

use serde_json::Value;

use crate::sim::world::happening::Target;
use crate::sim::world::object;

#[derive(Debug, Clone, Default)]
pub struct PodRun {
    containers: Vec<ContainerRun>,
}

#[derive(Debug, Clone, Default)]
pub struct ContainerRun {
    name: String,
    id: String,
    restarts: u32,
}

impl PodRun {
    pub fn container(&self, name: &str) -> Option<&ContainerRun> {
        self.containers.iter().find(|one| one.name == name)
    }
}

impl ContainerRun {
    pub fn has_started(&self) -> bool {
        !self.id.is_empty()
    }
    pub fn is_running(&self) -> bool {
        true
    }
    pub fn waiting_reason(&self) -> &'static str {
        "ContainerCreating"
    }
    pub fn restarts(&self) -> u32 {
        self.restarts
    }
    pub fn id(&self) -> &str {
        &self.id
    }
}

pub fn target_of(pod: &Value) -> Target {
    Target {
        namespace: object::namespace(pod).to_owned(),
        pod: object::name(pod).to_owned(),
        pod_uid: object::uid(pod).to_owned(),
        container: None,
    }
}
