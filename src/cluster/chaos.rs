//! One Chaos Mesh object as plain data, and what its status proves. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::kinds::{ChaosKind, GROUP};
use crate::fault::{ChaosRef, Gone};
use crate::playbook::Span;
use crate::units::Stamp;

/// The labels on what we make.
pub mod labels {
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    pub const US: &str = "firedrill";
    pub const RUN: &str = "firedrill.io/run";
    pub const FAULT: &str = "firedrill.io/fault";
}

const FINALIZER: &str = "chaos-mesh/records";
const PAUSE: &str = "experiment.chaos-mesh.org/pause";

/// What Chaos Mesh works towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    Run,
    Stop,
}

/// What Chaos Mesh did to one pod or container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: String,
    pub phase: String,
    /// The message of the latest attempt, when it failed.
    pub failure: Option<String>,
    /// The server's stamp of the last successful injection.
    pub injected_at: Option<String>,
}

impl Record {
    fn is_recovered(&self) -> bool {
        // `Not Injected/Wait` may become `Injected` yet.
        self.phase == "Not Injected"
    }
}

/// A Chaos Mesh object as it was seen.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one condition of the object, as the server says it"
)]
pub struct ChaosObject {
    pub object: ChaosRef,
    pub uid: String,
    pub created: Option<Stamp>,
    pub deleting: bool,
    pub action: String,
    pub one_shot: bool,
    pub duration: Option<Duration>,
    pub labels: BTreeMap<String, String>,
    /// The uids of what owns it.
    pub owners: Vec<String>,
    /// Whether an owner is an object of Chaos Mesh: a Schedule or a Workflow made it.
    pub made_by_chaos: bool,
    pub paused: bool,
    pub desired: Option<Desired>,
    pub records: Vec<Record>,
    /// The conditions that are true.
    pub conditions: Vec<String>,
    /// Whether it carries what only an injection carries.
    pub injects: bool,
    has_status: bool,
    /// What would make it anew.
    pub manifest: Value,
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

fn record(value: &Value) -> Record {
    let events = value
        .get("events")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let is = |event: &Value, key: &str, word: &str| event.get(key).and_then(Value::as_str) == Some(word);
    let failure = events
        .last()
        .filter(|event| is(event, "type", "Failed"))
        .map(|event| text(event, "/message").unwrap_or_else(|| "no reason given".to_owned()));
    let applied = events
        .iter()
        .rev()
        .find(|event| is(event, "type", "Succeeded") && is(event, "operation", "Apply"));
    Record {
        id: text(value, "/id").unwrap_or_default(),
        phase: text(value, "/phase").unwrap_or_default(),
        failure,
        injected_at: applied.and_then(|event| text(event, "/timestamp")),
    }
}

fn is_one_shot(kind: &str, action: &str) -> bool {
    matches!(
        (kind, action),
        ("PodChaos", "pod-kill" | "container-kill")
            | ("AWSChaos", "ec2-restart")
            | ("AzureChaos", "vm-restart")
            | ("GCPChaos", "node-reset")
    )
}

impl ChaosObject {
    pub(crate) fn read(kind: &ChaosKind, object: &DynamicObject) -> Self {
        let meta = &object.metadata;
        let object_ref = ChaosRef {
            kind: kind.kind.clone(),
            plural: kind.plural.clone(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        };
        let data = &object.data;
        let action = text(data, "/spec/action")
            .or_else(|| text(data, "/spec/type"))
            .unwrap_or_default();
        let experiment = data.pointer("/status/experiment");
        let records = data
            .pointer("/status/experiment/containerRecords")
            .and_then(Value::as_array);
        let conditions = data.pointer("/status/conditions").and_then(Value::as_array);
        let mut annotations = meta.annotations.clone().unwrap_or_default();
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        let finalizers = meta.finalizers.as_deref().unwrap_or_default();
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            created: meta.creation_timestamp.as_ref().map(|time| Stamp(time.0)),
            deleting: meta.deletion_timestamp.is_some(),
            one_shot: is_one_shot(&kind.kind, &action),
            duration: text(data, "/spec/duration")
                .and_then(|text| text.parse::<Span>().ok())
                .map(|span| span.0),
            made_by_chaos: meta
                .owner_references
                .iter()
                .flatten()
                .any(|owner| owner.api_version.starts_with(GROUP)),
            owners: meta
                .owner_references
                .iter()
                .flatten()
                .map(|owner| owner.uid.clone())
                .collect(),
            paused: annotations.get(PAUSE).is_some_and(|value| value == "true"),
            desired: match text(data, "/status/experiment/desiredPhase").as_deref() {
                Some("Run") => Some(Desired::Run),
                Some("Stop") => Some(Desired::Stop),
                Some(_) | None => None,
            },
            records: records.into_iter().flatten().map(record).collect(),
            conditions: conditions
                .into_iter()
                .flatten()
                .filter(|one| one.get("status").and_then(Value::as_str) == Some("True"))
                .filter_map(|one| text(one, "/type"))
                .collect(),
            injects: finalizers.iter().any(|one| one == FINALIZER) || experiment.is_some(),
            has_status: experiment.is_some(),
            manifest: json!({
                "apiVersion": format!("{GROUP}/{}", kind.version),
                "kind": kind.kind,
                "metadata": {
                    "name": object_ref.name, "namespace": object_ref.namespace,
                    "labels": meta.labels, "annotations": annotations,
                },
                "spec": data.get("spec"),
            }),
            labels: meta.labels.clone().unwrap_or_default(),
            object: object_ref,
            action,
        }
    }

    /// The run that made it, when it is ours.
    pub fn run(&self) -> Option<&str> {
        self.labels.get(labels::RUN).map(String::as_str)
    }

    pub fn is_ours(&self) -> bool {
        self.labels
            .get(labels::MANAGED_BY)
            .is_some_and(|by| by == labels::US)
    }

    pub fn says(&self, condition: &str) -> bool {
        self.conditions.iter().any(|one| one == condition)
    }

    /// Recovered records, of records in all.
    pub fn recovered(&self) -> (usize, usize) {
        (
            self.records.iter().filter(|record| record.is_recovered()).count(),
            self.records.len(),
        )
    }

    /// Injected records, of records in all.
    pub fn injected(&self) -> (usize, usize) {
        (
            self.records
                .iter()
                .filter(|record| record.phase.starts_with("Injected"))
                .count(),
            self.records.len(),
        )
    }

    /// What the records name, without repeats.
    pub fn targets(&self) -> Vec<String> {
        let set: std::collections::BTreeSet<_> =
            self.records.iter().map(|record| record.id.clone()).collect();
        set.into_iter().collect()
    }

    /// The latest failure and where it was.
    pub fn failure(&self) -> Option<(&str, &str)> {
        self.records
            .iter()
            .find_map(|record| Some((record.failure.as_deref()?, record.id.as_str())))
    }

    /// Whether this status proves that nothing is injected any more.
    fn is_settled(&self) -> bool {
        let spawns = matches!(
            self.object.kind.as_str(),
            "Schedule" | "Workflow" | "WorkflowNode"
        );
        if self.one_shot || (spawns && !self.injects) {
            return true;
        }
        let (done, of) = self.recovered();
        self.has_status && self.desired == Some(Desired::Stop) && done == of && !self.paused
    }

    /// What its absence means, this being the last that was seen of it.
    pub fn once_gone(&self) -> Gone {
        let (done, of) = self.recovered();
        if self.is_settled() {
            Gone::Proven
        } else if self.paused {
            Gone::Unverified {
                why: "it was paused".to_owned(),
            }
        } else if self.has_status && self.deleting && done < of {
            Gone::ForcedUnverified
        } else if self.has_status {
            Gone::Unverified {
                why: format!("{done} of {of} records were recovered when it was last seen"),
            }
        } else {
            Gone::Unverified {
                why: "it never had a status".to_owned(),
            }
        }
    }

    /// What its absence means when its end was not seen, this being what was seen of it before.
    pub fn once_missed(&self) -> Gone {
        let (done, of) = self.recovered();
        match self.once_gone() {
            Gone::ForcedUnverified => Gone::Unverified {
                why: format!("its end was not seen; before that {done} of {of} records were recovered"),
            },
            told => told,
        }
    }

    /// What to say of it while it is still there and on its way out.
    pub fn going(&self) -> Gone {
        match self.failure() {
            Some((why, at)) if self.deleting || self.desired == Some(Desired::Stop) => {
                let clean = |text: &str| crate::text::printable(text).into_owned();
                Gone::Stuck {
                    why: clean(why),
                    at: Some(clean(at)),
                }
            }
            Some(_) | None => {
                let (done, of) = self.recovered();
                Gone::Recovering { done, of }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(desired: &str, phases: &[&str]) -> ChaosObject {
        let records: Vec<Value> = phases
            .iter()
            .map(|phase| json!({"id": "default/p", "phase": phase}))
            .collect();
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos",
            "metadata": {"name": "n", "namespace": "default", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"action": "delay"},
            "status": {"experiment": {"desiredPhase": desired, "containerRecords": records}},
        }))
        .expect("a well-formed object");
        ChaosObject::read(&ChaosKind::known("NetworkChaos").expect("a known kind"), &object)
    }

    #[test]
    fn only_a_stop_with_every_record_out_is_proof() {
        assert_eq!(
            object("Stop", &["Not Injected", "Not Injected"]).once_gone(),
            Gone::Proven
        );
        assert_eq!(
            object("Stop", &["Not Injected", "Not Injected/Wait"]).once_gone(),
            Gone::ForcedUnverified
        );
        assert_eq!(object("Stop", &["Injected"]).once_gone(), Gone::ForcedUnverified);
        assert!(matches!(
            object("Run", &["Not Injected"]).once_gone(),
            Gone::Unverified { .. }
        ));
        let paused = ChaosObject {
            paused: true,
            ..object("Stop", &["Not Injected"])
        };
        assert!(matches!(paused.once_gone(), Gone::Unverified { .. }));
    }

    #[test]
    fn a_kind_without_a_status_proves_nothing() {
        let blank = ChaosObject {
            has_status: false,
            ..object("Stop", &[])
        };
        assert!(matches!(blank.once_gone(), Gone::Unverified { .. }));
        let one_shot = ChaosObject {
            one_shot: true,
            ..blank
        };
        assert_eq!(one_shot.once_gone(), Gone::Proven);
    }
}
