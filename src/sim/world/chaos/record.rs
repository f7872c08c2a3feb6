//! One record of an object's status: where it stands and what was tried.

use serde_json::{Value, json};

/// Attempts kept in a record.
const KEPT: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Out,
    /// Asked for, not yet in.
    OutWaiting,
    In,
    /// Asked to go, not yet gone.
    InWaiting,
}

impl Phase {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Out => "Not Injected",
            Self::OutWaiting => "Not Injected/Wait",
            Self::In => "Injected",
            Self::InWaiting => "Injected/Wait",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "Injected" => Self::In,
            other if other.starts_with("Injected") => Self::InWaiting,
            "Not Injected" => Self::Out,
            _ => Self::OutWaiting,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Apply,
    Recover,
}

impl Operation {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Recover => "Recover",
        }
    }
}

pub fn phase(record: &Value) -> Phase {
    Phase::parse(record.get("phase").and_then(Value::as_str).unwrap_or_default())
}

pub fn new(id: &str, key: &str) -> Value {
    json!({"id": id, "selectorKey": key, "phase": Phase::Out.text(), "injectedCount": 0, "recoveredCount": 0})
}

/// What the cycle asks for next: out → waiting → in → waiting → out, never a shortcut.
pub fn next(phase: Phase, wanted: &str) -> Option<Operation> {
    match (wanted, phase) {
        ("Run", Phase::Out | Phase::OutWaiting) | ("Stop", Phase::OutWaiting) => Some(Operation::Apply),
        ("Run", Phase::InWaiting) | ("Stop", Phase::In | Phase::InWaiting) => Some(Operation::Recover),
        _ => None,
    }
}

/// Writes an attempt and its outcome into a record.
pub fn book(record: &mut Value, operation: Operation, outcome: Result<Phase, &str>, at: &Value) {
    let mut event = json!({"operation": operation.text(), "timestamp": at});
    match outcome {
        Ok(phase) => {
            record["phase"] = json!(phase.text());
            let counter = match (operation, phase) {
                (Operation::Apply, Phase::In) => "injectedCount",
                (Operation::Recover, Phase::Out) => "recoveredCount",
                _ => return,
            };
            record[counter] = json!(record.get(counter).and_then(Value::as_u64).unwrap_or(0) + 1);
            event["type"] = json!("Succeeded");
        }
        Err(why) => {
            event["type"] = json!("Failed");
            event["message"] = json!(why);
        }
    }
    if !record.get("events").is_some_and(Value::is_array) {
        record["events"] = json!([]);
    }
    if let Some(events) = record.get_mut("events").and_then(Value::as_array_mut) {
        if events.len() >= KEPT {
            events.remove(0);
        }
        events.push(event);
    }
}
