//! The cells of nodes and of events. Pure.

use serde_json::Value;

use super::cells::{NONE, count, elements, joined, since, text_or_none};
use crate::units::Stamp;

pub(super) mod node {
    use super::{NONE, Stamp, Value, elements, joined, text_or_none};

    pub fn status(object: &Value, _now: Stamp) -> Value {
        let ready = elements(&object["status"]["conditions"])
            .iter()
            .find(|c| c["type"] == "Ready");
        let word = match ready.map(|c| &c["status"]) {
            Some(status) if *status == "True" => "Ready",
            Some(_) => "NotReady",
            None => "Unknown",
        };
        let cordoned = object["spec"]["unschedulable"] == true;
        if cordoned {
            format!("{word},SchedulingDisabled").into()
        } else {
            word.into()
        }
    }

    pub fn roles(object: &Value, _now: Stamp) -> Value {
        let labels = object["metadata"]["labels"].as_object();
        let roles: Vec<&str> = labels
            .into_iter()
            .flatten()
            .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
            .collect();
        joined(&roles)
    }

    fn address(object: &Value, kind: &str) -> Value {
        let found = elements(&object["status"]["addresses"])
            .iter()
            .find(|address| address["type"] == kind);
        found.map_or_else(|| NONE.into(), |address| address["address"].clone())
    }

    pub fn internal(object: &Value, _now: Stamp) -> Value {
        address(object, "InternalIP")
    }

    pub fn external(object: &Value, _now: Stamp) -> Value {
        address(object, "ExternalIP")
    }

    pub fn version(object: &Value, _now: Stamp) -> Value {
        text_or_none(&object["status"]["nodeInfo"]["kubeletVersion"])
    }

    pub fn os(object: &Value, _now: Stamp) -> Value {
        text_or_none(&object["status"]["nodeInfo"]["osImage"])
    }

    pub fn kernel(object: &Value, _now: Stamp) -> Value {
        text_or_none(&object["status"]["nodeInfo"]["kernelVersion"])
    }

    pub fn runtime(object: &Value, _now: Stamp) -> Value {
        text_or_none(&object["status"]["nodeInfo"]["containerRuntimeVersion"])
    }
}

pub(super) mod event {
    use super::{Stamp, Value, count, since};

    fn about(object: &Value) -> &Value {
        if object["involvedObject"].is_object() {
            &object["involvedObject"]
        } else {
            &object["regarding"]
        }
    }

    pub fn last_seen(object: &Value, now: Stamp) -> Value {
        let times = [
            &object["series"]["lastObservedTime"],
            &object["lastTimestamp"],
            &object["deprecatedLastTimestamp"],
            &object["eventTime"],
            &object["metadata"]["creationTimestamp"],
        ];
        times
            .into_iter()
            .find(|time| time.is_string())
            .map_or_else(|| "<unknown>".into(), |time| since(time, now).into())
    }

    pub fn first_seen(object: &Value, now: Stamp) -> Value {
        let times = [
            &object["firstTimestamp"],
            &object["deprecatedFirstTimestamp"],
            &object["eventTime"],
        ];
        times
            .into_iter()
            .find(|time| time.is_string())
            .map_or_else(|| "<unknown>".into(), |time| since(time, now).into())
    }

    pub fn kind(object: &Value, _now: Stamp) -> Value {
        object["type"].clone()
    }

    pub fn reason(object: &Value, _now: Stamp) -> Value {
        object["reason"].clone()
    }

    pub fn object(object: &Value, _now: Stamp) -> Value {
        let about = about(object);
        let (kind, name) = (
            about["kind"].as_str().unwrap_or_default(),
            about["name"].as_str().unwrap_or_default(),
        );
        format!("{}/{name}", kind.to_lowercase()).into()
    }

    pub fn part(object: &Value, _now: Stamp) -> Value {
        about(object)["fieldPath"].as_str().unwrap_or_default().into()
    }

    pub fn source(object: &Value, _now: Stamp) -> Value {
        let source = if object["source"].is_object() {
            &object["source"]
        } else {
            &object["deprecatedSource"]
        };
        let component = source["component"]
            .as_str()
            .or(object["reportingComponent"].as_str())
            .unwrap_or_default();
        match source["host"].as_str() {
            Some(host) if !host.is_empty() => format!("{component}, {host}").into(),
            _nowhere => component.into(),
        }
    }

    pub fn message(object: &Value, _now: Stamp) -> Value {
        let text = object["message"]
            .as_str()
            .or(object["note"].as_str())
            .unwrap_or_default();
        text.trim().into()
    }

    pub fn times(object: &Value, _now: Stamp) -> Value {
        let count = [
            &object["series"]["count"],
            &object["count"],
            &object["deprecatedCount"],
        ]
        .map(count);
        count.into_iter().find(|count| *count > 0).unwrap_or(1).into()
    }
}
