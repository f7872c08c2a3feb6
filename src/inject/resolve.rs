//! Resolves selectors on the live cluster: lists the pods that match now. Never changes anything.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::ListParams;

use super::aims::Aim;
use super::limits::Aimed;
use super::select::{PodSeen, Selector};
use crate::cluster::{ApiFault, Cluster};
use crate::playbook::Target;
use crate::run::Refusal;

const PAGE: u32 = 500;

/// What could not be asked is not counted, and what is not counted is refused.
fn unanswered(what: &str, fault: &ApiFault) -> Refusal {
    let hint = match fault {
        ApiFault::Forbidden { .. } => "ask for that right: the console's role is in assets/rbac",
        ApiFault::Unauthorized
        | ApiFault::NotFound
        | ApiFault::Conflict { .. }
        | ApiFault::Refused { .. }
        | ApiFault::Unreachable(_) => "what cannot be counted is not fired: mend it and arm again",
    };
    let what = crate::text::printable(what);
    Refusal {
        why: format!("cannot count {what}: {fault}"),
        hint: Some(hint.to_owned()),
    }
}

fn seen(pod: Pod) -> PodSeen {
    let meta = pod.metadata;
    let status = pod.status.unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let ready = conditions
        .iter()
        .any(|one| one.type_ == "Ready" && one.status == "True");
    let owner = meta
        .owner_references
        .unwrap_or_default()
        .into_iter()
        .find(|owner| owner.controller == Some(true))
        .map(|owner| (owner.kind, owner.name));
    PodSeen {
        namespace: meta.namespace.unwrap_or_default(),
        name: meta.name.unwrap_or_default(),
        uid: meta.uid.unwrap_or_default(),
        // A pod that is on its way out serves no more.
        ready: ready && meta.deletion_timestamp.is_none(),
        phase: status.phase.unwrap_or_default(),
        node: pod.spec.and_then(|spec| spec.node_name),
        labels: meta.labels.unwrap_or_default(),
        annotations: meta.annotations.unwrap_or_default(),
        owner,
    }
}

async fn list(
    cluster: &Cluster,
    namespace: &str,
    labels: &str,
    fields: &str,
) -> Result<Vec<PodSeen>, ApiFault> {
    let api: Api<Pod> = Api::namespaced(cluster.calls(), namespace);
    let (mut pods, mut token) = (Vec::new(), None);
    loop {
        let params = ListParams {
            continue_token: token,
            ..ListParams::default().limit(PAGE).labels(labels).fields(fields)
        };
        let page = api
            .list(&params)
            .await
            .map_err(|error| ApiFault::of(&error, || format!("list pods in {namespace}")))?;
        pods.extend(page.items.into_iter().map(seen));
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(pods);
        }
    }
}

/// All pods of these namespaces.
pub async fn everyone(cluster: &Cluster, namespaces: &BTreeSet<&str>) -> Result<Vec<PodSeen>, Refusal> {
    let mut pods = Vec::new();
    for namespace in namespaces {
        let listed = list(cluster, namespace, "", "").await;
        pods.extend(listed.map_err(|fault| unanswered(&format!("the pods in {namespace}"), &fault))?);
    }
    Ok(pods)
}

/// The target's pods.
pub async fn target(cluster: &Cluster, target: &Target) -> Result<Vec<PodSeen>, Refusal> {
    let labels: Vec<String> = target
        .pods
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    list(cluster, &target.namespace, &labels.join(","), "")
        .await
        .map_err(|fault| unanswered("the target's pods", &fault))
}

/// The pods that an aim matches now.
pub async fn aim(cluster: &Cluster, aim: Aim) -> Result<Aimed, Refusal> {
    let pods = if aim.selector.named.is_empty() {
        matching(cluster, &aim.selector, &aim.at).await?
    } else {
        named(cluster, &aim.selector, &aim.at).await?
    };
    Ok(Aimed { aim, pods })
}

async fn named(cluster: &Cluster, selector: &Selector, at: &str) -> Result<Vec<PodSeen>, Refusal> {
    let mut pods = Vec::new();
    for (namespace, names) in &selector.named {
        let api: Api<Pod> = Api::namespaced(cluster.calls(), namespace);
        for name in names {
            let found = api.get_opt(name).await.map_err(|error| {
                let fault = ApiFault::of(&error, || format!("get pods in {namespace}"));
                unanswered(&format!("what `{at}` selects"), &fault)
            })?;
            pods.extend(found.map(seen));
        }
    }
    Ok(pods)
}

async fn matching(cluster: &Cluster, selector: &Selector, at: &str) -> Result<Vec<PodSeen>, Refusal> {
    let labelled = match selector.node_query() {
        Some(query) => labelled_nodes(cluster, &query, at).await?,
        None => BTreeSet::new(),
    };
    if selector.node_query().is_some() && labelled.is_empty() && selector.nodes.is_empty() {
        return Err(Refusal {
            why: format!("no node carries the labels that `{at}.nodeSelectors` asks for"),
            hint: Some("Chaos Mesh would take pods on every node then".to_owned()),
        });
    }
    let (labels, fields) = (selector.label_query(), selector.field_query());
    let mut pods = Vec::new();
    for namespace in &selector.namespaces {
        let listed = list(cluster, namespace, &labels, &fields).await;
        let listed =
            listed.map_err(|fault| unanswered(&format!("what `{at}` selects in {namespace}"), &fault))?;
        pods.extend(listed.into_iter().filter(|pod| selector.takes(pod, &labelled)));
    }
    Ok(pods)
}

async fn labelled_nodes(cluster: &Cluster, query: &str, at: &str) -> Result<BTreeSet<String>, Refusal> {
    let api: Api<Node> = Api::all(cluster.calls());
    let listed = api.list_metadata(&ListParams::default().labels(query)).await;
    let listed = listed.map_err(|error| {
        let fault = ApiFault::of(&error, || "list nodes".to_owned());
        unanswered(&format!("what `{at}` selects"), &fault)
    })?;
    Ok(listed
        .items
        .into_iter()
        .filter_map(|node| node.metadata.name)
        .collect())
}
