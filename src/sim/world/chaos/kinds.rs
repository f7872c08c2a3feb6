//! What the kinds have in common and what tells them apart. Data only.

use serde_json::Value;

use crate::sim::world::object;

/// Kinds that inject, or pretend to.
const INJECTIONS: [&str; 14] = [
    "PodChaos",
    "NetworkChaos",
    "StressChaos",
    "IOChaos",
    "TimeChaos",
    "DNSChaos",
    "HTTPChaos",
    "KernelChaos",
    "JVMChaos",
    "BlockChaos",
    "AWSChaos",
    "AzureChaos",
    "GCPChaos",
    "PhysicalMachineChaos",
];

pub const FINALIZER: &str = "chaos-mesh/records";
pub const PAUSE: &str = "experiment.chaos-mesh.org/pause";
pub const FORCE: &str = "chaos-mesh.chaos-mesh.org/cleanFinalizer";
pub const ABORT: &str = "workflow.chaos-mesh.org/abort";

/// Whether objects of this kind carry records.
pub fn is_injection(kind: &str) -> bool {
    INJECTIONS.contains(&kind)
}

/// What a record of an object names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    Pod,
    Container,
    /// Something outside the cluster.
    Outside,
}

pub fn grain(kind: &str, action: &str) -> Grain {
    match kind {
        "AWSChaos" | "AzureChaos" | "GCPChaos" | "PhysicalMachineChaos" => Grain::Outside,
        "StressChaos" | "IOChaos" | "TimeChaos" | "DNSChaos" | "JVMChaos" | "BlockChaos" => Grain::Container,
        "PodChaos" if action == "container-kill" => Grain::Container,
        _ => Grain::Pod,
    }
}

/// Whether an injection goes through a per-pod object, and so waits for it.
pub fn waits(kind: &str) -> bool {
    matches!(kind, "NetworkChaos" | "IOChaos" | "HTTPChaos")
}

/// Fired once, never recovered, deaf to duration and pause.
pub fn is_one_shot(object: &Value) -> bool {
    let action = object::text_at(object, "spec.action");
    matches!(
        (object::text_at(object, "kind").as_str(), action.as_str()),
        ("PodChaos", "pod-kill" | "container-kill")
            | ("AWSChaos", "ec2-restart")
            | ("AzureChaos", "vm-restart")
            | ("GCPChaos", "node-reset")
    )
}

/// Only the exact word pauses.
pub fn is_paused(object: &Value) -> bool {
    object::annotation(object, PAUSE) == Some("true")
}

/// The field of a Schedule's or Workflow's template that holds the spec of a kind.
pub fn field_of(kind: &str) -> &'static str {
    match kind {
        "AWSChaos" => "awsChaos",
        "AzureChaos" => "azureChaos",
        "BlockChaos" => "blockChaos",
        "DNSChaos" => "dnsChaos",
        "GCPChaos" => "gcpChaos",
        "HTTPChaos" => "httpChaos",
        "IOChaos" => "ioChaos",
        "JVMChaos" => "jvmChaos",
        "KernelChaos" => "kernelChaos",
        "NetworkChaos" => "networkChaos",
        "PhysicalMachineChaos" => "physicalmachineChaos",
        "PodChaos" => "podChaos",
        "StressChaos" => "stressChaos",
        "TimeChaos" => "timeChaos",
        "Workflow" => "workflow",
        _ => "",
    }
}
