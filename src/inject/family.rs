//! A Schedule or a Workflow and everything that it made: removed together, gone only when all of it is. Never
//! touches what others own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::aims;
use super::chaos_mesh::ChaosMesh;
use super::witness::{Fates, Witness};
use crate::cluster::{ApiFault, ChaosKind, ChaosObject, Following, Removal, Removed, Role, known_kinds};
use crate::fault::{ChaosRef, Gone};

/// Between two lists: a tick that was under way can make one more.
const AGAIN: Duration = Duration::from_secs(1);
/// Lists in a row that must show nothing.
const EMPTY: u32 = 2;
const WORKFLOW: &str = "chaos-mesh.org/workflow";
const SCHEDULE: &str = "managed-by";

/// Whether an object of this kind makes others.
pub fn spawns(object: &ChaosRef) -> bool {
    matches!(object.kind.as_str(), "Schedule" | "Workflow")
}

/// What came of a member: who, and the verdict.
type Ended = (ChaosRef, Option<String>, Removed);

/// Whether everything that it may have made was listed, and nothing was there, as often as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    NotYet,
    Empty,
}

struct Family<'a> {
    mesh: &'a ChaosMesh,
    head: &'a ChaosRef,
    kinds: Vec<ChaosKind>,
    /// Uids of everything that belongs to it.
    uids: BTreeSet<String>,
    verdicts: BTreeMap<ChaosRef, Gone>,
    /// Whether it is watched since it was made; else nobody knows of what has come and gone before.
    since_made: bool,
    listed: Listed,
    seen: &'a mpsc::UnboundedSender<Gone>,
    told: Option<Gone>,
}

/// Removes all of it and follows until two lists in a row show nothing. `patience` is real time.
pub async fn see_out(
    mesh: &ChaosMesh,
    (head, uid): (&ChaosRef, Option<&str>),
    patience: Duration,
    seen: &mpsc::UnboundedSender<Gone>,
) -> Gone {
    let mut family = Family {
        mesh,
        head,
        kinds: kinds(mesh, head).await,
        uids: uid.map(str::to_owned).into_iter().collect(),
        verdicts: BTreeMap::new(),
        since_made: mesh.witness(head).is_some(),
        listed: Listed::NotYet,
        seen,
        told: None,
    };
    if !family.since_made {
        let follow = |kind: &ChaosKind| {
            mesh.cluster.follow(Following {
                kind: kind.clone(),
                namespace: Some(head.namespace.clone()),
                name: None,
            })
        };
        let streams = family.kinds.iter().map(|kind| follow(kind) as _).collect();
        mesh.keep(head, Witness::new(Fates::new(), streams));
    }
    tokio::select! {
        () = family.work(uid, patience) => family.count_the_gone(),
        () = sleep(patience) => {}
    }
    family.verdict()
}

/// The kinds that it may have made, its own first.
async fn kinds(mesh: &ChaosMesh, head: &ChaosRef) -> Vec<ChaosKind> {
    let own = ChaosKind::of(head);
    let object = mesh.cluster.get_chaos(head).await.ok().flatten();
    let described = object.and_then(|object| aims::describe(&head.kind, object.manifest.get("spec")?).ok());
    let mut made: Vec<ChaosKind> = match described {
        Some(described) => {
            let names: BTreeSet<String> = described.shots.into_iter().map(|shot| shot.kind).collect();
            names.iter().filter_map(|name| ChaosKind::known(name)).collect()
        }
        None => known_kinds()
            .into_iter()
            .filter(|kind| kind.role == Role::Injection)
            .collect(),
    };
    made.extend(
        ["Workflow", "Schedule", "WorkflowNode"]
            .into_iter()
            .filter_map(ChaosKind::known),
    );
    made.retain(|kind| *kind != own);
    made.insert(0, own);
    made
}

impl Family<'_> {
    async fn work(&mut self, uid: Option<&str>, patience: Duration) {
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut under_way: FuturesUnordered<BoxFuture<'static, Ended>> = FuturesUnordered::new();
        let mut known: BTreeSet<ChaosRef> = BTreeSet::new();
        // Before the head goes: its nodes make their chaos again otherwise. A failure must not stop the deletes.
        if self.head.kind == "Workflow"
            && let Err(fault) = self.mesh.cluster.abort_workflow(self.head).await
        {
            tracing::debug!(%self.head, %fault, "the workflow was not told to stop");
        }
        self.join(&mut known, &under_way, (self.head, uid), (&tell, patience));
        let mut empty = 0;
        loop {
            match self.members().await {
                Ok(members) => {
                    let quiet = members.is_empty() && under_way.is_empty();
                    empty = if quiet { empty + 1 } else { 0 };
                    for member in &members {
                        let at = (&member.object, Some(member.uid.as_str()));
                        // A node goes with its Workflow; alone it is deleted once that is gone.
                        let waits =
                            member.object.kind == "WorkflowNode" && !self.verdicts.contains_key(self.head);
                        if !waits {
                            self.join(&mut known, &under_way, at, (&tell, patience));
                        }
                    }
                }
                Err(fault) => {
                    empty = 0;
                    self.tell(Gone::Unknown {
                        why: format!("what it made cannot be listed: {fault}"),
                    });
                }
            }
            let barred = self
                .verdicts
                .values()
                .any(|gone| matches!(gone, Gone::Forbidden { .. }));
            if empty >= EMPTY {
                self.listed = Listed::Empty;
            }
            if empty >= EMPTY || (barred && under_way.is_empty()) {
                return;
            }
            let pause = sleep(AGAIN);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    Some((who, gone)) = told.recv() => {
                        self.verdicts_now(who, gone);
                    }
                    Some((who, uid, removed)) = under_way.next() => {
                        let gone = self.ended(&who, uid.as_deref(), removed).await;
                        // The same name may come again with another uid.
                        known.remove(&who);
                        self.verdicts_now(who, gone);
                    }
                }
            }
        }
    }

    fn join(
        &self,
        known: &mut BTreeSet<ChaosRef>,
        under_way: &FuturesUnordered<BoxFuture<'static, Ended>>,
        (who, uid): (&ChaosRef, Option<&str>),
        (tell, patience): (&mpsc::UnboundedSender<(ChaosRef, Gone)>, Duration),
    ) {
        if !known.insert(who.clone()) {
            return;
        }
        let (cluster, who, uid) = (self.mesh.cluster.clone(), who.clone(), uid.map(str::to_owned));
        let tell = tell.clone();
        under_way.push(Box::pin(async move {
            let (seen, mut changes) = mpsc::unbounded_channel();
            let removal = Removal {
                object: &who,
                uid: uid.as_deref(),
                patience,
            };
            let removed = {
                let removing = cluster.see_chaos_out(removal, &seen);
                tokio::pin!(removing);
                loop {
                    tokio::select! {
                        biased;
                        Some(gone) = changes.recv() => {
                            // The verdict counts if nobody listens to the way there.
                            let _ = tell.send((who.clone(), gone));
                        }
                        removed = &mut removing => break removed,
                    }
                }
            };
            (who, uid, removed)
        }));
    }

    /// What a member's end proves.
    async fn ended(&self, who: &ChaosRef, uid: Option<&str>, removed: Removed) -> Gone {
        let unseen = matches!(
            &removed,
            Removed::NeverSeen | Removed::Told(Gone::Unverified { .. })
        );
        if unseen
            && let (Some(uid), Some(witness)) = (uid, self.mesh.witness(self.head))
            && let Some(gone) = witness.end_of(uid).await
        {
            return gone;
        }
        match removed {
            Removed::Told(gone) => gone,
            // It injects nothing itself; what it made is counted on its own.
            Removed::NeverSeen if spawns(who) && (self.since_made || who != self.head) => Gone::Proven,
            Removed::NeverSeen => Gone::Unverified {
                why: "its end was not seen".to_owned(),
            },
        }
    }

    /// Members that came and went before anybody asked have a verdict too.
    fn count_the_gone(&mut self) {
        let Some(witness) = self.mesh.witness(self.head) else {
            return;
        };
        let fates = witness.fates();
        let objects: Vec<ChaosObject> = fates.values().map(|fate| fate.last.clone()).collect();
        self.adopt(&objects);
        for (uid, fate) in &fates {
            if self.uids.contains(uid) && fate.last.object != *self.head {
                let verdict = self.verdicts.entry(fate.last.object.clone());
                verdict.or_insert_with(|| fate.once_absent());
            }
        }
    }

    fn verdicts_now(&mut self, who: ChaosRef, gone: Gone) {
        self.verdicts.insert(who, gone);
        let verdict = self.worst();
        // Nothing is proven before the lists are empty.
        if verdict != Gone::Proven {
            self.tell(verdict);
        }
    }

    fn tell(&mut self, gone: Gone) {
        if self.told.as_ref() != Some(&gone) {
            // Who does not listen any more still wants it gone.
            let _ = self.seen.send(gone.clone());
            self.told = Some(gone);
        }
    }

    /// What is there of it now, without its head.
    async fn members(&mut self) -> Result<Vec<ChaosObject>, ApiFault> {
        let lists = self
            .kinds
            .iter()
            .map(|kind| self.mesh.cluster.list_chaos(kind, Some(&self.head.namespace), ""));
        let mut all = Vec::new();
        for listed in futures::future::join_all(lists).await {
            match listed {
                Ok(objects) => all.extend(objects),
                // A kind that this Chaos Mesh does not have.
                Err(ApiFault::NotFound) => {}
                Err(fault) => return Err(fault),
            }
        }
        self.adopt(&all);
        all.retain(|object| self.uids.contains(&object.uid) && object.object != *self.head);
        Ok(all)
    }

    /// Finds out which of these belong to it, by their owners and by the labels that Chaos Mesh gives them.
    fn adopt(&mut self, all: &[ChaosObject]) {
        let label = if self.head.kind == "Workflow" {
            WORKFLOW
        } else {
            SCHEDULE
        };
        loop {
            let before = self.uids.len();
            for object in all {
                let owned = object.owners.iter().any(|owner| self.uids.contains(owner));
                let named = object.labels.get(label) == Some(&self.head.name);
                // Another of the same name has nothing to do with it.
                let head = self.uids.is_empty() && object.object == *self.head;
                if owned || named || head {
                    self.uids.insert(object.uid.clone());
                }
            }
            if self.uids.len() == before {
                return;
            }
        }
    }

    /// The worst of all verdicts. What was never listed may be there still, however its head ended.
    fn verdict(&self) -> Gone {
        match (self.worst(), self.listed) {
            (Gone::Proven, Listed::NotYet) => Gone::Unknown {
                why: "what it made was not listed empty twice".to_owned(),
            },
            (worst, Listed::NotYet | Listed::Empty) => worst,
        }
    }

    fn worst(&self) -> Gone {
        let rank = |gone: &Gone| match gone {
            Gone::Forbidden { .. } => 7,
            Gone::Stuck { .. } => 6,
            Gone::Failed { .. } => 5,
            Gone::Unknown { .. } => 4,
            Gone::Recovering { .. } => 3,
            Gone::ForcedUnverified => 2,
            Gone::Unverified { .. } => 1,
            Gone::Proven => 0,
        };
        let worst = self.verdicts.iter().max_by_key(|(_, gone)| rank(gone));
        let Some((who, gone)) = worst else {
            return Gone::Unknown {
                why: "nothing was heard of it".to_owned(),
            };
        };
        if matches!(gone, Gone::Recovering { .. }) {
            let counts = self.verdicts.values().map(|gone| match gone {
                Gone::Recovering { done, of } => (*done, *of),
                _ => (0, 0),
            });
            let (done, of) = counts.fold((0, 0), |(done, of), (more, all)| (done + more, of + all));
            return Gone::Recovering { done, of };
        }
        if who == self.head {
            return gone.clone();
        }
        match gone.clone() {
            Gone::Stuck { why, at: None } => Gone::Stuck {
                why,
                at: Some(who.to_string()),
            },
            Gone::Unverified { why } => Gone::Unverified {
                why: format!("{who}: {why}"),
            },
            Gone::Failed { why } => Gone::Failed {
                why: format!("{who}: {why}"),
            },
            Gone::Unknown { why } => Gone::Unknown {
                why: format!("{who}: {why}"),
            },
            other => other,
        }
    }
}
