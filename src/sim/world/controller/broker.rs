//! What the processes write: the brokers tell what is done to them, because it is done, and little else.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::kubelet::Ending;
use crate::sim::world::agenda::Due;
use crate::sim::world::happening::{Effect, Fault, Peers};
use crate::sim::world::object;
use crate::sim::world::resource::PODS;
use crate::sim::world::state::World;

/// The container whose lines tell of faults.
const BROKER: &str = "emqx-go";
/// How often a broker that hurts says so.
const HURTING: Duration = Duration::from_secs(1);

impl World {
    /// Writes one line as a container.
    fn says(&mut self, pod: &Value, container: &str, level: &str, text: &str) {
        let at = (self.now, self.wall());
        let line = format!(
            "level={level} broker={} container={container} {text}",
            object::name(pod)
        );
        self.logs.write(object::uid(pod), container, at, line);
    }
}

fn is_broker(pod: &Value) -> bool {
    containers(pod).iter().any(|name| name == BROKER)
}

fn containers(pod: &Value) -> Vec<String> {
    let list = pod.pointer("/spec/containers").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|one| object::text_at(one, "name"))
        .collect()
}

/// The brokers of the same workload, without the pod itself.
fn peers(world: &World, pod: &Value) -> Vec<Arc<Value>> {
    let owner = object::controller(pod).map(|owner| object::text_at(owner, "uid"));
    if owner.is_none() || !is_broker(pod) {
        return Vec::new();
    }
    world
        .store
        .within(&PODS, object::namespace(pod))
        .filter(|(_, other)| object::controller(other).map(|one| object::text_at(one, "uid")) == owner)
        .filter(|(_, other)| object::uid(other) != object::uid(pod))
        .map(|(_, other)| Arc::clone(other))
        .collect()
}

fn runs(world: &World, pod: &Value) -> bool {
    world
        .pods
        .get(object::uid(pod))
        .is_some_and(|run| run.containers.iter().any(super::ContainerRun::is_running))
}

fn tell_peers(world: &mut World, pod: &Value, level: &str, text: &str) {
    for peer in peers(world, pod) {
        if runs(world, &peer) {
            world.says(&peer, BROKER, level, text);
        }
    }
}

pub fn started(world: &mut World, pod: &Arc<Value>, container: &str) {
    if container == BROKER {
        world.says(
            pod,
            container,
            "info",
            "msg=\"broker starting\" version=1.4.2 listeners=mqtt:1883,grpc:8081,metrics:8082",
        );
        world.says(pod, container, "info", "msg=\"mqtt listener up\" addr=:1883");
    } else {
        world.says(pod, container, "info", "msg=started");
    }
    world.soon(
        Duration::from_secs(1),
        Due::Heartbeat(object::uid(pod).to_owned()),
    );
}

/// A broker is ready: the others see it.
pub fn joined(world: &mut World, pod: &Arc<Value>) {
    if !is_broker(pod) {
        return;
    }
    let members = 1 + peers(world, pod).len();
    world.says(
        pod,
        BROKER,
        "info",
        &format!("msg=\"cluster joined\" members={members}"),
    );
    world.says(pod, BROKER, "info", "msg=ready");
    let text = format!("msg=\"peer joined\" peer={}", object::name(pod));
    tell_peers(world, pod, "info", &text);
}

pub fn stopping(world: &mut World, pod: &Arc<Value>) {
    for container in containers(pod) {
        world.says(
            pod,
            &container,
            "info",
            "msg=\"signal received, draining\" signal=terminated",
        );
    }
    let text = format!("msg=\"peer is leaving\" peer={}", object::name(pod));
    tell_peers(world, pod, "info", &text);
}

pub fn peer_left(world: &mut World, pod: &Value) {
    let text = format!(
        "msg=\"peer unreachable\" peer={} err=\"connection reset by peer\"",
        object::name(pod)
    );
    tell_peers(world, pod, "warn", &text);
}

pub fn killed(world: &mut World, pod: &Arc<Value>, container: &str, how: Ending) {
    if how == Ending::OomKilled {
        world.says(
            pod,
            container,
            "warn",
            "msg=\"memory pressure\" heap=981MiB limit=1024MiB",
        );
    }
    if container == BROKER {
        peer_left(world, pod);
    }
}

/// The regular line, and what hurts.
pub fn speak(world: &mut World, uid: &str) {
    let Some(run) = world.pods.get(uid) else { return };
    let name = crate::sim::world::query::Name::new(run.target.namespace.as_str(), run.target.pod.as_str());
    let ready = run.ready;
    let Some(pod) = world
        .store
        .get(&PODS, &name)
        .cloned()
        .filter(|pod| object::uid(pod) == uid)
    else {
        return;
    };
    if !runs(world, &pod) {
        return;
    }
    let hurts = if is_broker(&pod) {
        pains(world, &pod)
    } else {
        Vec::new()
    };
    let mut next = world.setup.profile.heartbeat;
    if hurts.is_empty() {
        for container in containers(&pod) {
            let wobble = world.dice.millis(0, 9).as_millis();
            let sessions = if ready && container == BROKER {
                60 + wobble
            } else {
                0
            };
            world.says(
                &pod,
                &container,
                "info",
                &format!("msg=heartbeat sessions={sessions}"),
            );
        }
    } else {
        for (level, text) in &hurts {
            world.says(&pod, BROKER, level, text);
        }
        next = HURTING;
    }
    let jitter = world.dice.millis(0, 200);
    world.soon(next + jitter, Due::Heartbeat(uid.to_owned()));
}

/// Lines for everything that is done to this broker now.
fn pains(world: &World, pod: &Value) -> Vec<(&'static str, String)> {
    let uid = object::uid(pod);
    let key = format!("{}/{}", object::namespace(pod), object::name(pod));
    let others: Vec<String> = peers(world, pod)
        .iter()
        .map(|peer| object::name(peer).to_owned())
        .collect();
    let mut lines = Vec::new();
    for effect in &world.effects {
        let own = effect.on.pod_uid == uid;
        let far = match &effect.fault {
            Fault::Partition { peers, .. } | Fault::Netem { peers, .. } if !own => reaches(peers, &key),
            _ => false,
        };
        if own || far {
            lines.extend(lines_for(effect, own, &others));
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

fn reaches(peers: &Peers, key: &str) -> bool {
    match peers {
        Peers::Everyone => true,
        Peers::Only(list) => list.iter().any(|one| one == key),
    }
}

fn lines_for(effect: &Effect, own: bool, others: &[String]) -> Vec<(&'static str, String)> {
    let far_ends = |peers: &Peers| -> Vec<String> {
        if !own {
            return vec![effect.on.pod.clone()];
        }
        let named = |name: &&String| reaches(peers, &format!("{}/{name}", effect.on.namespace));
        others.iter().filter(named).cloned().collect()
    };
    match &effect.fault {
        Fault::Partition { peers, .. } => far_ends(peers)
            .iter()
            .map(|peer| {
                (
                    "warn",
                    format!("msg=\"peer unreachable\" peer={peer} err=\"i/o timeout\""),
                )
            })
            .collect(),
        Fault::Netem { peers, netem, .. } => far_ends(peers)
            .iter()
            .map(|peer| match netem.latency {
                Some(latency) => (
                    "warn",
                    format!("msg=\"slow peer\" peer={peer} rtt={}ms", latency.as_millis()),
                ),
                None => (
                    "warn",
                    format!("msg=\"peer link degraded\" peer={peer} loss={:.0}%", netem.loss),
                ),
            })
            .collect(),
        Fault::Cpu { load, .. } => {
            vec![(
                "warn",
                format!("msg=\"scheduler latency high\" cpu_load={load}% p99=184ms"),
            )]
        }
        Fault::Memory { bytes } => {
            vec![(
                "warn",
                format!("msg=\"memory pressure\" stressed={}MiB", bytes / (1 << 20)),
            )]
        }
        Fault::Dns { action, .. } => others
            .iter()
            .map(|peer| {
                let outcome = if action == "random" {
                    "err=\"dial tcp: wrong address\""
                } else {
                    "err=\"no such host\""
                };
                (
                    "error",
                    format!("msg=\"dns lookup failed\" host={peer}.emqx-go-headless {outcome}"),
                )
            })
            .collect(),
        Fault::Io {
            action, delay, path, ..
        } => {
            let took = delay.map_or(0, |delay| delay.as_millis());
            vec![(
                "warn",
                match action.as_str() {
                    "latency" => format!("msg=\"slow fsync\" path={path} took={took}ms"),
                    other => format!("msg=\"storage error\" path={path} kind={other}"),
                },
            )]
        }
        Fault::Time { offset_ns } => {
            vec![(
                "warn",
                format!("msg=\"clock jumped\" offset={}s", offset_ns / 1_000_000_000),
            )]
        }
        Fault::PodFailure => vec![],
        Fault::Other { kind, action } => {
            vec![("warn", format!("msg=\"anomaly\" kind={kind} action={action}"))]
        }
    }
}
