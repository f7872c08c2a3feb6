//! What an injector does to one target, and undoes. The only place that adds effects or takes them away,
//! but for pods that end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::kinds::{self, Grain};
use super::record::{self, Phase};
use super::units::{parse_bytes, parse_duration, parse_nanos, parse_quantity};
use crate::sim::world::agenda::Due;
use crate::sim::world::controller::{ContainerRun, Ending, kill, recheck, target_of};
use crate::sim::world::happening::{Direction, Effect, Fault, Netem, ObjectId, Peers, Target, What};
use crate::sim::world::object;
use crate::sim::world::query::{DeleteQuery, Name};
use crate::sim::world::resource::PODS;
use crate::sim::world::state::World;

/// What a broker uses before anything stresses it.
const OWN_MEMORY: u64 = 150 << 20;

/// Record ids and selector keys of one object.
type Ids = [(String, String)];

struct Spot {
    pod: Arc<Value>,
    container: Option<String>,
}

/// `namespace/pod` or `namespace/pod/container`, if that pod is there.
fn find(world: &World, id: &str) -> Option<Spot> {
    let mut parts = id.splitn(3, '/');
    let (namespace, pod) = (parts.next()?, parts.next()?);
    let pod = world.store.get(&PODS, &Name::new(namespace, pod)).cloned()?;
    Some(Spot {
        pod,
        container: parts.next().map(str::to_owned),
    })
}

fn id_of(object: &Value) -> ObjectId {
    ObjectId {
        kind: object::text_at(object, "kind"),
        namespace: object::namespace(object).to_owned(),
        name: object::name(object).to_owned(),
        uid: object::uid(object).to_owned(),
    }
}

/// The daemon of the pod's node must answer.
fn reach(world: &World, pod: &Value) -> Result<(), String> {
    let node = object::text_at(pod, "spec.nodeName");
    if world.knobs.dead_daemons.contains(&node) || world.knobs.silent_nodes.contains(&node) {
        return Err(format!("cannot find daemonIP on node {node}"));
    }
    Ok(())
}

pub fn apply(
    world: &mut World,
    object: &Arc<Value>,
    ids: &Ids,
    (ix, phase): (usize, Phase),
) -> Result<Phase, String> {
    let (kind, action) = (
        object::text_at(object, "kind"),
        object::text_at(object, "spec.action"),
    );
    if kinds::grain(&kind, &action) == Grain::Outside {
        return Ok(Phase::In);
    }
    let (id, key) = &ids[ix];
    let Some(spot) = find(world, id) else {
        if phase == Phase::OutWaiting {
            // The per-pod object went with its pod: there is nothing left to wait for.
            return Ok(Phase::Out);
        }
        return Err(format!(
            "pods \"{}\" not found",
            id.split('/').nth(1).unwrap_or_default()
        ));
    };
    let by = id_of(object);
    let on = Target {
        container: spot.container.clone(),
        ..target_of(&spot.pod)
    };
    if kind == "PodChaos" {
        return pod_chaos(world, object, (&action, by, on), &spot.pod);
    }
    reach(world, &spot.pod)?;
    if !world
        .pods
        .get(&on.pod_uid)
        .is_some_and(|run| run.containers.iter().any(ContainerRun::is_running))
    {
        return Err("container is not running".to_owned());
    }
    if let Some(fault) = fault(object, (&kind, &action), (ids, key), &spot)? {
        world.note(What::FaultApplied {
            by: by.clone(),
            on: on.clone(),
        });
        let effect = Effect {
            by,
            on: on.clone(),
            fault,
            since: world.now,
        };
        world.effects.push(effect);
        world.agenda.at(
            world.now.after(Duration::from_millis(150)),
            Due::Heartbeat(on.pod_uid.clone()),
        );
        if let Some(container) = &on.container {
            strain(world, &on.pod_uid, container);
        }
    }
    Ok(Phase::In)
}

fn pod_chaos(
    world: &mut World,
    object: &Arc<Value>,
    (action, by, on): (&str, ObjectId, Target),
    pod: &Arc<Value>,
) -> Result<Phase, String> {
    if action == "container-kill" {
        reach(world, pod)?;
    }
    world.note(What::FaultApplied {
        by: by.clone(),
        on: on.clone(),
    });
    match action {
        "pod-kill" => {
            let seconds = object
                .pointer("/spec/gracePeriod")
                .and_then(Value::as_u64)
                .unwrap_or(0);
            let query = DeleteQuery {
                uid: Some(on.pod_uid.clone()),
                grace: Some(Duration::from_secs(seconds)),
                ..DeleteQuery::default()
            };
            let name = Name::new(on.namespace.as_str(), on.pod.as_str());
            world
                .delete(&PODS, &name, &query)
                .map_err(|status| status.message)?;
        }
        "container-kill" => {
            kill(
                world,
                &on.pod_uid,
                on.container.as_deref().unwrap_or_default(),
                Ending::Killed,
            );
        }
        _ => {
            let uid = on.pod_uid.clone();
            world.effects.push(Effect {
                by,
                on,
                fault: Fault::PodFailure,
                since: world.now,
            });
            restart_all(world, &uid);
        }
    }
    Ok(Phase::In)
}

/// A failing pod's containers are exchanged, and exchanged back: each time their processes end.
fn restart_all(world: &mut World, uid: &str) {
    let names: Vec<String> = world
        .pods
        .get(uid)
        .map(|run| run.containers.iter().map(|one| one.name.clone()).collect())
        .unwrap_or_default();
    for name in names {
        kill(world, uid, &name, Ending::Killed);
        if let Some(run) = world.pods.get_mut(uid) {
            // An exchange is no crash: the next one must not wait longer for it.
            run.containers
                .iter_mut()
                .filter(|one| one.name == name)
                .for_each(|one| one.crashes = 0);
        }
    }
}

pub fn recover(world: &mut World, object: &Arc<Value>, id: &str, phase: Phase) -> Result<Phase, String> {
    let (kind, action) = (
        object::text_at(object, "kind"),
        object::text_at(object, "spec.action"),
    );
    if kinds::is_one_shot(object) || kinds::grain(&kind, &action) == Grain::Outside {
        return Ok(Phase::Out);
    }
    let Some(spot) = find(world, id) else {
        return Ok(Phase::Out);
    };
    if kinds::waits(&kind) && phase == Phase::In {
        return Ok(Phase::InWaiting);
    }
    let uid = object::uid(&spot.pod).to_owned();
    if kind != "PodChaos"
        && let Err(why) = reach(world, &spot.pod)
    {
        let on = Target {
            container: spot.container,
            ..target_of(&spot.pod)
        };
        let by = id_of(object);
        world.note(What::RecoverFailed {
            by,
            on,
            why: why.clone(),
        });
        return Err(why);
    }
    lift(world, object::uid(object), &uid);
    if action == "pod-failure" {
        restart_all(world, &uid);
    }
    recheck(world, &uid);
    Ok(Phase::Out)
}

/// Takes an object's effects off a pod.
fn lift(world: &mut World, by: &str, pod_uid: &str) {
    let (gone, left): (Vec<Effect>, Vec<Effect>) = std::mem::take(&mut world.effects)
        .into_iter()
        .partition(|effect| effect.by.uid == by && effect.on.pod_uid == pod_uid);
    world.effects = left;
    for effect in gone {
        world.note(What::FaultRecovered {
            by: effect.by,
            on: effect.on,
        });
    }
}

/// Records that were already handed to a living daemon recover on their own once the object is gone.
pub fn settle_waiting(world: &mut World, object: &Arc<Value>, records: &[Value]) {
    for record in records
        .iter()
        .filter(|one| record::phase(one) == Phase::InWaiting)
    {
        let Some(spot) = find(world, &object::text_at(record, "id")) else {
            continue;
        };
        if reach(world, &spot.pod).is_ok() {
            lift(world, object::uid(object), object::uid(&spot.pod));
        }
    }
}

/// What the spec does to this target; nothing where a direction spares it.
fn fault(
    object: &Value,
    (kind, action): (&str, &str),
    (ids, key): (&Ids, &str),
    spot: &Spot,
) -> Result<Option<Fault>, String> {
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let text = |path: &str| object::text_at(spec, path);
    let number = |path: &str| {
        spec.pointer(path)
            .and_then(Value::as_u64)
            .and_then(|one| u32::try_from(one).ok())
    };
    Ok(Some(match kind {
        "NetworkChaos" => return Ok(network(spec, action, ids, key)),
        "StressChaos" => match spec.pointer("/stressors/memory") {
            Some(memory) => {
                let limit = memory_limit(&spot.pod, spot.container.as_deref()).unwrap_or(8 << 30);
                Fault::Memory {
                    bytes: parse_bytes(&object::text_at(memory, "size"), limit).unwrap_or(256 << 20),
                }
            }
            None => Fault::Cpu {
                workers: number("/stressors/cpu/workers").unwrap_or(1),
                load: number("/stressors/cpu/load").unwrap_or(100),
            },
        },
        "DNSChaos" => {
            let patterns: Vec<String> = object::strings(spec.get("patterns"))
                .into_iter()
                .map(str::to_owned)
                .collect();
            let star_inside = |pattern: &&String| pattern.trim_end_matches('*').contains('*');
            if let Some(bad) = patterns.iter().find(star_inside) {
                return Err(format!(
                    "rpc error: code = Unknown desc = a wildcard is allowed at the end only: {bad}"
                ));
            }
            Fault::Dns {
                action: action.to_owned(),
                patterns,
            }
        }
        "IOChaos" => Fault::Io {
            action: action.to_owned(),
            delay: parse_duration(&text("delay")),
            percent: number("/percent").unwrap_or(100),
            path: text("path"),
        },
        "TimeChaos" => Fault::Time {
            offset_ns: parse_nanos(&text("timeOffset")).unwrap_or(0),
        },
        _ => Fault::Other {
            kind: kind.to_owned(),
            action: action.to_owned(),
        },
    }))
}

fn network(spec: &Value, action: &str, ids: &Ids, key: &str) -> Option<Fault> {
    let direction = match object::text_at(spec, "direction").as_str() {
        "from" => Direction::From,
        "both" => Direction::Both,
        _ => Direction::To,
    };
    let is_source = key == ".";
    let touched = match direction {
        Direction::To => is_source,
        Direction::From => !is_source,
        Direction::Both => true,
    };
    let other = if is_source { ".Target" } else { "." };
    let mut names: Vec<String> = ids
        .iter()
        .filter(|(_, key)| key == other)
        .map(|(id, _)| id.clone())
        .collect();
    names.extend(
        object::strings(spec.get("externalTargets"))
            .into_iter()
            .map(str::to_owned),
    );
    let peers = if names.is_empty() {
        Peers::Everyone
    } else {
        Peers::Only(names)
    };
    // Without a target the far end has no record of its own: a partition "from" or "both" is then set here.
    if !touched && peers != Peers::Everyone {
        return None;
    }
    if action == "partition" {
        return Some(Fault::Partition { direction, peers });
    }
    let percent = |path: &str| object::text_at(spec, path).parse::<f64>().unwrap_or(0.0);
    let netem = Netem {
        latency: parse_duration(&object::text_at(spec, "delay.latency")),
        jitter: parse_duration(&object::text_at(spec, "delay.jitter")).unwrap_or_default(),
        correlation: percent("delay.correlation").max(percent("loss.correlation")),
        loss: percent("loss.loss"),
        duplicate: percent("duplicate.duplicate"),
        corrupt: percent("corrupt.corrupt"),
        rate: rate(&object::text_at(spec, "bandwidth.rate"))
            .or_else(|| rate(&object::text_at(spec, "rate.rate"))),
    };
    Some(Fault::Netem {
        direction,
        peers,
        netem,
    })
}

/// `1mbps` is megabytes a second to tc, `1mbit` megabits.
fn rate(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|ch: char| !ch.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let scale = match text[digits..].trim() {
        "bit" => 1,
        "kbit" => 1_000,
        "mbit" => 1_000_000,
        "gbit" => 1_000_000_000,
        "bps" => 8,
        "kbps" => 8_000,
        "mbps" => 8_000_000,
        "gbps" => 8_000_000_000,
        _ => return None,
    };
    number.checked_mul(scale)
}

fn memory_limit(pod: &Value, container: Option<&str>) -> Option<u64> {
    let list = pod.pointer("/spec/containers").and_then(Value::as_array)?;
    let one = list
        .iter()
        .find(|one| container.is_none_or(|name| object::text_at(one, "name") == name))?;
    parse_quantity(&object::text_at(one, "resources.limits.memory"))
}

/// Whether what stresses a container is more than it may use.
fn is_too_much(world: &World, pod_uid: &str, container: &str) -> bool {
    let Some(run) = world.pods.get(pod_uid) else {
        return false;
    };
    let name = Name::new(run.target.namespace.as_str(), run.target.pod.as_str());
    let Some(limit) = world
        .store
        .get(&PODS, &name)
        .and_then(|pod| memory_limit(pod, Some(container)))
    else {
        return false;
    };
    let stressed: u64 = world
        .effects
        .iter()
        .filter(|effect| effect.on.pod_uid == pod_uid && effect.on.container.as_deref() == Some(container))
        .map(|effect| match effect.fault {
            Fault::Memory { bytes } => bytes,
            _ => 0,
        })
        .sum();
    stressed > 0 && stressed.saturating_add(OWN_MEMORY) > limit
}

/// A process that starts, or begins to be stressed, beyond its limit does not live long.
pub fn strain(world: &mut World, pod_uid: &str, container: &str) {
    if is_too_much(world, pod_uid, container) {
        let lives = world.dice.millis(1500, 3500);
        world.soon(lives, Due::OutOfMemory(pod_uid.to_owned(), container.to_owned()));
    }
}

/// The kernel looks: still too much?
pub fn out_of_memory(world: &mut World, pod_uid: &str, container: &str) {
    if is_too_much(world, pod_uid, container) {
        kill(world, pod_uid, container, Ending::OomKilled);
    }
}
