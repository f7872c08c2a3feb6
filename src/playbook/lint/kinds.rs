//! The kinds of Chaos Mesh that can be a fault, as far as they can be judged without a cluster. Data only;
//! the server's own schema is asked before anything is fired.

/// A kind that injects into pods.
#[derive(Debug)]
pub struct Kind {
    pub name: &'static str,
    /// The field of a Schedule or of a Workflow's template that holds its spec.
    pub embedded: &'static str,
    /// Empty where the kind has no actions.
    pub actions: &'static [&'static str],
    pub fields: &'static [&'static str],
    pub required: &'static [&'static str],
}

pub const KINDS: [Kind; 10] = [
    Kind {
        name: "BlockChaos",
        embedded: "blockChaos",
        actions: &["delay"],
        fields: &[
            "action",
            "containerNames",
            "delay",
            "duration",
            "mode",
            "remoteCluster",
            "selector",
            "value",
            "volumeName",
        ],
        required: &["action", "mode", "selector", "volumeName"],
    },
    Kind {
        name: "DNSChaos",
        embedded: "dnsChaos",
        actions: &["error", "random"],
        fields: &[
            "action",
            "containerNames",
            "duration",
            "mode",
            "patterns",
            "remoteCluster",
            "selector",
            "value",
        ],
        required: &["action", "mode", "selector"],
    },
    Kind {
        name: "HTTPChaos",
        embedded: "httpChaos",
        actions: &[],
        fields: &[
            "abort",
            "code",
            "delay",
            "duration",
            "method",
            "mode",
            "patch",
            "path",
            "port",
            "remoteCluster",
            "replace",
            "request_headers",
            "response_headers",
            "selector",
            "target",
            "tls",
            "value",
        ],
        required: &["mode", "selector", "target"],
    },
    Kind {
        name: "IOChaos",
        embedded: "ioChaos",
        actions: &["latency", "fault", "attrOverride", "mistake"],
        fields: &[
            "action",
            "attr",
            "containerNames",
            "delay",
            "duration",
            "errno",
            "methods",
            "mistake",
            "mode",
            "path",
            "percent",
            "remoteCluster",
            "selector",
            "value",
            "volumePath",
        ],
        required: &["action", "mode", "selector", "volumePath"],
    },
    Kind {
        name: "JVMChaos",
        embedded: "jvmChaos",
        actions: &[
            "latency",
            "return",
            "exception",
            "stress",
            "gc",
            "ruleData",
            "mysql",
        ],
        fields: &[
            "action",
            "class",
            "containerNames",
            "cpuCount",
            "database",
            "duration",
            "exception",
            "latency",
            "memType",
            "method",
            "mode",
            "mysqlConnectorVersion",
            "name",
            "pid",
            "port",
            "remoteCluster",
            "returnValue",
            "ruleData",
            "selector",
            "sqlType",
            "table",
            "value",
        ],
        required: &["action", "mode", "selector"],
    },
    Kind {
        name: "KernelChaos",
        embedded: "kernelChaos",
        actions: &[],
        fields: &[
            "containerNames",
            "duration",
            "failKernRequest",
            "mode",
            "remoteCluster",
            "selector",
            "value",
        ],
        required: &["failKernRequest", "mode", "selector"],
    },
    Kind {
        name: "NetworkChaos",
        embedded: "networkChaos",
        actions: &[
            "netem",
            "delay",
            "loss",
            "duplicate",
            "corrupt",
            "partition",
            "bandwidth",
        ],
        fields: &[
            "action",
            "bandwidth",
            "corrupt",
            "delay",
            "device",
            "direction",
            "duplicate",
            "duration",
            "externalTargets",
            "loss",
            "mode",
            "rate",
            "remoteCluster",
            "selector",
            "target",
            "targetDevice",
            "value",
        ],
        required: &["action", "mode", "selector"],
    },
    Kind {
        name: "PodChaos",
        embedded: "podChaos",
        actions: &["pod-kill", "pod-failure", "container-kill"],
        fields: &[
            "action",
            "containerNames",
            "duration",
            "gracePeriod",
            "mode",
            "remoteCluster",
            "selector",
            "value",
        ],
        required: &["action", "mode", "selector"],
    },
    Kind {
        name: "StressChaos",
        embedded: "stressChaos",
        actions: &[],
        fields: &[
            "containerNames",
            "duration",
            "mode",
            "remoteCluster",
            "selector",
            "stressngStressors",
            "stressors",
            "value",
        ],
        required: &["mode", "selector"],
    },
    Kind {
        name: "TimeChaos",
        embedded: "timeChaos",
        actions: &[],
        fields: &[
            "clockIds",
            "containerNames",
            "duration",
            "mode",
            "remoteCluster",
            "selector",
            "timeOffset",
            "value",
        ],
        required: &["mode", "selector", "timeOffset"],
    },
];

/// Kinds that make other objects.
pub const SPAWNERS: [&str; 2] = ["Schedule", "Workflow"];

/// Kinds that hurt something outside the cluster, which no limit can count.
pub const OUTSIDE: [&str; 4] = ["AWSChaos", "AzureChaos", "GCPChaos", "PhysicalMachineChaos"];

/// Kinds that Chaos Mesh keeps its books in, or that inject nothing.
pub const KEPT: [&str; 7] = [
    "PodNetworkChaos",
    "PodIOChaos",
    "PodHttpChaos",
    "WorkflowNode",
    "StatusCheck",
    "PhysicalMachine",
    "RemoteCluster",
];

/// How a selector picks among the pods that match.
pub const MODES: [&str; 5] = ["one", "all", "fixed", "fixed-percent", "random-max-percent"];

/// What a selector can ask for.
pub const SELECTORS: [&str; 9] = [
    "namespaces",
    "labelSelectors",
    "expressionSelectors",
    "annotationSelectors",
    "fieldSelectors",
    "podPhaseSelectors",
    "nodes",
    "nodeSelectors",
    "pods",
];

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
