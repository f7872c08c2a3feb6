//! Undoes a fault and follows it until it is proven gone. Never deletes an object that is not the debt's, never
//! takes the absence of an object for a proof while its create may still be under way.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::chaos_mesh::{ChaosMesh, Create};
use super::family;
use super::manifest::our_labels;
use crate::cluster::{ApiFault, ChaosKind, REQUEST, Removal, Removed, labels};
use crate::fault::{ChaosRef, Debt, Gone, Lasting, Undo};

/// How long an undo is followed, in drill time; the engine gives up a little later.
const PATIENCE: Duration = Duration::from_secs(110);
/// At any speed a request has to get there and back.
const PATIENCE_LEAST: Duration = Duration::from_secs(5);
/// Between two lists for an object that may still be made.
const LOOK: Duration = Duration::from_millis(500);
/// Lists in a row that must show nothing.
const EMPTY: u32 = 2;

/// What is known of an object whose uid the debt does not name.
enum Found {
    Ours {
        uid: String,
    },
    /// It is not there, and no create is under way any more.
    Nothing,
    Unseen(Gone),
}

/// Undoes the debt; says on the way what it sees.
pub async fn revert(mesh: &ChaosMesh, debt: &Debt, seen: mpsc::UnboundedSender<Gone>) -> Gone {
    let Undo::DeleteChaos {
        cluster,
        object,
        lasting,
        uid,
    } = &debt.undo;
    if let Some(why) = mesh.elsewhere(cluster) {
        return Gone::Unknown { why };
    }
    let patience = mesh.clock.real_time(PATIENCE).max(PATIENCE_LEAST);
    let uid = match uid {
        Some(uid) => uid.clone(),
        None => match find(mesh, debt, object, &seen).await {
            Found::Ours { uid } => uid,
            Found::Nothing => return never_there(mesh, object, *lasting).await,
            Found::Unseen(gone) => return gone,
        },
    };
    let gone = if family::spawns(object) {
        family::see_out(mesh, (object, Some(&uid)), patience, &seen).await
    } else {
        let removal = Removal {
            object,
            uid: Some(&uid),
            patience,
        };
        let removed = mesh.cluster.see_chaos_out(removal, &seen).await;
        judge(mesh, (object, &uid), *lasting, removed).await
    };
    if gone.pays() {
        mesh.forget(object);
    }
    gone
}

/// What the removal of one object proves, with what was seen of it before.
async fn judge(
    mesh: &ChaosMesh,
    (object, uid): (&ChaosRef, &str),
    lasting: Lasting,
    removed: Removed,
) -> Gone {
    match removed {
        Removed::Told(Gone::Unverified { why }) => {
            let seen = match mesh.witness(object) {
                Some(witness) => witness.end_of(uid).await,
                None => None,
            };
            if seen == Some(Gone::Proven) {
                Gone::Proven
            } else {
                Gone::Unverified { why }
            }
        }
        Removed::Told(gone) => gone,
        Removed::NeverSeen if lasting == Lasting::OneShot => Gone::Proven,
        Removed::NeverSeen => {
            let seen = match mesh.witness(object) {
                Some(witness) => witness.end_of(uid).await,
                None => None,
            };
            seen.unwrap_or_else(|| Gone::Unverified {
                why: "it was not there any more, and how it ended was not seen".to_owned(),
            })
        }
    }
}

/// Looks for an object whose uid is not known, until no create can bring it any more.
async fn find(mesh: &ChaosMesh, debt: &Debt, object: &ChaosRef, seen: &mpsc::UnboundedSender<Gone>) -> Found {
    let mut refused = false;
    if let Some(mut create) = mesh.create_of(object) {
        let settled = create.wait_for(|create| *create != Create::UnderWay);
        let settled = timeout(REQUEST * 2, settled).await;
        match settled.ok().and_then(Result::ok).map(|create| create.clone()) {
            Some(Create::Made { uid }) => return Found::Ours { uid },
            Some(Create::Refused) => refused = true,
            Some(Create::UnderWay | Create::Doubt) | None => {}
        }
    }
    let waited = async {
        if !refused {
            sleep(REQUEST).await;
        }
    };
    tokio::pin!(waited);
    let (mut over, mut empty) = (false, 0);
    let mut told = false;
    loop {
        match ours(mesh, debt, object).await {
            Ok(Some(uid)) => return Found::Ours { uid },
            Ok(None) => empty += 1,
            Err(ApiFault::Forbidden { right }) => return Found::Unseen(Gone::Forbidden { right }),
            Err(fault) => {
                empty = 0;
                if over {
                    return Found::Unseen(Gone::Unknown {
                        why: fault.to_string(),
                    });
                }
            }
        }
        if over && empty >= EMPTY {
            return Found::Nothing;
        }
        if !told && !refused {
            told = true;
            let why = "it is not known whether it was made; looking until no request can make it any more"
                .to_owned();
            // Who does not listen any more still wants it gone.
            let _ = seen.send(Gone::Unknown { why });
        }
        tokio::select! {
            () = &mut waited, if !over => over = true,
            () = sleep(LOOK) => {}
        }
    }
}

/// The uid of the debt's object, by our labels and its name.
async fn ours(mesh: &ChaosMesh, debt: &Debt, object: &ChaosRef) -> Result<Option<String>, ApiFault> {
    let [by, _, fault] = our_labels("", debt.fault.as_str());
    let selector = format!("{}={},{}={}", by.0, by.1, fault.0, fault.1);
    let kind = ChaosKind::of(object);
    let listed = mesh
        .cluster
        .list_chaos(&kind, Some(&object.namespace), &selector)
        .await?;
    let named = |one: &&crate::cluster::ChaosObject| one.object.name == object.name;
    Ok(listed.iter().find(named).map(|one| one.uid.clone()))
}

/// What it means that nothing of the debt is there. In its own process that is known; another one asks the events.
async fn never_there(mesh: &ChaosMesh, object: &ChaosRef, lasting: Lasting) -> Gone {
    if lasting == Lasting::OneShot {
        return Gone::Proven;
    }
    if let Some(witness) = mesh.witness(object) {
        let fates = witness.fates();
        let own = fates
            .values()
            .find(|fate| fate.last.object == *object && is_ours(fate));
        return own.map_or(Gone::Proven, super::witness::Fate::once_absent);
    }
    match mesh.cluster.events_about(object).await {
        Ok(events) if events.is_empty() => Gone::Proven,
        Ok(_) => Gone::Unverified {
            why: "it was made, it is gone, and how it ended was not seen".to_owned(),
        },
        Err(fault) => Gone::Unverified {
            why: format!("nothing of it is there, and whether it ever was cannot be asked: {fault}"),
        },
    }
}

fn is_ours(fate: &super::witness::Fate) -> bool {
    fate.last
        .labels
        .get(labels::MANAGED_BY)
        .is_some_and(|by| by == labels::US)
}
