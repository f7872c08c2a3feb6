//! Which fields a selector may name, resource by resource. Data; the matching is the world's.

use super::refusal::Refusal;
use crate::sim::world::FieldSelector;

/// The fields beside name and namespace that a server can select by.
fn selectable(group: &str, plural: &str) -> &'static [&'static str] {
    match (group, plural) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "reason",
            "reportingController",
            "type",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "secrets") => &["type"],
        ("batch", "jobs") => &["status.successful"],
        ("apps", "replicasets") => &["status.replicas"],
        _others => &[],
    }
}

/// Reads the `fieldSelector` of a query on one resource.
pub(super) fn parse(text: &str, group: &str, plural: &str) -> Result<FieldSelector, Refusal> {
    let selector = FieldSelector::parse(text)?;
    let known = selectable(group, plural);
    for path in selector.paths() {
        if !["metadata.name", "metadata.namespace"].contains(&path) && !known.contains(&path) {
            return Err(Refusal::bad_request(format!("field label not supported: {path}")));
        }
    }
    Ok(selector)
}
