//! Which Chaos Mesh kinds print which columns: as their CRDs say. Data.

use serde_json::Value;

use super::columns::{Column, NAME, of};
use crate::units::Stamp;

fn action(object: &Value, _now: Stamp) -> Value {
    object["spec"]["action"].clone()
}

fn duration(object: &Value, _now: Stamp) -> Value {
    object["spec"]["duration"].clone()
}

/// CRDs with columns of their own show no age; the others show nothing but it.
pub(super) fn columns(plural: &str) -> Option<&'static [Column]> {
    match plural {
        "networkchaos"
        | "iochaos"
        | "dnschaos"
        | "jvmchaos"
        | "awschaos"
        | "azurechaos"
        | "gcpchaos"
        | "blockchaos"
        | "physicalmachinechaos" => Some(const { &[NAME, of("action", action), of("duration", duration)] }),
        "httpchaos" | "kernelchaos" | "stresschaos" | "timechaos" => {
            Some(const { &[NAME, of("duration", duration)] })
        }
        _plain => None,
    }
}
