//! Who answers for the target's services, as their EndpointSlices say. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::pods::PodSeen;

type Labels = BTreeMap<String, String>;

/// A service, and which pods it wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServiceSeen {
    pub name: String,
    pub selector: Labels,
}

impl ServiceSeen {
    pub fn of(service: &Service) -> Self {
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.clone());
        Self {
            name: service.metadata.name.clone().unwrap_or_default(),
            selector: selector.unwrap_or_default(),
        }
    }
}

/// A slice of the endpoints of a service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SliceSeen {
    pub service: String,
    /// The pods that are ready in it: two slices of one service may name the same pod, for two kinds of address.
    pub ready: BTreeSet<String>,
}

impl SliceSeen {
    pub fn of(slice: &EndpointSlice) -> Self {
        let labels = slice.metadata.labels.as_ref();
        let service = labels.and_then(|labels| labels.get("kubernetes.io/service-name"));
        let ready = slice.endpoints.iter().filter(|endpoint| {
            // A service may publish what is not ready; `serving` tells all the same. Not said means yes.
            endpoint.conditions.as_ref().is_none_or(|conditions| {
                conditions.ready != Some(false)
                    && conditions.serving != Some(false)
                    && conditions.terminating != Some(true)
            })
        });
        let name = |endpoint: &k8s_openapi::api::discovery::v1::Endpoint| match &endpoint.target_ref {
            Some(target) => target.name.clone().unwrap_or_default(),
            None => endpoint.addresses.first().cloned().unwrap_or_default(),
        };
        Self {
            service: service.cloned().unwrap_or_default(),
            ready: ready.map(name).collect(),
        }
    }
}

/// Which labels all pods of the target carry, the wanted ones and those that were seen on every one.
#[derive(Debug)]
pub(super) struct Common {
    target: Labels,
    seen: Option<Labels>,
}

impl Common {
    pub fn new(target: Labels) -> Self {
        Self { target, seen: None }
    }

    /// Pods that are gone are remembered: a target without pods still has its services.
    pub fn see<'a>(&mut self, pods: impl Iterator<Item = &'a PodSeen>) {
        let shared = pods.fold(None, |shared: Option<Labels>, pod| {
            Some(match shared {
                None => pod.labels.clone(),
                Some(shared) => shared
                    .into_iter()
                    .filter(|(key, value)| pod.labels.get(key) == Some(value))
                    .collect(),
            })
        });
        self.seen = shared.or(self.seen.take());
    }

    /// Whether a service selects every pod of the target.
    pub fn is_served_by(&self, service: &ServiceSeen) -> bool {
        let has = |key: &String, value: &String| {
            self.target.get(key) == Some(value)
                || self
                    .seen
                    .as_ref()
                    .is_some_and(|seen| seen.get(key) == Some(value))
        };
        !service.selector.is_empty() && service.selector.iter().all(|(key, value)| has(key, value))
    }
}

/// Ready endpoints of the service that has the fewest; `None` when no service selects the target.
pub(super) fn fewest<'a>(
    common: &Common,
    services: impl Iterator<Item = &'a ServiceSeen>,
    slices: &[&SliceSeen],
) -> Option<usize> {
    let ready = |service: &ServiceSeen| {
        let of = slices.iter().filter(|slice| slice.service == service.name);
        of.flat_map(|slice| &slice.ready).collect::<BTreeSet<_>>().len()
    };
    services
        .filter(|service| common.is_served_by(service))
        .map(ready)
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    fn service(name: &str, selector: &[(&str, &str)]) -> ServiceSeen {
        ServiceSeen {
            name: name.to_owned(),
            selector: labels(selector),
        }
    }

    #[test]
    fn the_service_with_the_fewest_counts_and_two_kinds_of_address_are_one_pod() {
        let endpoint = |name: &str, conditions: serde_json::Value| {
            json!({"addresses": ["10.0.0.1"],
            "conditions": conditions, "targetRef": {"kind": "Pod", "name": name}})
        };
        let slice = |service: &str, kind: &str| -> SliceSeen {
            let slice = json!({"metadata": {"labels": {"kubernetes.io/service-name": service}}, "addressType": kind,
            "endpoints": [
                endpoint("p-0", json!({"ready": true, "serving": true, "terminating": false})),
                endpoint("p-1", json!({})),
                endpoint("p-2", json!({"ready": true, "serving": true, "terminating": true})),
                endpoint("p-3", json!({"ready": true, "serving": false})),
                endpoint("p-4", json!({"ready": false})),
            ]});
            SliceSeen::of(&serde_json::from_value(slice).expect("a slice"))
        };
        let slices = [slice("a", "IPv4"), slice("a", "IPv6"), slice("b", "IPv4")];
        let slices: Vec<&SliceSeen> = slices.iter().collect();
        let common = Common::new(labels(&[("app", "x")]));
        let services = [service("a", &[("app", "x")]), service("c", &[("app", "x")])];
        assert_eq!(fewest(&common, services[..1].iter(), &slices), Some(2));
        assert_eq!(fewest(&common, services.iter(), &slices), Some(0));
        let others = [service("b", &[("app", "y")]), service("b", &[])];
        assert_eq!(fewest(&common, others.iter(), &slices), None);
    }
}
