//! The cells of workloads, services, nodes, events and the like. Pure.

use serde_json::Value;

use super::cells::{NONE, count, elements, joined, labels, short_duration, since, size, text_or_none};
use crate::units::Stamp;

pub(super) fn containers(object: &Value, _now: Stamp) -> Value {
    let list = elements(&object["spec"]["template"]["spec"]["containers"]);
    joined(&list.iter().filter_map(|c| c["name"].as_str()).collect::<Vec<_>>())
}

pub(super) fn images(object: &Value, _now: Stamp) -> Value {
    let list = elements(&object["spec"]["template"]["spec"]["containers"]);
    joined(
        &list
            .iter()
            .filter_map(|c| c["image"].as_str())
            .collect::<Vec<_>>(),
    )
}

pub(super) fn match_labels(object: &Value, _now: Stamp) -> Value {
    labels(&object["spec"]["selector"]["matchLabels"])
}

/// `3/3`: ready of wanted.
pub(super) fn ready_of_wanted(object: &Value, _now: Stamp) -> Value {
    format!(
        "{}/{}",
        count(&object["status"]["readyReplicas"]),
        count(&object["spec"]["replicas"])
    )
    .into()
}

pub(super) fn wanted(object: &Value, _now: Stamp) -> Value {
    count(&object["spec"]["replicas"]).into()
}

pub(super) fn current(object: &Value, _now: Stamp) -> Value {
    count(&object["status"]["replicas"]).into()
}

pub(super) fn ready(object: &Value, _now: Stamp) -> Value {
    count(&object["status"]["readyReplicas"]).into()
}

pub(super) fn updated(object: &Value, _now: Stamp) -> Value {
    count(&object["status"]["updatedReplicas"]).into()
}

pub(super) fn available(object: &Value, _now: Stamp) -> Value {
    count(&object["status"]["availableReplicas"]).into()
}

pub(super) mod daemonset {
    use super::{Stamp, Value, count, labels};

    pub fn desired(object: &Value, _now: Stamp) -> Value {
        count(&object["status"]["desiredNumberScheduled"]).into()
    }

    pub fn current(object: &Value, _now: Stamp) -> Value {
        count(&object["status"]["currentNumberScheduled"]).into()
    }

    pub fn ready(object: &Value, _now: Stamp) -> Value {
        count(&object["status"]["numberReady"]).into()
    }

    pub fn updated(object: &Value, _now: Stamp) -> Value {
        count(&object["status"]["updatedNumberScheduled"]).into()
    }

    pub fn available(object: &Value, _now: Stamp) -> Value {
        count(&object["status"]["numberAvailable"]).into()
    }

    pub fn nodes(object: &Value, _now: Stamp) -> Value {
        labels(&object["spec"]["template"]["spec"]["nodeSelector"])
    }
}

pub(super) fn phase(object: &Value, _now: Stamp) -> Value {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return "Terminating".into();
    }
    object["status"]["phase"].as_str().unwrap_or("Active").into()
}

pub(super) fn holder(object: &Value, _now: Stamp) -> Value {
    object["spec"]["holderIdentity"]
        .as_str()
        .unwrap_or_default()
        .into()
}

pub(super) fn data_size(object: &Value, _now: Stamp) -> Value {
    (size(&object["data"]) + size(&object["binaryData"])).into()
}

pub(super) fn secret_type(object: &Value, _now: Stamp) -> Value {
    object["type"].as_str().unwrap_or("Opaque").into()
}

pub(super) fn secrets(object: &Value, _now: Stamp) -> Value {
    size(&object["secrets"]).into()
}

pub(super) fn webhooks(object: &Value, _now: Stamp) -> Value {
    size(&object["webhooks"]).into()
}

pub(super) fn role_ref(object: &Value, _now: Stamp) -> Value {
    let role = &object["roleRef"];
    format!(
        "{}/{}",
        role["kind"].as_str().unwrap_or_default(),
        role["name"].as_str().unwrap_or_default()
    )
    .into()
}

pub(super) fn revision(object: &Value, _now: Stamp) -> Value {
    count(&object["revision"]).into()
}

pub(super) fn controller(object: &Value, _now: Stamp) -> Value {
    let owner = elements(&object["metadata"]["ownerReferences"])
        .iter()
        .find(|owner| owner["controller"] == true);
    owner.map_or_else(
        || NONE.into(),
        |owner| {
            let api = owner["apiVersion"].as_str().unwrap_or_default();
            let group = api
                .split_once('/')
                .map_or(String::new(), |(group, _)| format!(".{group}"));
            let kind = owner["kind"].as_str().unwrap_or_default().to_lowercase();
            format!("{kind}{group}/{}", owner["name"].as_str().unwrap_or_default()).into()
        },
    )
}

pub(super) mod job {
    use super::{Stamp, Value, count, elements, short_duration};

    pub fn status(object: &Value, _now: Stamp) -> Value {
        let holds = |kind: &str| {
            elements(&object["status"]["conditions"])
                .iter()
                .any(|c| c["type"] == kind && c["status"] == "True")
        };
        for (condition, word) in [("Complete", "Complete"), ("Failed", "Failed")] {
            if holds(condition) {
                return word.into();
            }
        }
        if object["metadata"]["deletionTimestamp"].is_string() {
            return "Terminating".into();
        }
        if holds("Suspended") {
            "Suspended".into()
        } else {
            "Running".into()
        }
    }

    pub fn completions(object: &Value, _now: Stamp) -> Value {
        let done = count(&object["status"]["succeeded"]);
        format!("{done}/{}", object["spec"]["completions"].as_u64().unwrap_or(1)).into()
    }

    pub fn duration(object: &Value, now: Stamp) -> Value {
        let time = |field: &str| {
            object["status"][field]
                .as_str()
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        };
        let Some(start) = time("startTime") else {
            return "".into();
        };
        let end = time("completionTime").unwrap_or(now.0);
        short_duration(end.as_second() - start.as_second()).into()
    }
}

pub(super) mod cronjob {
    use super::{NONE, Stamp, Value, since, size, text_or_none};

    pub fn schedule(object: &Value, _now: Stamp) -> Value {
        object["spec"]["schedule"].clone()
    }

    pub fn timezone(object: &Value, _now: Stamp) -> Value {
        text_or_none(&object["spec"]["timeZone"])
    }

    pub fn suspended(object: &Value, _now: Stamp) -> Value {
        if object["spec"]["suspend"] == true {
            "True".into()
        } else {
            "False".into()
        }
    }

    pub fn active(object: &Value, _now: Stamp) -> Value {
        size(&object["status"]["active"]).into()
    }

    pub fn last(object: &Value, now: Stamp) -> Value {
        let time = &object["status"]["lastScheduleTime"];
        if time.is_string() {
            since(time, now).into()
        } else {
            NONE.into()
        }
    }
}

pub(super) mod budget {
    use super::{Stamp, Value, count};

    fn or_not(value: &Value) -> Value {
        if value.is_null() {
            "N/A".into()
        } else {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
                .into()
        }
    }

    pub fn min(object: &Value, _now: Stamp) -> Value {
        or_not(&object["spec"]["minAvailable"])
    }

    pub fn max(object: &Value, _now: Stamp) -> Value {
        or_not(&object["spec"]["maxUnavailable"])
    }

    pub fn allowed(object: &Value, _now: Stamp) -> Value {
        count(&object["status"]["disruptionsAllowed"]).into()
    }
}

pub(super) mod claim {
    use super::{Stamp, Value, elements, text_or_none};

    pub fn volume(object: &Value, _now: Stamp) -> Value {
        object["spec"]["volumeName"].as_str().unwrap_or_default().into()
    }

    pub fn capacity(object: &Value, _now: Stamp) -> Value {
        object["status"]["capacity"]["storage"]
            .as_str()
            .unwrap_or_default()
            .into()
    }

    pub fn modes(object: &Value, _now: Stamp) -> Value {
        let short = |mode: &Value| match mode.as_str() {
            Some("ReadWriteOnce") => "RWO",
            Some("ReadOnlyMany") => "ROX",
            Some("ReadWriteMany") => "RWX",
            Some("ReadWriteOncePod") => "RWOP",
            _unknown => "",
        };
        elements(&object["status"]["accessModes"])
            .iter()
            .map(short)
            .collect::<Vec<_>>()
            .join(",")
            .into()
    }

    pub fn class(object: &Value, _now: Stamp) -> Value {
        text_or_none(&object["spec"]["storageClassName"])
    }
}
