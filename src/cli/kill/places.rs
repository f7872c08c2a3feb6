//! The clusters of one kill: each is connected to, latched and swept at the same time as the others, and none twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::board::Board;
use super::owed::{Unpaid, pin};
use crate::clock::{self, Clock};
use crate::cluster::{Cluster, ClusterError};
use crate::fault::{ClusterPin, Gone, Undo};
use crate::guard::{Effect, KillRecord, KillRequest, KnownDebt, Latch, Latched, kill, who, words};
use crate::journal::Store;
use crate::ports::{KillSummary, KillTells, ObjectVerdict};
use crate::units::ErrorChain;

/// Between two tries to connect.
const AGAIN: Duration = Duration::from_millis(500);
/// How long this machine may take to say that nobody listens.
const LISTENS: Duration = Duration::from_millis(500);

/// Where a cluster may be found.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    /// Which cluster it must be, if that is known.
    pub pin: Option<ClusterPin>,
}

impl Place {
    fn of(pin: &ClusterPin) -> Self {
        Self {
            kubeconfig: pin.kubeconfig.clone(),
            context: (pin.context != "in-cluster").then(|| pin.context.clone()),
            pin: Some(pin.clone()),
        }
    }

    fn name(&self) -> String {
        self.context
            .clone()
            .unwrap_or_else(|| "the current context".to_owned())
    }
}

/// What was told about one cluster.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub context: Arc<str>,
    pub tells: KillTells,
}

/// What all clusters of a kill share.
pub(super) struct Shared {
    store: Store,
    request: KillRequest,
    hear: mpsc::UnboundedSender<Heard>,
    clock: Clock,
    /// Clusters that somebody sweeps already, by uid.
    claimed: Mutex<BTreeSet<String>>,
    /// Embedded clusters whose process is gone, by uid.
    vanished: Mutex<BTreeSet<String>>,
    records: Mutex<Vec<KillRecord>>,
}

/// Whether clusters are swept that nobody named, because something is owed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    Swept,
    LeftAlone,
}

/// Whether a cluster that was not reached is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    Perhaps,
    /// An embedded one whose process is gone.
    NoMore,
}

/// Why a cluster was not swept.
struct Unreached {
    why: String,
    certain: Certain,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certain {
    Yes,
    No,
}

impl Shared {
    pub fn new(store: Store, request: KillRequest, hear: mpsc::UnboundedSender<Heard>) -> Self {
        Self {
            store,
            request,
            hear,
            clock: Clock::start(1.0),
            claimed: Mutex::new(BTreeSet::new()),
            vanished: Mutex::new(BTreeSet::new()),
            records: Mutex::new(Vec::new()),
        }
    }

    fn tell(&self, context: &str, tells: KillTells) {
        // The board lives as long as this.
        let _ = self.hear.send(Heard {
            context: context.into(),
            tells,
        });
    }

    pub fn say(&self, text: &str) {
        self.tell(
            "",
            KillTells::Note {
                text: text.to_owned(),
            },
        );
    }

    fn left(&self) -> Duration {
        self.request.timeout.saturating_sub(self.clock.mark().elapsed())
    }

    fn is_real(&self) -> bool {
        self.request.effect == Effect::Real
    }

    /// Sweeps the first place, and every cluster where something is owed if those are meant as well.
    pub async fn sweep(self: &Arc<Self>, first: Place, owed: Unpaid, others: Others) {
        self.tell_unread(&owed);
        self.latch_known(&owed);
        let by_cluster = by_cluster(owed.debts);
        let mut sweeps = vec![self.sweep_one(first, &by_cluster)];
        for debts in by_cluster.values().filter(|_| others == Others::Swept) {
            sweeps.push(self.sweep_one(Place::of(pin(&debts[0])), &by_cluster));
        }
        let reached = futures::future::join_all(sweeps).await;
        for (place, unreached) in reached.into_iter().flatten() {
            self.unreached(&place, &unreached);
        }
        self.tell_unclaimed(by_cluster);
    }

    /// Sweeps where something is owed that was not known at the first time, whether it was swept or not.
    pub async fn sweep_owed(self: &Arc<Self>, owed: Unpaid) {
        locked(&self.claimed).clear();
        self.tell_unread(&owed);
        self.latch_known(&owed);
        let by_cluster = by_cluster(owed.debts);
        let sweeps = by_cluster
            .values()
            .map(|debts| self.sweep_one(Place::of(pin(&debts[0])), &by_cluster));
        futures::future::join_all(sweeps).await;
        self.tell_unclaimed(by_cluster);
    }

    fn tell_unread(&self, owed: &Unpaid) {
        for what in &owed.unread {
            let why = "it may owe something that is not known here".to_owned();
            self.tell(
                "",
                KillTells::NotSeen {
                    what: what.clone(),
                    why,
                },
            );
        }
    }

    /// The gate closes before anything else, for clusters that cannot be reached as well.
    fn latch_known(&self, owed: &Unpaid) {
        if !self.is_real() {
            return;
        }
        let pins: BTreeMap<&str, &ClusterPin> = owed
            .debts
            .iter()
            .map(pin)
            .map(|pin| (pin.uid.as_str(), pin))
            .collect();
        for (uid, pin) in pins {
            let (state, uid) = (self.store.state().to_owned(), uid.to_owned());
            let latched = Latched {
                who: who(),
                at: clock::wall(),
                why: self.request.by.clone(),
                context: pin.context.clone(),
                pid: std::process::id(),
            };
            // A disk that hangs delays nothing; the sweep says it if its latch does not close.
            tokio::task::spawn_blocking(move || {
                let latch = Latch::prepare(&state, &uid);
                if let Err(error) = latch.close(&latched) {
                    tracing::warn!(error = %ErrorChain::of(&error), "a latch was not closed");
                }
            });
        }
    }

    async fn connect(&self, place: &Place) -> Result<Cluster, Unreached> {
        loop {
            let connecting = Cluster::connect(place.kubeconfig.as_deref(), place.context.as_deref());
            let unreached = match tokio::time::timeout(self.left(), connecting).await {
                Ok(Ok(cluster)) => return Ok(cluster),
                Ok(Err(error)) => Unreached {
                    certain: certainty(&error),
                    why: error.to_string(),
                },
                Err(_) => Unreached {
                    why: "no answer in time".to_owned(),
                    certain: Certain::Yes,
                },
            };
            if let Some(pin) = place.pin.as_ref().filter(|pin| is_embedded(pin) && is_over(pin)) {
                locked(&self.vanished).insert(pin.uid.clone());
                return Err(unreached);
            }
            if unreached.certain == Certain::Yes || self.left() <= AGAIN {
                return Err(unreached);
            }
            self.tell(
                &place.name(),
                KillTells::Note {
                    text: format!("{}; trying again", unreached.why),
                },
            );
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn sweep_one(
        self: &Arc<Self>,
        place: Place,
        owed: &BTreeMap<String, Vec<KnownDebt>>,
    ) -> Option<(Place, Unreached)> {
        let cluster = match self.connect(&place).await {
            Ok(cluster) => cluster,
            Err(unreached) => return Some((place, unreached)),
        };
        let uid = cluster.pin().uid.clone();
        if let Some(wanted) = place.pin.as_ref().filter(|wanted| wanted.uid != uid) {
            // Another cluster answers by that name: it is none that anybody asked to sweep.
            let text = format!(
                "another cluster than the one in which something is owed answers as {}",
                words::quote(&wanted.context)
            );
            self.tell(&wanted.context, KillTells::Note { text });
            return None;
        }
        if !locked(&self.claimed).insert(uid.clone()) {
            return None;
        }
        self.kill(&cluster, owed.get(&uid).cloned().unwrap_or_default())
            .await;
        None
    }

    async fn kill(&self, cluster: &Cluster, debts: Vec<KnownDebt>) {
        let record = self
            .is_real()
            .then(|| KillRecord::start(&self.store, &self.request.by));
        let request = KillRequest {
            timeout: self.left(),
            debts,
            keep: record.as_ref().map(KillRecord::manifests),
            ..self.request.clone()
        };
        let latch = if self.is_real() {
            Latch::prepare(self.store.state(), &cluster.pin().uid)
        } else {
            Latch::unprepared(self.store.state(), &cluster.pin().uid)
        };
        let (tells, mut told) = mpsc::unbounded_channel();
        let context: Arc<str> = cluster.pin().context.as_str().into();
        let passing_on = async {
            while let Some(tells) = told.recv().await {
                if let Some(record) = &record {
                    record.take(&tells);
                }
                let _ = self.hear.send(Heard {
                    context: Arc::clone(&context),
                    tells,
                });
            }
        };
        let (_, ()) = tokio::join!(kill(cluster, &latch, &request, tells), passing_on);
        self.keep(record);
    }

    fn keep(&self, record: Option<KillRecord>) {
        let mut records = locked(&self.records);
        records.extend(record);
    }

    fn unreached(&self, place: &Place, unreached: &Unreached) {
        if place.pin.is_none() {
            let what = format!("everything in {}", place.name());
            self.tell(
                &place.name(),
                KillTells::NotSeen {
                    what,
                    why: unreached.why.clone(),
                },
            );
        }
    }

    /// Debts in clusters that nobody could sweep.
    fn tell_unclaimed(&self, owed: BTreeMap<String, Vec<KnownDebt>>) {
        let claimed = locked(&self.claimed).clone();
        for (_, debts) in owed.into_iter().filter(|(uid, _)| !claimed.contains(uid)) {
            let record = self
                .is_real()
                .then(|| KillRecord::start(&self.store, &self.request.by));
            let there = if locked(&self.vanished).contains(&pin(&debts[0]).uid) {
                There::NoMore
            } else {
                There::Perhaps
            };
            let over = there == There::NoMore;
            let mut summary = KillSummary {
                all_clear: over,
                objects: debts.len(),
                proven: if over { debts.len() } else { 0 },
                not_seen: Vec::new(),
                took_ms: u64::try_from(self.clock.mark().elapsed().as_millis()).unwrap_or(u64::MAX),
            };
            let context = pin(&debts[0]).context.clone();
            for debt in debts {
                let tells = KillTells::Object(Box::new(unclaimed(debt, there)));
                if let Some(record) = &record {
                    record.take(&tells);
                }
                self.tell(&context, tells);
            }
            summary
                .not_seen
                .extend((!over).then(|| format!("everything in {context}")));
            let ended = KillTells::Ended(summary);
            if let Some(record) = &record {
                record.take(&ended);
            }
            self.tell(&context, ended);
            self.keep(record);
        }
    }

    /// Waits for the records; says what of them is missing.
    pub async fn finish(&self, board: &mut Board) {
        let records = std::mem::take(&mut *locked(&self.records));
        for record in records {
            let folder = record.folder().display().to_string();
            for failed in record.finish().await {
                board.note("", &format!("not recorded: {failed}"));
            }
            board.note("", &format!("the record of this kill is in {folder}"));
        }
    }
}

fn by_cluster(debts: Vec<KnownDebt>) -> BTreeMap<String, Vec<KnownDebt>> {
    let mut by = BTreeMap::<String, Vec<KnownDebt>>::new();
    for debt in debts {
        by.entry(pin(&debt).uid.clone()).or_default().push(debt);
    }
    by
}

fn certainty(error: &ClusterError) -> Certain {
    match error {
        ClusterError::Kubeconfig { .. } | ClusterError::Context { .. } | ClusterError::Client { .. } => {
            Certain::Yes
        }
        ClusterError::Identity { why, .. } if why.is_definite() => Certain::Yes,
        ClusterError::Identity { .. } => Certain::No,
    }
}

fn locked<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether nobody listens there any more: an embedded cluster does for as long as it lives. Asked of the very address
/// in the debt: a kubeconfig that was moved, or another address that refuses, says nothing of it.
fn is_over(pin: &ClusterPin) -> bool {
    let address = pin
        .server
        .strip_prefix("https://")
        .and_then(|address| address.parse().ok());
    address.is_some_and(|address| {
        let refused = std::net::TcpStream::connect_timeout(&address, LISTENS);
        refused.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    })
}

/// Whether it is an embedded cluster: it lives in a process of ours and is gone with it, faults and all.
fn is_embedded(pin: &ClusterPin) -> bool {
    #[cfg(feature = "sim")]
    {
        let name = crate::sim::wire::CONTEXT;
        pin.context.starts_with(name) && pin.server.starts_with("https://127.0.0.1:")
    }
    #[cfg(not(feature = "sim"))]
    {
        let _ = pin;
        false
    }
}

fn unclaimed(debt: KnownDebt, there: There) -> ObjectVerdict {
    let Undo::DeleteChaos {
        cluster, object, uid, ..
    } = debt.debt.undo;
    let (gone, next) = match there {
        There::NoMore => (Gone::Proven, None),
        There::Perhaps => {
            let why = "its cluster could not be reached".to_owned();
            (Gone::Unknown { why }, Some(words::delete(&cluster, &object)))
        }
    };
    ObjectVerdict {
        object,
        uid,
        debt: Some(debt.debt.id),
        run: debt.run.map(|run| run.to_string()),
        targets: Vec::new(),
        gone,
        next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_in_the_debt_says_that_a_cluster_is_over() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pin = ClusterPin {
            context: "firedrill-sim".to_owned(),
            kubeconfig: Some(PathBuf::from("/moved/away")),
            server: format!("https://{address}"),
            ca_sha256: None,
            uid: "u".to_owned(),
        };
        assert!(!is_over(&pin), "it listens, wherever its kubeconfig went");
        drop(listener);
        assert!(is_over(&pin));
        let elsewhere = ClusterPin {
            server: "https://not an address".to_owned(),
            ..pin
        };
        assert!(!is_over(&elsewhere));
    }
}
