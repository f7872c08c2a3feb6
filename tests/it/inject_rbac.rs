//! The shipped roles: they parse, a server takes them as they are, and they allow what the program asks for.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use serde_json::Value;

use crate::sim_wire::Peer;

const ROLES: [&str; 3] = ["console", "viewer", "abort-only"];

fn text(role: &str) -> String {
    let path = format!("{}/assets/rbac/{role}.yaml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// The file with its optional rules switched on.
fn with_options(role: &str) -> String {
    let line = |line: &str| match line.strip_prefix("  # ") {
        Some(rule) if rule.starts_with("- apiGroups") || rule.starts_with("  ") => format!("  {rule}"),
        _ => line.to_owned(),
    };
    text(role).lines().map(line).collect::<Vec<_>>().join("\n")
}

fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

fn role(text: &str) -> ClusterRole {
    serde_json::from_value(documents(text)[0].clone()).unwrap()
}

/// `get pods`, `create leases.coordination.k8s.io`.
fn allows(role: &ClusterRole, verb: &str, resource: &str) -> bool {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let covers = |list: Option<&Vec<String>>, wanted: &str| {
        list.is_some_and(|list| list.iter().any(|one| one == wanted || one == "*"))
    };
    role.rules.iter().flatten().any(|rule| {
        covers(rule.api_groups.as_ref(), group)
            && covers(rule.resources.as_ref(), plural)
            && rule.verbs.iter().any(|one| one == verb)
    })
}

#[test]
fn each_role_allows_what_its_seat_does_and_no_more() {
    let sees = [
        "get namespaces",
        "list networkchaos.chaos-mesh.org",
        "watch networkchaos.chaos-mesh.org",
        "list events",
        "get leases.coordination.k8s.io",
    ];
    let watches = [
        "watch pods",
        "get pods/log",
        "watch endpointslices.discovery.k8s.io",
        "get statefulsets.apps",
        "get deployments.apps",
        "get replicasets.apps",
    ];
    let stops = [
        "delete networkchaos.chaos-mesh.org",
        "patch workflows.chaos-mesh.org",
        "create leases.coordination.k8s.io",
        "update leases.coordination.k8s.io",
        "delete leases.coordination.k8s.io",
    ];
    let fires = ["create networkchaos.chaos-mesh.org"];
    let never = [
        "delete pods",
        "get secrets",
        "create pods/exec",
        "delete namespaces",
    ];
    for (name, may, must_not) in [
        (
            "console",
            [&sees[..], &watches, &stops, &fires].concat(),
            never.to_vec(),
        ),
        (
            "viewer",
            [&sees[..], &watches].concat(),
            [&never[..], &stops, &fires].concat(),
        ),
        (
            "abort-only",
            [&sees[..], &stops].concat(),
            [&never[..], &fires, &watches[..2]].concat(),
        ),
    ] {
        let role = role(&text(name));
        for asked in may {
            let (verb, resource) = asked.split_once(' ').unwrap();
            assert!(allows(&role, verb, resource), "{name} cannot {asked}");
        }
        for asked in must_not {
            let (verb, resource) = asked.split_once(' ').unwrap();
            assert!(!allows(&role, verb, resource), "{name} can {asked}");
        }
    }
}

#[test]
fn a_binding_names_its_role() {
    for name in ROLES {
        let documents = documents(&text(name));
        assert_eq!(documents.len(), 2, "{name}");
        let binding: ClusterRoleBinding = serde_json::from_value(documents[1].clone()).unwrap();
        assert_eq!(Some(binding.role_ref.name), role(&text(name)).metadata.name);
    }
    let optional = role(&with_options("console"));
    for asked in [
        "create pods/eviction",
        "patch nodes",
        "update statefulsets/scale.apps",
        "create jobs.batch",
    ] {
        let (verb, resource) = asked.split_once(' ').unwrap();
        let (plural, group) = resource.rsplit_once('.').unwrap_or((resource, ""));
        let found = optional.rules.iter().flatten().any(|rule| {
            rule.api_groups.iter().flatten().any(|one| one == group)
                && rule.resources.iter().flatten().any(|one| one == plural)
                && rule.verbs.iter().any(|one| one == verb)
        });
        assert!(found, "the optional part lacks {asked}");
    }
}

#[tokio::test]
async fn a_server_takes_them_as_they_are() {
    let peer = Peer::usual().await;
    for name in ROLES {
        for text in [text(name), with_options(name)] {
            for document in documents(&text) {
                let kind = document["kind"].as_str().unwrap();
                let path = format!(
                    "/apis/rbac.authorization.k8s.io/v1/{}s?dryRun=All&fieldValidation=Strict",
                    kind.to_lowercase()
                );
                let answer = peer.call("POST", &path, &document).await;
                assert_eq!(answer.status, 201, "{name} {kind}: {}", answer.text);
            }
        }
    }
    peer.sim.shutdown().await;
}
