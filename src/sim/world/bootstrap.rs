//! The cluster as it stands at mark zero: built some hours before, settled, nothing injected.

use std::time::Duration;

use serde_json::{Value, json};

use super::admission;
use super::agenda::Due;
use super::controller::{State, events};
use super::names::{fingerprint, format_uid};
use super::object;
use super::query::Name;
use super::resource::{
    CLUSTERROLES, CONFIGMAPS, DAEMONSETS, DEPLOYMENTS, MUTATING_WEBHOOKS, NAMESPACES, NODES, ResourceRef,
    SERVICEACCOUNTS, SERVICES, STATEFULSETS, VALIDATING_WEBHOOKS,
};
use super::state::World;
use crate::units::{Mark, Stamp};

/// Namespaces that every cluster of this world has.
const NAMESPACES_OF_ALL: [&str; 5] = [
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "chaos-mesh",
];

/// Builds everything and lets the controllers settle it. The world's record starts empty afterwards.
pub fn build(world: &mut World) {
    let (start, age) = (world.setup.start, world.setup.age);
    let back = jiff::SignedDuration::try_from(age).unwrap_or_default();
    // The building itself is played on the usual timetable, `age` earlier, and ends before mark zero.
    world.setup.start = Stamp(start.0.checked_sub(back).unwrap_or(start.0));
    world.agenda.at(Mark::from_secs(600), Due::ForgetEvents);
    for name in NAMESPACES_OF_ALL
        .iter()
        .map(|name| (*name).to_owned())
        .chain(world.setup.namespaces.clone())
    {
        namespace(world, &name);
    }
    for number in 1..=world.setup.nodes.max(1) {
        make(world, &NODES, node(number, &world.timestamp()));
    }
    admission::crds(world);
    for (at, object) in components() {
        make(world, at, object);
    }
    let replicas = world.setup.replicas;
    for (at, object) in brokers(replicas) {
        make(world, at, object);
    }
    world.advance(Mark::from_secs(120));
    rebase(world, start, age);
}

fn make(world: &mut World, at: &ResourceRef, object: Value) {
    world.make(at, object);
}

/// Moves the settled world to mark zero: what is due, who runs since when, and an empty record.
fn rebase(world: &mut World, start: Stamp, age: Duration) {
    let built = world.now;
    world.setup.start = start;
    world.now = Mark::ZERO;
    world.agenda = super::agenda::Agenda::default();
    world.agenda.at(Mark::from_secs(600), Due::ForgetEvents);
    let uids: Vec<String> = world.pods.keys().cloned().collect();
    for uid in uids {
        if let Some(run) = world.pods.get_mut(&uid) {
            for container in &mut run.containers {
                if let State::Running { since, ready_at, .. } = &mut container.state {
                    *since = Mark::ZERO;
                    *ready_at = Mark::ZERO;
                }
            }
        }
        let first = world.dice.millis(200, 5000);
        world.soon(first, Due::Heartbeat(uid));
    }
    world.logs.rebase(built);
    if age >= Duration::from_hours(1) {
        events::forget_all(world);
    }
    world.store.compact();
    world.happenings.clear();
}

fn namespace(world: &mut World, name: &str) {
    let mut object = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}});
    if let Some(resource) = world.registry.find(&NAMESPACES).cloned() {
        admission::default(&resource, &mut object);
    }
    make(world, &NAMESPACES, object);
    if name == "kube-system" {
        // The identity of a cluster: another one in every process, whatever the seed.
        let at = Name::cluster(name);
        if let Some(present) = world.store.get(&NAMESPACES, &at) {
            let mut object = (**present).clone();
            let bits = u128::from(fingerprint(&format!("{}/{}", world.setup.seed, world.setup.salt)));
            let uid =
                format_uid(bits << 64 | u128::from(world.setup.salt ^ world.setup.seed.rotate_left(32)));
            object::meta_mut(&mut object).insert("uid".into(), json!(uid));
            world.put(&NAMESPACES, object);
        }
    }
    make(
        world,
        &SERVICEACCOUNTS,
        json!({
            "kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "default", "namespace": name},
        }),
    );
    make(
        world,
        &CONFIGMAPS,
        json!({
            "kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "kube-root-ca.crt", "namespace": name},
            "data": {"ca.crt": ""},
        }),
    );
}

fn node(number: u32, now: &Value) -> Value {
    let name = format!("node-{number}");
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now,
            "reason": reason, "message": reason,
        })
    };
    let size = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    let cidr = format!("10.244.{number}.0/24");
    json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": {
            "name": name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
        "status": {
            "capacity": size, "allocatable": size,
            "conditions": [
                condition("Ready", "True", "KubeletReady"),
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            ],
            "addresses": [
                {"type": "InternalIP", "address": format!("10.10.0.{number}")},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": name, "systemUUID": name, "bootID": name, "kernelVersion": "6.1",
                "osImage": "embedded", "containerRuntimeVersion": "containerd://1.7.0", "kubeletVersion": "v1.36.2",
                "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
            },
        },
    })
}

fn brokers(replicas: u32) -> Vec<(&'static ResourceRef, Value)> {
    let labels = json!({"app": "emqx-go"});
    let service = |name: &str, spec: Value| {
        json!({
            "kind": "Service", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": "default", "labels": labels}, "spec": spec,
        })
    };
    let ports = json!([
        {"name": "mqtt", "containerPort": 1883}, {"name": "grpc", "containerPort": 8081},
        {"name": "metrics", "containerPort": 8082}, {"name": "dashboard", "containerPort": 18083},
    ]);
    let set = json!({
        "kind": "StatefulSet", "apiVersion": "apps/v1",
        "metadata": {"name": "emqx-go", "namespace": "default", "labels": labels, "annotations": {}},
        "spec": {
            "replicas": replicas, "serviceName": "emqx-go-headless", "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "emqx-go", "image": "emqx-go:latest", "ports": ports,
                    "resources": {
                        "limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "512Mi"},
                    },
                    "readinessProbe": {
                        "httpGet": {"path": "/health/ready", "port": 18083, "scheme": "HTTP"},
                        "initialDelaySeconds": 2, "timeoutSeconds": 1, "periodSeconds": 2,
                        "successThreshold": 1, "failureThreshold": 3,
                    },
                }]},
            },
        },
    });
    vec![
        (
            &SERVICES,
            service(
                "emqx-go-headless",
                json!({
                    "clusterIP": "None", "selector": labels,
                    "ports": [{"name": "mqtt", "port": 1883}, {"name": "grpc", "port": 8081}],
                }),
            ),
        ),
        (
            &SERVICES,
            service(
                "emqx-go-mqtt",
                json!({
                    "selector": labels, "ports": [{"name": "mqtt", "port": 1883, "targetPort": "mqtt"}],
                }),
            ),
        ),
        (&STATEFULSETS, set),
    ]
}

/// What Chaos Mesh's own objects are labelled with.
fn labels(component: &str) -> Value {
    json!({
        "app.kubernetes.io/component": component, "app.kubernetes.io/instance": "chaos-mesh",
        "app.kubernetes.io/name": "chaos-mesh", "app.kubernetes.io/part-of": "chaos-mesh",
    })
}

fn component(kind: &str, name: &str, component: &str) -> Value {
    let image = format!("chaos-mesh/{name}:v2.8.3");
    json!({
        "kind": kind, "apiVersion": "apps/v1",
        "metadata": {"name": name, "namespace": "chaos-mesh", "labels": labels(component)},
        "spec": {
            "selector": {"matchLabels": labels(component)},
            "template": {
                "metadata": {"labels": labels(component)},
                "spec": {"containers": [{"name": component, "image": image, "imagePullPolicy": "IfNotPresent"}]},
            },
        },
    })
}

/// Chaos Mesh itself: controller, daemons, DNS server, their services and webhooks.
fn components() -> Vec<(&'static ResourceRef, Value)> {
    let service = |name: &str, component: &str, ports: Value| {
        json!({
            "kind": "Service", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": "chaos-mesh", "labels": labels(component)},
            "spec": {"selector": labels(component), "ports": ports},
        })
    };
    let webhooks = |kind: &str, name: &str| {
        json!({
            "kind": kind, "apiVersion": "admissionregistration.k8s.io/v1",
            "metadata": {"name": name, "labels": labels("admission-webhook")}, "webhooks": [],
        })
    };
    let role = json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {
            "name": "chaos-mesh-chaos-controller-manager-target-namespace", "labels": labels("controller-manager"),
        },
        "rules": [{"apiGroups": ["chaos-mesh.org"], "resources": ["*"], "verbs": ["*"]}],
    });
    let webhook =
        json!([{"name": "webhook", "port": 443, "targetPort": 10250}, {"name": "http", "port": 10080}]);
    let daemon = json!([{"name": "grpc", "port": 31767}]);
    vec![
        (
            &DEPLOYMENTS,
            component("Deployment", "chaos-controller-manager", "controller-manager"),
        ),
        (
            &DEPLOYMENTS,
            component("Deployment", "chaos-dns-server", "chaos-dns-server"),
        ),
        (
            &DAEMONSETS,
            component("DaemonSet", "chaos-daemon", "chaos-daemon"),
        ),
        (
            &SERVICES,
            service("chaos-mesh-controller-manager", "controller-manager", webhook),
        ),
        (&SERVICES, service("chaos-daemon", "chaos-daemon", daemon)),
        (&CLUSTERROLES, role),
        (
            &MUTATING_WEBHOOKS,
            webhooks("MutatingWebhookConfiguration", "chaos-mesh-mutation"),
        ),
        (
            &VALIDATING_WEBHOOKS,
            webhooks("ValidatingWebhookConfiguration", "chaos-mesh-validation"),
        ),
    ]
}
