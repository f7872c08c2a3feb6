//! One pass over one object: finalizer, desired phase, conditions, records, finalizers again. Each step that
//! writes ends the pass; the change brings the next one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::kinds::{self, FINALIZER, FORCE};
use super::record::{self, Operation, Phase};
use super::{injure, per_pod, select, units};
use crate::sim::world::agenda::Due;
use crate::sim::world::controller::events::Report;
use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::resource::ResourceRef;
use crate::sim::world::state::World;
use crate::units::{Mark, Stamp};

/// The first wait before a failed operation is tried again; it grows.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MOST: Duration = Duration::from_secs(10);

/// What the controller remembers of objects, by uid.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    work: BTreeMap<String, Work>,
}

#[derive(Debug, Clone, Default)]
struct Work {
    /// When the operation under way is done.
    until: Option<Mark>,
    failures: u32,
    /// The version at which nothing was selected.
    nothing_at: Option<String>,
}

impl Memory {
    fn of(&mut self, uid: &str) -> &mut Work {
        self.work.entry(uid.to_owned()).or_default()
    }

    pub fn forget(&mut self, uid: &str) {
        self.work.remove(uid);
    }
}

/// What a step did.
enum Pass {
    /// It wrote; another pass follows.
    Wrote,
    Quiet,
    /// Something is under way or failed: the later steps wait too.
    Later,
}

pub fn reconcile(world: &mut World, at: &ResourceRef, name: &Name) {
    let Some(object) = world.store.get(at, name).cloned() else {
        return;
    };
    for step in [
        init_finalizer,
        desired_phase,
        conditions,
        records,
        clean_finalizers,
    ] {
        match step(world, at, &object) {
            Pass::Wrote => {
                let soon = world.dice.millis(4, 15);
                world.soon(soon, Due::Chaos(at.clone(), name.clone()));
                return;
            }
            Pass::Later => return,
            Pass::Quiet => {}
        }
    }
}

/// Tells something about a chaos object, as Chaos Mesh does: each event anew, by the step that tells it.
pub fn tell(world: &mut World, object: &Value, component: &str, report: Report) {
    world.report(object, &report.by(component).each());
}

fn init_finalizer(world: &mut World, at: &ResourceRef, object: &Arc<Value>) -> Pass {
    if object::is_terminating(object) || object::finalizers(object).contains(&FINALIZER) {
        return Pass::Quiet;
    }
    let mut changed = (**object).clone();
    let mut list: Vec<&str> = object::finalizers(object);
    list.push(FINALIZER);
    object::meta_mut(&mut changed).insert("finalizers".into(), json!(list));
    world.write(at, changed);
    tell(
        world,
        object,
        "initFinalizers",
        Report::normal("FinalizerInited", "Finalizer has been inited"),
    );
    Pass::Wrote
}

/// What the object's clock and its annotations ask for, the event that tells a change, and when to look again.
fn wanted(world: &World, object: &Value) -> (&'static str, Option<Report>, Option<Mark>) {
    if object::is_terminating(object) {
        return (
            "Stop",
            Some(Report::normal("Deleted", "Experiment has been deleted")),
            None,
        );
    }
    if kinds::is_one_shot(object) {
        return ("Run", None, None);
    }
    let ends = end_of(world, object);
    if ends.is_some_and(|ends| ends <= world.now) {
        return (
            "Stop",
            Some(Report::normal("TimeUp", "Time up according to the duration")),
            None,
        );
    }
    if kinds::is_paused(object) {
        return (
            "Stop",
            Some(Report::normal("Paused", "Experiment has been paused")),
            ends,
        );
    }
    (
        "Run",
        Some(Report::normal("Started", "Experiment has started")),
        ends,
    )
}

/// The duration counts from the creation, which is written in whole seconds.
fn end_of(world: &World, object: &Value) -> Option<Mark> {
    let duration = units::parse_duration(&object::text_at(object, "spec.duration"))?;
    let created: jiff::Timestamp = object::meta_str(object, "creationTimestamp").parse().ok()?;
    let since_start = Stamp(created).0.duration_since(world.setup.start.0);
    let total = i128::try_from(duration.as_nanos()).ok()? + since_start.as_nanos();
    Some(Mark::from_nanos(u64::try_from(total.max(0)).unwrap_or(u64::MAX)))
}

fn desired_phase(world: &mut World, at: &ResourceRef, object: &Arc<Value>) -> Pass {
    let (phase, report, again) = wanted(world, object);
    if let Some(again) = again {
        let name = Name::new(object::namespace(object), object::name(object));
        world.agenda.at(again, Due::Chaos(at.clone(), name));
    }
    if object::text_at(object, "status.experiment.desiredPhase") == phase {
        return Pass::Quiet;
    }
    if let Some(report) = report {
        tell(world, object, "desiredphase", report);
    }
    let mut changed = (**object).clone();
    object::child_mut(&mut changed["status"], "experiment").insert("desiredPhase".into(), json!(phase));
    world.chaos.of(object::uid(object)).until = None;
    world.chaos.of(object::uid(object)).failures = 0;
    world.write(at, changed);
    updated(world, object, "desiredphase", "desiredPhase");
    Pass::Wrote
}

fn updated(world: &mut World, object: &Value, component: &str, field: &str) {
    let message = format!("Successfully update {field} of resource");
    tell(world, object, component, Report::normal("Updated", &message));
}

fn list_of(object: &Value) -> Option<&Vec<Value>> {
    object
        .pointer("/status/experiment/containerRecords")
        .and_then(Value::as_array)
}

fn conditions(world: &mut World, at: &ResourceRef, object: &Arc<Value>) -> Pass {
    let records = list_of(object);
    let every = |phase: Phase| records.is_some_and(|all| all.iter().all(|one| record::phase(one) == phase));
    let condition =
        |kind: &str, holds: bool| json!({"status": if holds { "True" } else { "False" }, "type": kind});
    let fresh = json!([
        condition("Selected", records.is_some()),
        condition("AllInjected", every(Phase::In)),
        condition("AllRecovered", every(Phase::Out)),
        condition("Paused", kinds::is_paused(object)),
    ]);
    if object.pointer("/status/conditions") == Some(&fresh) {
        return Pass::Quiet;
    }
    let mut changed = (**object).clone();
    object::child_mut(&mut changed, "status").insert("conditions".into(), fresh);
    world.write(at, changed);
    Pass::Wrote
}

fn records(world: &mut World, at: &ResourceRef, object: &Arc<Value>) -> Pass {
    let uid = object::uid(object).to_owned();
    let wanted = object::text_at(object, "status.experiment.desiredPhase");
    let mut list = match list_of(object) {
        Some(list) => list.clone(),
        None => match select_targets(world, object, &wanted) {
            Some(list) => list,
            None => return Pass::Quiet,
        },
    };
    let todo: Vec<(usize, Operation)> = list
        .iter()
        .enumerate()
        .filter_map(|(ix, one)| record::next(record::phase(one), &wanted).map(|operation| (ix, operation)))
        .collect();
    let Some(&(first, operation)) = todo.first() else {
        return Pass::Quiet;
    };
    if let Some(until) = world.chaos.of(&uid).until {
        if until > world.now {
            again(world, at, object, until);
            return Pass::Later;
        }
    } else {
        let took = takes(world, record::phase(&list[first]), operation, todo.len());
        let until = world.now.after(took);
        world.chaos.of(&uid).until = Some(until);
        again(world, at, object, until);
        return Pass::Later;
    }
    let failed = work_off(world, object, &mut list, &todo);
    per_pod::sync(world);
    let mut changed = (**object).clone();
    object::child_mut(&mut changed["status"], "experiment")
        .insert("containerRecords".into(), Value::Array(list));
    let work = world.chaos.of(&uid);
    work.until = None;
    if failed {
        work.failures += 1;
        let wait = RETRY
            .mul_f64(1.4_f64.powi(i32::try_from(work.failures.min(12)).unwrap_or(12) - 1))
            .min(RETRY_MOST);
        let until = world.now.after(wait);
        world.chaos.of(&uid).until = Some(until);
        world.write(at, changed);
        again(world, at, object, until);
        return Pass::Later;
    }
    work.failures = 0;
    world.write(at, changed);
    updated(world, object, "records", "records");
    if object::is_terminating(object) {
        // The finalizers are looked at in the same pass, on what was just written.
        let name = Name::new(object::namespace(object), object::name(object));
        if let Some(newest) = world.store.get(at, &name).cloned() {
            return clean_finalizers(world, at, &newest);
        }
    }
    Pass::Wrote
}

fn again(world: &mut World, at: &ResourceRef, object: &Value, until: Mark) {
    let name = Name::new(object::namespace(object), object::name(object));
    world.agenda.at(until, Due::Chaos(at.clone(), name));
}

/// How long an operation on so many records takes.
fn takes(world: &mut World, phase: Phase, operation: Operation, count: usize) -> Duration {
    let profile = &world.setup.profile;
    let range = match (operation, phase) {
        (_, Phase::OutWaiting | Phase::InWaiting) => (20, 60),
        (Operation::Apply, _) => profile.inject,
        (Operation::Recover, _) => profile.recover,
    };
    let more = u64::try_from(count.saturating_sub(1)).unwrap_or(0) * 25;
    world.dice.millis(range.0, range.1) + Duration::from_millis(more)
}

fn select_targets(world: &mut World, object: &Arc<Value>, wanted: &str) -> Option<Vec<Value>> {
    let uid = object::uid(object).to_owned();
    let version = object::meta_str(object, "resourceVersion").to_owned();
    if wanted != "Run" || world.chaos.of(&uid).nothing_at.as_ref() == Some(&version) {
        return None;
    }
    match select::targets(world, object) {
        Ok(picked) => Some(picked.iter().map(|one| record::new(&one.id, one.key)).collect()),
        Err(why) => {
            world.chaos.of(&uid).nothing_at = Some(version);
            let message = format!("Failed to select targets: {why}");
            tell(world, object, "records", Report::warning("Failed", &message));
            None
        }
    }
}

/// Does what is to be done on each record; whether any of it failed.
fn work_off(world: &mut World, object: &Arc<Value>, list: &mut [Value], todo: &[(usize, Operation)]) -> bool {
    let now = world.timestamp();
    let mut failed = false;
    let ids: Vec<(String, String)> = list
        .iter()
        .map(|one| (object::text_at(one, "id"), object::text_at(one, "selectorKey")))
        .collect();
    for &(ix, operation) in todo {
        let phase = record::phase(&list[ix]);
        let outcome = match operation {
            Operation::Apply => injure::apply(world, object, &ids, (ix, phase)),
            Operation::Recover => injure::recover(world, object, &ids[ix].0, phase),
        };
        let (reason, message) = match &outcome {
            Ok(Phase::In) => ("Applied", format!("Successfully apply chaos for {}", ids[ix].0)),
            Ok(Phase::Out) => (
                "Recovered",
                format!("Successfully recover chaos for {}", ids[ix].0),
            ),
            Ok(Phase::OutWaiting | Phase::InWaiting) => ("", String::new()),
            Err(why) => {
                failed = true;
                let verb = operation.text().to_lowercase();
                tell(
                    world,
                    object,
                    "records",
                    Report::warning("Failed", &format!("Failed to {verb} chaos: {why}")),
                );
                ("", String::new())
            }
        };
        if !reason.is_empty() {
            tell(world, object, "records", Report::normal(reason, &message));
        }
        record::book(
            &mut list[ix],
            operation,
            outcome.as_ref().map(|phase| *phase).map_err(String::as_str),
            &now,
        );
    }
    failed
}

/// The last step: reached only when nothing failed, so that force is not looked at while recovery fails.
fn clean_finalizers(world: &mut World, at: &ResourceRef, object: &Arc<Value>) -> Pass {
    if !object::is_terminating(object) || object::finalizers(object).is_empty() {
        return Pass::Quiet;
    }
    let recovered = list_of(object).is_none_or(|all| all.iter().all(|one| record::phase(one) == Phase::Out));
    let forced = object::annotation(object, FORCE) == Some("forced");
    if !recovered && !forced {
        return Pass::Wrote;
    }
    if forced && !recovered {
        injure::settle_waiting(
            world,
            object,
            list_of(object).map(Vec::as_slice).unwrap_or_default(),
        );
    }
    let mut changed = (**object).clone();
    object::meta_mut(&mut changed).remove("finalizers");
    tell(
        world,
        object,
        "cleanFinalizers",
        Report::normal("FinalizerInited", "Finalizer has been removed"),
    );
    world.settle(at, changed);
    per_pod::sync(world);
    Pass::Later
}
