//! One pod selector of Chaos Mesh as data: what it asks of the API server, and which of the listed pods it takes.
//! Counts as Chaos Mesh would, never fewer. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::run::Refusal;

/// A pod as the counting needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodSeen {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub ready: bool,
    pub phase: String,
    pub node: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// Kind and name of what made it.
    pub owner: Option<(String, String)>,
}

/// Labels of a set of pods, by key.
type Pairs = BTreeMap<String, String>;

/// A pod selector, every key of it understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    pub namespaces: BTreeSet<String>,
    labels: Pairs,
    expressions: Vec<String>,
    fields: Pairs,
    annotations: Pairs,
    phases: Vec<String>,
    pub nodes: BTreeSet<String>,
    node_labels: Pairs,
    /// Named pods, by namespace. When there are any, Chaos Mesh looks at nothing else.
    pub named: BTreeMap<String, BTreeSet<String>>,
}

const KEYS: [&str; 9] = [
    "namespaces",
    "labelSelectors",
    "expressionSelectors",
    "fieldSelectors",
    "annotationSelectors",
    "podPhaseSelectors",
    "nodes",
    "nodeSelectors",
    "pods",
];

const PHASES: [&str; 5] = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];

fn refuse(why: String) -> Refusal {
    Refusal {
        why,
        hint: Some("what cannot be counted is not fired: write it another way".to_owned()),
    }
}

fn strings(value: &Value, at: &str) -> Result<Vec<String>, Refusal> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| refuse(format!("`{at}` holds something that is not text"))),
        _ => Err(refuse(format!("`{at}` is not a list"))),
    }
}

fn pairs(value: &Value, at: &str) -> Result<Pairs, Refusal> {
    match value {
        Value::Null => Ok(Pairs::new()),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect::<Option<_>>()
            .ok_or_else(|| refuse(format!("`{at}` holds a value that is not text"))),
        _ => Err(refuse(format!("`{at}` is not a map"))),
    }
}

/// Whether it can stand in a query without becoming another one.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

fn expression(value: &Value, at: &str) -> Result<String, Refusal> {
    let unknown = || refuse(format!("an expression in `{at}` is not understood: {value}"));
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let map = value.as_object().ok_or_else(unknown)?;
    if map
        .keys()
        .any(|key| !["key", "operator", "values"].contains(&key.as_str()))
    {
        return Err(unknown());
    }
    let (key, values) = (
        text("key"),
        strings(value.get("values").unwrap_or(&Value::Null), at)?,
    );
    if key.is_empty() || !is_plain(key) || !values.iter().all(|value| is_plain(value)) {
        return Err(unknown());
    }
    match (text("operator"), values.is_empty()) {
        ("In", false) => Ok(format!("{key} in ({})", values.join(","))),
        ("NotIn", false) => Ok(format!("{key} notin ({})", values.join(","))),
        ("Exists", true) => Ok(key.to_owned()),
        ("DoesNotExist", true) => Ok(format!("!{key}")),
        _ => Err(unknown()),
    }
}

impl Selector {
    /// Reads the selector that stands at `at`; an empty list of namespaces means the object's own.
    pub fn read(value: &Value, own_namespace: &str, at: &str) -> Result<Self, Refusal> {
        let map = value
            .as_object()
            .ok_or_else(|| refuse(format!("there is no selector at `{at}`")))?;
        if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let key = crate::text::printable(key);
            return Err(refuse(format!("`{at}.{key}` is no selector that is known here")));
        }
        let part = |key: &str| (map.get(key).unwrap_or(&Value::Null), format!("{at}.{key}"));
        let list = |key: &str| {
            let (value, at) = part(key);
            strings(value, &at)
        };
        let table = |key: &str| {
            let (value, at) = part(key);
            pairs(value, &at)
        };
        let (expressions, place) = part("expressionSelectors");
        let expressions = match expressions {
            Value::Null => Vec::new(),
            Value::Array(all) => all
                .iter()
                .map(|one| expression(one, &place))
                .collect::<Result<_, _>>()?,
            _ => return Err(refuse(format!("`{place}` is not a list"))),
        };
        let (named, place) = part("pods");
        let named = match named {
            Value::Null => BTreeMap::new(),
            Value::Object(map) => map
                .iter()
                .map(|(namespace, names)| {
                    let names = strings(names, &place)?;
                    Ok((namespace.clone(), names.into_iter().collect()))
                })
                .collect::<Result<_, Refusal>>()?,
            _ => return Err(refuse(format!("`{place}` is not a map"))),
        };
        let mut namespaces: BTreeSet<String> = list("namespaces")?.into_iter().collect();
        if namespaces.is_empty() {
            namespaces.insert(own_namespace.to_owned());
        }
        let read = Self {
            namespaces,
            labels: table("labelSelectors")?,
            expressions,
            fields: table("fieldSelectors")?,
            annotations: table("annotationSelectors")?,
            phases: list("podPhaseSelectors")?,
            nodes: list("nodes")?.into_iter().collect(),
            node_labels: table("nodeSelectors")?,
            named,
        };
        read.checked(at)
    }

    fn checked(self, at: &str) -> Result<Self, Refusal> {
        let odd = [&self.labels, &self.node_labels, &self.fields]
            .into_iter()
            .flatten()
            .find(|(key, value)| key.is_empty() || !is_plain(key) || !is_plain(value));
        if let Some((key, value)) = odd {
            let shown = format!("{key}={value}");
            let shown = crate::text::printable(&shown);
            return Err(refuse(format!("`{shown}` in `{at}` cannot be asked for")));
        }
        if let Some(phase) = self
            .phases
            .iter()
            .find(|phase| !PHASES.contains(&phase.trim_start_matches('!')))
        {
            let phase = crate::text::printable(phase);
            return Err(refuse(format!("`{phase}` in `{at}` is no phase of a pod")));
        }
        Ok(self)
    }

    /// Every namespace that it reaches into.
    pub fn reaches(&self) -> BTreeSet<&str> {
        if self.named.is_empty() {
            self.namespaces.iter().map(String::as_str).collect()
        } else {
            self.named.keys().map(String::as_str).collect()
        }
    }

    /// The label query for a list of pods.
    pub fn label_query(&self) -> String {
        let equal = self.labels.iter().map(|(key, value)| format!("{key}={value}"));
        equal
            .chain(self.expressions.iter().cloned())
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The field query for a list of pods.
    pub fn field_query(&self) -> String {
        let equal = self.fields.iter().map(|(key, value)| format!("{key}={value}"));
        equal.collect::<Vec<_>>().join(",")
    }

    /// The label query for a list of nodes, if it asks for any.
    pub fn node_query(&self) -> Option<String> {
        let equal = self
            .node_labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        (!self.node_labels.is_empty()).then(|| equal.collect::<Vec<_>>().join(","))
    }

    /// Whether it takes a pod that its queries listed. `labelled` are the nodes that its node query found.
    pub fn takes(&self, pod: &PodSeen, labelled: &BTreeSet<String>) -> bool {
        let annotated = self
            .annotations
            .iter()
            .all(|(key, value)| pod.annotations.get(key) == Some(value));
        // Named and labelled nodes are put together, as Chaos Mesh does it.
        let anywhere = self.nodes.is_empty() && self.node_labels.is_empty();
        let placed = anywhere
            || pod
                .node
                .as_ref()
                .is_some_and(|node| self.nodes.contains(node) || labelled.contains(node));
        annotated && placed && self.takes_phase(&pod.phase)
    }

    fn takes_phase(&self, phase: &str) -> bool {
        let barred = |one: &String| one.strip_prefix('!') == Some(phase);
        let mut wanted = self.phases.iter().filter(|one| !one.starts_with('!')).peekable();
        let included = wanted.peek().is_none() || wanted.any(|one| one == phase);
        included && !self.phases.iter().any(barred)
    }
}

/// How many of the pods that match are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    One,
    All,
    Fixed(usize),
    FixedPercent(usize),
    RandomMaxPercent(usize),
}

impl Mode {
    /// Reads `mode` and `value` of the part of a spec that stands at `at`.
    pub fn read(part: &Value, at: &str) -> Result<Self, Refusal> {
        let text = |key: &str| part.get(key).and_then(Value::as_str).unwrap_or_default();
        let value = || {
            text("value").parse::<usize>().map_err(|_| {
                let value = crate::text::printable(text("value"));
                refuse(format!("`{at}` takes a number as `value`, not `{value}`"))
            })
        };
        let percent = || {
            let percent = value()?;
            if percent <= 100 {
                Ok(percent)
            } else {
                Err(refuse(format!("`{at}` asks for {percent} % of the pods")))
            }
        };
        match text("mode") {
            "one" => Ok(Self::One),
            "all" => Ok(Self::All),
            "fixed" => Ok(Self::Fixed(value()?)),
            "fixed-percent" => Ok(Self::FixedPercent(percent()?)),
            "random-max-percent" => Ok(Self::RandomMaxPercent(percent()?)),
            other => {
                let other = crate::text::printable(other);
                Err(refuse(format!(
                    "`{at}` has the mode `{other}`, which is not known"
                )))
            }
        }
    }

    /// The most that may be taken of so many.
    pub fn most(self, of: usize) -> usize {
        match self {
            Self::One => of.min(1),
            Self::All => of,
            Self::Fixed(count) => count.min(of),
            Self::FixedPercent(percent) | Self::RandomMaxPercent(percent) => of * percent / 100,
        }
    }

    /// Whether it may take none although some match.
    pub const fn may_take_none(self) -> bool {
        matches!(self, Self::RandomMaxPercent(_))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Selector, Refusal> {
        Selector::read(value, "default", "spec.selector")
    }

    fn pod(node: &str, phase: &str) -> PodSeen {
        PodSeen {
            namespace: "default".to_owned(),
            name: "p".to_owned(),
            uid: "u".to_owned(),
            ready: true,
            phase: phase.to_owned(),
            node: Some(node.to_owned()),
            labels: Pairs::new(),
            annotations: [("team".to_owned(), "iot".to_owned())].into(),
            owner: None,
        }
    }

    #[test]
    fn what_is_asked_of_the_server() {
        let selector = read(&json!({
            "labelSelectors": {"app": "emqx-go", "app.kubernetes.io/part-of": "x"},
            "expressionSelectors": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "tier", "operator": "NotIn", "values": ["c"]},
                {"key": "canary", "operator": "DoesNotExist"},
                {"key": "stable", "operator": "Exists"}],
            "fieldSelectors": {"metadata.name": "emqx-go-0"},
        }))
        .expect("a selector");
        assert_eq!(
            selector.label_query(),
            "app=emqx-go,app.kubernetes.io/part-of=x,tier in (a,b),tier notin (c),!canary,stable"
        );
        assert_eq!(selector.field_query(), "metadata.name=emqx-go-0");
        assert_eq!(selector.reaches(), BTreeSet::from(["default"]));
    }

    #[test]
    fn named_pods_are_all_that_counts() {
        let selector =
            read(&json!({"namespaces": ["a"], "pods": {"b": ["x", "y"], "c": ["z"]}})).expect("one");
        assert_eq!(selector.reaches(), BTreeSet::from(["b", "c"]));
    }

    #[test]
    fn which_of_the_listed_pods_it_takes() {
        let labelled = BTreeSet::from(["n2".to_owned()]);
        for (selector, node, phase, taken) in [
            (json!({}), "n1", "Running", true),
            (
                json!({"annotationSelectors": {"team": "iot"}}),
                "n1",
                "Running",
                true,
            ),
            (
                json!({"annotationSelectors": {"team": "im"}}),
                "n1",
                "Running",
                false,
            ),
            (
                json!({"podPhaseSelectors": ["Running", "Pending"]}),
                "n1",
                "Pending",
                true,
            ),
            (json!({"podPhaseSelectors": ["Running"]}), "n1", "Failed", false),
            (json!({"podPhaseSelectors": ["!Failed"]}), "n1", "Failed", false),
            (json!({"podPhaseSelectors": ["!Failed"]}), "n1", "Running", true),
            (
                json!({"podPhaseSelectors": ["Running", "!Running"]}),
                "n1",
                "Running",
                false,
            ),
            (json!({"nodes": ["n1"]}), "n1", "Running", true),
            (json!({"nodes": ["n1"]}), "n3", "Running", false),
            // Named and labelled nodes add up.
            (
                json!({"nodes": ["n1"], "nodeSelectors": {"zone": "z"}}),
                "n2",
                "Running",
                true,
            ),
            (json!({"nodeSelectors": {"zone": "z"}}), "n1", "Running", false),
        ] {
            let read = read(&selector).expect("a selector");
            assert_eq!(
                read.takes(&pod(node, phase), &labelled),
                taken,
                "{selector} {node} {phase}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (selector, word) in [
            (json!({"physicalMachines": {}}), "physicalMachines"),
            (json!({"labelSelectors": ["app"]}), "not a map"),
            (json!({"labelSelectors": {"app": "a,b=c"}}), "cannot be asked"),
            (json!({"labelSelectors": {"app": 3}}), "not text"),
            (json!({"namespaces": "default"}), "not a list"),
            (
                json!({"expressionSelectors": [{"key": "a", "operator": "Gt", "values": ["1"]}]}),
                "Gt",
            ),
            (
                json!({"expressionSelectors": [{"key": "a", "operator": "In"}]}),
                "not understood",
            ),
            (json!({"podPhaseSelectors": ["Runing"]}), "no phase"),
            (json!({"pods": ["a"]}), "not a map"),
            (Value::Null, "no selector"),
        ] {
            let refusal = read(&selector).expect_err("refused");
            assert!(refusal.why.contains(word), "{selector}: {refusal}");
        }
    }

    #[test]
    fn modes_count_as_chaos_mesh_does() {
        for (mode, value, of, most) in [
            ("one", "", 3, 1),
            ("one", "", 0, 0),
            ("all", "", 3, 3),
            ("fixed", "2", 3, 2),
            ("fixed", "5", 3, 3),
            ("fixed-percent", "50", 3, 1),
            ("fixed-percent", "33", 3, 0),
            ("fixed-percent", "100", 3, 3),
            ("random-max-percent", "99", 3, 2),
        ] {
            let read = Mode::read(&json!({"mode": mode, "value": value}), "spec").expect("a mode");
            assert_eq!(read.most(of), most, "{mode} {value} of {of}");
        }
        for (mode, value) in [
            ("fixed", ""),
            ("fixed", "-1"),
            ("fixed-percent", "101"),
            ("some", ""),
            ("", ""),
        ] {
            assert!(
                Mode::read(&json!({"mode": mode, "value": value}), "spec").is_err(),
                "{mode} {value}"
            );
        }
    }
}
