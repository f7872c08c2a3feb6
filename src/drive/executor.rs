//! Effects become tasks, and what the tasks find becomes inputs. A new fault waits for the disk and asks the gate
//! once more, right before its create; an undo waits for nothing but the end of a create that it has withdrawn. A
//! task that panics answers too.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::claim::Claim;
use super::record::Durable;
use crate::fault::{Debt, Gone};
use crate::playbook::Playbook;
use crate::ports::{Firing, Injector, PlanRequest};
use crate::run::{Effect, Injected, Input, Refusal};
use crate::units::{DebtId, ErrorChain, RunId};

/// Why no fault may start now; `None` while one may.
pub type Objection = Arc<dyn Fn() -> Option<Refusal> + Send + Sync>;

pub(super) struct Executor {
    pub run: RunId,
    pub playbook: Playbook,
    pub injector: Arc<dyn Injector>,
    pub objection: Objection,
    pub inputs: mpsc::UnboundedSender<Input>,
    pub tasks: TaskTracker,
    /// How many injections have no answer yet.
    pub injecting: Arc<watch::Sender<usize>>,
    /// Of every debt that was intended here.
    pub claims: BTreeMap<DebtId, Claim>,
}

fn panicked(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("a defect in firedrill: {text}")
}

impl Executor {
    /// Starts what an effect asks for. `durable` settles with the disk's word on the facts that came with it.
    pub fn start(&mut self, effect: Effect, debts: &[Debt], durable: Durable) {
        match effect {
            Effect::Plan { fault, attempt } => {
                let Some(planned) = self.playbook.fault(&fault).cloned() else {
                    let outcome = Err(Refusal {
                        why: format!("the playbook has no fault {fault}"),
                        hint: None,
                    });
                    return self.send(Input::Planned { fault, outcome });
                };
                let request = PlanRequest {
                    run: self.run.clone(),
                    fault: planned,
                    attempt,
                    target: self.playbook.target.clone(),
                    limits: self.playbook.limits.clone(),
                };
                self.plan(request);
            }
            Effect::Inject { debt, manifest } => self.inject(*debt, manifest, durable),
            Effect::Revert { debt } => {
                if let Some(owed) = debts.iter().find(|owed| owed.id == debt) {
                    self.revert(owed.clone());
                }
            }
        }
    }

    fn send(&self, input: Input) {
        // The run may be over; then nobody needs the answer.
        let _ = self.inputs.send(input);
    }

    fn plan(&self, request: PlanRequest) {
        let (injector, objection, inputs) = (
            Arc::clone(&self.injector),
            Arc::clone(&self.objection),
            self.inputs.clone(),
        );
        let fault = request.fault.id.clone();
        self.tasks.spawn(async move {
            let work = async {
                if let Some(refusal) = objection() {
                    return Err(refusal);
                }
                injector.plan(request).await
            };
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|payload| {
                Err(Refusal {
                    why: panicked(&*payload),
                    hint: None,
                })
            });
            let outcome = outcome.map(Box::new);
            let _ = inputs.send(Input::Planned { fault, outcome });
        });
    }

    fn inject(&mut self, debt: Debt, manifest: serde_json::Value, durable: Durable) {
        let (injector, objection, inputs) = (
            Arc::clone(&self.injector),
            Arc::clone(&self.objection),
            self.inputs.clone(),
        );
        let (target, limits) = (self.playbook.target.clone(), self.playbook.limits.clone());
        let injecting = Arc::clone(&self.injecting);
        let claim = Claim::new();
        self.claims.insert(debt.id.clone(), claim.clone());
        injecting.send_modify(|count| *count += 1);
        self.tasks.spawn(async move {
            let id = debt.id.clone();
            // The undo or the gate may have come first while the disk or the cluster was busy.
            let may = || {
                claim.begin()?;
                if inputs.is_closed() {
                    return Err(Refusal {
                        why: "the run is over".to_owned(),
                        hint: None,
                    });
                }
                objection().map_or(Ok(()), Err)
            };
            let work = async {
                let kept = durable
                    .await
                    .unwrap_or_else(|_| Err(ErrorChain::message("the journal's thread is gone")));
                if let Err(error) = kept {
                    return Injected::No {
                        error: error.within("not created, as its debt could not be written down"),
                    };
                }
                let firing = Firing {
                    debt: &debt,
                    manifest: &manifest,
                    target: &target,
                    limits: &limits,
                    may: &may,
                };
                injector.inject(firing).await
            };
            let outcome = AssertUnwindSafe(claim.hold(work)).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|payload| Injected::No {
                error: ErrorChain::message(panicked(&*payload)),
            });
            let _ = inputs.send(Input::Injected { debt: id, outcome });
            // After the answer: who waits for this answers later.
            claim.settle();
            injecting.send_modify(|count| *count -= 1);
        });
    }

    fn revert(&self, debt: Debt) {
        let (injector, inputs) = (Arc::clone(&self.injector), self.inputs.clone());
        let claim = self.claims.get(&debt.id).cloned();
        self.tasks.spawn(async move {
            let id = debt.id.clone();
            if let Some(claim) = claim {
                claim.withdraw().await;
            }
            let (seen, mut progress) = mpsc::unbounded_channel();
            let watch = async {
                while let Some(gone) = progress.recv().await {
                    tracing::info!(debt = %id, "{gone}");
                }
            };
            let work = async { injector.revert(&debt, seen).await };
            let (outcome, ()) = tokio::join!(AssertUnwindSafe(work).catch_unwind(), watch);
            let gone = outcome.unwrap_or_else(|payload| Gone::Unknown {
                why: panicked(&*payload),
            });
            let _ = inputs.send(Input::Reverted { debt: debt.id, gone });
        });
    }
}
