//! The messages of the kinds that clients send in protocol buffers: number, name and type of each field.
//! Data.

/// The type of a field.
#[derive(Clone, Copy)]
pub(super) enum Of {
    Text,
    Texts,
    /// Left out when zero.
    Int,
    /// A pointer: zero means zero.
    OptionalInt,
    Bool,
    OptionalBool,
    Message(&'static [Field]),
    Messages(&'static [Field]),
    TextMap,
    /// Base64 in JSON.
    BytesMap,
    QuantityMap,
    Time,
    MicroTime,
    IntOrText,
}

/// One field of a message.
pub(super) type Field = (u32, &'static str, Of);

use Of::{
    Bool, BytesMap, Int, IntOrText, Message, Messages, MicroTime, OptionalBool, OptionalInt, QuantityMap,
    Text, TextMap, Texts, Time,
};

const OWNER: &[Field] = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", OptionalBool),
    (7, "blockOwnerDeletion", OptionalBool),
];
const META: &[Field] = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (7, "generation", Int),
    (8, "creationTimestamp", Time),
    (9, "deletionTimestamp", Time),
    (10, "deletionGracePeriodSeconds", OptionalInt),
    (11, "labels", TextMap),
    (12, "annotations", TextMap),
    (13, "ownerReferences", Messages(OWNER)),
    (14, "finalizers", Texts),
];
const EXPRESSION: &[Field] = &[(1, "key", Text), (2, "operator", Text), (3, "values", Texts)];
const SELECTOR: &[Field] = &[
    (1, "matchLabels", TextMap),
    (2, "matchExpressions", Messages(EXPRESSION)),
];

const RESOURCE_ATTRIBUTES: &[Field] = &[
    (1, "namespace", Text),
    (2, "verb", Text),
    (3, "group", Text),
    (4, "version", Text),
    (5, "resource", Text),
    (6, "subresource", Text),
    (7, "name", Text),
];
const PATH_ATTRIBUTES: &[Field] = &[(1, "path", Text), (2, "verb", Text)];
const ACCESS_SPEC: &[Field] = &[
    (1, "resourceAttributes", Message(RESOURCE_ATTRIBUTES)),
    (2, "nonResourceAttributes", Message(PATH_ATTRIBUTES)),
];
const ACCESS: &[Field] = &[(1, "metadata", Message(META)), (2, "spec", Message(ACCESS_SPEC))];
const RULES_SPEC: &[Field] = &[(1, "namespace", Text)];
const RULES: &[Field] = &[(1, "metadata", Message(META)), (2, "spec", Message(RULES_SPEC))];
const ONLY_META: &[Field] = &[(1, "metadata", Message(META))];

const PRECONDITIONS: &[Field] = &[(1, "uid", Text), (2, "resourceVersion", Text)];
const DELETE_OPTIONS: &[Field] = &[
    (1, "gracePeriodSeconds", OptionalInt),
    (2, "preconditions", Message(PRECONDITIONS)),
    (3, "orphanDependents", OptionalBool),
    (4, "propagationPolicy", Text),
    (5, "dryRun", Texts),
];
const EVICTION: &[Field] = &[
    (1, "metadata", Message(META)),
    (2, "deleteOptions", Message(DELETE_OPTIONS)),
];

const CONFIG_MAP: &[Field] = &[
    (1, "metadata", Message(META)),
    (2, "data", TextMap),
    (3, "binaryData", BytesMap),
    (4, "immutable", OptionalBool),
];
const SECRET: &[Field] = &[
    (1, "metadata", Message(META)),
    (2, "data", BytesMap),
    (3, "type", Text),
    (4, "stringData", TextMap),
    (5, "immutable", OptionalBool),
];
const LEASE_SPEC: &[Field] = &[
    (1, "holderIdentity", Text),
    (2, "leaseDurationSeconds", OptionalInt),
    (3, "acquireTime", MicroTime),
    (4, "renewTime", MicroTime),
    (5, "leaseTransitions", OptionalInt),
];
const LEASE: &[Field] = &[(1, "metadata", Message(META)), (2, "spec", Message(LEASE_SPEC))];

const RULE: &[Field] = &[
    (1, "verbs", Texts),
    (2, "apiGroups", Texts),
    (3, "resources", Texts),
    (4, "resourceNames", Texts),
    (5, "nonResourceURLs", Texts),
];
const ROLE: &[Field] = &[(1, "metadata", Message(META)), (2, "rules", Messages(RULE))];
const SUBJECT: &[Field] = &[
    (1, "kind", Text),
    (2, "apiGroup", Text),
    (3, "name", Text),
    (4, "namespace", Text),
];
const ROLE_REF: &[Field] = &[(1, "apiGroup", Text), (2, "kind", Text), (3, "name", Text)];
const BINDING: &[Field] = &[
    (1, "metadata", Message(META)),
    (2, "subjects", Messages(SUBJECT)),
    (3, "roleRef", Message(ROLE_REF)),
];

const SERVICE_PORT: &[Field] = &[
    (1, "name", Text),
    (2, "protocol", Text),
    (3, "port", Int),
    (4, "targetPort", IntOrText),
    (5, "nodePort", Int),
];
const SERVICE_SPEC: &[Field] = &[
    (1, "ports", Messages(SERVICE_PORT)),
    (2, "selector", TextMap),
    (3, "clusterIP", Text),
    (4, "type", Text),
    (10, "externalName", Text),
];
const SERVICE: &[Field] = &[(1, "metadata", Message(META)), (2, "spec", Message(SERVICE_SPEC))];

const CONTAINER_PORT: &[Field] = &[
    (1, "name", Text),
    (2, "hostPort", Int),
    (3, "containerPort", Int),
    (4, "protocol", Text),
];
const ENV: &[Field] = &[(1, "name", Text), (2, "value", Text)];
const RESOURCES: &[Field] = &[(1, "limits", QuantityMap), (2, "requests", QuantityMap)];
const CONTAINER: &[Field] = &[
    (1, "name", Text),
    (2, "image", Text),
    (3, "command", Texts),
    (4, "args", Texts),
    (5, "workingDir", Text),
    (6, "ports", Messages(CONTAINER_PORT)),
    (7, "env", Messages(ENV)),
    (8, "resources", Message(RESOURCES)),
    (14, "imagePullPolicy", Text),
    (16, "stdin", Bool),
    (18, "tty", Bool),
];
const POD_SPEC: &[Field] = &[
    (2, "containers", Messages(CONTAINER)),
    (3, "restartPolicy", Text),
    (4, "terminationGracePeriodSeconds", OptionalInt),
    (6, "dnsPolicy", Text),
    (7, "nodeSelector", TextMap),
    (8, "serviceAccountName", Text),
    (10, "nodeName", Text),
];
const POD: &[Field] = &[(1, "metadata", Message(META)), (2, "spec", Message(POD_SPEC))];
const DEPLOYMENT_SPEC: &[Field] = &[
    (1, "replicas", OptionalInt),
    (2, "selector", Message(SELECTOR)),
    (3, "template", Message(POD)),
];
const DEPLOYMENT: &[Field] = &[
    (1, "metadata", Message(META)),
    (2, "spec", Message(DEPLOYMENT_SPEC)),
];
const JOB_SPEC: &[Field] = &[
    (1, "parallelism", OptionalInt),
    (2, "completions", OptionalInt),
    (3, "activeDeadlineSeconds", OptionalInt),
    (6, "template", Message(POD)),
    (7, "backoffLimit", OptionalInt),
    (8, "ttlSecondsAfterFinished", OptionalInt),
    (9, "completionMode", Text),
    (10, "suspend", OptionalBool),
];
const JOB: &[Field] = &[(1, "metadata", Message(META)), (2, "spec", Message(JOB_SPEC))];
const BUDGET_SPEC: &[Field] = &[
    (1, "minAvailable", IntOrText),
    (2, "selector", Message(SELECTOR)),
    (3, "maxUnavailable", IntOrText),
];
const BUDGET: &[Field] = &[(1, "metadata", Message(META)), (2, "spec", Message(BUDGET_SPEC))];

/// The message of a kind, if it is one that clients send this way.
pub(super) fn message(api_version: &str, kind: &str) -> Option<&'static [Field]> {
    Some(match (api_version.split('/').next().unwrap_or_default(), kind) {
        ("authorization.k8s.io", "SelfSubjectAccessReview") => ACCESS,
        ("authorization.k8s.io", "SelfSubjectRulesReview") => RULES,
        ("policy", "Eviction") => EVICTION,
        ("policy", "PodDisruptionBudget") => BUDGET,
        (_, "DeleteOptions") => DELETE_OPTIONS,
        ("authentication.k8s.io", "SelfSubjectReview") | ("v1", "Namespace" | "ServiceAccount") => ONLY_META,
        ("v1", "ConfigMap") => CONFIG_MAP,
        ("v1", "Secret") => SECRET,
        ("v1", "Service") => SERVICE,
        ("v1", "Pod") => POD,
        ("apps", "Deployment") => DEPLOYMENT,
        ("batch", "Job") => JOB,
        ("coordination.k8s.io", "Lease") => LEASE,
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => ROLE,
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => BINDING,
        _unknown => return None,
    })
}
