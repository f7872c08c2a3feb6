//! Unknown fields, the schema's verdict, and what Chaos Mesh's webhooks change and refuse.

use serde_json::{Value, json};

use super::schema::{self, Zeros};
use crate::sim::world::chaos;
use crate::sim::world::knobs::Running;
use crate::sim::world::object;
use crate::sim::world::query::FieldValidation;
use crate::sim::world::resource::Resource;
use crate::sim::world::state::World;
use crate::sim::world::status::{Cause, Status};

/// Kinds that no webhook looks at.
const UNWATCHED: [&str; 6] = [
    "PodNetworkChaos",
    "PodIOChaos",
    "PodHttpChaos",
    "WorkflowNode",
    "RemoteCluster",
    "PhysicalMachine",
];

fn has_webhook(resource: &Resource) -> bool {
    resource.is_custom() && !UNWATCHED.contains(&resource.kind.as_ref())
}

/// Prunes what the schema does not know, as the request asked; then fills in what schema and webhook default.
pub fn decode(
    resource: &Resource,
    object: &mut Value,
    validation: FieldValidation,
) -> Result<Vec<String>, Status> {
    let Some(node) = schema::of_kind(&resource.kind).filter(|_| resource.is_custom()) else {
        return Ok(Vec::new());
    };
    let mut unknown = Vec::new();
    let head = take_head(object);
    schema::prune(node, object, "", &mut unknown);
    put_head(object, head);
    unknown.sort();
    let told: Vec<String> = unknown
        .iter()
        .map(|field| format!("unknown field \"{field}\""))
        .collect();
    if validation == FieldValidation::Strict && !told.is_empty() {
        return Err(Status::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: strict decoding error: {}",
            told.join(", "),
            kind = resource.kind,
            version = resource.at.version,
        )));
    }
    let zeros = if has_webhook(resource) {
        Zeros::Fill
    } else {
        Zeros::Leave
    };
    if let Some(spec) = object.get_mut("spec") {
        let spec_node = node.get("p").and_then(|known| known.get("spec"));
        if let Some(spec_node) = spec_node {
            schema::fill(spec_node, spec, zeros);
        }
    }
    if has_webhook(resource) {
        mutate(object);
    }
    Ok(if validation == FieldValidation::Ignore {
        Vec::new()
    } else {
        told
    })
}

/// `apiVersion`, `kind` and `metadata` are not the schema's business.
fn take_head(object: &mut Value) -> Vec<(String, Value)> {
    let Some(map) = object.as_object_mut() else {
        return Vec::new();
    };
    ["apiVersion", "kind", "metadata"]
        .iter()
        .filter_map(|key| map.remove_entry(*key))
        .collect()
}

fn put_head(object: &mut Value, head: Vec<(String, Value)>) {
    if let Some(map) = object.as_object_mut() {
        map.extend(head);
    }
}

/// The mutating webhook: an empty selector means the object's own namespace; a grace of zero is not written.
fn mutate(object: &mut Value) {
    let namespace = object::namespace(object).to_owned();
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    if spec.get("gracePeriod") == Some(&json!(0)) {
        spec.remove("gracePeriod");
    }
    if let Some(target) = spec
        .get_mut("target")
        .and_then(|target| target.get_mut("selector"))
    {
        default_namespace(target, &namespace);
    }
    if spec.contains_key("mode")
        && let Some(selector) = spec.get_mut("selector")
    {
        default_namespace(selector, &namespace);
    }
}

fn default_namespace(selector: &mut Value, namespace: &str) {
    let empty = selector
        .get("namespaces")
        .is_none_or(|all| all.as_array().is_none_or(Vec::is_empty));
    if empty && let Some(map) = selector.as_object_mut() {
        map.insert("namespaces".into(), json!([namespace]));
    }
}

/// The schema's verdict, then the validating webhook's.
pub fn validate(resource: &Resource, object: &Value, before: Option<&Value>) -> Result<(), Status> {
    let name = object::name(object);
    let mut causes = Vec::new();
    check_name(name, &mut causes);
    if let Some(node) = schema::of_kind(&resource.kind).filter(|_| resource.is_custom()) {
        for field in ["spec", "status"] {
            let known = node.get("p").and_then(|known| known.get(field));
            if let (Some(node), Some(value)) = (known, object.get(field)) {
                schema::judge(node, value, field, &mut causes);
            }
        }
        let required = node
            .get("r")
            .and_then(Value::as_array)
            .is_some_and(|all| all.contains(&json!("spec")));
        if required && object.get("spec").is_none() {
            causes.push(Cause::required("spec"));
        }
    }
    if !causes.is_empty() {
        return Err(Status::invalid(resource, name, &causes));
    }
    if !has_webhook(resource) {
        return Ok(());
    }
    let deny = |why: &str| {
        let hook = resource.kind.to_lowercase();
        Err(Status::forbidden(format!(
            "admission webhook \"v{hook}.kb.io\" denied the request: {why}"
        )))
    };
    if let Some(before) = before {
        let kept = before.get("spec") == object.get("spec");
        if !kept && chaos::is_injection(&resource.kind) {
            return deny("Cannot update chaos spec");
        }
    }
    let errors = refusals(&resource.kind, object.get("spec").unwrap_or(&Value::Null));
    match errors.as_slice() {
        [] => Ok(()),
        [one] => deny(one),
        many => deny(&format!("[{}]", many.join(", "))),
    }
}

fn check_name(name: &str, causes: &mut Vec<Cause>) {
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    let inner = bytes
        .iter()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(b));
    if name.len() > 253 || !inner || !edge(bytes.first()) || !edge(bytes.last()) {
        causes.push(Cause::invalid(
            "metadata.name",
            &json!(name),
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ));
    }
}

/// What the validating webhook has against a spec.
pub fn refusals(kind: &str, spec: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let text = |path: &str| object::text_at(spec, path);
    let mut invalid =
        |path: &str, value: &Value, why: &str| errors.push(format!("{path}: Invalid value: {value}: {why}"));
    if chaos::is_injection(kind) {
        check_mode(spec, "Spec", &mut invalid);
        let duration = text("duration");
        if !duration.is_empty() && chaos::parse_duration(&duration).is_none() {
            let why = format!("parse duration field error: time: invalid duration \"{duration}\"");
            invalid("Spec.Duration", &json!(duration), &why);
        }
    }
    match kind {
        "NetworkChaos" => {
            if let Some(target) = spec.get("target") {
                check_mode(target, "Spec.Target", &mut invalid);
            }
            let direction = text("direction");
            let backwards = direction == "from" || direction == "both";
            if text("action") != "partition" && backwards {
                if spec.get("externalTargets").is_some() {
                    invalid(
                        "Spec.direction",
                        &json!(direction),
                        "external targets cannot be used with `from` and `both` direction in netem action yet",
                    );
                }
                if spec.get("target").is_none() {
                    invalid(
                        "Spec.direction",
                        &json!(direction),
                        "`from` and `both` direction cannot be used when targets is empty in netem action",
                    );
                }
            }
        }
        "PodChaos"
            if text("action") == "container-kill"
                && object::strings(spec.get("containerNames")).is_empty() =>
        {
            let why = "the name of container is required on container-kill action: invalid value";
            invalid("Spec.containerNames", &Value::Null, why);
        }
        "StressChaos" => {
            let stressors = spec.get("stressors");
            let none = stressors.is_none_or(|all| all.get("cpu").is_none() && all.get("memory").is_none());
            if none && text("stressngStressors").is_empty() {
                invalid("Spec", &json!("stressors"), "missing stressors");
            }
        }
        "TimeChaos" if chaos::parse_duration(&text("timeOffset")).is_none() => {
            let offset = text("timeOffset");
            let why = format!("parse timeOffset field error:time: invalid duration \"{offset}\"");
            invalid("Spec.TimeOffset", &json!(offset), &why);
        }
        "Schedule" => {
            let schedule = text("schedule");
            if chaos::Cron::parse(&schedule).is_none() {
                invalid(
                    "spec.schedule",
                    &json!(schedule),
                    "parse schedule field error: it is no cron expression",
                );
            }
        }
        _ => {}
    }
    errors
}

fn check_mode(selector: &Value, path: &str, invalid: &mut impl FnMut(&str, &Value, &str)) {
    let value = object::text_at(selector, "value");
    let mode = object::text_at(selector, "mode");
    let path = format!("{path}.value");
    let parsed: Result<i64, _> = value.parse();
    match (mode.as_str(), parsed) {
        ("fixed" | "fixed-percent" | "random-max-percent", Err(_)) => {
            let why = format!("parse value field error:strconv.Atoi: parsing {value:?}: invalid syntax");
            invalid(&path, &json!(value), &why);
        }
        ("fixed", Ok(number)) if number <= 0 => {
            invalid(
                &path,
                &json!(value),
                "value must be greater than 0 with mode:fixed",
            );
        }
        ("fixed-percent" | "random-max-percent", Ok(number)) if !(1..=100).contains(&number) => {
            let why = format!("value of {number} is invalid, Must be (0,100] with mode:{mode}");
            invalid(&path, &json!(value), &why);
        }
        _ => {}
    }
}

impl World {
    /// With the webhook gone every create and update of its kinds fails; deletes do not ask it.
    pub(in crate::sim::world) fn check_webhook(&self, resource: &Resource) -> Result<(), Status> {
        if self.knobs.webhook == Running::Yes || !has_webhook(resource) {
            return Ok(());
        }
        let hook = resource.kind.to_lowercase();
        let message = format!(
            "Internal error occurred: failed calling webhook \"m{hook}.kb.io\": failed to call webhook: Post \
             \"https://chaos-mesh-controller-manager.chaos-mesh.svc:443/mutate?timeout=5s\": dial tcp: connect: \
             connection refused"
        );
        Err(Status::plain(500, "InternalError", message))
    }
}
