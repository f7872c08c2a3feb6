//! The watchers against the embedded cluster: what they show and measure, compared with what really happened.

use std::time::Duration;

use firedrill::clock::Clock;
use firedrill::cluster::Cluster;
use firedrill::evidence::{Observed, Verdict};
use firedrill::playbook::{
    Check, EndpointsProbe, HttpProbe, MqttProbe, NoData, PodLogsProbe, PodsReadyProbe, Probe,
    PrometheusProbe, Span, Target,
};
use firedrill::ports::{CheckNow, Freshness, PodRow, Probes as _, Readings};
use firedrill::sim::wire::{self, Sim, SimOptions};
use firedrill::sim::world::resource::{PODS, ResourceRef};
use firedrill::sim::world::{DeleteQuery, Happening, Name, What, World, WriteQuery};
use firedrill::units::{CheckId, Mark};
use firedrill::watch::{self, Registry, Watching};

use crate::sim_wire::PATIENCE;

/// A cluster, its clock as the run's clock, and a connection as a user.
pub struct Stage {
    pub sim: Sim,
    pub cluster: Cluster,
    pub clock: Clock,
}

impl Stage {
    pub async fn as_user(user: &str, speed: f64) -> Self {
        let sim = wire::start(SimOptions {
            speed,
            ..SimOptions::default()
        })
        .await
        .unwrap();
        let seat = sim.seats().iter().find(|seat| seat.user == user).unwrap();
        let cluster = Cluster::connect(Some(&seat.kubeconfig), None).await.unwrap();
        let clock = sim.clock().clone();
        Self { sim, cluster, clock }
    }

    pub async fn usual() -> Self {
        Self::as_user("admin", 4.0).await
    }

    pub fn watching(&self) -> Watching {
        watch::start(&self.cluster, &self.clock, &target())
    }

    fn registry(&self) -> Registry {
        Registry::new(self.cluster.clone(), self.clock.clone(), target())
    }

    pub fn kill(&self, pod: &str) {
        let name = Name::new("default", pod);
        self.sim
            .world()
            .with(|world| world.delete(&PODS, &name, &now_at_once()).unwrap());
    }

    pub fn says(&self, pod: &str, text: &str) {
        let name = Name::new("default", pod);
        self.sim
            .world()
            .with(|world| world.write_line(&name, "emqx-go", text));
    }

    /// Somebody else's chaos in `default`.
    pub fn chaos(&self, kind: &str, name: &str, spec: &serde_json::Value) {
        let object = serde_json::json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": "default"}, "spec": spec,
        });
        let at = ResourceRef::new("chaos-mesh.org", "v1alpha1", kind.to_lowercase());
        self.sim.world().with(|world| {
            world
                .create(&at, "default", object, &WriteQuery::default())
                .unwrap();
        });
    }

    pub fn delete_chaos(&self, kind: &str, name: &str) {
        let at = ResourceRef::new("chaos-mesh.org", "v1alpha1", kind.to_lowercase());
        let name = Name::new("default", name);
        self.sim.world().with(|world| {
            world.delete(&at, &name, &DeleteQuery::default()).unwrap();
        });
    }

    /// Closes the cluster's latch as somebody's console would.
    pub fn latch(&self, namespace: &str, by: &str, why: &str) {
        let lease = serde_json::json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {
                "name": "firedrill-latch", "namespace": namespace, "annotations": {"firedrill.io/why": why},
            },
            "spec": {"holderIdentity": by},
        });
        let at = ResourceRef::new("coordination.k8s.io", "v1", "leases");
        self.sim.world().with(|world| {
            world
                .create(&at, namespace, lease, &WriteQuery::default())
                .unwrap();
        });
    }

    /// Waits until the world really hurts somebody with it.
    pub async fn until_injected(&self, name: &Name) {
        let says = || {
            let effects = self.sim.world().look(World::effects);
            effects.iter().any(|effect| effect.by.name == name.name)
        };
        let done = async {
            while !says() {
                self.clock.pass(Duration::from_millis(100)).await;
            }
            // The effect comes a moment before the status that tells of it.
            let at = ResourceRef::new("chaos-mesh.org", "v1alpha1", "networkchaos");
            while !self.sim.world().look(|world| {
                let object = world.get(&at, name).unwrap();
                object.to_string().contains("\"phase\":\"Injected\"")
            }) {
                self.clock.pass(Duration::from_millis(100)).await;
            }
        };
        within("the injection", done).await;
    }

    pub fn happenings(&self) -> Vec<Happening> {
        self.sim.world().look(|world| world.happenings().to_vec())
    }

    /// When the world says that this happened to a pod of this name, at the latest.
    fn when(&self, pod: &str, kind: impl Fn(&What) -> Option<&str>) -> Mark {
        let all = self.happenings();
        let found = all.iter().rev().find(|one| kind(&one.what) == Some(pod));
        found.expect("it happened").at
    }
}

pub fn target() -> Target {
    Target {
        namespace: "default".to_owned(),
        pods: [("app".to_owned(), "emqx-go".to_owned())].into(),
    }
}

pub fn check(probe: Probe) -> Check {
    Check {
        id: CheckId::new(probe.name()),
        probe,
        expect: None,
        every: None,
        when: Vec::new(),
        no_data: NoData::Unknown,
        for_: None,
    }
}

pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// Reads until a reading is as wanted; everything read, that one last.
pub async fn until(
    readings: &mut Readings,
    what: &str,
    mut enough: impl FnMut(&CheckNow) -> bool,
) -> Vec<CheckNow> {
    let mut all = Vec::new();
    within(what, async {
        loop {
            let now = readings
                .recv()
                .await
                .unwrap_or_else(|| panic!("ended before {what}: {all:#?}"));
            let done = enough(&now);
            all.push(now);
            if done {
                return;
            }
        }
    })
    .await;
    all
}

fn parts(have: u32) -> Observed {
    Observed::Parts { have, want: 3 }
}

/// The values in order, without repeats.
fn course(all: &[CheckNow]) -> Vec<Observed> {
    let mut seen: Vec<Observed> = all.iter().map(|now| now.reading.observed.clone()).collect();
    seen.dedup();
    seen
}

fn rows(watching: &Watching) -> Vec<PodRow> {
    watching.views.pods.borrow().1.to_vec()
}

pub fn now_at_once() -> DeleteQuery {
    DeleteQuery {
        grace: Some(Duration::ZERO),
        ..DeleteQuery::default()
    }
}

async fn pods_until(watching: &Watching, what: &str, enough: impl Fn(&Freshness, &[PodRow]) -> bool) {
    let mut pods = watching.views.pods.clone();
    let wait = pods.wait_for(|shown| enough(&shown.0, &shown.1));
    within(what, wait).await.unwrap();
}

#[tokio::test]
async fn a_pod_kill_is_seen_as_it_happens() {
    let stage = Stage::usual().await;
    let watching = stage.watching();
    let start = |probe| watching.probes.start(&check(probe)).unwrap();
    let mut ready = start(Probe::PodsReady(PodsReadyProbe {}));
    let mut served = start(Probe::Endpoints(EndpointsProbe {}));
    let holds = |now: &CheckNow| now.verdict == Verdict::Holds;
    assert_eq!(course(&until(&mut ready, "all pods", holds).await), [parts(3)]);
    assert_eq!(
        course(&until(&mut served, "all endpoints", holds).await),
        [parts(3)]
    );
    pods_until(&watching, "three rows", |fresh, rows| {
        *fresh == Freshness::Live && rows.len() == 3
    })
    .await;
    let before = rows(&watching);
    let names: Vec<&str> = before.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["emqx-go-0", "emqx-go-1", "emqx-go-2"]);
    assert!(
        before
            .iter()
            .all(|row| row.state == "Running" && row.ready == (1, 1) && row.created.is_some())
    );

    stage.kill("emqx-go-1");
    let broken = |now: &CheckNow| now.verdict == Verdict::Broken;
    let down = until(&mut ready, "a pod to be missed", broken)
        .await
        .pop()
        .unwrap();
    assert_eq!(
        down.reading.observed,
        parts(2),
        "a missing pod is missed, not left out"
    );
    let back = until(&mut ready, "all pods again", holds).await;
    assert!(
        back[..back.len() - 1]
            .iter()
            .all(|now| now.reading.observed == parts(2)),
        "{back:#?}"
    );
    let back = back.last().unwrap();

    // The readings' marks against the world's own record.
    let gone = stage.when("emqx-go-1", |what| match what {
        What::PodGone(pod) => Some(pod.pod.as_str()),
        _ => None,
    });
    let came = stage.when("emqx-go-1", |what| match what {
        What::PodReady(pod) => Some(pod.pod.as_str()),
        _ => None,
    });
    assert!(
        gone <= down.reading.at && down.reading.at <= came,
        "{gone} {} {came}",
        down.reading.at
    );
    assert!(came <= back.reading.at, "{came} {}", back.reading.at);
    assert!(down.reading.resolution > Duration::ZERO && back.reading.resolution > Duration::ZERO);

    until(&mut served, "an endpoint to be missed", |now| {
        now.reading.observed == parts(2)
    })
    .await;
    until(&mut served, "all endpoints again", holds).await;
    pods_until(&watching, "another pod of the name", |_, rows| {
        let again = rows.iter().find(|row| row.name == "emqx-go-1");
        again.is_some_and(|row| row.uid != before[1].uid && row.state == "Running")
    })
    .await;
    watching.stop.stopped().await;
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn a_quiet_source_is_still_proven_live() {
    let stage = Stage::usual().await;
    let registry = stage.registry();
    let mut ready = registry
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    let mut marks = Vec::new();
    until(&mut ready, "three readings of the same", |now| {
        assert_eq!(now.verdict, Verdict::Holds, "{now:?}");
        marks.push(now.reading.at);
        marks.len() == 3
    })
    .await;
    assert!(marks[0] < marks[1] && marks[1] < marks[2], "{marks:?}");
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn a_lost_cluster_is_no_data_and_not_the_last_that_was_seen() {
    let stage = Stage::usual().await;
    let watching = stage.watching();
    let mut ready = watching
        .probes
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    let mut served = watching
        .probes
        .start(&check(Probe::Endpoints(EndpointsProbe {})))
        .unwrap();
    let holds = |now: &CheckNow| now.verdict == Verdict::Holds;
    until(&mut ready, "all pods", holds).await;
    until(&mut served, "all endpoints", holds).await;
    let mut chaos = watching.views.chaos.clone();
    within(
        "chaos to be seen",
        chaos.wait_for(|shown| shown.0 == Freshness::Live),
    )
    .await
    .unwrap();
    stage.sim.shutdown().await;
    for readings in [&mut ready, &mut served] {
        let lost = until(readings, "no data", |now| now.verdict == Verdict::Unknown).await;
        let lost = &lost.last().unwrap().reading.observed;
        assert!(
            matches!(lost, Observed::NoData { why } if why.contains("not seen since")),
            "{lost:?}"
        );
    }
    pods_until(&watching, "stale pods", |fresh, rows| {
        matches!(fresh, Freshness::Stale { .. }) && rows.len() == 3
    })
    .await;
    let stale = chaos.wait_for(|shown| matches!(shown.0, Freshness::Stale { .. }));
    within("stale chaos", stale).await.unwrap();
}

#[tokio::test]
async fn forgotten_history_loses_nothing() {
    let stage = Stage::usual().await;
    let watching = stage.watching();
    let mut ready = watching
        .probes
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    let holds = |now: &CheckNow| now.verdict == Verdict::Holds;
    until(&mut ready, "all pods", holds).await;
    pods_until(&watching, "three rows", |_, rows| rows.len() == 3).await;
    let before = rows(&watching);
    // The pod goes and what tells of it is forgotten in the same moment: only a new list can show it.
    let name = Name::new("default", "emqx-go-2");
    stage.sim.world().with(|world| {
        world.delete(&PODS, &name, &now_at_once()).unwrap();
        world.compact();
    });
    pods_until(&watching, "another pod of the name", |fresh, rows| {
        let again = rows.iter().find(|row| row.name == "emqx-go-2");
        *fresh == Freshness::Live
            && again.is_some_and(|row| row.uid != before[2].uid && row.state == "Running")
    })
    .await;
    let all = until(&mut ready, "all pods again", |now| {
        now.reading.observed == parts(3)
    })
    .await;
    assert!(course(&all).contains(&parts(2)), "{:?}", course(&all));
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let stage = Stage::as_user("nobody", 4.0).await;
    let watching = stage.watching();
    pods_until(&watching, "no right", |fresh, _| {
        *fresh
            == Freshness::Forbidden {
                right: "list pods in default".to_owned(),
            }
    })
    .await;
    let mut ready = watching
        .probes
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    let told = until(&mut ready, "no data", |now| now.verdict == Verdict::Unknown).await;
    let observed = &told.last().unwrap().reading.observed;
    assert!(
        matches!(observed, Observed::NoData { why } if why.contains("no right to list pods")),
        "{observed:?}"
    );
    let mut chaos = watching.views.chaos.clone();
    let forbidden =
        chaos.wait_for(|shown| matches!(&shown.0, Freshness::Forbidden { right } if right.contains("list")));
    within("no right to chaos", forbidden).await.unwrap();
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn a_console_that_may_see_only_sets_still_knows_what_is_wanted() {
    let stage = Stage::as_user("console", 4.0).await;
    let registry = stage.registry();
    let mut ready = registry
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    until(&mut ready, "all pods", |now| now.reading.observed == parts(3)).await;
    stage.kill("emqx-go-0");
    until(&mut ready, "a pod to be missed", |now| {
        now.reading.observed == parts(2)
    })
    .await;
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn broken_must_last_and_what_is_not_measured_says_so() {
    let stage = Stage::usual().await;
    let registry = stage.registry();
    let patient = Check {
        for_: Some(Span(Duration::from_secs(2))),
        ..check(Probe::PodsReady(PodsReadyProbe {}))
    };
    let mut ready = registry.start(&patient).unwrap();
    until(&mut ready, "all pods", |now| now.verdict == Verdict::Holds).await;
    stage.kill("emqx-go-0");
    let all = until(&mut ready, "broken for long enough", |now| {
        now.verdict == Verdict::Broken
    })
    .await;
    let first = all.iter().find(|now| now.reading.observed == parts(2)).unwrap();
    let broken = all.last().unwrap();
    assert_eq!(first.verdict, Verdict::Holds);
    assert_eq!(
        broken.reading.at, first.reading.at,
        "it has been broken since it was first seen so"
    );
    for (probe, word) in [
        (
            Probe::Prometheus(PrometheusProbe {
                query: "up".to_owned(),
                source: None,
            }),
            "not measured",
        ),
        (
            Probe::Mqtt(MqttProbe {
                qos: 1,
                every: None,
                measure: String::new(),
            }),
            "not measured",
        ),
        (
            Probe::Http(HttpProbe {
                url: "file:///etc".to_owned(),
                status: None,
            }),
            "cannot be asked",
        ),
        (
            Probe::PodLogs(PodLogsProbe {
                pattern: "(".to_owned(),
                within: None,
            }),
            "cannot read the pattern",
        ),
    ] {
        let why = registry.start(&check(probe)).unwrap_err();
        assert!(why.contains(word), "{why}");
    }
    // A probe ends with its listener, and all with the registry.
    drop(ready);
    let mut other = registry
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    drop(registry);
    within("the probe to end", async {
        while other.recv().await.is_some() {}
    })
    .await;
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn http_is_asked_again_and_again() {
    let stage = Stage::usual().await;
    let registry = stage.registry();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        for status in ["200 OK", "503 Unavailable", "302 Found"] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 2048];
            let _read = socket.read(&mut request).await.unwrap();
            let answer = format!(
                "HTTP/1.1 {status}\r\nlocation: /x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let every = Duration::from_secs(1);
    let asked = Check {
        every: Some(Span(every)),
        ..check(Probe::Http(HttpProbe { url, status: None }))
    };
    let mut answers = registry.start(&asked).unwrap();
    let mut verdicts = Vec::new();
    until(&mut answers, "four answers", |now| {
        assert!(now.reading.resolution >= every);
        verdicts.push(now.verdict);
        verdicts.len() == 4
    })
    .await;
    // 200 holds, 503 does not, a redirect is an answer and is not followed, and then nobody listens any more.
    assert_eq!(
        verdicts,
        [Verdict::Holds, Verdict::Broken, Verdict::Holds, Verdict::Broken]
    );
    server.await.unwrap();
    stage.sim.shutdown().await;
}
