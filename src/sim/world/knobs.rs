//! How the world fails on demand.

use std::collections::BTreeSet;
use std::time::Duration;

use super::agenda::Due;
use super::query::Name;
use super::resource::PODS;
use super::state::World;

/// What is broken on purpose.
#[derive(Debug, Clone, Default)]
pub struct Knobs {
    /// Nodes whose chaos daemon cannot be reached.
    pub dead_daemons: BTreeSet<String>,
    /// Nodes whose kubelet says nothing.
    pub silent_nodes: BTreeSet<String>,
    pub pull: Pull,
    pub chaos_controller: Running,
    pub webhook: Running,
}

/// How long an image takes to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    #[default]
    Usual,
    Slow(Duration),
    /// It never comes: `ErrImagePull`, `ImagePullBackOff`.
    Never,
}

/// Whether a component works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Running {
    #[default]
    Yes,
    Stopped,
}

/// Whether a peer can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Up,
    Down,
}

impl Knobs {
    /// Whether this work waits because its controller is stopped.
    pub fn holds(&self, due: &Due) -> bool {
        let chaos = matches!(
            due,
            Due::Chaos(..) | Due::Cron(_) | Due::Workflow(_) | Due::WorkflowNode(_)
        );
        chaos && self.chaos_controller == Running::Stopped
    }
}

impl World {
    /// The chaos daemon of a node goes away or comes back.
    pub fn turn_daemon(&mut self, node: &str, link: Link) {
        match link {
            Link::Down => self.knobs.dead_daemons.insert(node.to_owned()),
            Link::Up => self.knobs.dead_daemons.remove(node),
        };
    }

    /// The kubelet of a node goes silent or speaks again; after 40 s of silence the node is not ready.
    pub fn turn_node(&mut self, node: &str, link: Link) {
        match link {
            Link::Down => self.knobs.silent_nodes.insert(node.to_owned()),
            Link::Up => self.knobs.silent_nodes.remove(node),
        };
        let after = if link == Link::Down {
            Duration::from_secs(40)
        } else {
            Duration::from_millis(300)
        };
        self.agenda.cancel(&Due::Node(node.to_owned()));
        self.soon(after, Due::Node(node.to_owned()));
    }

    pub fn turn_pull(&mut self, pull: Pull) {
        self.knobs.pull = pull;
    }

    /// Chaos Mesh's controller stops or goes on; its work waits meanwhile.
    pub fn turn_chaos_controller(&mut self, running: Running) {
        self.knobs.chaos_controller = running;
        if running == Running::Yes {
            let parked: Vec<Due> = self.agenda.unpark().collect();
            for due in parked {
                self.soon(Duration::from_millis(20), due);
            }
        }
    }

    /// Chaos Mesh's webhook stops answering: creates and updates of its kinds fail, deletes do not.
    pub fn turn_webhook(&mut self, running: Running) {
        self.knobs.webhook = running;
    }

    /// A container writes a line, whatever is in it; a pod that is not there says nothing.
    pub fn write_line(&mut self, pod: &Name, container: &str, text: &str) {
        let Ok(object) = self.get(&PODS, pod) else { return };
        let at = (self.now, self.wall());
        self.logs
            .write(super::object::uid(&object), container, at, text.to_owned());
    }

    /// Forgets the history, as a compaction does: open watches end with 410.
    pub fn compact(&mut self) {
        self.store.compact();
    }
}
