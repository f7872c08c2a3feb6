//! The watchers through a wire that is cut, or that carries nothing and does not say so: what was missed is told
//! with how long it may have been so, and no line is lost or shown twice.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill::cluster::Cluster;
use firedrill::evidence::{Observed, Verdict};
use firedrill::playbook::{EndpointsProbe, PodsReadyProbe, Probe};
use firedrill::ports::{CheckNow, Freshness, Streamed};
use firedrill::watch;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch as state;

use crate::watch::{Stage, check, target, until, within};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Open,
    /// Nothing gets through; connections stay, and new ones are taken.
    Frozen,
    /// Connections are closed, and so are new ones.
    Cut,
}

/// A wire between the console and the cluster.
struct Proxy {
    wire: state::Sender<Wire>,
    port: u16,
}

impl Proxy {
    async fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (wire, watched) = state::channel(Wire::Open);
        let to = to.trim_start_matches("https://").to_owned();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, to.clone(), watched.clone()));
            }
        });
        Self { wire, port }
    }

    fn turn(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Cuts every connection there is.
    async fn cut(&self) {
        self.turn(Wire::Cut);
        // Only the one that accepts is left to listen.
        while self.wire.receiver_count() > 1 {
            tokio::task::yield_now().await;
        }
    }
}

async fn carry(near: TcpStream, to: String, mut wire: state::Receiver<Wire>) {
    if *wire.borrow() == Wire::Cut {
        return;
    }
    let Ok(far) = TcpStream::connect(&to).await else {
        return;
    };
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let there = one_way(near_in, far_out, wire.clone());
    let back = one_way(far_in, near_out, wire.clone());
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = wire.wait_for(|wire| *wire == Wire::Cut) => {}
    }
}

async fn one_way(
    from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut wire: state::Receiver<Wire>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut from = from;
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if wire.wait_for(|wire| *wire != Wire::Frozen).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}

/// The stage, reached through a wire of ours.
async fn through_a_wire() -> (Stage, Proxy, tempfile::TempDir) {
    let stage = Stage::usual().await;
    let proxy = Proxy::start(stage.sim.server()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let text = std::fs::read_to_string(stage.sim.kubeconfig()).unwrap();
    let near = format!("https://127.0.0.1:{}", proxy.port);
    std::fs::write(&path, text.replace(stage.sim.server(), &near)).unwrap();
    let cluster = Cluster::connect(Some(&path), None).await.unwrap();
    (Stage { cluster, ..stage }, proxy, folder)
}

fn holds(now: &CheckNow) -> bool {
    now.verdict == Verdict::Holds
}

fn is_no_data(now: &CheckNow) -> bool {
    matches!(now.reading.observed, Observed::NoData { .. })
}

#[tokio::test]
async fn what_happened_while_the_wire_was_cut_is_known_to_within_the_gap() {
    let (stage, proxy, _folder) = through_a_wire().await;
    let watching = stage.watching();
    let mut ready = watching
        .probes
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    let mut served = watching
        .probes
        .start(&check(Probe::Endpoints(EndpointsProbe {})))
        .unwrap();
    until(&mut ready, "all pods", holds).await;
    until(&mut served, "all endpoints", holds).await;

    proxy.turn(Wire::Cut);
    let lost = until(&mut ready, "no data", is_no_data)
        .await
        .pop()
        .unwrap()
        .reading
        .at;
    let killed = stage.clock.mark();
    stage.kill("emqx-go-1");
    stage.clock.pass(Duration::from_secs(1)).await;
    proxy.turn(Wire::Open);
    let down = until(&mut ready, "the pod to be missed", |now| {
        now.verdict == Verdict::Broken
    })
    .await
    .pop()
    .unwrap();
    assert_eq!(down.reading.observed, Observed::Parts { have: 2, want: 3 });
    let earliest = down.reading.at.before(down.reading.resolution);
    assert!(
        earliest <= killed,
        "it may have been so since {earliest}, and was since {killed}"
    );
    assert!(
        down.reading.resolution >= down.reading.at.since(lost),
        "at least the gap"
    );

    // Once the watch has caught up, news are fresh again.
    until(&mut ready, "all pods again", |now| {
        holds(now) && now.reading.resolution < down.reading.resolution
    })
    .await;
    until(&mut served, "no endpoints seen", is_no_data).await;
    until(&mut served, "all endpoints again", holds).await;
    watching.stop.stopped().await;
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn an_open_watch_that_carries_nothing_is_no_proof() {
    let (stage, proxy, _folder) = through_a_wire().await;
    let watching = stage.watching();
    let mut ready = watching
        .probes
        .start(&check(Probe::PodsReady(PodsReadyProbe {})))
        .unwrap();
    until(&mut ready, "all pods", holds).await;
    let mut pods = watching.views.pods.clone();

    proxy.turn(Wire::Frozen);
    let lost = until(&mut ready, "no data", is_no_data).await.pop().unwrap();
    assert_eq!(lost.verdict, Verdict::Unknown);
    let stale =
        pods.wait_for(|shown| matches!(&shown.0, Freshness::Stale { why, .. } if why.contains("answer")));
    within("stale pods", stale).await.unwrap();
    let killed = stage.clock.mark();
    stage.kill("emqx-go-1");
    proxy.turn(Wire::Open);
    let down = until(&mut ready, "the pod to be missed", |now| {
        now.verdict == Verdict::Broken
    })
    .await
    .pop()
    .unwrap();
    let earliest = down.reading.at.before(down.reading.resolution);
    assert!(
        earliest <= killed,
        "it may have been so since {earliest}, and was since {killed}"
    );
    until(&mut ready, "all pods again", holds).await;
    within("live pods", pods.wait_for(|shown| shown.0 == Freshness::Live))
        .await
        .unwrap();
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn lines_written_while_the_wire_was_cut_come_once() {
    let (stage, proxy, _folder) = through_a_wire().await;
    let mut watching = watch::start(&stage.cluster, &stage.clock, &target());
    let mut times: BTreeMap<u32, u32> = BTreeMap::new();
    let mut said = 0;
    for round in 0..4 {
        for _ in 0..40 {
            stage.says("emqx-go-0", &format!("第 {said} 行"));
            said += 1;
        }
        within("the lines", async {
            while !times.contains_key(&(said - 1)) {
                let Streamed::Log(line) = watching.streamed.recv().await.expect("more to come") else {
                    continue;
                };
                let number = line
                    .text
                    .strip_prefix("第 ")
                    .and_then(|rest| rest.strip_suffix(" 行"));
                if let Some(number) = number {
                    *times.entry(number.parse().unwrap()).or_default() += 1;
                }
                // Cut in the middle of what is being read.
                if round > 0 && times.len() % 40 == 7 {
                    proxy.cut().await;
                    proxy.turn(Wire::Open);
                }
            }
        })
        .await;
        proxy.cut().await;
        for _ in 0..10 {
            stage.says("emqx-go-0", &format!("第 {said} 行"));
            said += 1;
        }
        proxy.turn(Wire::Open);
    }
    // The first lines may be history that was cut to its last ones.
    let first = *times.keys().next().unwrap();
    let last = *times.keys().last().unwrap();
    assert_eq!(
        u32::try_from(times.len()).unwrap(),
        last - first + 1,
        "lines are missing: {times:?}"
    );
    assert!(
        times.values().all(|count| *count == 1),
        "lines came twice: {times:?}"
    );
    assert!(last >= 4 * 40, "{last}");
    stage.sim.shutdown().await;
}
