//! Removes one chaos object and follows it until it is gone. The watch stands before the delete is sent, so that
//! the last status before the 404 is known.
//!
//! Never takes a finalizer away. Never resumes a paused object: before the delete that would inject it again, and
//! after it there is no time.

use std::future::pending;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::{ApiFault, ChaosKind, ChaosObject, Cluster, Deleted, Followed, Following};
use crate::fault::{ChaosRef, Gone};

/// So long the watch has to come up before the delete is sent without it.
const HEAD_START: Duration = Duration::from_secs(2);
/// So long the watch has to tell the end of what a request found gone.
const EXPLAIN: Duration = Duration::from_secs(2);
/// Between two looks beside a watch that works: one that is cut off says nothing either.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks when there is no watch.
const LOOK_BLIND: Duration = Duration::from_millis(500);
/// Between two tries of a delete; doubles up to the most.
const AGAIN: Duration = Duration::from_millis(250);
const AGAIN_MOST: Duration = Duration::from_secs(4);
/// What finding out why nothing moves may take.
const WONDER: Duration = Duration::from_secs(3);

/// What to remove and how sure we must be.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    pub object: &'a ChaosRef,
    /// Only this one; an object of the same name and another uid is left alone. `None`: whichever is there.
    pub uid: Option<&'a str>,
    /// Real time until the verdict is given as things stand.
    pub patience: Duration,
}

/// What following an object to its end came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// There was nothing of this name and uid from the first look on: how it ended, nobody here saw.
    NeverSeen,
    /// It was seen, or could not be looked at; this is the verdict.
    Told(Gone),
}

impl Cluster {
    /// Deletes the object (uid precondition) and follows it until it is gone. Tells every change to `seen`, the
    /// verdict is returned; a 404 that nothing explains is *gone, unverified*. Retries until its patience is over.
    pub async fn remove_chaos(&self, removal: Removal<'_>, seen: &mpsc::UnboundedSender<Gone>) -> Gone {
        match self.see_chaos_out(removal, seen).await {
            Removed::Told(gone) => gone,
            Removed::NeverSeen => Gone::Unverified {
                why: "it was not there any more, and how it ended was not seen".to_owned(),
            },
        }
    }

    /// Like [`Cluster::remove_chaos`], for who knows more than that nothing was there (a one-shot owes no more).
    pub async fn see_chaos_out(&self, removal: Removal<'_>, seen: &mpsc::UnboundedSender<Gone>) -> Removed {
        let mut hand = Hand {
            cluster: self,
            object: removal.object,
            uid: removal.uid.map(str::to_owned),
            seen,
            last: None,
            told: None,
            asked: Asked::No,
            refused: None,
            unseen: None,
        };
        match timeout(removal.patience, hand.work()).await {
            Ok(removed) => removed,
            Err(_) => Removed::Told(hand.give_up().await),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    /// The server has taken the delete.
    Yes,
}

type Answer<T> = BoxFuture<'static, Result<T, ApiFault>>;

struct Hand<'a> {
    cluster: &'a Cluster,
    object: &'a ChaosRef,
    uid: Option<String>,
    seen: &'a mpsc::UnboundedSender<Gone>,
    /// The newest that is known of it.
    last: Option<ChaosObject>,
    told: Option<Gone>,
    asked: Asked,
    /// Why the latest delete was not taken.
    refused: Option<ApiFault>,
    /// Why the latest look saw nothing.
    unseen: Option<ApiFault>,
}

/// What is under way beside the watch.
struct Work {
    events: BoxStream<'static, Followed>,
    /// Whether the watch has told something since it began or was lost.
    sees: bool,
    /// The object was seen since this watch began.
    listed: bool,
    delete: Option<Answer<Deleted>>,
    pause: Duration,
    look: Answer<Option<ChaosObject>>,
    /// The watch told something since the look began: what the look brings may be older.
    overtaken: bool,
    /// Looks since something moved.
    unmoved: u32,
    /// Runs once the object was found gone by a request.
    explain: Option<BoxFuture<'static, ()>>,
    head_start: Option<BoxFuture<'static, ()>>,
}

impl Work {
    /// A request found it gone; the watch may know how it ended.
    fn is_absent(&mut self) {
        self.explain.get_or_insert_with(|| sleep(EXPLAIN).boxed());
    }
}

async fn answered<T>(of: &mut Option<BoxFuture<'static, T>>) -> T {
    match of {
        Some(future) => {
            let answer = future.await;
            *of = None;
            answer
        }
        None => pending().await,
    }
}

impl Hand<'_> {
    async fn work(&mut self) -> Removed {
        let mut work = Work {
            events: self.follow(),
            sees: false,
            listed: false,
            delete: None,
            pause: AGAIN,
            look: self.look_after(HEAD_START),
            overtaken: false,
            unmoved: 0,
            explain: None,
            head_start: Some(sleep(HEAD_START).boxed()),
        };
        loop {
            let ended = tokio::select! {
                biased;
                told = work.events.next() => if let Some(told) = told {
                    self.heard(&mut work, told)
                } else {
                    work.events = futures::stream::pending().boxed();
                    work.sees = false;
                    None
                },
                answer = answered(&mut work.delete) => self.answered(&mut work, answer),
                found = &mut work.look => self.looked(&mut work, found).await,
                () = answered(&mut work.explain) => Some(self.missed()),
                () = answered(&mut work.head_start) => {
                    self.ask(&mut work);
                    None
                }
            };
            if let Some(removed) = ended {
                return removed;
            }
        }
    }

    fn follow(&self) -> BoxStream<'static, Followed> {
        self.cluster.follow(Following {
            kind: ChaosKind::of(self.object),
            namespace: Some(self.object.namespace.clone()),
            name: Some(self.object.name.clone()),
        })
    }

    fn look_after(&self, pause: Duration) -> Answer<Option<ChaosObject>> {
        let (cluster, object) = (self.cluster.clone(), self.object.clone());
        async move {
            sleep(pause).await;
            cluster.get_chaos(&object).await
        }
        .boxed()
    }

    /// Sends the delete, once it is known of what and unless it is under way or done.
    fn ask(&self, work: &mut Work) {
        if self.asked == Asked::No && work.delete.is_none() {
            self.ask_after(work, Duration::ZERO);
        }
    }

    fn ask_after(&self, work: &mut Work, pause: Duration) {
        let Some(uid) = self.uid.clone() else { return };
        let (cluster, object) = (self.cluster.clone(), self.object.clone());
        let request = async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            cluster.delete_chaos(&object, &uid).await
        };
        work.delete = Some(request.boxed());
    }

    fn tell(&mut self, gone: Gone) {
        if self.told.as_ref() != Some(&gone) {
            // Who does not listen any more still wants the object gone.
            let _ = self.seen.send(gone.clone());
            self.told = Some(gone);
        }
    }

    /// Whether it is the one that is meant; the first that is seen, if none was named.
    fn is_it(&mut self, object: &ChaosObject) -> bool {
        *self.uid.get_or_insert_with(|| object.uid.clone()) == object.uid
    }

    fn is_there(&mut self, object: ChaosObject) {
        self.tell(object.going());
        self.last = Some(object);
    }

    fn heard(&mut self, work: &mut Work, told: Followed) -> Option<Removed> {
        match told {
            Followed::Seen(object) => {
                if self.is_it(&object) {
                    work.listed = true;
                    work.overtaken = true;
                    work.unmoved = 0;
                    self.is_there(*object);
                    self.ask(work);
                }
                None
            }
            Followed::Gone(object) if self.is_it(&object) => {
                tracing::debug!(%self.object, "deleted");
                Some(Removed::Told(object.once_gone()))
            }
            Followed::Vanished(object) if self.is_it(&object) => {
                self.last = self.last.take().or(Some(*object));
                Some(self.missed())
            }
            Followed::Gone(_) | Followed::Vanished(_) => None,
            Followed::Listed => {
                work.sees = true;
                if !work.listed {
                    return Some(self.missed());
                }
                self.ask(work);
                None
            }
            Followed::Lost(fault) => {
                tracing::debug!(%self.object, %fault, "the watch is lost");
                if work.sees {
                    work.look = self.look_after(LOOK_BLIND);
                }
                work.sees = false;
                self.ask(work);
                None
            }
        }
    }

    fn answered(&mut self, work: &mut Work, answer: Result<Deleted, ApiFault>) -> Option<Removed> {
        match answer {
            Ok(Deleted::Asked) => {
                self.asked = Asked::Yes;
                self.refused = None;
                work.pause = AGAIN;
                None
            }
            Ok(Deleted::Absent) => {
                self.asked = Asked::Yes;
                work.is_absent();
                None
            }
            // Somebody else has deleted it already: our right does not matter.
            Err(ApiFault::Forbidden { .. }) if self.last.as_ref().is_some_and(|last| last.deleting) => {
                self.asked = Asked::Yes;
                None
            }
            Err(ApiFault::Forbidden { right }) => Some(Removed::Told(Gone::Forbidden { right })),
            Err(fault) => {
                tracing::debug!(%self.object, %fault, "the delete did not work");
                self.tell(as_seen(&fault));
                self.refused = Some(fault);
                self.ask_after(work, work.pause);
                work.pause = (work.pause * 2).min(AGAIN_MOST);
                None
            }
        }
    }

    async fn looked(
        &mut self,
        work: &mut Work,
        found: Result<Option<ChaosObject>, ApiFault>,
    ) -> Option<Removed> {
        let overtaken = std::mem::take(&mut work.overtaken);
        match found {
            Ok(Some(object)) if self.is_it(&object) => {
                if self.unseen.take().is_some() && !work.sees {
                    // Its pause between two tries may be long by now.
                    work.events = self.follow();
                    work.listed = false;
                }
                if self.asked == Asked::Yes && !object.deleting && !overtaken {
                    self.asked = Asked::No;
                }
                if !overtaken {
                    self.notice(work, object).await;
                }
                self.ask(work);
            }
            Ok(_) => work.is_absent(),
            Err(ApiFault::Forbidden { right }) if !work.sees && self.asked == Asked::Yes => {
                return Some(Removed::Told(Gone::Forbidden { right }));
            }
            Err(ApiFault::Forbidden { .. }) => {}
            Err(fault) => {
                if !work.sees {
                    self.tell(as_seen(&fault));
                }
                self.unseen = Some(fault);
            }
        }
        work.look = self.look_after(if work.sees { LOOK } else { LOOK_BLIND });
        None
    }

    /// A look found it there. When nothing moves, somebody should be told why.
    async fn notice(&mut self, work: &mut Work, object: ChaosObject) {
        if self.last.as_ref() != Some(&object) {
            work.unmoved = 0;
            self.is_there(object);
            return;
        }
        work.unmoved += 1;
        let idle = matches!(object.going(), Gone::Recovering { .. });
        if work.sees && work.unmoved == 2 && idle && self.asked == Asked::Yes {
            let why = self.why_stuck(&object).await;
            self.tell(Gone::Stuck { why, at: None });
        }
    }

    /// It is gone, and its end was not seen.
    fn missed(&mut self) -> Removed {
        let Some(last) = &self.last else {
            return Removed::NeverSeen;
        };
        Removed::Told(last.once_missed())
    }

    /// The verdict when patience is over.
    async fn give_up(&mut self) -> Gone {
        if let (Asked::No, Some(fault)) = (self.asked, &self.refused) {
            return as_seen(fault);
        }
        if let Some(fault) = &self.unseen {
            return as_seen(fault);
        }
        let Some(last) = self.last.clone() else {
            return Gone::Unknown {
                why: "nothing was heard of it".to_owned(),
            };
        };
        match last.going() {
            Gone::Recovering { .. } => Gone::Stuck {
                why: self.why_stuck(&last).await,
                at: None,
            },
            told => told,
        }
    }

    /// Why an object that is to go stays although no record says so.
    async fn why_stuck(&self, last: &ChaosObject) -> String {
        let wonder = async {
            if let Some(refusal) = self.cluster.webhook_refusal(self.object).await {
                return Some(refusal);
            }
            self.cluster.latest_warning(self.object).await
        };
        if let Ok(Some(why)) = timeout(WONDER, wonder).await {
            return crate::text::printable(&why).into_owned();
        }
        let (done, of) = last.recovered();
        if done == of {
            "every record is recovered, and its finalizer stays: is the Chaos Mesh controller running?"
                .to_owned()
        } else {
            format!(
                "{done} of {of} records recovered and no reason given: is the Chaos Mesh controller running?"
            )
        }
    }
}

/// What a failed request says of the object.
fn as_seen(fault: &ApiFault) -> Gone {
    match fault {
        ApiFault::Forbidden { right } => Gone::Forbidden { right: right.clone() },
        ApiFault::Unreachable(_) => Gone::Unknown {
            why: fault.to_string(),
        },
        ApiFault::NotFound
        | ApiFault::Unauthorized
        | ApiFault::Conflict { .. }
        | ApiFault::Refused { .. } => Gone::Failed {
            why: fault.to_string(),
        },
    }
}
