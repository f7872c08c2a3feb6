//! What local journals say is owed is never dropped in silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use firedrill::clock;
use firedrill::fault::Gone;
use firedrill::guard::{KillRequest, KnownDebt};
use firedrill::units::Stamp;

use super::proxy::{Does, Proxy};
use super::support::{Ground, debt, delay, request};

fn long_ago() -> Stamp {
    Stamp(clock::wall().0 - jiff::SignedDuration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debt_is_paid_by_its_object_and_by_nothing_else() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "here"), delay());
    ground.make("NetworkChaos", ("default", "replaced"), delay());
    ground.make("NetworkChaos", ("default", "vanished"), delay());
    ground.until_effects(3).await;
    // Somebody else was here before: its end was seen by nobody.
    ground.sim.world().with(|world| {
        let at = firedrill::sim::world::resource::chaos_resource("NetworkChaos").unwrap();
        let name = firedrill::sim::world::Name::new("default", "vanished");
        world
            .delete(&at, &name, &firedrill::sim::world::DeleteQuery::default())
            .unwrap();
    });
    ground.until(|world| world.effects().len() < 3).await;
    let cluster = ground.cluster().await;
    let pin = cluster.pin().clone();
    let uid = ground.uid_of("NetworkChaos", "here");
    let elsewhere = firedrill::fault::ClusterPin {
        uid: "another".to_owned(),
        context: "far away".to_owned(),
        ..pin.clone()
    };
    let known = |debt| KnownDebt {
        debt,
        run: Some("20260101-000000-abcd".into()),
        intended: Some(long_ago()),
    };
    let debts = vec![
        known(debt(&pin, "NetworkChaos", "here", Some(&uid))),
        known(debt(&pin, "NetworkChaos", "replaced", Some("another-uid"))),
        known(debt(&pin, "NetworkChaos", "lost", None)),
        known(debt(&pin, "NetworkChaos", "vanished", None)),
        KnownDebt {
            intended: None,
            ..known(debt(&pin, "NetworkChaos", "old", None))
        },
        known(debt(&pin, "PodChaos", "shot", None)),
        known(debt(&pin, "NetworkChaos", "../../secrets/x", None)),
        known(debt(&elsewhere, "NetworkChaos", "far", Some("u"))),
    ];
    let said = ground.kill_on(&cluster, KillRequest { debts, ..request() }).await;
    assert!(!said.summary.all_clear);
    assert!(ground.active().is_empty());
    let of = |id: &str| {
        said.verdicts()
            .rfind(|verdict| verdict.debt.as_ref().is_some_and(|debt| debt.as_str() == id))
            .unwrap_or_else(|| panic!("no word of {id}"))
    };
    assert_eq!(of("here-1").gone, Gone::Proven);
    assert_eq!(of("here-1").run.as_deref(), Some("20260101-000000-abcd"));
    assert!(
        matches!(of("replaced-1").gone, Gone::Unverified { .. }),
        "{:#?}",
        of("replaced-1")
    );
    assert_eq!(
        of("lost-1").gone,
        Gone::Proven,
        "the cluster tells nothing of it: it was never made"
    );
    assert!(matches!(of("vanished-1").gone, Gone::Unverified { .. }));
    assert!(matches!(of("old-1").gone, Gone::Unverified { .. }));
    assert_eq!(of("shot-1").gone, Gone::Proven, "a one-shot owes no more");
    assert!(matches!(of("../../secrets/x-1").gone, Gone::Failed { .. }));
    let far = of("far-1");
    assert!(matches!(far.gone, Gone::Unknown { .. }), "{far:#?}");
    assert!(
        far.next.as_deref().unwrap().contains("--context='far away'"),
        "{far:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_may_still_be_under_way_is_waited_out() {
    let ground = Ground::start().await;
    let lists = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&lists);
    let proxy = Proxy::start(&ground, move |method, path| {
        if method == "GET" && path.contains("/networkchaos?") && !path.contains("watch=") {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        Does::Forward
    })
    .await;
    let cluster = proxy.cluster().await;
    let known = KnownDebt {
        intended: Some(clock::wall()),
        ..debt(cluster.pin(), "NetworkChaos", "late", None).into()
    };
    let request = KillRequest {
        debts: vec![known],
        ..request()
    };
    let late = async {
        // The watch's list and more rounds than would do without a debt.
        ground.until(|_| lists.load(Ordering::SeqCst) >= 5).await;
        ground.make("NetworkChaos", ("default", "late"), delay());
    };
    let (said, ()) = tokio::join!(ground.kill_on(&cluster, request), late);
    assert!(said.summary.all_clear, "{:#?}", said.tells);
    assert_eq!(said.of("late").gone, Gone::Proven);
    assert!(said.of("late").debt.is_some());
}
