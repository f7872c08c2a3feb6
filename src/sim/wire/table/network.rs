//! The cells of services and of what stands behind them. Pure.

use serde_json::Value;

use super::cells::{NONE, elements, joined, labels, text_or_none};
use crate::units::Stamp;

pub(super) mod service {
    use super::{NONE, Stamp, Value, elements, joined, labels, text_or_none};

    pub fn kind(object: &Value, _now: Stamp) -> Value {
        object["spec"]["type"].as_str().unwrap_or("ClusterIP").into()
    }

    pub fn ip(object: &Value, _now: Stamp) -> Value {
        text_or_none(&object["spec"]["clusterIP"])
    }

    pub fn external(object: &Value, _now: Stamp) -> Value {
        if object["spec"]["type"] == "LoadBalancer" {
            let list = elements(&object["status"]["loadBalancer"]["ingress"]);
            let addresses: Vec<&str> = list
                .iter()
                .filter_map(|at| at["ip"].as_str().or(at["hostname"].as_str()))
                .collect();
            return if addresses.is_empty() {
                "<pending>".into()
            } else {
                joined(&addresses)
            };
        }
        let list = elements(&object["spec"]["externalIPs"]);
        joined(&list.iter().filter_map(Value::as_str).collect::<Vec<_>>())
    }

    pub fn ports(object: &Value, _now: Stamp) -> Value {
        let ports: Vec<String> = elements(&object["spec"]["ports"])
            .iter()
            .map(|port| {
                let protocol = port["protocol"].as_str().unwrap_or("TCP");
                match port["nodePort"].as_u64() {
                    Some(node) if node > 0 => format!("{}:{node}/{protocol}", port["port"]),
                    _inside => format!("{}/{protocol}", port["port"]),
                }
            })
            .collect();
        joined(&ports)
    }

    pub fn selector(object: &Value, _now: Stamp) -> Value {
        if object["spec"]["selector"].is_object() {
            labels(&object["spec"]["selector"])
        } else {
            NONE.into()
        }
    }
}

pub(super) mod endpoints {
    use super::{Stamp, Value, elements, joined};

    fn some(list: &[String], total: usize) -> Value {
        const SHOWN: usize = 3;
        if total > SHOWN {
            return format!(
                "{} + {} more...",
                list.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(","),
                total - SHOWN
            )
            .into();
        }
        joined(list)
    }

    pub fn pairs(object: &Value, _now: Stamp) -> Value {
        let mut pairs = Vec::new();
        for subset in elements(&object["subsets"]) {
            let ports = elements(&subset["ports"]);
            for address in elements(&subset["addresses"]) {
                let ip = address["ip"].as_str().unwrap_or_default();
                if ports.is_empty() {
                    pairs.push(ip.to_owned());
                }
                pairs.extend(ports.iter().map(|port| format!("{ip}:{}", port["port"])));
            }
        }
        some(&pairs, pairs.len())
    }

    pub fn family(object: &Value, _now: Stamp) -> Value {
        object["addressType"].clone()
    }

    pub fn slice_ports(object: &Value, _now: Stamp) -> Value {
        let ports: Vec<String> = elements(&object["ports"])
            .iter()
            .map(|port| port["port"].to_string())
            .collect();
        if ports.is_empty() {
            "<unset>".into()
        } else {
            some(&ports, ports.len())
        }
    }

    pub fn slice_addresses(object: &Value, _now: Stamp) -> Value {
        let all: Vec<String> = elements(&object["endpoints"])
            .iter()
            .flat_map(|endpoint| elements(&endpoint["addresses"]))
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        if all.is_empty() {
            "<unset>".into()
        } else {
            some(&all, all.len())
        }
    }
}
