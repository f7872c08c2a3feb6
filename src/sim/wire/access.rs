//! What a user may do, as data. Never stores anything; knows nothing of HTTP beyond the texts of a 403.

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::users::User;

/// One thing that someone wants to do, in the words of a `SelfSubjectAccessReview`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    /// Plural; a subresource is written `pods/log`.
    pub resource: &'a str,
    /// Empty for what has no namespace, and for all namespaces.
    pub namespace: &'a str,
    pub name: &'a str,
}

/// A rule of a ClusterRole: `*` stands for all.
struct Rule {
    groups: &'static [&'static str],
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
}

const READ: &[&str] = &["get", "list", "watch"];
const CHAOS: &str = "chaos-mesh.org";

const EVERYTHING: &[Rule] = &[Rule {
    groups: &["*"],
    resources: &["*"],
    verbs: &["*"],
}];

const VIEWER: &[Rule] = &[
    Rule {
        groups: &[""],
        resources: &[
            "pods",
            "pods/log",
            "events",
            "endpoints",
            "services",
            "namespaces",
            "configmaps",
        ],
        verbs: READ,
    },
    Rule {
        groups: &["apps"],
        resources: &["statefulsets", "deployments", "replicasets", "daemonsets"],
        verbs: READ,
    },
    Rule {
        groups: &["discovery.k8s.io"],
        resources: &["endpointslices"],
        verbs: READ,
    },
    Rule {
        groups: &["events.k8s.io"],
        resources: &["events"],
        verbs: READ,
    },
];

const CONSOLE: &[Rule] = &[
    Rule {
        groups: &[""],
        resources: &["pods", "events", "endpoints", "services", "nodes", "namespaces"],
        verbs: READ,
    },
    Rule {
        groups: &[""],
        resources: &["pods/log"],
        verbs: &["get"],
    },
    Rule {
        groups: &["events.k8s.io"],
        resources: &["events"],
        verbs: READ,
    },
    Rule {
        groups: &["discovery.k8s.io"],
        resources: &["endpointslices"],
        verbs: READ,
    },
    Rule {
        groups: &["apps"],
        resources: &["statefulsets"],
        verbs: READ,
    },
    Rule {
        groups: &["coordination.k8s.io"],
        resources: &["leases"],
        verbs: &["*"],
    },
    Rule {
        groups: &[CHAOS],
        resources: &["*"],
        verbs: &[
            "get",
            "list",
            "watch",
            "create",
            "update",
            "patch",
            "delete",
            "deletecollection",
        ],
    },
];

const ABORT_ONLY: &[Rule] = &[
    Rule {
        groups: &[""],
        resources: &["namespaces"],
        verbs: READ,
    },
    Rule {
        groups: &["coordination.k8s.io"],
        resources: &["leases"],
        verbs: &["get", "list", "create", "update", "patch"],
    },
    Rule {
        groups: &[CHAOS],
        resources: &["*"],
        verbs: &["get", "list", "watch", "patch", "delete", "deletecollection"],
    },
];

/// What everyone who is somebody may do: ask what they may do.
const AUTHENTICATED: &[Rule] = &[Rule {
    groups: &["authorization.k8s.io"],
    resources: &["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    verbs: &["create"],
}];

/// What describes the server, and is open to everyone who came in.
const PATHS: &[&str] = &[
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
];

fn rules(user: &User) -> impl Iterator<Item = &'static Rule> {
    let own: &'static [Rule] = match user.name.as_str() {
        "admin" => EVERYTHING,
        "console" => CONSOLE,
        "viewer" => VIEWER,
        "abort-only" => ABORT_ONLY,
        _nobody_else => &[],
    };
    own.iter().chain(AUTHENTICATED)
}

fn covers(list: &[&str], wanted: &str) -> bool {
    list.iter().any(|entry| *entry == "*" || *entry == wanted)
}

/// Whether `user` may make this attempt.
pub(super) fn allowed(user: &User, attempt: &Attempt<'_>) -> bool {
    rules(user).any(|rule| {
        covers(rule.groups, attempt.group)
            && covers(rule.resources, attempt.resource)
            && covers(rule.verbs, attempt.verb)
    })
}

/// The refusal of an attempt, in the server's words.
pub(super) fn forbidden(user: &User, attempt: &Attempt<'_>) -> Refusal {
    let Attempt {
        verb,
        group,
        resource,
        namespace,
        name,
    } = *attempt;
    let (plural, _sub) = resource.split_once('/').unwrap_or((resource, ""));
    let subject = if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    };
    let subject = if name.is_empty() {
        subject
    } else {
        format!("{subject} \"{name}\"")
    };
    let scope = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{namespace}\"")
    };
    let mut details = serde_json::Map::new();
    if !name.is_empty() {
        details.insert("name".into(), name.into());
    }
    if !group.is_empty() {
        details.insert("group".into(), group.into());
    }
    details.insert("kind".into(), plural.into());
    Refusal::new(
        403,
        "Forbidden",
        format!(
            "{subject} is forbidden: User \"{}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" {scope}",
            user.name
        ),
    )
    .with_details(Value::Object(details))
}

/// The `status` of a `SelfSubjectRulesReview`.
pub(super) fn rules_review(user: &User) -> Value {
    let mut resource_rules: Vec<Value> = rules(user)
        .map(|rule| json!({"verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources}))
        .collect();
    resource_rules.sort_by_key(Value::to_string);
    let every = if user.name == "admin" {
        json!([{"verbs": ["*"], "nonResourceURLs": ["*"]}])
    } else {
        json!([{"verbs": ["get"], "nonResourceURLs": PATHS}])
    };
    json!({"resourceRules": resource_rules, "nonResourceRules": every, "incomplete": false})
}

/// Whether `user` may read a path that is no resource.
pub(super) fn allowed_path(user: &User, path: &str) -> bool {
    user.name == "admin"
        || PATHS.iter().any(|open| {
            open.strip_suffix('*')
                .map_or(*open == path, |stem| path.starts_with(stem))
        })
}
