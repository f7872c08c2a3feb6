//! The blast radius: judges what a fault would hit against what the playbook allows. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::aims::{Aim, Hits};
use super::select::PodSeen;
use crate::playbook::{Limits, Target};
use crate::run::{Judged, Refusal};
use crate::units::{Percent, human};

/// An aim and the pods that match it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aimed {
    pub aim: Aim,
    pub pods: Vec<PodSeen>,
}

/// Everything that the judgement looks at.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    pub limits: &'a Limits,
    pub target: &'a Target,
    pub aimed: &'a [Aimed],
    /// The target's pods, matched or not.
    pub target_pods: &'a [PodSeen],
    /// Every pod of the namespaces that a killing aim reaches.
    pub neighbours: &'a [PodSeen],
    pub duration: Option<Duration>,
}

/// What the judgement found.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub judged: Vec<Judged>,
    /// At most so many pods are hit.
    pub hurt: usize,
    /// That as a share of the target's ready pods.
    pub share: Percent,
    /// The pods that match, without repeats.
    pub pods: Vec<PodSeen>,
}

/// Where nothing may ever be fired: what undoes the fault lives there.
const NEVER: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
const PART_OF: &str = "app.kubernetes.io/part-of";

impl Judgement {
    /// Why it may not be fired; `None` when every limit is held.
    pub fn refusal(&self) -> Option<Refusal> {
        let broken: Vec<&str> = self
            .judged
            .iter()
            .filter(|one| !one.held)
            .map(|one| one.limit.as_str())
            .collect();
        (!broken.is_empty()).then(|| Refusal {
            why: format!("beyond the limits: {}", broken.join("; ")),
            hint: Some("aim at less, or change `limits` in the playbook on purpose".to_owned()),
        })
    }
}

/// Judges everything; an aim without pods is refused outright.
pub fn judge(scene: Scene<'_>) -> Result<Judgement, Refusal> {
    if let Some(empty) = scene.aimed.iter().find(|aimed| aimed.pods.is_empty()) {
        return Err(Refusal {
            why: format!("no pod is selected by `{}`", empty.aim.at),
            hint: Some("compare its labels with `kubectl get pods --show-labels`".to_owned()),
        });
    }
    if let Some(none) = scene
        .aimed
        .iter()
        .find(|aimed| aimed.aim.mode.most(aimed.pods.len()) == 0)
    {
        return Err(Refusal {
            why: format!(
                "`{}` takes none of the {} pods that match",
                none.aim.at,
                none.pods.len()
            ),
            hint: Some("its percentage is below one pod: raise `value`".to_owned()),
        });
    }
    let hurt = taken(scene.aimed.iter(), |_| true);
    let pods: BTreeSet<PodSeen> = scene.aimed.iter().flat_map(|aimed| aimed.pods.clone()).collect();
    let ready = scene.target_pods.iter().filter(|pod| pod.ready).count();
    let share = Percent::of(hurt, ready);
    let most = usize::try_from(scene.limits.pods).unwrap_or(usize::MAX);
    let mut judged = vec![
        Judged {
            limit: format!("{hurt} pods of at most {most}"),
            held: hurt <= most,
        },
        Judged {
            limit: format!(
                "{share} of the target's {ready} ready pods, of at most {}",
                scene.limits.percent
            ),
            held: share.0 <= scene.limits.percent.0,
        },
        namespaces(scene.limits, scene.target, scene.aimed.iter().map(|one| &one.aim)),
    ];
    if let Some(duration) = scene.duration {
        let most = scene.limits.duration.0;
        judged.push(Judged {
            limit: format!("{} long, of at most {}", human(duration), human(most)),
            held: duration <= most,
        });
    }
    judged.extend(replicas(&scene));
    if let Some(own) = pods
        .iter()
        .find(|pod| pod.labels.get(PART_OF).is_some_and(|part| part == "chaos-mesh"))
    {
        judged.push(Judged {
            limit: format!(
                "{}/{} is Chaos Mesh itself: who would undo it",
                own.namespace, own.name
            ),
            held: false,
        });
    }
    Ok(Judgement {
        judged,
        hurt,
        share,
        pods: pods.into_iter().collect(),
    })
}

/// At most so many pods of those that `counts` are taken by all these aims together.
fn taken<'a>(aimed: impl Iterator<Item = &'a Aimed>, counts: impl Fn(&PodSeen) -> bool) -> usize {
    let (mut most, mut all) = (0_usize, BTreeSet::new());
    for one in aimed {
        let counted: BTreeSet<&str> = one
            .pods
            .iter()
            .filter(|pod| counts(pod))
            .map(|pod| pod.uid.as_str())
            .collect();
        // Chance may pick the counted ones first.
        most += one.aim.mode.most(one.pods.len()).min(counted.len());
        all.extend(counted);
    }
    most.min(all.len())
}

/// Why these aims may not even be looked at: they reach where nothing may be fired.
pub fn out_of_bounds(limits: &Limits, target: &Target, aims: &[Aim]) -> Option<Refusal> {
    let judged = namespaces(limits, target, aims.iter());
    let judgement = Judgement {
        judged: vec![judged],
        hurt: 0,
        share: Percent(0.0),
        pods: Vec::new(),
    };
    judgement.refusal()
}

fn namespaces<'a>(limits: &Limits, target: &Target, aims: impl Iterator<Item = &'a Aim>) -> Judged {
    let reached: BTreeSet<&str> = aims.flat_map(|aim| aim.selector.reaches()).collect();
    let allowed: BTreeSet<&str> = if limits.namespaces.is_empty() {
        [target.namespace.as_str()].into()
    } else {
        limits.namespaces.iter().map(String::as_str).collect()
    };
    let barred: Vec<&str> = reached
        .iter()
        .copied()
        .filter(|name| NEVER.contains(name) || !allowed.contains(name))
        .collect();
    let list = |names: &[&str]| crate::text::printable(&names.join(", ")).into_owned();
    if let Some(never) = barred.iter().find(|name| NEVER.contains(name)) {
        return Judged {
            limit: format!("namespace {never} is never fired at"),
            held: false,
        };
    }
    if barred.is_empty() {
        let reached: Vec<&str> = reached.into_iter().collect();
        return Judged {
            limit: format!("in namespace {}", list(&reached)),
            held: true,
        };
    }
    Judged {
        limit: format!("namespace {} is not among those allowed", list(&barred)),
        held: false,
    }
}

/// Whose replica a pod is: its owner's, or its own.
fn group(pod: &PodSeen) -> (String, String, String) {
    let (kind, name) = pod
        .owner
        .clone()
        .unwrap_or_else(|| ("Pod".to_owned(), pod.name.clone()));
    (pod.namespace.clone(), kind, name)
}

/// A killing action must leave a ready replica of the target, and of everything else that it may hit.
fn replicas(scene: &Scene<'_>) -> Vec<Judged> {
    let killing = || scene.aimed.iter().filter(|aimed| aimed.aim.hits == Hits::Kills);
    if killing().next().is_none() {
        return Vec::new();
    }
    let mut groups: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let hit: BTreeSet<_> = killing().flat_map(|aimed| aimed.pods.iter().map(group)).collect();
    let ready =
        |pods: &'_ [PodSeen]| -> Vec<PodSeen> { pods.iter().filter(|pod| pod.ready).cloned().collect() };
    let (neighbours, target) = (ready(scene.neighbours), ready(scene.target_pods));
    for pod in &neighbours {
        let own = group(pod);
        if hit.contains(&own) {
            let (namespace, kind, name) = own;
            let group = format!("{kind} {namespace}/{name}");
            groups.entry(group).or_default().insert(&pod.uid);
        }
    }
    let target: BTreeSet<&str> = target.iter().map(|pod| pod.uid.as_str()).collect();
    groups.retain(|_, ready| *ready != target);
    groups.insert("the target".to_owned(), target);
    groups
        .into_iter()
        .filter(|(_, ready)| !ready.is_empty())
        .filter_map(|(name, ready)| {
            let lost = taken(killing(), |pod| ready.contains(pod.uid.as_str()));
            let left = ready.len().saturating_sub(lost);
            let name = crate::text::printable(&name).into_owned();
            (lost > 0).then(|| Judged {
                limit: if left == 0 {
                    format!("it may take the last ready replica of {name}")
                } else {
                    format!("{left} ready replicas of {name} are left")
                },
                held: left > 0,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::aims;
    use crate::inject::select::Mode;
    use crate::playbook::Span;
    use serde_json::json;

    fn pod(name: &str, ready: bool) -> PodSeen {
        PodSeen {
            namespace: "default".to_owned(),
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            ready,
            phase: "Running".to_owned(),
            node: Some("n".to_owned()),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            owner: Some((
                "StatefulSet".to_owned(),
                name.trim_end_matches(char::is_numeric).to_owned(),
            )),
        }
    }

    fn pods(names: &[&str]) -> Vec<PodSeen> {
        names.iter().map(|name| pod(name, true)).collect()
    }

    fn aimed(action: &str, mode: Mode, selector: &serde_json::Value, pods: &[PodSeen]) -> Aimed {
        let spec = json!({"action": action, "mode": "all", "selector": selector});
        let described = aims::describe("PodChaos", &spec).expect("described");
        let mut aim = described.aims(&spec, "default").expect("aims").remove(0);
        aim.mode = mode;
        Aimed {
            aim,
            pods: pods.to_vec(),
        }
    }

    fn limits(pods: u32, percent: f64) -> Limits {
        Limits {
            pods,
            percent: Percent(percent),
            ..Limits::default()
        }
    }

    fn target() -> Target {
        Target {
            namespace: "default".to_owned(),
            pods: BTreeMap::new(),
        }
    }

    fn broken(limits: &Limits, aimed: &[Aimed], target_pods: &[PodSeen]) -> Vec<String> {
        let judged = judge(Scene {
            limits,
            target: &target(),
            aimed,
            target_pods,
            neighbours: target_pods,
            duration: Some(Duration::from_mins(2)),
        });
        let judged = judged.expect("judged").judged;
        judged
            .into_iter()
            .filter(|one| !one.held)
            .map(|one| one.limit)
            .collect()
    }

    #[test]
    fn pods_and_share_are_counted_over_all_aims() {
        let three = pods(&["e0", "e1", "e2"]);
        let none = json!({});
        let one = |pods: &[PodSeen]| aimed("x", Mode::One, &none, pods);
        let all = |pods: &[PodSeen]| aimed("x", Mode::All, &none, pods);
        for (aims, most, percent, broken_limits) in [
            (vec![one(&three)], 1, 34.0, 0),
            (vec![one(&three)], 1, 33.0, 1),
            (vec![all(&three)], 2, 100.0, 1),
            (vec![all(&three)], 3, 99.0, 1),
            // Two that take one each may take two different ones.
            (vec![one(&three), one(&three)], 1, 100.0, 1),
            (vec![one(&three), one(&three)], 2, 67.0, 0),
            // One pod twice is one pod.
            (vec![all(&three[..1]), all(&three[..1])], 1, 34.0, 0),
        ] {
            let found = broken(&limits(most, percent), &aims, &three);
            assert_eq!(found.len(), broken_limits, "{most} {percent}: {found:?}");
        }
    }

    #[test]
    fn a_share_of_no_ready_pod_is_everything() {
        let down: Vec<PodSeen> = vec![pod("e0", false)];
        let aim = aimed("x", Mode::One, &json!({}), &down);
        assert_eq!(broken(&limits(1, 99.0), &[aim], &down).len(), 1);
    }

    #[test]
    fn namespaces_are_those_allowed_and_never_the_system() {
        let three = pods(&["e0", "e1", "e2"]);
        let check = |selector: serde_json::Value, allowed: &[&str]| {
            let mut limits = limits(3, 100.0);
            limits.namespaces = allowed.iter().map(|name| (*name).to_owned()).collect();
            broken(&limits, &[aimed("x", Mode::One, &selector, &three)], &three)
        };
        assert!(check(json!({}), &[]).is_empty());
        assert!(check(json!({"namespaces": ["other"]}), &["other"]).is_empty());
        assert!(check(json!({"namespaces": ["other"]}), &[])[0].contains("not among"));
        assert!(check(json!({}), &["other"])[0].contains("default"));
        assert!(check(json!({"pods": {"other": ["x"]}}), &["default"])[0].contains("other"));
        assert!(check(json!({"namespaces": ["kube-system"]}), &["kube-system"])[0].contains("never"));
    }

    #[test]
    fn the_last_ready_replica_is_not_killed() {
        let three = pods(&["e0", "e1", "e2"]);
        let last = "last ready replica of the target";
        let check = |action: &str, mode: Mode, from: &[PodSeen], all: &[PodSeen]| {
            broken(&limits(9, 999.0), &[aimed(action, mode, &json!({}), from)], all)
        };
        assert!(check("pod-kill", Mode::One, &three, &three).is_empty());
        assert!(
            check("pod-kill", Mode::All, &three, &three)
                .iter()
                .any(|one| one.contains(last))
        );
        assert!(
            check("container-kill", Mode::All, &three, &three)
                .iter()
                .any(|one| one.contains(last))
        );
        // What does not kill may hit them all.
        assert!(check("delay", Mode::All, &three, &three).is_empty());
        // Only one of three is ready: chance may pick it.
        let mut shaky = three.clone();
        shaky[0].ready = false;
        shaky[1].ready = false;
        assert!(
            check("pod-kill", Mode::One, &shaky, &shaky)
                .iter()
                .any(|one| one.contains(last))
        );
        // A pod that is down already takes no replica away.
        assert!(check("pod-kill", Mode::One, &shaky[..1], &shaky).is_empty());
        // Another workload within the selector has one replica only.
        let mut mixed = three.clone();
        mixed.push(pod("lonely0", true));
        let found = check("pod-kill", Mode::One, &mixed, &mixed);
        assert!(
            found.iter().any(|one| one.contains("StatefulSet default/lonely")),
            "{found:?}"
        );
    }

    #[test]
    fn too_long_is_too_long() {
        let three = pods(&["e0", "e1", "e2"]);
        let limits = Limits {
            duration: Span(Duration::from_mins(1)),
            ..limits(1, 34.0)
        };
        let found = broken(&limits, &[aimed("x", Mode::One, &json!({}), &three)], &three);
        assert_eq!(found, ["2m long, of at most 1m"]);
    }

    #[test]
    fn nothing_selected_fails_at_once() {
        let three = pods(&["e0", "e1", "e2"]);
        let scene = |aimed: &[Aimed]| {
            judge(Scene {
                limits: &limits(3, 100.0),
                target: &target(),
                aimed,
                target_pods: &three,
                neighbours: &three,
                duration: None,
            })
        };
        let empty = aimed("x", Mode::All, &json!({}), &[]);
        assert!(
            scene(&[empty])
                .expect_err("refused")
                .why
                .contains("no pod is selected by `spec`")
        );
        let few = aimed("x", Mode::FixedPercent(30), &json!({}), &three);
        assert!(scene(&[few]).expect_err("refused").why.contains("takes none"));
    }

    #[test]
    fn chaos_mesh_is_not_turned_on_itself() {
        let mut own = pods(&["c0", "c1", "c2"]);
        own[1].labels.insert(PART_OF.to_owned(), "chaos-mesh".to_owned());
        let found = broken(
            &limits(3, 100.0),
            &[aimed("x", Mode::One, &json!({}), &own)],
            &own,
        );
        assert!(
            found.iter().any(|one| one.contains("Chaos Mesh itself")),
            "{found:?}"
        );
    }
}
