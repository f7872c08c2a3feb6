//! How many pods the target should have: asked of what owns them, so that a pod that is missing is missed. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::pods::{Controller, PodSeen, controller};

type Labels = BTreeMap<String, String>;

/// The kinds that are asked. What else owns pods is counted by what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OwnerKind {
    StatefulSet,
    Deployment,
    ReplicaSet,
    DaemonSet,
}

/// Something that wants pods.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Owner {
    pub uid: String,
    /// So many pods it wants.
    pub wants: u32,
    /// What its pods are labelled with.
    pub labels: Labels,
    pub controller: Option<Controller>,
}

fn of_template(template: Option<&PodTemplateSpec>) -> Labels {
    template
        .and_then(|template| template.metadata.as_ref()?.labels.clone())
        .unwrap_or_default()
}

fn replicas(wanted: Option<i32>) -> u32 {
    u32::try_from(wanted.unwrap_or(1)).unwrap_or(0)
}

impl Owner {
    pub fn of_set(set: &StatefulSet) -> Self {
        let spec = set.spec.as_ref();
        Self {
            uid: set.metadata.uid.clone().unwrap_or_default(),
            wants: replicas(spec.and_then(|spec| spec.replicas)),
            labels: of_template(spec.map(|spec| &spec.template)),
            controller: controller(&set.metadata),
        }
    }

    pub fn of_deployment(deployment: &Deployment) -> Self {
        let spec = deployment.spec.as_ref();
        Self {
            uid: deployment.metadata.uid.clone().unwrap_or_default(),
            wants: replicas(spec.and_then(|spec| spec.replicas)),
            labels: of_template(spec.map(|spec| &spec.template)),
            controller: controller(&deployment.metadata),
        }
    }

    pub fn of_replicas(set: &ReplicaSet) -> Self {
        let spec = set.spec.as_ref();
        Self {
            uid: set.metadata.uid.clone().unwrap_or_default(),
            wants: replicas(spec.and_then(|spec| spec.replicas)),
            labels: of_template(spec.and_then(|spec| spec.template.as_ref())),
            controller: controller(&set.metadata),
        }
    }

    pub fn of_daemons(set: &DaemonSet) -> Self {
        let wants = set
            .status
            .as_ref()
            .map_or(0, |status| status.desired_number_scheduled);
        Self {
            uid: set.metadata.uid.clone().unwrap_or_default(),
            wants: u32::try_from(wants).unwrap_or(0),
            labels: of_template(set.spec.as_ref().map(|spec| &spec.template)),
            controller: controller(&set.metadata),
        }
    }

    /// Whether its pods are pods of the target.
    fn makes(&self, target: &Labels) -> bool {
        target
            .iter()
            .all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

/// What is known of the owners of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// Not listed yet.
    NotYet,
    /// It may not be seen, or is not served.
    Closed,
    Known(Vec<Owner>),
}

/// Counts how many pods are wanted. Remembers the most that was seen of what nobody can be asked about.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// By the kind of the unknown owner; pods of their own under an empty name.
    most: BTreeMap<String, u32>,
}

impl Wanted {
    /// `None` while a kind that can be asked has not answered yet.
    pub fn count<'a>(
        &mut self,
        target: &Labels,
        owners: &BTreeMap<OwnerKind, Asked>,
        pods: impl Iterator<Item = &'a PodSeen>,
    ) -> Option<u32> {
        let mut wanted = 0;
        let mut answering: Vec<&str> = Vec::new();
        let closed = |kind: OwnerKind| matches!(owners.get(&kind), Some(Asked::Closed) | None);
        for (kind, asked) in owners {
            let known = match asked {
                Asked::NotYet => return None,
                Asked::Closed => continue,
                Asked::Known(known) => known,
            };
            for owner in known.iter().filter(|owner| owner.makes(target)) {
                answering.push(&owner.uid);
                let by_deployment = owner
                    .controller
                    .as_ref()
                    .is_some_and(|one| one.kind == "Deployment");
                // A Deployment speaks for its ReplicaSets, of which two overlap in a rollout.
                if *kind == OwnerKind::ReplicaSet && by_deployment && !closed(OwnerKind::Deployment) {
                    continue;
                }
                wanted += owner.wants;
            }
        }
        let mut others: BTreeMap<String, u32> = BTreeMap::new();
        for pod in pods.filter(|pod| !pod.row.terminating && !pod.over) {
            let kind = match &pod.controller {
                Some(one) if answering.contains(&one.uid.as_str()) => continue,
                // Its Deployment was counted, though its ReplicaSet cannot be seen.
                Some(one) if one.kind == "ReplicaSet" && !closed(OwnerKind::Deployment) => continue,
                Some(one) => one.kind.clone(),
                None => String::new(),
            };
            *others.entry(kind).or_default() += 1;
        }
        for (kind, now) in others {
            let most = self.most.entry(kind).or_default();
            *most = now.max(*most);
        }
        Some(wanted + self.most.values().sum::<u32>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::PodRow;

    fn labels() -> Labels {
        [("app".to_owned(), "a".to_owned())].into()
    }

    fn pod(name: &str, kind: Option<&str>, uid: &str) -> PodSeen {
        PodSeen {
            row: PodRow {
                name: name.to_owned(),
                ..PodRow::default()
            },
            ready: true,
            over: false,
            labels: labels(),
            controller: kind.map(|kind| Controller {
                kind: kind.to_owned(),
                uid: uid.to_owned(),
            }),
            containers: Vec::new(),
        }
    }

    fn owner(uid: &str, wants: u32, controller: Option<&str>) -> Owner {
        let controller = controller.map(|kind| Controller {
            kind: kind.to_owned(),
            uid: "d".to_owned(),
        });
        Owner {
            uid: uid.to_owned(),
            wants,
            labels: labels(),
            controller,
        }
    }

    fn asked(known: Vec<(OwnerKind, Asked)>) -> BTreeMap<OwnerKind, Asked> {
        let every = [
            OwnerKind::StatefulSet,
            OwnerKind::Deployment,
            OwnerKind::ReplicaSet,
            OwnerKind::DaemonSet,
        ];
        let mut all: BTreeMap<OwnerKind, Asked> = every
            .into_iter()
            .map(|kind| (kind, Asked::Known(Vec::new())))
            .collect();
        all.extend(known);
        all
    }

    #[test]
    fn a_missing_pod_is_missed() {
        let owners = asked(vec![(
            OwnerKind::StatefulSet,
            Asked::Known(vec![owner("s", 3, None)]),
        )]);
        let pods = [pod("a-0", Some("StatefulSet"), "s")];
        assert_eq!(Wanted::default().count(&labels(), &owners, pods.iter()), Some(3));
        assert_eq!(Wanted::default().count(&labels(), &owners, [].iter()), Some(3));
        let other: Labels = [("app".to_owned(), "b".to_owned())].into();
        assert_eq!(Wanted::default().count(&other, &owners, [].iter()), Some(0));
    }

    #[test]
    fn a_rollout_wants_no_more_than_its_deployment() {
        let mut owners = asked(vec![
            (OwnerKind::Deployment, Asked::Known(vec![owner("d", 3, None)])),
            (
                OwnerKind::ReplicaSet,
                Asked::Known(vec![
                    owner("r1", 2, Some("Deployment")),
                    owner("r2", 2, Some("Deployment")),
                ]),
            ),
        ]);
        let pods = [
            pod("x", Some("ReplicaSet"), "r1"),
            pod("y", Some("ReplicaSet"), "r2"),
        ];
        assert_eq!(Wanted::default().count(&labels(), &owners, pods.iter()), Some(3));
        owners.insert(OwnerKind::ReplicaSet, Asked::Closed);
        assert_eq!(Wanted::default().count(&labels(), &owners, pods.iter()), Some(3));
    }

    #[test]
    fn of_what_nobody_can_be_asked_the_most_seen_counts() {
        let mut owners = asked(vec![(OwnerKind::StatefulSet, Asked::Closed)]);
        let mut wanted = Wanted::default();
        let all = [
            pod("a-0", Some("StatefulSet"), "s"),
            pod("a-1", Some("StatefulSet"), "s"),
            pod("bare", None, ""),
        ];
        assert_eq!(wanted.count(&labels(), &owners, all.iter()), Some(3));
        assert_eq!(wanted.count(&labels(), &owners, all[..1].iter()), Some(3));
        owners.insert(OwnerKind::DaemonSet, Asked::NotYet);
        assert_eq!(wanted.count(&labels(), &owners, all.iter()), None);
    }
}
