//! The object that a fault becomes: its `spec` verbatim, name, labels and missing clocks ours. Pure.

use std::time::Duration;

use serde_json::{Value, json};

use super::aims::{self, Described};
use crate::cluster::{ChaosKind, labels};
use crate::fault::{ChaosRef, Lasting};
use crate::playbook::Span;
use crate::ports::PlanRequest;
use crate::run::Refusal;

/// Names are shared with children that get a suffix, and become label values.
const NAME_MOST: usize = 40;
const LABEL_MOST: usize = 63;

/// The object to be, and what is known of it before anybody is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    pub object: ChaosRef,
    pub manifest: Value,
    pub described: Described,
    /// What people read: `delay 250ms ±100ms`.
    pub action: String,
    pub lasting: Lasting,
    /// The longest that anything in it lasts; `None` for what happens once.
    pub duration: Option<Duration>,
    /// After how long it ends by itself, counted from its creation.
    pub own_clock: Option<Duration>,
    pub warnings: Vec<String>,
}

fn refuse(why: impl Into<String>, hint: &str) -> Refusal {
    Refusal {
        why: why.into(),
        hint: Some(hint.to_owned()),
    }
}

/// Only what may stand in a name and in a label.
fn plain(text: &str, most: usize) -> String {
    let lower = text.to_lowercase();
    let kept: String = lower
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(most)
        .collect();
    match kept.trim_matches('-') {
        "" => "fault".to_owned(),
        kept => kept.to_owned(),
    }
}

/// Our labels on the objects of one fault of one run.
pub fn our_labels(run: &str, fault: &str) -> [(&'static str, String); 3] {
    [
        (labels::MANAGED_BY, labels::US.to_owned()),
        (labels::RUN, plain(run, LABEL_MOST)),
        (labels::FAULT, plain(fault, LABEL_MOST)),
    ]
}

/// Makes the object. `salt` tells two runs apart that use one name.
pub fn make(request: &PlanRequest, salt: u16) -> Result<Made, Refusal> {
    let given = &request.fault.chaos_mesh;
    let kind = request.fault.kind();
    let version = given
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if version != "chaos-mesh.org/v1alpha1" {
        let shown = crate::text::printable(version);
        let why = format!("the manifest is of `{shown}`, not of chaos-mesh.org/v1alpha1");
        return Err(refuse(why, "give a manifest of Chaos Mesh 2"));
    }
    let Some(mut spec) = given.get("spec").filter(|spec| spec.is_object()).cloned() else {
        return Err(refuse("the manifest has no `spec`", "give the whole manifest"));
    };
    let described = aims::describe(kind, &spec)?;
    let Some(known) = ChaosKind::known(kind) else {
        return Err(refuse(
            format!("{kind} is no kind that is known here"),
            "use another kind",
        ));
    };
    let mut warnings = Vec::new();
    set_clocks(&mut spec, &described, request.limits.duration, &mut warnings)?;
    let spawns = matches!(kind, "Schedule" | "Workflow");
    let once = described.shots.iter().all(|shot| shot.clock.is_none());
    let lasting = if once && !spawns {
        Lasting::OneShot
    } else {
        Lasting::UntilUndone
    };
    if let (Lasting::OneShot, Some(_)) = (lasting, spec.get("duration")) {
        let action = crate::text::printable(request.fault.action());
        warnings.push(format!("{action} happens once: its `duration` means nothing"));
    }
    let duration = length(kind, &spec, &described)?;
    let namespace = given
        .pointer("/metadata/namespace")
        .and_then(Value::as_str)
        .unwrap_or(&request.target.namespace)
        .to_owned();
    let fault = request.fault.id.as_str();
    let name = format!("{}-{}-{salt:04x}", plain(fault, NAME_MOST), request.attempt);
    let labels: serde_json::Map<String, Value> = our_labels(request.run.as_str(), fault)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Value::from(value)))
        .collect();
    Ok(Made {
        object: ChaosRef {
            kind: known.kind,
            plural: known.plural,
            namespace: namespace.clone(),
            name: name.clone(),
        },
        action: crate::text::printable(&words(kind, &spec)).into_owned(),
        manifest: json!({
            "apiVersion": version, "kind": kind,
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": spec,
        }),
        described,
        lasting,
        duration,
        own_clock: if spawns { None } else { duration },
        warnings,
    })
}

/// The longest that anything in it lasts, every clock being set; `None` for what happens once.
pub fn length(kind: &str, spec: &Value, described: &Described) -> Result<Option<Duration>, Refusal> {
    if kind == "Workflow" {
        return aims::workflow_length(spec).map(Some);
    }
    let mut longest = None;
    for clock in described.all_clocks() {
        longest = longest.max(aims::length_at(spec, clock)?);
    }
    Ok(longest)
}

/// Gives a clock to everything that lasts and has none.
fn set_clocks(
    spec: &mut Value,
    described: &Described,
    default: Span,
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    for clock in described.all_clocks() {
        if aims::length_at(spec, clock)?.is_none() {
            let shown = clock.replace('/', ".");
            warnings.push(format!("`spec{shown}` is not given: {default}, from the limits"));
            set(spec, clock, &go_duration(default.0));
        }
    }
    Ok(())
}

fn set(spec: &mut Value, pointer: &str, text: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(map) = spec.pointer_mut(parent).and_then(Value::as_object_mut) {
        map.insert(key.to_owned(), Value::from(text));
    }
}

/// As Go reads it.
fn go_duration(length: Duration) -> String {
    let millis = length.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{}s", millis / 1000)
    } else {
        format!("{millis}ms")
    }
}

/// What people read on the arming card.
fn words(kind: &str, spec: &Value) -> String {
    let text = |pointer: &str| match spec.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => String::new(),
    };
    let action = text("/action");
    let percent = |of: &str| format!("{of} {} %", text(&format!("/{of}/{of}")));
    match (kind, action.as_str()) {
        ("NetworkChaos", "delay") => {
            let jitter = text("/delay/jitter");
            let spread = if jitter.is_empty() {
                jitter
            } else {
                format!(" ±{jitter}")
            };
            format!("delay {}{spread}", text("/delay/latency"))
        }
        ("NetworkChaos", "loss" | "duplicate" | "corrupt") => percent(&action),
        ("NetworkChaos", "bandwidth") => format!("bandwidth {}", text("/bandwidth/rate")),
        ("StressChaos", _) => stress(&text),
        ("IOChaos", "latency") => format!("io latency {} on {}", text("/delay"), text("/volumePath")),
        ("IOChaos", other) => format!("io {other} on {}", text("/volumePath")),
        ("TimeChaos", _) => format!("clock moved by {}", text("/timeOffset")),
        ("DNSChaos", other) => {
            let patterns = spec.get("patterns").and_then(Value::as_array);
            let patterns: Vec<&str> = patterns.into_iter().flatten().filter_map(Value::as_str).collect();
            format!("dns {other} {}", patterns.join(" "))
        }
        ("Schedule", _) => {
            let inner = text("/type");
            let template = spec.as_object().into_iter().flatten();
            let template = template
                .filter(|(_, value)| value.get("selector").is_some())
                .map(|(_, value)| words(&inner, value))
                .next();
            format!("{} {}", template.unwrap_or(inner), text("/schedule"))
        }
        ("Workflow", _) => {
            let steps = spec
                .get("templates")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            format!("workflow of {steps} templates")
        }
        (kind, "") => kind.to_owned(),
        (_, action) => action.to_owned(),
    }
}

fn stress(text: &impl Fn(&str) -> String) -> String {
    let mut parts = Vec::new();
    if !text("/stressors/cpu/workers").is_empty() {
        let load = match text("/stressors/cpu/load").as_str() {
            "" => String::new(),
            load => format!(" at {load} %"),
        };
        parts.push(format!(
            "cpu stress, {} workers{load}",
            text("/stressors/cpu/workers")
        ));
    }
    if !text("/stressors/memory/workers").is_empty() {
        let size = text("/stressors/memory/size");
        parts.push(format!(
            "memory stress, {} workers {size}",
            text("/stressors/memory/workers")
        ));
    }
    if parts.is_empty() {
        "stress".to_owned()
    } else {
        parts.join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::{Fault, Limits, Target};

    fn request(manifest: Value) -> PlanRequest {
        PlanRequest {
            run: "20261121-033247-a9f0".into(),
            fault: Fault {
                id: "Kill_one".into(),
                chaos_mesh: manifest,
            },
            attempt: 2,
            target: Target {
                namespace: "mqtt".to_owned(),
                pods: [("app".to_owned(), "emqx-go".to_owned())].into(),
            },
            limits: Limits::default(),
        }
    }

    fn manifest(kind: &str, spec: &Value) -> Value {
        json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind,
            "metadata": {"name": "theirs", "labels": {"a": "b"}, "annotations": {"experiment.chaos-mesh.org/pause": "true"}},
            "spec": spec})
    }

    #[test]
    fn only_the_spec_is_theirs() {
        let spec =
            json!({"action": "pod-failure", "mode": "one", "duration": "30s", "selector": {}, "odd": 1});
        let made = make(&request(manifest("PodChaos", &spec)), 0xa9f0).expect("made");
        assert_eq!(made.object.name, "kill-one-2-a9f0");
        assert_eq!(made.object.namespace, "mqtt");
        assert_eq!(
            made.manifest["spec"], spec,
            "an unknown field is the server's to refuse"
        );
        assert_eq!(
            made.manifest["metadata"],
            json!({"name": "kill-one-2-a9f0", "namespace": "mqtt", "labels": {
                "app.kubernetes.io/managed-by": "firedrill", "firedrill.io/run": "20261121-033247-a9f0",
                "firedrill.io/fault": "kill-one"}})
        );
        assert_eq!(made.own_clock, Some(Duration::from_secs(30)));
    }

    #[test]
    fn what_lasts_gets_a_clock() {
        let at = |kind: &str, spec: &Value, pointer: &str| {
            let made = make(&request(manifest(kind, spec)), 1).expect(kind);
            made.manifest["spec"].pointer(pointer).cloned()
        };
        let given = Some(json!("600s"));
        let stress = json!({"mode": "one", "selector": {}, "stressors": {}});
        assert_eq!(at("StressChaos", &stress, "/duration"), given);
        let kill = json!({"action": "pod-kill", "mode": "one", "selector": {}});
        assert_eq!(at("PodChaos", &kill, "/duration"), None);
        let schedule = json!({"schedule": "@every 5m", "type": "StressChaos", "stressChaos": stress});
        assert_eq!(at("Schedule", &schedule, "/stressChaos/duration"), given);
        assert_eq!(at("Schedule", &schedule, "/duration"), None);
        let workflow = json!({"entry": "a", "templates": [
            {"name": "a", "templateType": "StressChaos", "stressChaos": stress}]});
        assert_eq!(at("Workflow", &workflow, "/templates/0/deadline"), given);
        assert_eq!(
            at("Workflow", &workflow, "/templates/0/stressChaos/duration"),
            None
        );
    }

    #[test]
    fn a_spawner_never_ends_by_itself() {
        let kill = json!({"action": "pod-kill", "mode": "one", "selector": {}});
        let schedule = json!({"schedule": "@every 5m", "type": "PodChaos", "podChaos": kill});
        let made = make(&request(manifest("Schedule", &schedule)), 1).expect("made");
        assert_eq!((made.lasting, made.own_clock), (Lasting::UntilUndone, None));
        assert_eq!(made.action, "pod-kill @every 5m");
        let made = make(&request(manifest("PodChaos", &kill)), 1).expect("made");
        assert_eq!(
            (made.lasting, made.own_clock, made.duration),
            (Lasting::OneShot, None, None)
        );
    }

    #[test]
    fn words_for_the_card() {
        for (kind, spec, said) in [
            (
                "NetworkChaos",
                json!({"action": "delay", "delay": {"latency": "250ms", "jitter": "100ms"}}),
                "delay 250ms ±100ms",
            ),
            (
                "NetworkChaos",
                json!({"action": "loss", "loss": {"loss": "20"}}),
                "loss 20 %",
            ),
            ("NetworkChaos", json!({"action": "partition"}), "partition"),
            (
                "StressChaos",
                json!({"stressors": {"cpu": {"workers": 2, "load": 80}}}),
                "cpu stress, 2 workers at 80 %",
            ),
            ("TimeChaos", json!({"timeOffset": "5m"}), "clock moved by 5m"),
            (
                "DNSChaos",
                json!({"action": "error", "patterns": ["emqx-go-*"]}),
                "dns error emqx-go-*",
            ),
            ("PodChaos", json!({"action": "pod-kill"}), "pod-kill"),
        ] {
            assert_eq!(words(kind, &spec), said);
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let other = json!({"apiVersion": "v1", "kind": "Pod", "spec": {}});
        assert!(
            make(&request(other), 1)
                .expect_err("refused")
                .why
                .contains("`v1`")
        );
        let odd = manifest(
            "StressChaos",
            &json!({"mode": "one", "selector": {}, "duration": "5 parsecs"}),
        );
        assert!(
            make(&request(odd), 1)
                .expect_err("refused")
                .why
                .contains("spec.duration")
        );
    }
}
