//! Who serves: a service's EndpointSlice and its older twin, Endpoints, follow the readiness of its pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::requests::remove::is_ready;
use crate::sim::world::resource::{ENDPOINTS, ENDPOINTSLICES, PODS, SERVICES};
use crate::sim::world::selector::LabelSelector;
use crate::sim::world::state::World;

/// The services of a pod's namespace that select it.
pub fn services_of(world: &World, pod: &Value) -> Vec<Name> {
    let services = world.store.within(&SERVICES, object::namespace(pod));
    let selecting = services.filter(|(_, service)| {
        selector(service).is_some_and(|selector| selector.matches(object::labels(pod)))
    });
    selecting.map(|(name, _)| name.clone()).collect()
}

fn selector(service: &Value) -> Option<LabelSelector> {
    let selector = LabelSelector::from_labels(service.pointer("/spec/selector")?);
    (!selector.is_empty()).then_some(selector)
}

pub fn reconcile(world: &mut World, name: &Name) {
    let Some(service) = world.store.get(&SERVICES, name).cloned() else {
        world.take_out(&ENDPOINTS, name);
        return;
    };
    let Some(selector) = selector(&service) else {
        return;
    };
    let pods: Vec<Arc<Value>> = world
        .store
        .within(&PODS, &name.namespace)
        .filter(|(_, pod)| {
            selector.matches(object::labels(pod)) && !object::text_at(pod, "status.podIP").is_empty()
        })
        .map(|(_, pod)| Arc::clone(pod))
        .collect();
    write_slice(world, &service, &pods);
    write_endpoints(world, &service, &pods);
}

fn labels(service: &Value) -> BTreeMap<String, Value> {
    let mut labels: BTreeMap<String, Value> = object::labels(service)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if object::text_at(service, "spec.clusterIP") == "None" {
        labels.insert("service.kubernetes.io/headless".into(), json!(""));
    }
    labels
}

fn write_slice(world: &mut World, service: &Value, pods: &[Arc<Value>]) {
    let namespace = object::namespace(service);
    let present = world
        .store
        .within(&ENDPOINTSLICES, namespace)
        .find(|(_, slice)| {
            object::controller(slice).is_some_and(|one| object::text_at(one, "uid") == object::uid(service))
        })
        .map(|(_, slice)| Arc::clone(slice));
    let endpoints: Vec<Value> = pods.iter().map(|pod| endpoint(service, pod)).collect();
    let body = json!({"addressType": "IPv4", "endpoints": endpoints, "ports": ports(service, pods)});
    let now = world.timestamp();
    let trigger = "endpoints.kubernetes.io/last-change-trigger-time";
    if let Some(present) = present {
        let mut slice = (*present).clone();
        for field in ["endpoints", "ports"] {
            slice[field] = body[field].clone();
        }
        if slice != *present {
            object::child_mut(&mut slice["metadata"], "annotations").insert(trigger.into(), now);
            world.write(&ENDPOINTSLICES, slice);
        }
        return;
    }
    let stem = format!("{}-", object::name(service));
    let mut labels = labels(service);
    labels.insert(
        "endpointslice.kubernetes.io/managed-by".into(),
        json!("endpointslice-controller.k8s.io"),
    );
    labels.insert("kubernetes.io/service-name".into(), json!(object::name(service)));
    let mut slice = json!({
        "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "generateName": stem, "namespace": namespace, "labels": labels,
            "annotations": {trigger: now},
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Service", "name": object::name(service),
                "uid": object::uid(service), "controller": true, "blockOwnerDeletion": true,
            }],
        },
    });
    for field in ["addressType", "endpoints", "ports"] {
        slice[field] = body[field].clone();
    }
    world.make(&ENDPOINTSLICES, slice);
}

fn serves(service: &Value, pod: &Value) -> (bool, bool, bool) {
    let anyway = service
        .pointer("/spec/publishNotReadyAddresses")
        .and_then(Value::as_bool)
        == Some(true);
    let (ready, terminating) = (is_ready(pod), object::is_terminating(pod));
    (anyway || (ready && !terminating), ready, terminating)
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let (ready, serving, terminating) = serves(service, pod);
    let mut endpoint = json!({
        "addresses": [object::text_at(pod, "status.podIP")],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": reference(pod), "nodeName": object::text_at(pod, "spec.nodeName"),
    });
    if object::text_at(pod, "spec.subdomain") == object::name(service) {
        endpoint["hostname"] = json!(object::text_at(pod, "spec.hostname"));
    }
    endpoint
}

fn reference(pod: &Value) -> Value {
    json!({"kind": "Pod", "namespace": object::namespace(pod), "name": object::name(pod), "uid": object::uid(pod)})
}

/// The service's ports, by name, as the pods have them.
fn ports(service: &Value, pods: &[Arc<Value>]) -> Value {
    let list = service.pointer("/spec/ports").and_then(Value::as_array);
    let mut ports: Vec<Value> = list
        .into_iter()
        .flatten()
        .map(|port| {
            let number = match port.get("targetPort") {
                Some(Value::String(name)) => pods.first().and_then(|pod| named_port(pod, name)),
                Some(Value::Number(number)) => number.as_u64(),
                _ => port.get("port").and_then(Value::as_u64),
            };
            let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
            json!({"name": object::text_at(port, "name"), "protocol": protocol, "port": number})
        })
        .collect();
    ports.sort_by_key(|port| object::text_at(port, "name"));
    Value::Array(ports)
}

fn named_port(pod: &Value, name: &str) -> Option<u64> {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array)?;
    let ports = containers
        .iter()
        .filter_map(|one| one.get("ports")?.as_array())
        .flatten();
    ports
        .filter(|port| object::text_at(port, "name") == name)
        .find_map(|port| port.get("containerPort")?.as_u64())
}

fn write_endpoints(world: &mut World, service: &Value, pods: &[Arc<Value>]) {
    let name = Name::new(object::namespace(service), object::name(service));
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for pod in pods {
        let mut address = json!({
            "ip": object::text_at(pod, "status.podIP"), "nodeName": object::text_at(pod, "spec.nodeName"),
            "targetRef": reference(pod),
        });
        if object::text_at(pod, "spec.subdomain") == name.name {
            address["hostname"] = json!(object::text_at(pod, "spec.hostname"));
        }
        let (ready, _, terminating) = serves(service, pod);
        if ready {
            up.push(address);
        } else if !terminating {
            down.push(address);
        }
    }
    let mut subset = json!({"ports": ports(service, pods)});
    if !up.is_empty() {
        subset["addresses"] = Value::Array(up);
    }
    if !down.is_empty() {
        subset["notReadyAddresses"] = Value::Array(down);
    }
    let empty = subset.get("addresses").is_none() && subset.get("notReadyAddresses").is_none();
    let subsets = if empty { json!([]) } else { json!([subset]) };
    if let Some(present) = world.store.get(&ENDPOINTS, &name) {
        let mut endpoints = (**present).clone();
        endpoints["subsets"] = subsets;
        world.put(&ENDPOINTS, endpoints);
    } else {
        let mut labels = labels(service);
        labels.insert(
            "endpoints.kubernetes.io/managed-by".into(),
            json!("endpoint-controller"),
        );
        world.make(
            &ENDPOINTS,
            json!({
                "kind": "Endpoints", "apiVersion": "v1",
                "metadata": {"name": name.name, "namespace": name.namespace, "labels": labels},
                "subsets": subsets,
            }),
        );
    }
}
