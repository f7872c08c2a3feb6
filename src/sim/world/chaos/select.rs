//! Which pods a selector means, and which of them a mode takes.

use std::sync::Arc;

use serde_json::Value;

use super::kinds::{Grain, grain};
use crate::sim::world::object;
use crate::sim::world::query::Name;
use crate::sim::world::resource::{NODES, PODS};
use crate::sim::world::selector::{FieldSelector, LabelSelector};
use crate::sim::world::state::World;

/// A record to be: id and the key of its selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    pub id: String,
    pub key: &'static str,
}

/// Everything that an object's selectors take, or why nothing.
pub fn targets(world: &mut World, object: &Value) -> Result<Vec<Picked>, String> {
    let kind = object::text_at(object, "kind");
    let action = object::text_at(object, "spec.action");
    let grain = grain(&kind, &action);
    if grain == Grain::Outside {
        return Ok(vec![Picked {
            id: outside(&kind, object),
            key: ".",
        }]);
    }
    let mut picked = Vec::new();
    let spec = object.get("spec").cloned().unwrap_or_default();
    let mut selectors = vec![(".", spec.clone())];
    if let Some(target) = spec.get("target") {
        selectors.push((".Target", target.clone()));
    }
    for (key, selector) in selectors {
        let pods = pods(world, selector.get("selector").unwrap_or(&Value::Null));
        let pods = by_mode(world, pods, &selector)?;
        for pod in pods {
            let name = format!("{}/{}", object::namespace(&pod), object::name(&pod));
            if grain == Grain::Container && key == "." {
                for container in containers(&pod, &spec)? {
                    picked.push(Picked {
                        id: format!("{name}/{container}"),
                        key,
                    });
                }
            } else {
                picked.push(Picked { id: name, key });
            }
        }
    }
    Ok(picked)
}

fn outside(kind: &str, object: &Value) -> String {
    let spec = object.get("spec").cloned().unwrap_or_default();
    let fields = ["ec2Instance", "vmName", "instance", "action"];
    let named = fields
        .iter()
        .map(|field| object::text_at(&spec, field))
        .find(|text| !text.is_empty());
    named.unwrap_or_else(|| kind.to_owned())
}

fn containers(pod: &Value, spec: &Value) -> Result<Vec<String>, String> {
    let list = pod.pointer("/spec/containers").and_then(Value::as_array);
    let have: Vec<String> = list
        .into_iter()
        .flatten()
        .map(|one| object::text_at(one, "name"))
        .collect();
    let wanted = object::strings(spec.get("containerNames"));
    if wanted.is_empty() {
        return Ok(have.into_iter().take(1).collect());
    }
    if let Some(missing) = wanted.iter().find(|name| !have.iter().any(|one| one == *name)) {
        return Err(format!(
            "container {missing} not found in pod {}",
            object::name(pod)
        ));
    }
    Ok(wanted.into_iter().map(str::to_owned).collect())
}

/// The pods that a selector means, by namespace and name; not-ready ones too, finished ones not.
pub fn pods(world: &World, selector: &Value) -> Vec<Arc<Value>> {
    if let Some(named) = selector
        .get("pods")
        .and_then(Value::as_object)
        .filter(|named| !named.is_empty())
    {
        return named
            .iter()
            .flat_map(|(namespace, names)| {
                object::strings(Some(names))
                    .into_iter()
                    .map(move |name| (namespace, name))
            })
            .filter_map(|(namespace, name)| {
                world
                    .store
                    .get(&PODS, &Name::new(namespace.as_str(), name))
                    .cloned()
            })
            .collect();
    }
    let namespaces = object::strings(selector.get("namespaces"));
    let empty = Value::Null;
    let part = |name: &str| selector.get(name).unwrap_or(&empty);
    let labels = LabelSelector::from_labels(part("labelSelectors"));
    let expressions = LabelSelector::from_expressions(part("expressionSelectors"));
    let annotations = LabelSelector::from_labels(part("annotationSelectors"));
    let fields = FieldSelector::from_map(part("fieldSelectors"));
    let phases = object::strings(selector.get("podPhaseSelectors"));
    let nodes = object::strings(selector.get("nodes"));
    let node_labels = LabelSelector::from_labels(part("nodeSelectors"));
    let on_node = |pod: &Value| {
        let node = object::text_at(pod, "spec.nodeName");
        let listed = nodes.is_empty() || nodes.contains(&node.as_str());
        let labelled = node_labels.is_empty()
            || world
                .store
                .get(&NODES, &Name::cluster(node.as_str()))
                .is_some_and(|node| node_labels.matches(object::labels(node)));
        listed && labelled
    };
    world
        .store
        .all(&PODS)
        .filter(|(name, _)| namespaces.is_empty() || namespaces.contains(&name.namespace.as_str()))
        .filter(|(_, pod)| labels.matches(object::labels(pod)) && expressions.matches(object::labels(pod)))
        .filter(|(_, pod)| annotations.matches(object::meta(pod, "annotations")))
        .filter(|(_, pod)| fields.matches(pod) && on_node(pod))
        .filter(|(_, pod)| {
            phases.is_empty() || phases.contains(&object::text_at(pod, "status.phase").as_str())
        })
        .map(|(_, pod)| Arc::clone(pod))
        .collect()
}

fn by_mode(world: &mut World, pods: Vec<Arc<Value>>, spec: &Value) -> Result<Vec<Arc<Value>>, String> {
    if pods.is_empty() {
        return Err("no pod is selected".to_owned());
    }
    let all = pods.len();
    let value: usize = object::text_at(spec, "value").parse().unwrap_or(0);
    let count = match object::text_at(spec, "mode").as_str() {
        "one" => 1,
        "all" => return Ok(pods),
        "fixed" => value.min(all),
        "fixed-percent" => all * value.min(100) / 100,
        "random-max-percent" => {
            let percent = usize::try_from(world.dice.up_to(value.min(100) as u64)).unwrap_or(0);
            all * percent / 100
        }
        other => return Err(format!("mode {other} not supported")),
    };
    if count == 0 {
        return Err("cannot select any pod".to_owned());
    }
    let mut chosen = world.dice.choose(pods, count);
    chosen.sort_by(|a, b| object::name(a).cmp(object::name(b)));
    Ok(chosen)
}
