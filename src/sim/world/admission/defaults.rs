//! Defaults that the server writes into objects.

use serde_json::{Map, Value, json};

use crate::sim::world::names::fingerprint;
use crate::sim::world::object::{self, child_mut};
use crate::sim::world::resource::Resource;

/// Fills in what the client left out.
pub fn default(resource: &Resource, object: &mut Value) {
    match resource.kind.as_ref() {
        "Pod" => pod(object),
        "StatefulSet" => stateful_set(object),
        "Deployment" | "DaemonSet" | "ReplicaSet" => workload(object),
        "Service" => service(object),
        "Namespace" => namespace(object),
        "Job" => job(object),
        "Secret" => fill(object_map(object), [("type", json!("Opaque"))]),
        "Schedule" => {
            fill(
                child_mut(object, "spec"),
                [("concurrencyPolicy", json!("Forbid")), ("historyLimit", json!(1))],
            );
        }
        _ => {}
    }
}

fn object_map(object: &mut Value) -> &mut Map<String, Value> {
    // Every object was checked to be one when it was placed.
    object.as_object_mut().expect("objects are maps")
}

fn fill<const N: usize>(map: &mut Map<String, Value>, defaults: [(&str, Value); N]) {
    for (key, value) in defaults {
        map.entry(key.to_owned()).or_insert(value);
    }
}

fn pod(object: &mut Value) {
    let uid = object::uid(object).to_owned();
    let spec = child_mut(object, "spec");
    pod_spec(spec);
    fill(
        spec,
        [
            ("serviceAccountName", json!("default")),
            ("serviceAccount", json!("default")),
            ("priority", json!(0)),
            ("enableServiceLinks", json!(true)),
            ("preemptionPolicy", json!("PreemptLowerPriority")),
            (
                "tolerations",
                json!([toleration("not-ready"), toleration("unreachable")]),
            ),
        ],
    );
    let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
    let mounted = volumes.as_array().is_some_and(|all| {
        all.iter()
            .any(|one| object::text_at(one, "name").starts_with("kube-api-access-"))
    });
    if !mounted {
        let name = format!("kube-api-access-{:05x}", fingerprint(&uid) & 0xf_ffff);
        if let Some(volumes) = volumes.as_array_mut() {
            volumes.push(token_volume(&name));
        }
        for container in spec
            .get_mut("containers")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let mount = json!({
                "name": name, "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            });
            if let Some(container) = container.as_object_mut()
                && let Some(mounts) = container
                    .entry("volumeMounts")
                    .or_insert_with(|| json!([]))
                    .as_array_mut()
            {
                mounts.push(mount);
            }
        }
    }
    if object.get("status").is_none() {
        object["status"] = json!({"phase": "Pending", "qosClass": "BestEffort"});
    }
}

fn toleration(what: &str) -> Value {
    json!({
        "key": format!("node.kubernetes.io/{what}"), "operator": "Exists", "effect": "NoExecute",
        "tolerationSeconds": 300,
    })
}

fn token_volume(name: &str) -> Value {
    json!({"name": name, "projected": {"sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        ]}},
        {"configMap": {"name": "openshift-service-ca.crt", "items": [{"key": "service-ca.crt", "path": "service-ca.crt"}]}},
    ], "defaultMode": 420}})
}

fn pod_spec(spec: &mut Map<String, Value>) {
    fill(
        spec,
        [
            ("restartPolicy", json!("Always")),
            ("terminationGracePeriodSeconds", json!(30)),
            ("dnsPolicy", json!("ClusterFirst")),
            ("securityContext", json!({})),
            ("schedulerName", json!("default-scheduler")),
            ("containers", json!([])),
        ],
    );
    for container in spec
        .get_mut("containers")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let image = object::text_at(container, "image");
        let latest =
            !image.rsplit('/').next().unwrap_or_default().contains(':') || image.ends_with(":latest");
        let Some(container) = container.as_object_mut() else {
            continue;
        };
        fill(
            container,
            [
                ("resources", json!({})),
                ("terminationMessagePath", json!("/dev/termination-log")),
                ("terminationMessagePolicy", json!("File")),
                (
                    "imagePullPolicy",
                    json!(if latest { "Always" } else { "IfNotPresent" }),
                ),
            ],
        );
        for port in container
            .get_mut("ports")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(port) = port.as_object_mut() {
                fill(port, [("protocol", json!("TCP"))]);
            }
        }
    }
}

fn template(object: &mut Value) {
    let spec = child_mut(object, "spec");
    let template = spec.entry("template").or_insert_with(|| json!({}));
    pod_spec(child_mut(template, "spec"));
}

fn workload(object: &mut Value) {
    template(object);
    if object.get("kind").and_then(Value::as_str) != Some("DaemonSet") {
        fill(child_mut(object, "spec"), [("replicas", json!(1))]);
    }
    fill(child_mut(object, "spec"), [("revisionHistoryLimit", json!(10))]);
    fill(object_map(object), [("status", json!({"replicas": 0}))]);
}

fn stateful_set(object: &mut Value) {
    template(object);
    fill(
        child_mut(object, "spec"),
        [
            ("replicas", json!(1)),
            ("podManagementPolicy", json!("OrderedReady")),
            (
                "updateStrategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
            ),
            ("revisionHistoryLimit", json!(10)),
            (
                "persistentVolumeClaimRetentionPolicy",
                json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
            ),
        ],
    );
    fill(
        object_map(object),
        [("status", json!({"replicas": 0, "availableReplicas": 0}))],
    );
}

fn service(object: &mut Value) {
    let uid = fingerprint(object::uid(object));
    let spec = child_mut(object, "spec");
    fill(
        spec,
        [
            ("type", json!("ClusterIP")),
            ("sessionAffinity", json!("None")),
            ("ipFamilies", json!(["IPv4"])),
            ("ipFamilyPolicy", json!("SingleStack")),
            ("internalTrafficPolicy", json!("Cluster")),
        ],
    );
    let address = spec
        .entry("clusterIP")
        .or_insert_with(|| json!(format!("10.96.{}.{}", uid & 255, 1 + (uid >> 8) % 254)));
    let address = address.clone();
    fill(spec, [("clusterIPs", json!([address]))]);
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let number = port.get("port").cloned().unwrap_or_default();
        if let Some(port) = port.as_object_mut() {
            fill(port, [("protocol", json!("TCP")), ("targetPort", number)]);
        }
    }
    fill(object_map(object), [("status", json!({"loadBalancer": {}}))]);
}

fn namespace(object: &mut Value) {
    let name = object::name(object).to_owned();
    child_mut(&mut object["metadata"], "labels").insert("kubernetes.io/metadata.name".into(), json!(name));
    fill(child_mut(object, "spec"), [("finalizers", json!(["kubernetes"]))]);
    fill(object_map(object), [("status", json!({"phase": "Active"}))]);
}

fn job(object: &mut Value) {
    let (uid, name) = (object::uid(object).to_owned(), object::name(object).to_owned());
    let labels = [
        ("batch.kubernetes.io/controller-uid", uid.as_str()),
        ("batch.kubernetes.io/job-name", name.as_str()),
        ("controller-uid", uid.as_str()),
        ("job-name", name.as_str()),
    ];
    template(object);
    let spec = child_mut(object, "spec");
    fill(
        spec,
        [
            ("parallelism", json!(1)),
            ("completions", json!(1)),
            ("backoffLimit", json!(6)),
            (
                "selector",
                json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}),
            ),
            ("manualSelector", json!(false)),
            ("completionMode", json!("NonIndexed")),
            ("suspend", json!(false)),
            ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ],
    );
    let meta = &mut object["metadata"];
    for (key, value) in labels {
        child_mut(meta, "labels").insert(key.to_owned(), json!(value));
    }
    let template = &mut object["spec"]["template"]["metadata"];
    for (key, value) in labels {
        child_mut(template, "labels").insert(key.to_owned(), json!(value));
    }
    fill(object_map(object), [("status", json!({}))]);
}
