//! Keeps the target's lease while a run is on, so that two consoles do not fire at one target unawares.
//! Never fires, never ends a run: it only says whether a new fault may start.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::cluster::{ApiFault, Cluster, Hold};
use crate::run::Refusal;
use crate::units::{ErrorChain, Mark, RunId, human};

/// A lease nobody renewed for as long is free.
const LASTS: Duration = Duration::from_secs(30);
const RENEWED: Duration = Duration::from_secs(10);
/// After a renewal that failed.
const AGAIN: Duration = Duration::from_secs(2);
/// A lease that was not renewed for longer is not relied on: well before another console may take it.
const STALE: Duration = Duration::from_secs(20);
/// How long one answer is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// A renewal that was cut off may still arrive and get in the way.
const RELEASES: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Ours,
    /// Not allowed to lease: said, and gone on without.
    Without {
        right: String,
    },
    Lost {
        why: String,
    },
}

#[derive(Debug)]
struct Lease {
    state: State,
    /// When the last renewal that worked was asked for, by the boot-time clock: it goes on while the machine sleeps.
    renewed_at: Mark,
    /// Why the last renewal failed, if it did.
    fault: Option<String>,
}

impl Lease {
    /// Why it cannot be relied on now.
    fn objection(&self, now: Mark) -> Option<String> {
        match &self.state {
            State::Without { .. } => None,
            State::Lost { why } => Some(format!("is lost: {why}")),
            State::Ours => {
                let since = now.since(self.renewed_at);
                if since <= STALE {
                    return None;
                }
                let why = self.fault.as_deref().unwrap_or("the machine may have slept");
                Some(format!("was not renewed for {}: {why}", human(since)))
            }
        }
    }

    /// What an answer says; who asked at `asked` has it since then at the latest.
    fn take(&mut self, asked: Mark, answer: Result<Hold, ApiFault>) {
        match answer {
            Ok(Hold::Ours) => {
                self.state = State::Ours;
                self.renewed_at = asked;
                self.fault = None;
            }
            Ok(Hold::Foreign { holder, .. }) => {
                self.state = State::Lost {
                    why: format!("{holder} has taken it"),
                };
            }
            Err(fault) => self.fault = Some(fault.to_string()),
        }
    }
}

/// What taking the lease came to.
#[derive(Debug)]
pub enum HoldOutcome {
    Held(TargetHold),
    /// Another run has it, and renews it.
    Foreign {
        holder: String,
    },
}

/// The lease on a target namespace; given back by [`TargetHold::release`].
#[derive(Debug, Clone)]
pub struct TargetHold {
    cluster: Cluster,
    namespace: String,
    holder: String,
    clock: Clock,
    lease: Arc<Mutex<Lease>>,
    stop: CancellationToken,
    /// Held while a renewal is under way.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl TargetHold {
    fn new(cluster: &Cluster, namespace: &str, run: &RunId) -> Self {
        // Real time, whatever the speed of the drill.
        let clock = Clock::start(1.0);
        let lease = Lease {
            state: State::Ours,
            renewed_at: clock.mark(),
            fault: None,
        };
        Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            holder: run.to_string(),
            clock,
            lease: Arc::new(Mutex::new(lease)),
            stop: CancellationToken::new(),
            asking: Arc::default(),
        }
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lease on `namespace`. A foreign one is watched for as long as a lease lasts: who does not renew
    /// it is dead.
    /// That takes as long, so `say` is told first.
    pub async fn take(
        cluster: &Cluster,
        namespace: &str,
        run: &RunId,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<HoldOutcome, ApiFault> {
        let hold = Self::new(cluster, namespace, run);
        let foreign = match hold.ask(None).await {
            Ok(Hold::Ours) => return Ok(HoldOutcome::Held(hold.renewing())),
            Ok(Hold::Foreign { holder, renewals }) => (holder, renewals),
            Err(ApiFault::Forbidden { right }) => {
                hold.lease().state = State::Without { right };
                return Ok(HoldOutcome::Held(hold));
            }
            Err(fault) => return Err(fault),
        };
        let (holder, renewals) = foreign;
        say(&format!(
            "the target namespace {namespace} is held by run {holder}; watching for {} whether that run lives",
            human(LASTS)
        ));
        // Nothing tells of a renewal that does not come: the time has to pass.
        let looks = LASTS.as_secs() / RENEWED.as_secs();
        for _ in 0..looks {
            tokio::time::sleep(RENEWED + Duration::from_secs(1)).await;
            match hold.ask(None).await? {
                Hold::Ours => return Ok(HoldOutcome::Held(hold.renewing())),
                Hold::Foreign {
                    renewals: now,
                    holder,
                } if now != renewals => {
                    return Ok(HoldOutcome::Foreign { holder });
                }
                Hold::Foreign { .. } => {}
            }
        }
        match hold.ask(Some(&renewals)).await? {
            Hold::Ours => Ok(HoldOutcome::Held(hold.renewing())),
            Hold::Foreign { .. } => Ok(HoldOutcome::Foreign { holder }),
        }
    }

    /// Takes the lease from another run, because a person said so.
    pub async fn take_over(cluster: &Cluster, namespace: &str, run: &RunId) -> Result<Self, ApiFault> {
        let hold = Self::new(cluster, namespace, run);
        loop {
            let seen = match hold.ask(None).await? {
                Hold::Ours => return Ok(hold.renewing()),
                Hold::Foreign { renewals, .. } => renewals,
            };
            if hold.ask(Some(&seen)).await? == Hold::Ours {
                return Ok(hold.renewing());
            }
        }
    }

    async fn ask(&self, dead: Option<&str>) -> Result<Hold, ApiFault> {
        let asked = self.clock.mark();
        let answer = self.cluster.hold_target(&self.namespace, &self.holder, dead);
        let answer = timely(answer).await?;
        if answer == Hold::Ours {
            self.lease().renewed_at = asked;
        }
        Ok(answer)
    }

    fn renewing(self) -> Self {
        let hold = self.clone();
        tokio::spawn(async move { hold.renew().await });
        self
    }

    async fn renew(&self) {
        let mut pause = RENEWED;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                // Looks again soon after the machine slept.
                () = self.clock.pass(pause) => {}
            }
            let asking = self.asking.lock().await;
            let asked = self.clock.mark();
            let answer = self.cluster.hold_target(&self.namespace, &self.holder, None);
            let answer = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                answer = timely(answer) => answer,
            };
            drop(asking);
            pause = if matches!(answer, Ok(Hold::Ours)) {
                RENEWED
            } else {
                AGAIN
            };
            let mut lease = self.lease();
            lease.take(asked, answer);
            if let Some(why) = lease.objection(self.clock.mark()) {
                tracing::warn!("the lease on {} {why}", self.namespace);
            }
        }
    }

    /// Why no new fault may start, if none may.
    pub fn objection(&self) -> Option<Refusal> {
        let why = self.lease().objection(self.clock.mark())?;
        Some(Refusal {
            why: format!("the lease on the target namespace {} {why}", self.namespace),
            hint: Some("talk to whoever runs a drill there, or wait until it is over".to_owned()),
        })
    }

    /// The right that is missing when runs elsewhere cannot be told of this one.
    pub fn missing_right(&self) -> Option<String> {
        match &self.lease().state {
            State::Without { right } => Some(right.clone()),
            State::Ours | State::Lost { .. } => None,
        }
    }

    /// Gives the lease back, once no renewal is under way that could take it again.
    pub async fn release(&self) {
        self.stop.cancel();
        let _none_asks = self.asking.lock().await;
        let mut last = None;
        for _ in 0..RELEASES {
            let given = self.cluster.release_target(&self.namespace, &self.holder);
            match timely(given).await {
                Ok(()) => return,
                Err(fault @ ApiFault::Conflict { .. }) => last = Some(fault),
                Err(fault) => {
                    last = Some(fault);
                    break;
                }
            }
        }
        if let Some(fault) = last {
            tracing::warn!(
                "the lease on {} was not given back: {fault}; it runs out by itself",
                self.namespace
            );
        }
    }
}

/// An answer that does not come is one that the server did not give.
async fn timely<T>(answer: impl Future<Output = Result<T, ApiFault>>) -> Result<T, ApiFault> {
    tokio::time::timeout(ANSWER, answer).await.unwrap_or_else(|_| {
        let why = format!("no answer within {}", human(ANSWER));
        Err(ApiFault::Unreachable(ErrorChain::message(why)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(state: State) -> Lease {
        Lease {
            state,
            renewed_at: Mark::from_secs(100),
            fault: None,
        }
    }

    fn down() -> Result<Hold, ApiFault> {
        Err(ApiFault::Unreachable(ErrorChain::message("down")))
    }

    #[test]
    fn a_lease_that_was_not_renewed_is_not_relied_on() {
        let mut lease = lease(State::Ours);
        assert_eq!(lease.objection(Mark::from_secs(120)), None);
        // The machine slept: nobody has even asked.
        let why = lease.objection(Mark::from_secs(500)).unwrap();
        assert!(why.contains("not renewed for"), "{why}");
        // An answer that took long counts from the question.
        lease.take(Mark::from_secs(115), down());
        let why = lease.objection(Mark::from_secs(121)).unwrap();
        assert!(why.contains("down"), "{why}");
        lease.take(Mark::from_secs(117), Ok(Hold::Ours));
        assert_eq!(lease.objection(Mark::from_secs(137)), None);
        assert!(lease.objection(Mark::from_secs(138)).is_some());
    }

    #[test]
    fn a_fault_does_not_give_a_lost_lease_back_and_none_needs_no_renewal() {
        let mut lost = lease(State::Ours);
        let renewals = String::new();
        let holder = "another".to_owned();
        lost.take(Mark::from_secs(101), Ok(Hold::Foreign { holder, renewals }));
        lost.take(Mark::from_secs(102), down());
        assert!(lost.objection(Mark::from_secs(103)).unwrap().contains("another"));
        let right = "get leases".to_owned();
        assert_eq!(
            lease(State::Without { right }).objection(Mark::from_secs(900)),
            None
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_mute_server_is_not_waited_for() {
        let mute = timely::<Hold>(std::future::pending()).await;
        assert!(matches!(mute, Err(ApiFault::Unreachable(_))));
    }
}
