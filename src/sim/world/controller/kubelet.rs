//! The kubelets: a pod from its node to its end. Image, start, readiness, restarts with back-off, the grace
//! period. A silent node's kubelet does nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::containers::{ContainerRun, Ended, PodRun, State};
use super::events::Report;
use super::{broker, pod_status};
use crate::sim::world::agenda::Due;
use crate::sim::world::chaos;
use crate::sim::world::happening::{Fault, Target, What};
use crate::sim::world::knobs::Pull;
use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::resource::PODS;
use crate::sim::world::state::{World, seconds};
use crate::units::Mark;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to and did.
    Completed,
    /// Killed from outside.
    Killed,
    OomKilled,
}

impl Ending {
    pub const fn code(self) -> i32 {
        match self {
            Self::Completed => 0,
            Self::Killed | Self::OomKilled => 137,
        }
    }

    pub const fn reason(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Killed => "Error",
            Self::OomKilled => "OOMKilled",
        }
    }
}

const BACK_OFF_FIRST: Duration = Duration::from_secs(10);
const BACK_OFF_MOST: Duration = Duration::from_mins(5);
/// A process that lived so long has recovered: its next crash restarts at once.
const BACK_OFF_FORGET: Duration = Duration::from_mins(10);

pub fn target_of(pod: &Value) -> Target {
    Target {
        namespace: object::namespace(pod).to_owned(),
        pod: object::name(pod).to_owned(),
        pod_uid: object::uid(pod).to_owned(),
        container: None,
    }
}

/// A new pod: the books are opened; it waits for a node.
pub fn adopt(world: &mut World, pod: &Arc<Value>) {
    let target = target_of(pod);
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let containers = containers
        .into_iter()
        .flatten()
        .map(|one| ContainerRun::new(&object::text_at(one, "name"), &object::text_at(one, "image")))
        .collect();
    world.note(What::PodCreated(target.clone()));
    let uid = target.pod_uid.clone();
    let name = Name::new(target.namespace.as_str(), target.pod.as_str());
    let run = PodRun {
        target,
        node: None,
        ip: None,
        started: None,
        scheduled: None,
        turned: None,
        ready: false,
        containers,
        stop: None,
    };
    world.pods.insert(uid.clone(), run);
    let (due, range) = if object::text_at(pod, "spec.nodeName").is_empty() {
        (Due::Schedule(name), world.setup.profile.schedule)
    } else {
        (Due::Pod(uid), (5, 20))
    };
    let after = world.dice.millis(range.0, range.1);
    world.soon(after, due);
}

/// A pod that is gone takes its processes and everything injected into them along.
pub fn bury(world: &mut World, pod: &Value) {
    let target = target_of(pod);
    let uid = target.pod_uid.clone();
    if let Some(run) = world.pods.remove(&uid) {
        if run.ready {
            world.note(What::PodNotReady(target.clone()));
        }
        // Taken away without grace: its kubelet finds the processes without a pod.
        let node = run.node.unwrap_or_default();
        for container in run.containers.iter().filter(|one| one.is_running()) {
            let message = format!("Stopping container {}", container.name);
            world.report(pod, &Report::normal("Killing", &message).on_node(&node));
        }
    }
    world.effects.retain(|effect| effect.on.pod_uid != uid);
    world.note(What::PodGone(target));
    world.logs.forget(&uid);
    world.agenda.cancel(&Due::Pod(uid.clone()));
    world.agenda.cancel(&Due::Heartbeat(uid));
    broker::peer_left(world, pod);
    chaos::sync_per_pod(world);
}

/// Moves a pod on as far as the time allows, and says when to look again.
pub fn step(world: &mut World, uid: &str) {
    let Some(mut run) = world.pods.get(uid).cloned() else {
        return;
    };
    let name = Name::new(run.target.namespace.as_str(), run.target.pod.as_str());
    let Some(pod) = world
        .store
        .get(&PODS, &name)
        .cloned()
        .filter(|pod| object::uid(pod) == uid)
    else {
        return;
    };
    let node = object::text_at(&pod, "spec.nodeName");
    if node.is_empty() || world.knobs.silent_nodes.contains(&node) {
        return;
    }
    let now_text = seconds(world.wall());
    if run.node.is_none() {
        run.node = Some(node.clone());
        run.scheduled.get_or_insert_with(|| now_text.clone());
    }
    let is_new = run.started.is_none();
    if is_new {
        run.started = Some(now_text);
    }
    if object::is_terminating(&pod) {
        stop(world, &pod, &mut run);
        return;
    }
    for at in 0..run.containers.len() {
        move_on(world, &pod, &mut run, at);
    }
    finish(world, &pod, run);
}

/// Writes what the kubelet knows into the object and plans the next look.
fn finish(world: &mut World, pod: &Arc<Value>, mut run: PodRun) {
    let ready = !run.containers.is_empty() && run.containers.iter().all(|one| one.ready);
    if ready != run.ready {
        run.ready = ready;
        run.turned = Some(seconds(world.wall()));
        let turn = if ready { What::PodReady } else { What::PodNotReady };
        world.note(turn(run.target.clone()));
        if ready {
            broker::joined(world, pod);
        }
    }
    let next = run.next();
    let uid = run.target.pod_uid.clone();
    let status = pod_status::render(pod, &run);
    world.pods.insert(uid.clone(), run);
    set_status(world, pod, status);
    if let Some(next) = next {
        let next = next.max(world.now);
        world.agenda.at(next, Due::Pod(uid));
    }
}

/// Writes a pod's status, on the newest version of it.
pub fn set_status(world: &mut World, pod: &Value, status: Value) {
    let name = Name::new(object::namespace(pod), object::name(pod));
    let Some(newest) = world
        .store
        .get(&PODS, &name)
        .filter(|newest| object::uid(newest) == object::uid(pod))
    else {
        return;
    };
    let mut newest = (**newest).clone();
    newest["status"] = status;
    world.put(&PODS, newest);
}

fn move_on(world: &mut World, pod: &Arc<Value>, run: &mut PodRun, at: usize) {
    let now = world.now;
    match run.containers[at].state.clone() {
        State::Creating { until: None } => {
            let until = pull(world, pod, &mut run.containers[at]);
            run.containers[at].state = until;
        }
        State::Creating { until: Some(until) } if until <= now => start(world, pod, run, at),
        State::NoImage { tries, until } if until <= now => {
            let pulled = pull(world, pod, &mut run.containers[at]);
            run.containers[at].state = match pulled {
                State::NoImage { .. } => {
                    let delay = BACK_OFF_FIRST
                        .saturating_mul(1 << tries.min(5))
                        .min(BACK_OFF_MOST);
                    State::NoImage {
                        tries: tries + 1,
                        until: now.after(delay),
                    }
                }
                other => other,
            };
        }
        State::Running { ready_at, .. } if !run.containers[at].ready && ready_at <= now => {
            if is_failed(world, &run.target.pod_uid) {
                let report = Report::warning("Unhealthy", "Readiness probe failed: connection refused");
                world.report(pod, &report.on_node(&object::text_at(pod, "spec.nodeName")));
                let again = now.after(Duration::from_secs(10));
                if let State::Running { ready_at, .. } = &mut run.containers[at].state {
                    *ready_at = again;
                }
            } else {
                run.containers[at].ready = true;
            }
        }
        State::Ended { until } if until <= now => {
            let crashes = run.containers[at].crashes;
            if crashes <= 1 {
                start(world, pod, run, at);
            } else {
                let delay = BACK_OFF_FIRST
                    .saturating_mul(1 << (crashes - 2).min(5))
                    .min(BACK_OFF_MOST);
                run.containers[at].state = State::BackOff {
                    until: now.after(delay),
                    delay,
                };
                let message = format!(
                    "Back-off restarting failed container {} in pod {}_{}({})",
                    run.containers[at].name, run.target.pod, run.target.namespace, run.target.pod_uid
                );
                let report = Report::warning("BackOff", &message);
                world.report(pod, &report.on_node(&object::text_at(pod, "spec.nodeName")));
            }
        }
        State::BackOff { until, .. } if until <= now => start(world, pod, run, at),
        State::Creating { .. }
        | State::NoImage { .. }
        | State::Running { .. }
        | State::Ended { .. }
        | State::BackOff { .. }
        | State::Finished => {}
    }
}

/// Asks for the image; the state says when the container can start.
fn pull(world: &mut World, pod: &Value, container: &mut ContainerRun) -> State {
    let node = object::text_at(pod, "spec.nodeName");
    let took = match world.knobs.pull {
        Pull::Usual => world
            .dice
            .millis(world.setup.profile.pull.0, world.setup.profile.pull.1),
        Pull::Slow(more) => more,
        Pull::Never => {
            let message = format!(
                "Failed to pull image \"{}\": rpc error: code = NotFound",
                container.image
            );
            world.report(pod, &Report::warning("Failed", &message).on_node(&node));
            return State::NoImage {
                tries: 1,
                until: world.now.after(BACK_OFF_FIRST),
            };
        }
    };
    let message = format!("Pulling image \"{}\"", container.image);
    world.report(pod, &Report::normal("Pulling", &message).on_node(&node));
    let starts = world
        .dice
        .millis(world.setup.profile.start.0, world.setup.profile.start.1);
    State::Creating {
        until: Some(world.now.after(took).after(starts)),
    }
}

/// Starts a process.
fn start(world: &mut World, pod: &Arc<Value>, run: &mut PodRun, at: usize) {
    let node = object::text_at(pod, "spec.nodeName");
    if run.ip.is_none() {
        world.addresses += 1;
        run.ip = Some(format!(
            "10.244.{}.{}",
            pod_status::node_number(&node),
            world.addresses % 250 + 2
        ));
    }
    let again = run.containers[at].has_started();
    let name = run.containers[at].name.clone();
    let image = run.containers[at].image.clone();
    let ready_at = ready_at(world, &run.target.pod_uid);
    let id = format!("containerd://{}", world.dice.hex(40));
    let started = seconds(world.wall());
    let container = &mut run.containers[at];
    container.id = id;
    container.ready = false;
    container.state = State::Running {
        since: world.now,
        started,
        ready_at,
    };
    if again {
        container.restarts += 1;
        world.logs.rotate(&run.target.pod_uid, &name);
    }
    let target = Target {
        container: Some(name.clone()),
        ..run.target.clone()
    };
    world.note(What::ContainerStarted(target));
    if !again {
        let message = format!("Successfully pulled image \"{image}\"");
        world.report(pod, &Report::normal("Pulled", &message).on_node(&node));
    }
    let message = format!("Created container {name}");
    world.report(pod, &Report::normal("Created", &message).on_node(&node));
    let message = format!("Started container {name}");
    world.report(pod, &Report::normal("Started", &message).on_node(&node));
    broker::started(world, pod, &name);
    chaos::strain(world, &run.target.pod_uid, &name);
}

/// When a process that starts now is ready; a stressed processor makes it later.
fn ready_at(world: &mut World, uid: &str) -> Mark {
    let (from, to) = world.setup.profile.ready;
    let mut took = world.dice.millis(from, to);
    if world.dice.one_in(25) {
        took += world.dice.millis(1000, 3500);
    }
    let stressed = world
        .effects
        .iter()
        .any(|effect| effect.on.pod_uid == uid && matches!(effect.fault, Fault::Cpu { .. }));
    if stressed {
        took = took.mul_f64(1.3);
    }
    world.now.after(took)
}

fn is_failed(world: &World, uid: &str) -> bool {
    world
        .effects
        .iter()
        .any(|effect| effect.on.pod_uid == uid && effect.fault == Fault::PodFailure)
}

/// A pod that is told to go: the processes get the grace they asked for, then it is gone.
fn stop(world: &mut World, pod: &Arc<Value>, run: &mut PodRun) {
    let grace = object::meta(pod, "deletionGracePeriodSeconds")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    if run.stop.is_none() {
        let node = object::text_at(pod, "spec.nodeName");
        for container in run.containers.iter().filter(|one| one.is_running()) {
            let message = format!("Stopping container {}", container.name);
            world.report(pod, &Report::normal("Killing", &message).on_node(&node));
        }
        broker::stopping(world, pod);
    }
    let drained = world
        .dice
        .millis(world.setup.profile.drain.0, world.setup.profile.drain.1);
    let latest = world.now.after(drained.min(Duration::from_secs(grace)));
    let at = run.stop.map_or(latest, |stop| stop.min(latest));
    run.stop = Some(at);
    if at > world.now {
        world.pods.insert(run.target.pod_uid.clone(), run.clone());
        world.agenda.at(at, Due::Pod(run.target.pod_uid.clone()));
        return;
    }
    for at in 0..run.containers.len() {
        if run.containers[at].is_running() {
            end(world, run, at, Ending::Completed);
            run.containers[at].state = State::Finished;
        }
    }
    run.stop = None;
    let name = Name::new(run.target.namespace.as_str(), run.target.pod.as_str());
    finish(world, pod, run.clone());
    let held = world
        .store
        .get(&PODS, &name)
        .is_some_and(|pod| !object::finalizers(pod).is_empty());
    if !held {
        world.take_out(&PODS, &name);
    }
}

/// Ends the process of a container and books how.
fn end(world: &mut World, run: &mut PodRun, at: usize, how: Ending) {
    let finished = seconds(world.wall());
    let container = &mut run.containers[at];
    if let State::Running { started, since, .. } = &container.state {
        let lived = world.now.since(*since);
        container.last = Some(Ended {
            started: started.clone(),
            finished,
            how,
            id: container.id.clone(),
        });
        container.crashes = if lived > BACK_OFF_FORGET {
            1
        } else {
            container.crashes + 1
        };
    }
    container.ready = false;
    let target = Target {
        container: Some(container.name.clone()),
        ..run.target.clone()
    };
    world.note(What::ContainerEnded {
        container: target,
        reason: how.reason(),
    });
}

/// Kills a container's process; the kubelet restarts it.
pub fn kill(world: &mut World, uid: &str, container: &str, how: Ending) {
    let Some(mut run) = world.pods.get(uid).cloned() else {
        return;
    };
    let Some(at) = run
        .containers
        .iter()
        .position(|one| one.name == container && one.is_running())
    else {
        return;
    };
    let name = Name::new(run.target.namespace.as_str(), run.target.pod.as_str());
    let Some(pod) = world.store.get(&PODS, &name).cloned() else {
        return;
    };
    broker::killed(world, &pod, container, how);
    end(world, &mut run, at, how);
    let after = world.dice.millis(600, 1500);
    run.containers[at].state = State::Ended {
        until: world.now.after(after),
    };
    finish(world, &pod, run);
}

/// Lets every running process of a pod that can be checked now be looked at again.
pub fn recheck(world: &mut World, uid: &str) {
    world.soon(Duration::from_millis(10), Due::Pod(uid.to_owned()));
}
