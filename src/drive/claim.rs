//! Which comes first for a debt, its create or its undo: one word, changed by compare-and-set. Nothing waits for it
//! with a lock in hand. Never sends anything itself.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::run::{Injected, Refusal};
use crate::units::{ErrorChain, human};

/// A create that was not sent so long after its debt was intended is not sent any more, in real time. Whoever
/// sweeps from another process waits for a bounded time after the intention before it takes an empty list for a
/// proof; a slow disk, watch or count must not send a create after that.
pub(super) const IN_TIME: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent.
    Pending,
    /// The create was sent, or is being sent.
    Creating,
    /// Nothing was sent, and nothing will be.
    Withdrawn,
    /// The injection has its answer.
    Settled,
}

/// The claim on one debt.
#[derive(Debug, Clone)]
pub(super) struct Claim(Arc<watch::Sender<Stage>>);

impl Claim {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Stage::Pending)))
    }

    fn change(&self, from: Stage, to: Stage) -> bool {
        self.0.send_if_modified(|stage| {
            let is = *stage == from;
            if is {
                *stage = to;
            }
            is
        })
    }

    /// Claims the create, once; asked right before it is sent.
    pub fn begin(&self) -> Result<(), Refusal> {
        if self.change(Stage::Pending, Stage::Creating) {
            return Ok(());
        }
        Err(Refusal {
            why: "it was withdrawn before it was created".to_owned(),
            hint: None,
        })
    }

    /// The injection has its answer.
    pub fn settle(&self) {
        self.0.send_replace(Stage::Settled);
    }

    /// Takes a create back that was not sent, and waits for its answer. One that was sent is the injector's to
    /// wait for.
    pub async fn withdraw(&self) {
        self.change(Stage::Pending, Stage::Withdrawn);
        let mut stage = self.0.subscribe();
        // The sender is held by `self`.
        let _ = stage.wait_for(|stage| *stage != Stage::Withdrawn).await;
    }

    async fn withdrawn(&self) {
        let mut stage = self.0.subscribe();
        let _ = stage.wait_for(|stage| *stage == Stage::Withdrawn).await;
    }

    /// Ends when it is too late to create, and nothing was.
    async fn late(&self) {
        sleep(IN_TIME).await;
        if !self.change(Stage::Pending, Stage::Withdrawn) {
            std::future::pending::<()>().await;
        }
    }

    /// An injection that is let go of once its create is withdrawn or late.
    pub async fn hold(&self, injection: impl Future<Output = Injected>) -> Injected {
        let no = |why: String| Injected::No {
            error: ErrorChain::message(why),
        };
        tokio::select! {
            biased;
            () = self.withdrawn() => no("withdrawn before it was created".to_owned()),
            () = self.late() => no(format!("too late: it could not be created within {}", human(IN_TIME))),
            outcome = injection => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn why(outcome: &Injected) -> String {
        match outcome {
            Injected::No { error } => error.to_string(),
            Injected::Yes { .. } => "injected".to_owned(),
        }
    }

    async fn never() -> Injected {
        std::future::pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_never_created() {
        let claim = Claim::new();
        let outcome = claim.hold(never()).await;
        assert!(why(&outcome).contains("too late"), "{outcome:?}");
        assert!(claim.begin().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_in_time_is_followed_for_as_long_as_it_takes() {
        let claim = Claim::new();
        let injection = async {
            claim.begin().expect("in time");
            sleep(IN_TIME * 5).await;
            Injected::No {
                error: ErrorChain::message("the end"),
            }
        };
        let withdraw = async {
            sleep(IN_TIME * 2).await;
            claim
                .withdraw()
                .now_or_never()
                .expect("the injector waits for it");
        };
        let (outcome, ()) = tokio::join!(claim.hold(injection), withdraw);
        assert_eq!(why(&outcome), "the end");
        assert!(claim.begin().is_err(), "once");
    }

    #[tokio::test(start_paused = true)]
    async fn an_undo_that_comes_first_waits_for_the_answer() {
        let claim = Claim::new();
        let mut withdrawing = Box::pin(claim.withdraw());
        assert!(withdrawing.as_mut().now_or_never().is_none());
        assert!(claim.begin().is_err());
        let outcome = claim.hold(never()).await;
        assert!(why(&outcome).contains("withdrawn"), "{outcome:?}");
        assert!(withdrawing.as_mut().now_or_never().is_none(), "not told yet");
        claim.settle();
        withdrawing.await;
    }
}
