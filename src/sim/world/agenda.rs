//! What is due, and when. Each thing stands once, at the earliest time asked for; equal times run in the
//! order they were asked.

use std::collections::{BTreeMap, BTreeSet};

use super::query::Name;
use super::resource::ResourceRef;
use crate::units::Mark;

/// A piece of work for one controller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A workload wants its pods counted.
    Workload(ResourceRef, Name),
    /// A pod without a node.
    Schedule(Name),
    /// The next step in a pod's life, by uid.
    Pod(String),
    /// A service's endpoints.
    Endpoints(Name),
    /// Dependents of owners that are gone, or that wait for them.
    Collect,
    /// A namespace on its way out.
    Namespace(String),
    /// A node's kubelet reports or is missed.
    Node(String),
    /// One pass of Chaos Mesh's pipeline over one object.
    Chaos(ResourceRef, Name),
    /// A `Schedule`, a `Workflow`, a `WorkflowNode` of Chaos Mesh.
    Cron(Name),
    Workflow(Name),
    WorkflowNode(Name),
    /// A container beyond its memory limit: pod uid and container.
    OutOfMemory(String, String),
    /// A broker says how it is, by pod uid.
    Heartbeat(String),
    /// Old events go.
    ForgetEvents,
}

#[derive(Debug, Clone, Default)]
pub struct Agenda {
    next_ticket: u64,
    due: BTreeMap<(Mark, u64), Due>,
    standing: BTreeMap<Due, (Mark, u64)>,
    parked: BTreeSet<Due>,
}

impl Agenda {
    /// Asks for `due` at `at`; an earlier standing request stays.
    pub fn at(&mut self, at: Mark, due: Due) {
        if let Some(&(standing, ticket)) = self.standing.get(&due) {
            if standing <= at {
                return;
            }
            self.due.remove(&(standing, ticket));
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.standing.insert(due.clone(), (at, ticket));
        self.due.insert((at, ticket), due);
    }

    /// Takes a request back.
    pub fn cancel(&mut self, due: &Due) {
        if let Some(key) = self.standing.remove(due) {
            self.due.remove(&key);
        }
        self.parked.remove(due);
    }

    pub fn next(&self) -> Option<Mark> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// The first thing due at `until` or before.
    pub fn pop(&mut self, until: Mark) -> Option<(Mark, Due)> {
        let (&(at, ticket), _) = self.due.first_key_value()?;
        if at > until {
            return None;
        }
        let due = self.due.remove(&(at, ticket))?;
        self.standing.remove(&due);
        Some((at, due))
    }

    /// Keeps work for a controller that is stopped.
    pub fn park(&mut self, due: Due) {
        self.parked.insert(due);
    }

    /// The work that was kept.
    pub fn unpark(&mut self) -> impl Iterator<Item = Due> {
        std::mem::take(&mut self.parked).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_request_wins_and_equals_keep_their_order() {
        let mut agenda = Agenda::default();
        agenda.at(Mark::from_secs(5), Due::Pod("a".into()));
        agenda.at(Mark::from_secs(3), Due::Pod("b".into()));
        agenda.at(Mark::from_secs(3), Due::Pod("a".into()));
        agenda.at(Mark::from_secs(9), Due::Pod("a".into()));
        assert_eq!(agenda.pop(Mark::from_secs(2)), None);
        assert_eq!(
            agenda.pop(Mark::from_secs(4)),
            Some((Mark::from_secs(3), Due::Pod("b".into())))
        );
        assert_eq!(
            agenda.pop(Mark::from_secs(4)),
            Some((Mark::from_secs(3), Due::Pod("a".into())))
        );
        assert_eq!(agenda.next(), None);
    }
}
