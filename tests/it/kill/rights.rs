//! What an account may not do is said, and never called clear.

use std::time::Duration;

use firedrill::fault::Gone;
use firedrill::guard::KillRequest;

use super::support::{Ground, delay, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_see_nothing_is_told_so() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "slow"), delay());
    ground.until_effects(1).await;
    for user in ["viewer", "nobody"] {
        let cluster = ground.cluster_as(user).await;
        let said = ground.kill_on(&cluster, request()).await;
        assert!(!said.summary.all_clear, "{user}");
        assert!(
            said.summary
                .not_seen
                .iter()
                .any(|what| what.starts_with("networkchaos ")),
            "{user}: {:?}",
            said.summary.not_seen
        );
        assert!(
            said.notes().contains("other machines were not told"),
            "{user}: {}",
            said.notes()
        );
        assert_eq!(said.summary.objects, 0);
    }
    assert_eq!(ground.active().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rights_to_abort_are_enough() {
    let ground = Ground::start().await;
    for n in 0..5 {
        ground.make("NetworkChaos", ("default", &format!("slow-{n}")), delay());
    }
    ground.until_effects(5).await;
    let cluster = ground.cluster_as("abort-only").await;
    let short = KillRequest {
        timeout: Duration::from_secs(20),
        ..request()
    };
    let said = ground.kill_on(&cluster, short).await;
    assert!(said.summary.all_clear, "{:#?}", said.tells);
    assert!(
        said.verdicts()
            .all(|verdict| verdict.gone != Gone::ForcedUnverified)
    );
}
