//! What a fault would do now: resolve, judge, dry-run. Creates nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::aims::{self, Hits};
use super::limits::{self, Judgement, Scene};
use super::manifest::{self, Made};
use super::resolve;
use super::select::PodSeen;
use crate::cluster::{ApiFault, Cluster, Field};
use crate::fault::{ChaosRef, Debt, Undo};
use crate::playbook::{Limits, Target};
use crate::ports::PlanRequest;
use crate::run::{Plan, PlannedPod, Refusal};
use crate::units::DebtId;

/// An object to be, and what it is judged by.
#[derive(Clone, Copy)]
pub struct Aiming<'a> {
    pub object: &'a ChaosRef,
    /// With every clock set.
    pub spec: &'a Value,
    pub target: &'a Target,
    pub limits: &'a Limits,
}

/// What it would hit now, within the limits.
pub struct Hit {
    judgement: Judgement,
    target_pods: Vec<PodSeen>,
    may_take_none: bool,
}

/// Resolves every selector on the live cluster and judges the blast radius: when it is armed, and again right
/// before it is created.
pub async fn judge_now(cluster: &Cluster, aiming: Aiming<'_>) -> Result<Hit, Refusal> {
    let Aiming {
        object,
        spec,
        target,
        limits,
    } = aiming;
    let described = aims::describe(&object.kind, spec)?;
    let aims = described.aims(spec, &object.namespace)?;
    if let Some(refusal) = limits::out_of_bounds(limits, target, &aims) {
        return Err(refusal);
    }
    let mut aimed = Vec::new();
    for aim in aims {
        aimed.push(resolve::aim(cluster, aim).await?);
    }
    if aimed.is_empty() {
        return Err(Refusal {
            why: format!("{} hits no pods", object.kind),
            hint: Some("what cannot be counted is not fired".to_owned()),
        });
    }
    let target_pods = resolve::target(cluster, target).await?;
    let killed: BTreeSet<&str> = aimed
        .iter()
        .filter(|one| one.aim.hits == Hits::Kills)
        .flat_map(|one| one.pods.iter().map(|pod| pod.namespace.as_str()))
        .collect();
    let neighbours = resolve::everyone(cluster, &killed).await?;
    let judgement = limits::judge(Scene {
        limits,
        target,
        aimed: &aimed,
        target_pods: &target_pods,
        neighbours: &neighbours,
        duration: manifest::length(&object.kind, spec, &described)?,
    })?;
    if let Some(refusal) = judgement.refusal() {
        return Err(refusal);
    }
    Ok(Hit {
        judgement,
        target_pods,
        may_take_none: aimed.iter().any(|one| one.aim.mode.may_take_none()),
    })
}

/// Makes the arming card, or says why the fault may not be fired.
pub async fn plan(cluster: &Cluster, request: &PlanRequest) -> Result<Plan, Refusal> {
    let made = manifest::make(request, fastrand::u16(..))?;
    let Hit {
        judgement,
        target_pods,
        may_take_none,
    } = judge_now(
        cluster,
        Aiming {
            object: &made.object,
            spec: &made.manifest["spec"],
            target: &request.target,
            limits: &request.limits,
        },
    )
    .await?;
    if let Err(fault) = cluster
        .create_chaos(&made.object, &made.manifest, Field::DryRun)
        .await
    {
        return Err(not_taken(&made, &fault));
    }
    let outside = judgement
        .pods
        .iter()
        .filter(|pod| !target_pods.iter().any(|one| one.uid == pod.uid))
        .count();
    let mut warnings = made.warnings.clone();
    warnings.extend(warn(&made, &judgement, outside));
    if may_take_none {
        warnings.push("`random-max-percent` may take no pod at all: then it fails".to_owned());
    }
    Ok(card(cluster, request, (made, judgement), warnings))
}

/// The server's own words, and what to do about them.
fn not_taken(made: &Made, fault: &ApiFault) -> Refusal {
    let (why, hint) = match fault {
        ApiFault::Refused { message, .. } => (message.clone(), "mend the manifest in the playbook"),
        ApiFault::NotFound => (
            format!("the cluster does not know {}", made.object.kind),
            "install Chaos Mesh, or use a kind that this version has",
        ),
        ApiFault::Forbidden { .. } => (
            fault.to_string(),
            "ask for that right: the console's role is in assets/rbac",
        ),
        ApiFault::Unauthorized => (fault.to_string(), "then arm again"),
        ApiFault::Conflict { .. } | ApiFault::Unreachable(_) => (fault.to_string(), "arm again"),
    };
    Refusal {
        why: format!("the cluster does not take it: {why}"),
        hint: Some(hint.to_owned()),
    }
}

fn warn(made: &Made, judgement: &Judgement, outside: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    let clockless = "it has no clock of its own: it goes on until it is removed";
    match made.object.kind.as_str() {
        "Schedule" => {
            warnings.push(clockless.to_owned());
            warnings.push(
                "it is counted as injected once it is there, and hurts when it fires, anew each time: \
                 `clock: first-symptom` measures from the first hurt"
                    .to_owned(),
            );
        }
        "Workflow" => warnings.push(clockless.to_owned()),
        _ => {}
    }
    if let Some(external) = made
        .manifest
        .pointer("/spec/externalTargets")
        .and_then(|all| all.as_array())
        && !external.is_empty()
    {
        warnings.push(format!(
            "it also reaches {} addresses outside the cluster",
            external.len()
        ));
    }
    let down: Vec<&str> = judgement
        .pods
        .iter()
        .filter(|pod| !pod.ready)
        .map(|pod| pod.name.as_str())
        .collect();
    if !down.is_empty() {
        warnings.push(format!("not ready, and may be hit: {}", down.join(", ")));
    }
    if outside > 0 {
        warnings.push(format!("{outside} of the pods that match are not the target's"));
    }
    warnings
}

fn card(
    cluster: &Cluster,
    request: &PlanRequest,
    (made, judgement): (Made, Judgement),
    warnings: Vec<String>,
) -> Plan {
    let Judgement {
        judged,
        hurt,
        share,
        pods,
    } = judgement;
    let on = match pods.as_slice() {
        [one] => one.name.clone(),
        many if many.len() == hurt => format!("all {hurt} pods"),
        many => format!("{hurt} of {} pods", many.len()),
    };
    let debt = Debt {
        id: DebtId::new(format!("{}-{}", request.fault.id, request.attempt)),
        fault: request.fault.id.clone(),
        summary: format!("{} on {on}", made.action),
        undo: Undo::DeleteChaos {
            cluster: cluster.pin().clone(),
            object: made.object,
            lasting: made.lasting,
            uid: None,
        },
        own_clock: made.own_clock,
    };
    Plan {
        debt,
        manifest: made.manifest,
        action: made.action,
        pods: pods
            .into_iter()
            .map(|pod| PlannedPod {
                namespace: pod.namespace,
                name: pod.name,
                ready: pod.ready,
                node: pod.node,
            })
            .collect(),
        hurt,
        share,
        limits: judged,
        duration: made.duration,
        warnings,
    }
}
