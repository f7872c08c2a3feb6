//! The per-pod objects through which network, IO and HTTP faults are handed to the daemons. They stand while
//! something is injected into their pod.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::world::happening::{Effect, Fault};
use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::resource::{PODHTTPCHAOS, PODIOCHAOS, PODNETWORKCHAOS, PODS, ResourceRef};
use crate::sim::world::state::World;

const FAMILIES: [(&ResourceRef, &str); 3] = [
    (&PODNETWORKCHAOS, "PodNetworkChaos"),
    (&PODIOCHAOS, "PodIOChaos"),
    (&PODHTTPCHAOS, "PodHttpChaos"),
];

/// Makes the objects say what is injected.
pub fn sync(world: &mut World) {
    for (at, kind) in FAMILIES {
        let mut wanted: BTreeMap<Name, Vec<Effect>> = BTreeMap::new();
        for effect in world
            .effects
            .iter()
            .filter(|effect| family(&effect.fault) == Some(kind))
        {
            let name = Name::new(effect.on.namespace.as_str(), effect.on.pod.as_str());
            wanted.entry(name).or_default().push(effect.clone());
        }
        let present: Vec<Name> = world.store.all(at).map(|(name, _)| name.clone()).collect();
        for name in present.iter().filter(|name| !wanted.contains_key(name)) {
            world.take_out(at, name);
        }
        for (name, effects) in wanted {
            write(world, (at, kind), &name, &effects);
        }
    }
}

fn family(fault: &Fault) -> Option<&'static str> {
    match fault {
        Fault::Partition { .. } | Fault::Netem { .. } => Some("PodNetworkChaos"),
        Fault::Io { .. } => Some("PodIOChaos"),
        Fault::Other { kind, .. } if kind == "HTTPChaos" => Some("PodHttpChaos"),
        Fault::Other { .. }
        | Fault::PodFailure
        | Fault::Cpu { .. }
        | Fault::Memory { .. }
        | Fault::Dns { .. }
        | Fault::Time { .. } => None,
    }
}

fn write(world: &mut World, (at, kind): (&ResourceRef, &str), name: &Name, effects: &[Effect]) {
    let spec = spec(kind, effects);
    if let Some(present) = world.store.get(at, name) {
        let mut object = (**present).clone();
        object["spec"] = spec;
        world.write(at, object);
        return;
    }
    let Some(pod) = world.store.get(&PODS, name).cloned() else {
        return;
    };
    world.make(
        at,
        json!({
            "kind": kind, "apiVersion": "chaos-mesh.org/v1alpha1",
            "metadata": {
                "name": name.name, "namespace": name.namespace,
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "Pod", "name": name.name, "uid": object::uid(&pod),
                }],
            },
            "spec": spec,
        }),
    );
}

fn spec(kind: &str, effects: &[Effect]) -> Value {
    let source = |effect: &Effect| format!("{}/{}", effect.by.namespace, effect.by.name);
    if kind == "PodNetworkChaos" {
        let (mut tables, mut controls) = (Vec::new(), Vec::new());
        for effect in effects {
            match &effect.fault {
                Fault::Partition { .. } => tables.push(json!({
                    "name": format!("{:.8}", effect.by.uid), "direction": "OUTPUT", "source": source(effect),
                    "ipsets": [],
                })),
                _ => controls.push(json!({"type": "netem", "source": source(effect)})),
            }
        }
        return json!({"iptables": tables, "tcs": controls, "ipsets": []});
    }
    if kind == "PodIOChaos" {
        let actions: Vec<Value> = effects
            .iter()
            .filter_map(|effect| match &effect.fault {
                Fault::Io {
                    action,
                    percent,
                    path,
                    ..
                } => Some(json!({
                    "type": action, "path": path, "percent": percent, "source": source(effect),
                })),
                _ => None,
            })
            .collect();
        return json!({"volumeMountPath": "/data", "actions": actions});
    }
    let rules: Vec<Value> = effects
        .iter()
        .map(|effect| json!({"port": 18083, "target": "Request", "selector": {}, "actions": {}, "source": source(effect)}))
        .collect();
    json!({"rules": rules})
}
