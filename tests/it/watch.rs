//! The watchers against the embedded cluster: what they show and measure, compared with what really happened.

use std::time::Duration;

use firedrill::clock::Clock;
use firedrill::cluster::Cluster;
use firedrill::evidence::{Expect, Observed, Verdict};
use firedrill::playbook::{
    Check, EndpointsProbe, HttpProbe, MqttProbe, NoData, PodLogsProbe, PodsReadyProbe, Probe, Span, Target,
};
use firedrill::ports::{CheckNow, Freshness, LogLine, PodRow, Probes as _, Readings, Streamed};
use firedrill::sim::wire::{self, Sim, SimOptions};
use firedrill::sim::world::resource::PODS;
use firedrill::sim::world::{DeleteQuery, Happening, Name, What};
use firedrill::units::{CheckId, Mark};
use firedrill::watch::{self, Registry, Watching};
use tokio::sync::mpsc;

use crate::sim_wire::PATIENCE;

/// A cluster, its clock as the run's clock, and a connection as a user.
struct Stage {
    sim: Sim,
    cluster: Cluster,
    clock: Clock,
}

impl Stage {
    async fn as_user(user: &str, speed: f64) -> Self {
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

    async fn usual() -> Self {
        Self::as_user("admin", 4.0).await
    }

    fn watching(&self) -> Watching {
        watch::start(&self.cluster, &self.clock, &target())
    }

    fn registry(&self) -> Registry {
        Registry::new(self.cluster.clone(), self.clock.clone(), target())
    }

    fn kill(&self, pod: &str) {
        let query = DeleteQuery {
            grace_period: Some(0),
            ..DeleteQuery::default()
        };
        let name = Name::new("default", pod);
        self.sim
            .world()
            .with(|world| world.delete(&PODS, &name, &query).unwrap());
    }

    fn says(&self, pod: &str, text: &str) {
        let name = Name::new("default", pod);
        self.sim
            .world()
            .with(|world| world.write_line(&name, "emqx-go", text));
    }

    fn happenings(&self) -> Vec<Happening> {
        self.sim.world().look(|world| world.happenings().to_vec())
    }

    /// When the world says that this happened to a pod of this name, at the latest.
    fn when(&self, pod: &str, kind: impl Fn(&What) -> Option<&str>) -> Mark {
        let all = self.happenings();
        let found = all.iter().rev().find(|one| kind(&one.what) == Some(pod));
        found.expect("it happened").at
    }
}

fn target() -> Target {
    Target {
        namespace: "default".to_owned(),
        pods: [("app".to_owned(), "emqx-go".to_owned())].into(),
    }
}

fn check(probe: Probe) -> Check {
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

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// Reads until a reading is as wanted; everything read, that one last.
async fn until(
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

fn rows(watching: &Watching) -> (Freshness, Vec<PodRow>) {
    let shown = watching.views.pods.borrow();
    (shown.0.clone(), shown.1.to_vec())
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
    let mut ready = watching
        .probes
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    let mut served = watching
        .probes
        .start(&check(Probe::Endpoints(EndpointsProbe {})))
        .unwrap();
    until(&mut ready, "all pods", |now| now.verdict == Verdict::Holds).await;
    until(&mut served, "all endpoints", |now| now.verdict == Verdict::Holds).await;
    pods_until(&watching, "three rows", |fresh, rows| {
        *fresh == Freshness::Live && rows.iter().filter(|row| row.state == "Running").count() == 3
    })
    .await;
    let before = rows(&watching).1;
    assert_eq!(
        before.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(),
        ["emqx-go-0", "emqx-go-1", "emqx-go-2"]
    );

    stage.kill("emqx-go-1");
    let down = until(&mut ready, "a pod to be missed", |now| {
        now.verdict == Verdict::Broken
    })
    .await;
    let back = until(&mut ready, "all pods again", |now| now.verdict == Verdict::Holds).await;
    let all: Vec<CheckNow> = down.iter().chain(&back).cloned().collect();
    let mut seen = course(&all);
    seen.retain(|one| *one != parts(3) || seen_after_break(one));
    assert_eq!(course(&down).last(), Some(&parts(2)));
    assert_eq!(
        course(&back),
        [parts(2), parts(3)]
            .into_iter()
            .skip(usize::from(back.len() == 1))
            .collect::<Vec<_>>()
    );

    // The marks of the readings against the world's own record.
    let gone = stage.when("emqx-go-1", |what| match what {
        What::PodGone(pod) => Some(pod.pod.as_str()),
        _ => None,
    });
    let came = stage.when("emqx-go-1", |what| match what {
        What::PodReady(pod) => Some(pod.pod.as_str()),
        _ => None,
    });
    for (reading, happened) in [
        (&down.last().unwrap().reading, gone),
        (&back.last().unwrap().reading, came),
    ] {
        assert!(
            reading.at >= happened,
            "seen at {} and happened at {happened}",
            reading.at
        );
        assert!(reading.resolution > Duration::ZERO);
    }
    until(&mut served, "an endpoint to be missed", |now| {
        now.reading.observed == parts(2)
    })
    .await;
    until(&mut served, "all endpoints again", |now| {
        now.reading.observed == parts(3)
    })
    .await;
    pods_until(&watching, "another pod of the name", |_, rows| {
        rows.iter()
            .any(|row| row.name == "emqx-go-1" && row.uid != before[1].uid && row.state == "Running")
    })
    .await;
    watching.stop.stopped().await;
    stage.sim.shutdown().await;
}

fn seen_after_break(_: &Observed) -> bool {
    true
}
