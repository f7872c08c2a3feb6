//! Creates a fault and follows it until the cluster says that it is injected, or why it is not. The watch stands
//! before the create, so that the moment is the event's arrival. Never undoes: what failed is still owed.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, select_all};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::chaos_mesh::{ChaosMesh, Create};
use super::plan::Aiming;
use super::witness::{self, Fates, Witness};
use super::{aims, plan};
use crate::cluster::{ApiFault, ChaosKind, ChaosObject, Desired, Field, Followed, Following, REQUEST};
use crate::fault::{ChaosRef, Undo};
use crate::ports::Firing;
use crate::run::Injected;
use crate::units::{ErrorChain, human};

/// How long an injection is followed, in drill time; the engine gives up a little later.
const PATIENCE: Duration = Duration::from_secs(110);
/// So long the watch has to come up before the create is sent without it.
const HEAD_START: Duration = Duration::from_secs(2);
/// Between two looks at the events: why nothing is selected stands nowhere else.
const LOOK: Duration = Duration::from_millis(400);
/// The label on what a Workflow makes.
const WORKFLOW: &str = "chaos-mesh.org/workflow";

fn no(error: impl Into<String>) -> Injected {
    let text = error.into();
    Injected::No {
        error: ErrorChain::message(crate::text::printable(&text).into_owned()),
    }
}

/// What must be seen for it to be injected.
enum Wanted {
    /// Its own records.
    Own,
    /// That it is there: a Schedule hurts when it fires.
    Presence,
    /// The records of what it makes first.
    Children,
}

struct Shooting<'a> {
    mesh: &'a ChaosMesh,
    object: &'a ChaosRef,
    undo: &'a Undo,
    wanted: Wanted,
    /// Uids that had the name before: not ours.
    before: BTreeSet<String>,
    fates: Fates,
    uid: Option<String>,
    streams: Vec<BoxStream<'static, Followed>>,
}

/// A create that is let go of leaves a doubt behind, whatever lets go of it.
struct Doubt<'a>(&'a ChaosMesh, &'a ChaosRef);

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        let open = self
            .0
            .create_of(self.1)
            .is_some_and(|create| *create.borrow() == Create::UnderWay);
        if open {
            self.0.note(self.1, Create::Doubt);
        }
    }
}

/// Until the create is asked for, who lets go of it has made nothing.
struct Unsent<'a>(&'a ChaosMesh, &'a ChaosRef);

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if self.0.create_of(self.1).is_none() {
            self.0.note(self.1, Create::Refused);
        }
    }
}

/// Fires; ends within its patience.
pub async fn fire(mesh: &ChaosMesh, firing: Firing<'_>) -> Injected {
    let Firing { debt, manifest, .. } = firing;
    let Undo::DeleteChaos { cluster, object, .. } = &debt.undo;
    if let Some(why) = mesh.elsewhere(cluster) {
        mesh.note(object, Create::Refused);
        return no(why);
    }
    let unsent = Unsent(mesh, object);
    let (wanted, kinds) = wanted(object, manifest);
    let follow = |kind: ChaosKind, name: Option<String>| {
        mesh.cluster.follow(Following {
            kind,
            namespace: Some(object.namespace.clone()),
            name,
        })
    };
    let own = follow(ChaosKind::of(object), Some(object.name.clone()));
    let mut streams: Vec<BoxStream<'static, Followed>> = vec![own];
    streams.extend(kinds.into_iter().map(|kind| follow(kind, None)));
    let mut shooting = Shooting {
        mesh,
        object,
        undo: &debt.undo,
        wanted,
        before: BTreeSet::new(),
        fates: Fates::new(),
        uid: None,
        streams: Vec::new(),
    };
    let aiming = Aiming {
        object,
        spec: manifest.get("spec").unwrap_or(&Value::Null),
        target: firing.target,
        limits: firing.limits,
    };
    let listed = futures::future::join_all(streams.into_iter().map(come_up)).await;
    // The world may have changed since it was armed: the last look is as near to the create as it can be.
    if let Err(refusal) = plan::judge_now(&mesh.cluster, aiming).await {
        return no(refusal.to_string());
    }
    for (stream, seen) in listed {
        shooting.before.extend(seen);
        shooting.streams.push(stream);
    }
    // Noted before it is asked: an undo that comes after the permission finds the create under way.
    mesh.note(object, Create::UnderWay);
    drop(unsent);
    let doubt = Doubt(mesh, object);
    if let Err(refusal) = (firing.may)() {
        mesh.note(object, Create::Refused);
        return no(refusal.to_string());
    }
    let patience = mesh.clock.mark().after(PATIENCE);
    let outcome = tokio::select! {
        outcome = shooting.shoot(manifest) => Some(outcome),
        () = mesh.clock.reach(patience) => None,
    };
    drop(doubt);
    let outcome = if let Some(outcome) = outcome {
        outcome
    } else {
        let so_far = shooting.so_far();
        let why = mesh.cluster.latest_warning(object).await.unwrap_or(so_far);
        no(format!("not injected within {}: {why}", human(PATIENCE)))
    };
    mesh.keep(object, Witness::new(shooting.fates, shooting.streams));
    outcome
}

/// What must be seen, and the kinds to watch for it beside the object's own.
fn wanted(object: &ChaosRef, manifest: &Value) -> (Wanted, Vec<ChaosKind>) {
    let spec = manifest.get("spec").unwrap_or(&Value::Null);
    let shots = aims::describe(&object.kind, spec).map_or_else(|_| Vec::new(), |found| found.shots);
    let kinds: BTreeSet<&str> = shots.iter().map(|shot| shot.kind.as_str()).collect();
    let between: &[&str] = match object.kind.as_str() {
        "Workflow" => &["WorkflowNode", "Schedule"],
        "Schedule" => &["Workflow", "WorkflowNode"],
        _ => &[],
    };
    let watched = kinds
        .iter()
        .chain(between)
        .filter_map(|kind| ChaosKind::known(kind))
        .collect();
    match object.kind.as_str() {
        "Schedule" => (Wanted::Presence, watched),
        "Workflow" if shots.iter().all(|shot| shot.spec.contains("/schedule/")) => {
            (Wanted::Presence, watched)
        }
        "Workflow" => (Wanted::Children, watched),
        _ => (Wanted::Own, Vec::new()),
    }
}

/// Waits until a watch has told what was there before; the uids of that.
async fn come_up(mut stream: BoxStream<'static, Followed>) -> (BoxStream<'static, Followed>, Vec<String>) {
    let mut seen = Vec::new();
    let up = async {
        while let Some(told) = stream.next().await {
            match told {
                Followed::Seen(object) => seen.push(object.uid),
                Followed::Listed | Followed::Lost(_) => break,
                Followed::Gone(_) | Followed::Vanished(_) => {}
            }
        }
    };
    // Late or not, the create goes out.
    let _ = timeout(HEAD_START, up).await;
    (stream, seen)
}

type Answer = BoxFuture<'static, Result<(ChaosObject, Value), ApiFault>>;
type Look = BoxFuture<'static, (Option<ChaosObject>, Option<String>)>;

impl Shooting<'_> {
    /// A look at the object and at what the cluster complains about, beside the watch.
    fn look(&self) -> Look {
        let (cluster, object) = (self.mesh.cluster.clone(), self.object.clone());
        async move {
            sleep(LOOK).await;
            let warning = cluster.latest_warning(&object).await;
            (cluster.get_chaos(&object).await.ok().flatten(), warning)
        }
        .boxed()
    }

    async fn shoot(&mut self, manifest: &Value) -> Injected {
        let (cluster, object, body) = (self.mesh.cluster.clone(), self.object.clone(), manifest.clone());
        let mut create: Option<Answer> = Some(
            async move {
                // A request that only waits for a connection is bound by nothing else.
                let asked = timeout(REQUEST, cluster.create_chaos(&object, &body, Field::Real));
                asked.await.unwrap_or_else(|_| {
                    let why = format!("the create had no answer within {}", human(REQUEST));
                    Err(ApiFault::Unreachable(ErrorChain::message(why)))
                })
            }
            .boxed(),
        );
        let mut look = self.look();
        let mut given_up: Option<BoxFuture<'static, ()>> = None;
        let mut failed = String::new();
        loop {
            let streams = &mut self.streams;
            let told = tokio::select! {
                biased;
                told = next_of(streams) => self.heard(told),
                answer = next_answer(&mut create) => match answer {
                    Ok((made, _)) => {
                        self.is_ours(&made);
                        self.assess(&made)
                    }
                    Err(fault) if fault.is_definite() => {
                        self.mesh.note(self.object, Create::Refused);
                        Some(no(format!("the cluster did not take it: {fault}")))
                    }
                    Err(fault) => {
                        // It may have been made nevertheless: the watch and the looks will tell.
                        failed = fault.to_string();
                        given_up = Some(sleep(REQUEST).boxed());
                        None
                    }
                },
                (found, warning) = &mut look => {
                    look = self.look();
                    let told = found.and_then(|found| self.heard(Followed::Seen(Box::new(found))));
                    told.or_else(|| warning.and_then(|warning| self.warned(&warning)))
                }
                () = over(&mut given_up) => {
                    given_up = None;
                    self.uid.is_none().then(|| no(format!("{failed}; it was not made within {} of that", human(REQUEST))))
                }
            };
            if let Some(outcome) = told {
                return outcome;
            }
        }
    }

    /// Takes note of the object that the create made.
    fn is_ours(&mut self, object: &ChaosObject) {
        if self.uid.is_none() {
            self.uid = Some(object.uid.clone());
            let uid = object.uid.clone();
            self.mesh.note(self.object, Create::Made { uid });
        }
    }

    fn heard(&mut self, told: Followed) -> Option<Injected> {
        let seen = match &told {
            Followed::Seen(object) if !self.before.contains(&object.uid) => Some(object.clone()),
            Followed::Seen(_) | Followed::Listed | Followed::Lost(_) => None,
            Followed::Gone(object) | Followed::Vanished(object) => {
                let own = self.uid.as_ref() == Some(&object.uid);
                witness::take(&mut self.fates, told);
                return own.then(|| no("it was deleted before it was injected"));
            }
        };
        let object = seen?;
        witness::take(&mut self.fates, told);
        if object.object == *self.object {
            if !object.is_ours() {
                return None;
            }
            self.is_ours(&object);
            return self.assess(&object);
        }
        let of_ours = object.labels.get(WORKFLOW) == Some(&self.object.name);
        match self.wanted {
            Wanted::Children if of_ours => self.records(&object),
            Wanted::Children | Wanted::Own | Wanted::Presence => None,
        }
    }

    /// What the object itself says.
    fn assess(&self, object: &ChaosObject) -> Option<Injected> {
        if object.deleting {
            return Some(no("somebody deleted it before it was injected"));
        }
        match self.wanted {
            Wanted::Own => self.records(object),
            Wanted::Presence => Some(self.yes(object)),
            Wanted::Children => None,
        }
    }

    /// What the records of an injection say.
    fn records(&self, object: &ChaosObject) -> Option<Injected> {
        let (injected, of) = object.injected();
        if of > 0 && injected == of {
            return Some(self.yes(object));
        }
        if let Some((why, at)) = object.failure() {
            return Some(no(format!("{why} ({at})")));
        }
        let stopped = object.desired == Some(Desired::Stop);
        (stopped && !object.one_shot).then(|| {
            let why = if object.paused {
                "somebody paused it"
            } else {
                "its duration was over"
            };
            no(format!("{why} before it was injected"))
        })
    }

    fn yes(&self, object: &ChaosObject) -> Injected {
        let Undo::DeleteChaos {
            cluster,
            object: own,
            lasting,
            ..
        } = self.undo;
        let undo = Undo::DeleteChaos {
            cluster: cluster.clone(),
            object: own.clone(),
            lasting: *lasting,
            uid: self.uid.clone(),
        };
        let stamps = object
            .records
            .iter()
            .filter_map(|record| record.injected_at.clone());
        Injected::Yes {
            at: self.mesh.clock.mark(),
            server_stamp: stamps.max(),
            targets: object
                .targets()
                .iter()
                .map(|target| crate::text::printable(target).into_owned())
                .collect(),
            undo: Box::new(undo),
        }
    }

    /// Only what cannot mend itself ends it: an update that met another one is told as a warning too.
    fn warned(&self, warning: &str) -> Option<Injected> {
        let hopeless = warning.starts_with("Failed to select targets");
        (hopeless && matches!(self.wanted, Wanted::Own)).then(|| no(warning))
    }

    /// Why it is not injected yet, when the cluster complains about nothing.
    fn so_far(&self) -> String {
        let own = self.uid.as_ref().and_then(|uid| self.fates.get(uid));
        own.map_or_else(
            || "the cluster has not said that it is there".to_owned(),
            |fate| {
                let (injected, of) = fate.last.injected();
                format!("{injected} of {of} records injected")
            },
        )
    }
}

/// The next that any of these tells; never, when all have ended.
async fn next_of(streams: &mut Vec<BoxStream<'static, Followed>>) -> Followed {
    match select_all(streams.iter_mut()).next().await {
        Some(told) => told,
        None => std::future::pending().await,
    }
}

async fn next_answer(create: &mut Option<Answer>) -> Result<(ChaosObject, Value), ApiFault> {
    match create {
        Some(answer) => {
            let answered = answer.await;
            *create = None;
            answered
        }
        None => std::future::pending().await,
    }
}

async fn over(pause: &mut Option<BoxFuture<'static, ()>>) {
    match pause {
        Some(pause) => pause.await,
        None => std::future::pending().await,
    }
}
