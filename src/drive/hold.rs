//! Keeps the target's lease while a run is on, so that two consoles do not fire at one target unawares.
//! Never fires, never ends a run: it only says whether a new fault may start.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cluster::{ApiFault, Cluster, Hold};
use crate::run::Refusal;
use crate::units::{RunId, human};

/// A lease nobody renewed for as long is free.
const LASTS: Duration = Duration::from_secs(30);
const RENEWED: Duration = Duration::from_secs(10);

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
    state: Arc<Mutex<State>>,
    stop: CancellationToken,
}

impl TargetHold {
    /// Takes the lease on `namespace`. A foreign one is watched for as long as a lease lasts: who does not renew
    /// it is dead.
    /// That takes as long, so `say` is told first.
    pub async fn take(
        cluster: &Cluster,
        namespace: &str,
        run: &RunId,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<HoldOutcome, ApiFault> {
        let mut hold = Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            holder: run.to_string(),
            state: Arc::new(Mutex::new(State::Ours)),
            stop: CancellationToken::new(),
        };
        let foreign = match hold.ask(None).await {
            Ok(Hold::Ours) => return Ok(HoldOutcome::Held(hold.renewing())),
            Ok(Hold::Foreign { holder, renewals }) => (holder, renewals),
            Err(ApiFault::Forbidden { right }) => {
                hold.state = Arc::new(Mutex::new(State::Without { right }));
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
        let hold = Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            holder: run.to_string(),
            state: Arc::new(Mutex::new(State::Ours)),
            stop: CancellationToken::new(),
        };
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
        self.cluster
            .hold_target(&self.namespace, &self.holder, dead)
            .await
    }

    fn renewing(self) -> Self {
        let hold = self.clone();
        tokio::spawn(async move { hold.renew().await });
        self
    }

    async fn renew(&self) {
        let mut missed = Duration::ZERO;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(RENEWED) => {}
            }
            let state = match self.ask(None).await {
                Ok(Hold::Ours) => {
                    missed = Duration::ZERO;
                    State::Ours
                }
                Ok(Hold::Foreign { holder, .. }) => State::Lost {
                    why: format!("{holder} has taken it"),
                },
                Err(fault) => {
                    missed += RENEWED;
                    if missed < LASTS {
                        continue;
                    }
                    State::Lost {
                        why: format!("it could not be renewed: {fault}"),
                    }
                }
            };
            if let State::Lost { why } = &state {
                tracing::warn!("the lease on {} is lost: {why}", self.namespace);
            }
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        }
    }

    /// Why no new fault may start, if none may.
    pub fn objection(&self) -> Option<Refusal> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Ours | State::Without { .. } => None,
            State::Lost { why } => Some(Refusal {
                why: format!(
                    "the lease on the target namespace {} is lost: {why}",
                    self.namespace
                ),
                hint: Some("talk to whoever runs a drill there, or wait until it is over".to_owned()),
            }),
        }
    }

    /// The right that is missing when runs elsewhere cannot be told of this one.
    pub fn missing_right(&self) -> Option<String> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Without { right } => Some(right.clone()),
            State::Ours | State::Lost { .. } => None,
        }
    }

    /// Gives the lease back.
    pub async fn release(&self) {
        self.stop.cancel();
        if let Err(fault) = self.cluster.release_target(&self.namespace, &self.holder).await {
            tracing::warn!(
                "the lease on {} was not given back: {fault}; it runs out by itself",
                self.namespace
            );
        }
    }
}
