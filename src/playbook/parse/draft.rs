//! A playbook as read, good or not, with the ways back from its types to the places of the file. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::Written;
use super::node::{Data, Node, Way};
use super::reader::{Fields, Reader};
use crate::playbook::findings::{Finding, Grade, Place};
use crate::playbook::model::{
    Check, Limits, Playbook, Recovery, Step, StopCondition, Target, Title, VerifyStep,
};
use crate::units::CheckId;

/// A check that is mentioned somewhere, as the file writes it.
#[derive(Debug, Clone)]
pub struct Mention {
    pub way: Way,
    pub id: CheckId,
}

/// A playbook as read. What could not be read has a default, and its field is among the damaged ones.
#[derive(Debug)]
pub struct Draft {
    pub playbook: Playbook,
    /// For each check of the playbook, which item of `checks:` it is.
    pub check_items: Vec<usize>,
    pub step_items: Vec<usize>,
    pub stop_items: Vec<usize>,
    /// Ids as the file writes them.
    pub written: Vec<(usize, CheckId)>,
    pub mentions: Vec<Mention>,
    /// Fields of the playbook in which something could not be read.
    pub damaged: BTreeSet<&'static str>,
}

impl Draft {
    pub fn check_way(&self, check: usize) -> Way {
        Way::to("checks").item(self.check_items.get(check).copied().unwrap_or(check))
    }

    /// The way to the fields of a step.
    pub fn step_way(&self, step: usize) -> Way {
        let way = Way::to("steps").item(self.step_items.get(step).copied().unwrap_or(step));
        match self.playbook.steps.get(step) {
            Some(step) => way.key(step.word()),
            None => way,
        }
    }

    pub fn stop_way(&self, stop: usize) -> Way {
        Way::to("stop_when").item(self.stop_items.get(stop).copied().unwrap_or(stop))
    }
}

fn read<T: super::reader::Read>(
    fields: &Fields<'_>,
    reader: &mut Reader,
    key: &'static str,
    default: T,
) -> T {
    // What is wrong with it is among the findings; the default only lets the reading go on.
    fields.maybe::<T>(reader, key).flatten().unwrap_or(default)
}

fn list<T: super::reader::Read>(
    fields: &Fields<'_>,
    reader: &mut Reader,
    key: &'static str,
) -> Vec<(usize, T)> {
    fields
        .get(key)
        .and_then(|node| reader.items(node, key))
        .unwrap_or_default()
}

/// Reads the root of a playbook; `None` when it is no map at all.
pub fn draft(root: &Node, vars: BTreeMap<String, serde_json::Value>, reader: &mut Reader) -> Option<Draft> {
    let fields = reader.fields(root, "playbook")?;
    let _version: Option<u32> = fields.need(reader, "firedrill");
    let nowhere = Target {
        namespace: String::new(),
        pods: BTreeMap::new(),
    };
    let name = fields.need(reader, "name").unwrap_or_default();
    let title = read(&fields, reader, "title", Title::default());
    let description = fields.maybe(reader, "description").flatten();
    let severity = fields.maybe(reader, "severity").flatten();
    let target = fields.need(reader, "target").unwrap_or(nowhere);
    let limits = read(&fields, reader, "limits", Limits::default());
    let sources = read(&fields, reader, "sources", BTreeMap::new());
    let load = fields.maybe(reader, "load").flatten();
    let written: Vec<(usize, Written)> = list(&fields, reader, "checks");
    let stops: Vec<(usize, StopCondition)> = list(&fields, reader, "stop_when");
    let recovery: Option<Recovery> = fields.maybe(reader, "recovery").flatten();
    let predict = read(&fields, reader, "predict", Vec::new());
    let steps: Vec<(usize, Step)> = match fields.get("steps") {
        Some(node) => reader.items(node, "steps").unwrap_or_default(),
        None => fields
            .need::<Vec<Step>>(reader, "steps")
            .map(|_| Vec::new())
            .unwrap_or_default(),
    };
    let mentions = mentions(recovery.as_ref(), &stops, &steps);
    let several: BTreeMap<CheckId, Vec<CheckId>> = written
        .iter()
        .filter(|(_, one)| one.checks.len() > 1)
        .map(|(_, one)| {
            (
                one.id.clone(),
                one.checks.iter().map(|check| check.id.clone()).collect(),
            )
        })
        .collect();
    let ids = written
        .iter()
        .map(|(item, one)| (*item, one.id.clone()))
        .collect();
    let (check_items, checks): (Vec<usize>, Vec<Check>) = written
        .into_iter()
        .flat_map(|(item, one)| one.checks.into_iter().map(move |check| (item, check)))
        .unzip();
    let (stop_items, stop_when) = stops
        .into_iter()
        .flat_map(|(item, stop)| {
            each_stop(&stop, &several)
                .into_iter()
                .map(move |stop| (item, stop))
        })
        .unzip();
    let (step_items, steps) = steps
        .into_iter()
        .map(|(item, step)| (item, named_step(step, &several)))
        .unzip();
    let playbook = Playbook {
        firedrill: 1,
        name,
        title,
        description,
        severity,
        vars,
        target,
        limits,
        sources,
        load,
        checks,
        stop_when,
        recovery: recovery.map(|recovery| Recovery {
            when: named(&recovery.when, &several),
            ..recovery
        }),
        predict,
        steps,
    };
    Some(Draft {
        playbook,
        check_items,
        step_items,
        stop_items,
        written: ids,
        mentions,
        damaged: BTreeSet::new(),
    })
}

/// Every place where the file names a check.
fn mentions(
    recovery: Option<&Recovery>,
    stops: &[(usize, StopCondition)],
    steps: &[(usize, Step)],
) -> Vec<Mention> {
    let when = recovery.into_iter().flat_map(|recovery| {
        recovery.when.iter().enumerate().map(|(n, id)| Mention {
            way: Way::to("recovery").key("when").item(n),
            id: id.clone(),
        })
    });
    let stops = stops.iter().map(|(n, stop)| Mention {
        way: Way::to("stop_when").item(*n).key("check"),
        id: stop.check.clone(),
    });
    let verified = steps.iter().flat_map(|(item, step)| {
        let checks: &[CheckId] = match step {
            Step::Verify(step) => &step.checks,
            Step::Brief(_)
            | Step::Checklist(_)
            | Step::Baseline(_)
            | Step::Fault(_)
            | Step::Observe(_)
            | Step::Recover(_)
            | Step::Debrief(_) => &[],
        };
        checks.iter().enumerate().map(|(n, id)| Mention {
            way: Way::to("steps").item(*item).key("verify").key("checks").item(n),
            id: id.clone(),
        })
    });
    when.chain(stops).chain(verified).collect()
}

/// Names as the file writes them, as the checks they stand for.
fn named(ids: &[CheckId], several: &BTreeMap<CheckId, Vec<CheckId>>) -> Vec<CheckId> {
    ids.iter()
        .flat_map(|id| several.get(id).cloned().unwrap_or_else(|| vec![id.clone()]))
        .collect()
}

fn each_stop(stop: &StopCondition, several: &BTreeMap<CheckId, Vec<CheckId>>) -> Vec<StopCondition> {
    named(std::slice::from_ref(&stop.check), several)
        .into_iter()
        .map(|check| StopCondition {
            check,
            ..stop.clone()
        })
        .collect()
}

fn named_step(step: Step, several: &BTreeMap<CheckId, Vec<CheckId>>) -> Step {
    match step {
        Step::Verify(step) => Step::Verify(VerifyStep {
            checks: named(&step.checks, several),
            ..step
        }),
        other @ (Step::Brief(_)
        | Step::Checklist(_)
        | Step::Baseline(_)
        | Step::Fault(_)
        | Step::Observe(_)
        | Step::Recover(_)
        | Step::Debrief(_)) => other,
    }
}

/// Which fields of the playbook hold an error, by where the errors stand.
pub fn damaged(root: &Node, known: &[&'static str], findings: &[Finding]) -> BTreeSet<&'static str> {
    let Data::Map(entries) = &root.data else {
        return known.iter().copied().collect();
    };
    let bad: Vec<Place> = findings
        .iter()
        .filter(|finding| finding.grade == Grade::Error)
        .filter_map(|finding| finding.place)
        .collect();
    let mut starts: Vec<usize> = entries.iter().map(|entry| entry.place.start).collect();
    starts.push(usize::MAX);
    let mut damaged = BTreeSet::new();
    for (entry, next) in entries.iter().zip(starts.iter().skip(1)) {
        let hit = bad
            .iter()
            .any(|place| (entry.place.start..*next).contains(&place.start));
        if hit && let Some(name) = known.iter().find(|name| **name == entry.key) {
            damaged.insert(*name);
        }
    }
    // What must be there and is not says nothing either.
    for required in ["name", "target", "steps"] {
        if let Some(name) = known.iter().find(|name| **name == required)
            && root.get(required).is_none()
        {
            damaged.insert(*name);
        }
    }
    damaged
}
