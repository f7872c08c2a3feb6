//! Delete, deletecollection, evict.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::events_view::stored_as;
use crate::sim::world::agenda::Due;
use crate::sim::world::happening::What;
use crate::sim::world::object;
use crate::sim::world::query::{
    DeleteQuery, DryRun, EvictQuery, ListQuery, Listed, Name, Propagation, Removed,
};
use crate::sim::world::resource::{NAMESPACES, PODDISRUPTIONBUDGETS, PODS, ResourceRef};
use crate::sim::world::selector::LabelSelector;
use crate::sim::world::state::{World, seconds};
use crate::sim::world::status::Status;

impl World {
    pub fn delete(&mut self, at: &ResourceRef, name: &Name, query: &DeleteQuery) -> Result<Removed, Status> {
        let stored = stored_as(at);
        let present = self.store.get(stored, name).cloned();
        let present = present.ok_or_else(|| Status::not_found(at, &name.name))?;
        check_preconditions(at, &present, query)?;
        let grace = grace(at, &present, query);
        let finalizers = finalizers_for(&present, query.propagation);
        let held = grace > 0 || !finalizers.is_empty() || *at == NAMESPACES;
        if query.dry_run == DryRun::All {
            return Ok(if held {
                Removed::Marked(present)
            } else {
                Removed::Gone(present)
            });
        }
        let is_pod = *at == PODS;
        if held || (is_pod && !object::is_terminating(&present)) {
            let marked = self.mark(stored, &present, (grace, finalizers));
            if held {
                return Ok(Removed::Marked(marked));
            }
        }
        let last = self.take_out(stored, name).unwrap_or(present);
        Ok(Removed::Gone(last))
    }

    /// Deletes what matches, one by one; the answer is the list as it was.
    pub fn delete_collection(
        &mut self,
        at: &ResourceRef,
        query: &ListQuery,
        delete: &DeleteQuery,
    ) -> Result<Listed, Status> {
        let mut listed = self.list(at, query)?;
        for item in &listed.items {
            let name = Name::new(object::namespace(item), object::name(item));
            match self.delete(at, &name, delete) {
                Ok(_) => {}
                Err(gone) if gone.code == 404 => {}
                Err(other) => return Err(other),
            }
        }
        listed.resource_version = self.store.version();
        Ok(listed)
    }

    /// Deletes a pod unless a disruption budget forbids it.
    pub fn evict(&mut self, pod: &Name, query: &EvictQuery) -> Result<Removed, Status> {
        let object = self.get(&PODS, pod)?;
        let budgets: Vec<Arc<Value>> = self
            .store
            .within(&PODDISRUPTIONBUDGETS, &pod.namespace)
            .map(|(_, budget)| Arc::clone(budget))
            .collect();
        for budget in budgets {
            let selector =
                LabelSelector::from_object(budget.pointer("/spec/selector").unwrap_or(&Value::Null));
            if selector.matches(object::labels(&object)) && !self.allows_disruption(pod, &budget, &selector) {
                return Err(Status {
                    code: 429,
                    reason: "TooManyRequests",
                    message: "Cannot evict pod as it would violate the pod's disruption budget.".into(),
                    details: Some(json!({"causes": [{
                        "reason": "DisruptionBudget",
                        "message": format!("The disruption budget {} does not allow another disruption", object::name(&budget)),
                    }]})),
                });
            }
        }
        self.delete(&PODS, pod, &query.delete)
    }

    fn allows_disruption(&self, pod: &Name, budget: &Value, selector: &LabelSelector) -> bool {
        let pods = self
            .store
            .within(&PODS, &pod.namespace)
            .filter(|(_, one)| selector.matches(object::labels(one)));
        let (mut all, mut healthy) = (0_u64, 0_u64);
        for (_, one) in pods {
            all += 1;
            healthy += u64::from(is_ready(one) && !object::is_terminating(one));
        }
        let count = |field: &str, of: u64| -> Option<u64> {
            match budget.pointer(&format!("/spec/{field}"))? {
                Value::String(text) => {
                    let percent: u64 = text.trim_end_matches('%').parse().ok()?;
                    Some((of * percent).div_ceil(100))
                }
                other => other.as_u64(),
            }
        };
        let needed = count("minAvailable", all)
            .or_else(|| count("maxUnavailable", all).map(|most| all.saturating_sub(most)))
            .unwrap_or(0);
        healthy > needed
    }

    /// Sets the deletion time and what holds the object.
    fn mark(
        &mut self,
        at: &ResourceRef,
        present: &Arc<Value>,
        (grace, finalizers): (u64, Vec<String>),
    ) -> Arc<Value> {
        let first = !object::is_terminating(present);
        let same_grace = object::meta(present, "deletionGracePeriodSeconds")
            .and_then(Value::as_u64)
            .is_some_and(|old| old <= grace);
        let same_holds = object::finalizers(present) == finalizers;
        if !first && same_grace && same_holds {
            return Arc::clone(present);
        }
        let mut object = (**present).clone();
        let generation = object::meta(present, "generation").and_then(Value::as_u64);
        let when = seconds(self.wall_at(self.now.after(Duration::from_secs(grace))));
        let meta = object::meta_mut(&mut object);
        if first || !same_grace {
            meta.insert("deletionTimestamp".into(), Value::from(when));
            meta.insert("deletionGracePeriodSeconds".into(), Value::from(grace));
        }
        if let Some(generation) = generation.filter(|_| first) {
            meta.insert("generation".into(), Value::from(generation + 1));
        }
        if !finalizers.is_empty() {
            meta.insert("finalizers".into(), json!(finalizers));
        }
        if *at == NAMESPACES {
            object["status"] = json!({"phase": "Terminating"});
        }
        if *at == PODS && first {
            let target = crate::sim::world::controller::target_of(&object);
            self.note(What::PodTerminating(target));
        }
        if finalizers
            .iter()
            .any(|one| one == "foregroundDeletion" || one == "orphan")
        {
            self.soon(Duration::from_millis(20), Due::Collect);
        }
        self.put(at, object)
    }
}

/// Seconds of grace: asked for, or the pod's own. A pod that runs nowhere needs none.
fn grace(at: &ResourceRef, present: &Value, query: &DeleteQuery) -> u64 {
    if *at != PODS || object::text_at(present, "spec.nodeName").is_empty() {
        return 0;
    }
    let phase = object::text_at(present, "status.phase");
    if phase == "Succeeded" || phase == "Failed" {
        return 0;
    }
    let own = present
        .pointer("/spec/terminationGracePeriodSeconds")
        .and_then(Value::as_u64)
        .unwrap_or(30);
    let asked = query.grace.map_or(own, |grace| grace.as_secs());
    let standing = object::meta(present, "deletionGracePeriodSeconds").and_then(Value::as_u64);
    standing.map_or(asked, |standing| standing.min(asked))
}

fn finalizers_for(present: &Value, propagation: Propagation) -> Vec<String> {
    let mut list: Vec<String> = object::finalizers(present)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let hold = match propagation {
        Propagation::Background => None,
        Propagation::Foreground => Some("foregroundDeletion"),
        Propagation::Orphan => Some("orphan"),
    };
    if let Some(hold) = hold
        && !list.iter().any(|one| one == hold)
    {
        list.push(hold.to_owned());
    }
    list
}

fn check_preconditions(at: &ResourceRef, present: &Value, query: &DeleteQuery) -> Result<(), Status> {
    let name = object::name(present);
    if let Some(uid) = &query.uid
        && uid != object::uid(present)
    {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have \
             been deleted and then recreated",
            object::uid(present)
        );
        return Err(Status::conflict(at, name, &why));
    }
    let version = object::meta_str(present, "resourceVersion");
    if let Some(asked) = &query.resource_version
        && asked != version
    {
        let why = format!(
            "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record \
             ({version}). The object might have been modified"
        );
        return Err(Status::conflict(at, name, &why));
    }
    Ok(())
}

/// Whether a pod's `Ready` condition is true.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|one| {
        one.get("type").and_then(Value::as_str) == Some("Ready")
            && one.get("status").and_then(Value::as_str) == Some("True")
    })
}
