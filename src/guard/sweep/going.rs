//! How objects go: deletes in their order and number, again when they fail, and at last by force. Never waits for
//! one object before it sends the next.

use super::Force;
use super::books::{Stage, unknown};
use super::engine::Sweep;
use super::requests;
use super::seeing::is_plain;
use crate::cluster::{ApiFault, Deleted, Role};
use crate::fault::Gone;
use crate::units::Mark;

use std::time::Duration;

/// Deletes under way at once; more make the server slower, not faster.
const AT_ONCE: usize = 32;
/// An object that is stuck for so long is forced, where that was asked for; sooner when there is less time.
const FORCE_AFTER: Duration = Duration::from_secs(10);

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

impl Sweep<'_> {
    /// Takes an object into the line of what is to be deleted.
    pub fn enlist(&mut self, uid: &str) {
        let real = self.is_real();
        let now = self.now();
        let waiting = self
            .objects
            .get_mut(uid)
            .filter(|known| known.stage != Stage::Over);
        let Some(known) = waiting else { return };
        let at = &known.object.object;
        if !real {
            known.stage = Stage::Refused;
            known.fault = Some(unknown("dry run: it would be deleted"));
        } else if ![&at.name, &at.namespace, &at.plural]
            .into_iter()
            .all(|part| is_plain(part))
        {
            known.stage = Stage::Refused;
            known.fault = Some(Gone::Failed {
                why: "its name is none that can be put into a request".to_owned(),
            });
        } else if known.object.deleting {
            known.stage = Stage::Asked;
            known.asked = Some(now);
            known.fault = None;
        } else {
            known.stage = Stage::Due;
            let line = usize::from(known.role != Role::Spawner);
            self.ready[line].push_back(uid.to_owned());
        }
    }

    /// The watch sees it: there is nothing to wait for.
    pub fn ready_now(&mut self, uid: &str) {
        let before = self.delayed.len();
        self.delayed.retain(|(_, one)| one != uid);
        if self.delayed.len() < before {
            self.enlist(uid);
        }
    }

    /// Sends what may be sent.
    pub fn pump(&mut self) {
        let now = self.now();
        while let Some((at, _)) = self.delayed.first() {
            if *at > now {
                break;
            }
            if let Some((_, uid)) = self.delayed.pop_first() {
                self.enlist(&uid);
            }
        }
        while self.sending < AT_ONCE {
            let next = self.ready[0].pop_front().or_else(|| self.ready[1].pop_front());
            let Some(uid) = next else { break };
            let Some(known) = self
                .objects
                .get_mut(&uid)
                .filter(|known| known.stage == Stage::Due)
            else {
                continue;
            };
            known.stage = Stage::Sending;
            self.sending += 1;
            let request = requests::delete(self.cluster, &known.object.object, &uid);
            self.work.push(request);
        }
        self.pump_lists();
    }

    pub fn deleted(&mut self, uid: &str, abort: Option<ApiFault>, outcome: Result<Deleted, ApiFault>) {
        self.sending -= 1;
        let now = self.now();
        let Some(known) = self.objects.get_mut(uid) else {
            return;
        };
        if let Some(fault) = abort {
            let text = format!(
                "{} could not be told to stop ({fault}); it is deleted all the same",
                known.object.object
            );
            self.told.note(text);
        }
        if known.stage != Stage::Sending {
            return;
        }
        match outcome {
            Ok(answer) => {
                known.stage = Stage::Asked;
                known.asked = Some(now);
                known.moved = now;
                known.attempts = 0;
                known.fault = None;
                if answer == Deleted::Absent {
                    // The watch may know how it ended.
                    known.missing.get_or_insert(now);
                }
            }
            // Somebody else has deleted it already: our right does not matter.
            Err(ApiFault::Forbidden { .. }) if known.object.deleting => {
                known.stage = Stage::Asked;
                known.asked = Some(now);
                known.fault = None;
            }
            Err(fault @ ApiFault::Forbidden { .. }) => {
                known.stage = Stage::Refused;
                known.fault = Some(as_seen(&fault));
            }
            Err(fault) => {
                known.stage = Stage::Due;
                known.fault = Some(as_seen(&fault));
                let at = now.after(requests::pause(known.attempts));
                known.attempts += 1;
                self.delayed.insert((at, uid.to_owned()));
            }
        }
        self.tell(uid);
    }

    /// Whether it has been on its way for long enough without getting on.
    fn is_stuck(&self, uid: &str, now: Mark) -> bool {
        let Some(known) = self.objects.get(uid) else {
            return false;
        };
        let patience = FORCE_AFTER.min(self.request.timeout / 4);
        known.stage == Stage::Asked
            && known.missing.is_none()
            && known.object.deleting
            && now.since(known.moved) >= patience
    }

    /// Looks at what does not get on: asks why, and forces it where that was asked for.
    pub fn push_on(&mut self) {
        let now = self.now();
        let stalled: Vec<String> = self
            .objects
            .iter()
            .filter(|(_, known)| known.is_stalled(now) && !known.wondered)
            .map(|(uid, _)| uid.clone())
            .take(4)
            .collect();
        for uid in stalled {
            if let Some(known) = self.objects.get_mut(&uid) {
                known.wondered = true;
                self.work
                    .push(requests::wonder(self.cluster, &known.object.object, &uid));
            }
        }
        if self.request.force != Force::Yes {
            return;
        }
        let stuck: Vec<String> = self
            .objects
            .keys()
            .filter(|uid| self.is_stuck(uid, now))
            .cloned()
            .collect();
        for uid in stuck {
            if self.sending >= AT_ONCE {
                return;
            }
            if let Some(known) = self.objects.get_mut(&uid) {
                known.stage = Stage::Sending;
                self.sending += 1;
                self.work
                    .push(requests::force(self.cluster, &known.object.object, &uid));
            }
        }
    }

    pub fn forced(&mut self, uid: &str, outcome: Result<Deleted, ApiFault>) {
        self.sending -= 1;
        let now = self.now();
        let Some(known) = self.objects.get_mut(uid) else {
            return;
        };
        match outcome {
            Ok(answer) => {
                known.forced |= answer == Deleted::Asked;
                known.fault = None;
            }
            Err(fault) => {
                self.told.webhook(self.cluster.pin(), &fault.to_string());
                known.fault = Some(match as_seen(&fault) {
                    Gone::Failed { why } => Gone::Failed {
                        why: format!("its finalizers could not be taken off: {why}"),
                    },
                    other => other,
                });
            }
        }
        if known.stage == Stage::Sending {
            known.stage = Stage::Asked;
            known.moved = now;
        }
        self.tell(uid);
    }

    pub fn wondered(&mut self, uid: &str, why: Option<String>) {
        let Some(known) = self.objects.get_mut(uid) else {
            return;
        };
        if let Some(why) = why {
            self.told.webhook(self.cluster.pin(), &why);
            known.warning = Some(crate::text::printable(&why).into_owned());
        }
        self.tell(uid);
    }
}
