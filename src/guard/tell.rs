//! What a start has to know of latches, here and in the cluster, and how all of them are opened. Never closes one.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;

use super::latch::Latch;
use crate::cluster::{ApiFault, Cluster, LatchSeen};
use crate::text::printable;
use crate::units::{ErrorChain, human};

/// Where Chaos Mesh is installed, unless somebody chose another place; every kill leaves its latch there.
pub const CHAOS_MESH_NAMESPACE: &str = "chaos-mesh";

/// The exit code of a run that finds a latch.
pub const EXIT_LATCHED: u8 = 3;

/// Requests for latches under way at once.
const AT_ONCE: usize = 24;

/// How long an answer about one latch is waited for, all tries together.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before the second try; twice as long before each one after it.
const PAUSE: Duration = Duration::from_millis(250);

/// The account and the machine, for those who find a latch.
pub fn who() -> String {
    let account = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => account,
        host => format!("{account}@{host}"),
    }
}

/// Where a latch is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatchPlace {
    Machine(PathBuf),
    /// In the cluster, for every machine.
    Namespace(String),
}

/// A latch that forbids every new fault.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FoundLatch {
    pub place: LatchPlace,
    pub who: String,
    /// As whoever closed it wrote it; empty if it does not say.
    pub at: String,
    pub why: String,
}

impl fmt::Display for FoundLatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() {
            "an unknown time"
        } else {
            &self.at
        };
        write!(
            f,
            "closed by {} at {}: {}",
            printable(&self.who),
            printable(at),
            printable(&self.why)
        )?;
        match &self.place {
            LatchPlace::Machine(_) => f.write_str(" (on this machine)"),
            LatchPlace::Namespace(namespace) => {
                write!(f, " (in the cluster, namespace {})", printable(namespace))
            }
        }
    }
}

/// What looking for latches came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct LatchLook {
    /// Any of these forbids a start.
    pub found: Vec<FoundLatch>,
    /// Where could not be looked, and why; forbids nothing.
    pub unseen: Vec<String>,
    /// Where a latch may be closed: the server was asked several times and did not tell. No start while there is one.
    pub undecided: Vec<String>,
}

impl LatchLook {
    fn take(&mut self, namespace: String, answer: Result<Option<LatchSeen>, ApiFault>) {
        match answer {
            Ok(None) | Err(ApiFault::NotFound) => {}
            Ok(Some(latch)) => self.found.push(FoundLatch {
                place: LatchPlace::Namespace(namespace),
                who: latch.by,
                at: latch.at.unwrap_or_default(),
                why: latch.why,
            }),
            Err(fault @ ApiFault::Forbidden { .. }) => {
                self.unseen.push(format!("the latch in {namespace}: {fault}"));
            }
            Err(
                fault @ (ApiFault::Unauthorized
                | ApiFault::Conflict { .. }
                | ApiFault::Refused { .. }
                | ApiFault::Unreachable(_)),
            ) => self.undecided.push(format!("the latch in {namespace}: {fault}")),
        }
    }
}

/// Asks until there is an answer that another try would not change, or patience ends.
async fn answer<A>(mut ask: impl FnMut() -> A) -> Result<Option<LatchSeen>, ApiFault>
where
    A: Future<Output = Result<Option<LatchSeen>, ApiFault>>,
{
    let mut last = ApiFault::Unreachable(ErrorChain::message(format!(
        "no answer within {}",
        human(PATIENCE)
    )));
    let asking = async {
        let mut pause = PAUSE;
        loop {
            match ask().await {
                Err(fault) if may_pass(&fault) => last = fault,
                answer => return answer,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    };
    let answered = tokio::time::timeout(PATIENCE, asking).await;
    answered.unwrap_or(Err(last))
}

fn may_pass(fault: &ApiFault) -> bool {
    !fault.is_definite() || matches!(fault, ApiFault::Refused { code: 429, .. })
}

fn here(latch: &Latch) -> Option<FoundLatch> {
    let place = LatchPlace::Machine(latch.path().to_owned());
    match latch.read() {
        Ok(None) => None,
        Ok(Some(latched)) => Some(FoundLatch {
            place,
            who: latched.who,
            at: latched.at.to_string(),
            why: latched.why,
        }),
        // What cannot be read may be closed.
        Err(error) => Some(FoundLatch {
            place,
            who: "someone".to_owned(),
            at: String::new(),
            why: ErrorChain::of(&error).to_string(),
        }),
    }
}

async fn look(cluster: &Cluster, namespaces: Vec<String>) -> LatchLook {
    let mut seen = LatchLook::default();
    let mut answers = futures::stream::iter(namespaces)
        .map(|namespace| async move {
            let answer = answer(|| cluster.read_latch(&namespace)).await;
            (namespace, answer)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((namespace, answer)) = answers.next().await {
        seen.take(namespace, answer);
    }
    seen.found
        .sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.why.cmp(&b.why)));
    seen.unseen.sort();
    seen.undecided.sort();
    seen
}

/// The latches that a run in these namespaces must respect: this machine's first, then the cluster's.
pub async fn find_latch(latch: &Latch, cluster: &Cluster, namespaces: &[String]) -> LatchLook {
    let mut places: Vec<String> = namespaces.to_vec();
    places.push(CHAOS_MESH_NAMESPACE.to_owned());
    places.sort();
    places.dedup();
    let mut seen = look(cluster, places).await;
    if let Some(found) = here(latch) {
        seen.found.insert(0, found);
    }
    seen
}

/// What opening came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct OpenedLatches {
    /// Namespaces whose latch is open now.
    pub namespaces: Vec<String>,
    /// Whether this machine's latch is open.
    pub machine: bool,
    /// What stays closed, and why.
    pub failed: Vec<String>,
}

/// Every namespace that may hold a latch: all, or those that are known without the right to list them.
async fn places(cluster: &Cluster) -> (Vec<String>, Option<String>) {
    let own = [cluster.namespace().to_owned(), CHAOS_MESH_NAMESPACE.to_owned()];
    match cluster.namespaces().await {
        Ok(names) => (names, None),
        Err(fault) => {
            let why = format!("latches outside the namespaces {}: {fault}", own.join(", "));
            (own.into(), Some(why))
        }
    }
}

/// All latches on this machine and in this cluster.
pub async fn all_latches(latch: &Latch, cluster: &Cluster) -> LatchLook {
    let (places, unseen) = places(cluster).await;
    let mut seen = look(cluster, places).await;
    seen.unseen.extend(unseen);
    if let Some(found) = here(latch) {
        seen.found.insert(0, found);
    }
    seen
}

/// Opens the cluster's latches first, then this machine's. While one of the cluster's stays closed, so does this
/// machine's.
pub async fn open_latches(latch: &Latch, cluster: &Cluster, look: &LatchLook) -> OpenedLatches {
    let mut opened = OpenedLatches::default();
    for found in &look.found {
        let LatchPlace::Namespace(namespace) = &found.place else {
            continue;
        };
        match cluster.open_latch(namespace).await {
            Ok(()) => opened.namespaces.push(namespace.clone()),
            Err(fault) => opened.failed.push(format!("the latch in {namespace}: {fault}")),
        }
    }
    if opened.failed.is_empty() {
        match latch.open() {
            Ok(()) => opened.machine = true,
            Err(error) => opened.failed.push(ErrorChain::of(&error).to_string()),
        }
    }
    opened
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> ApiFault {
        ApiFault::Refused {
            code: 500,
            message: "etcd is away".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_stumbles_is_asked_again_and_one_that_is_mute_is_not_waited_for() {
        let mut tries = 0;
        let stumbles = answer(|| {
            tries += 1;
            std::future::ready(if tries < 3 { Err(broken()) } else { Ok(None) })
        });
        assert!(matches!(stumbles.await, Ok(None)));
        assert_eq!(tries, 3);
        let down = answer(|| std::future::ready(Err(broken()))).await;
        assert!(
            matches!(down, Err(ApiFault::Refused { code: 500, .. })),
            "{down:?}"
        );
        let mute = answer(std::future::pending).await;
        assert!(matches!(mute, Err(ApiFault::Unreachable(_))), "{mute:?}");
        let mut tries = 0;
        let forbidden = answer(|| {
            tries += 1;
            let right = "get leases".to_owned();
            std::future::ready(Err(ApiFault::Forbidden { right }))
        });
        assert!(forbidden.await.is_err());
        assert_eq!(tries, 1);
    }

    #[test]
    fn only_a_missing_right_lets_a_start_go_on_unseen() {
        let mut look = LatchLook::default();
        let right = "get leases".to_owned();
        look.take("a".to_owned(), Err(ApiFault::Forbidden { right }));
        look.take("b".to_owned(), Err(ApiFault::NotFound));
        look.take("c".to_owned(), Ok(None));
        assert_eq!((look.unseen.len(), look.undecided.len()), (1, 0));
        look.take("d".to_owned(), Err(broken()));
        look.take("e".to_owned(), Err(ApiFault::Unauthorized));
        assert_eq!((look.unseen.len(), look.undecided.len()), (1, 2));
    }
}
