//! The embedded cluster through kube-rs, the client that the console uses.

use std::collections::BTreeSet;

use firedrill::sim::wire::{CONTEXT, SimOptions};
use futures::{AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _, pin_mut};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};

use crate::sim_wire::{PATIENCE, Peer};

async fn client(peer: &Peer) -> Client {
    let kubeconfig = Kubeconfig::read_from(peer.sim.kubeconfig()).unwrap();
    let options = KubeConfigOptions {
        context: Some(CONTEXT.to_owned()),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

fn chaos(kind: &str) -> ApiResource {
    let gvk = GroupVersionKind::gvk("chaos-mesh.org", "v1alpha1", kind);
    ApiResource::from_gvk_with_plural(&gvk, &kind.to_lowercase())
}

fn delay(name: &str) -> DynamicObject {
    DynamicObject::new(name, &chaos("NetworkChaos"))
        .within("default")
        .data(json!({"spec": {
        "action": "delay", "mode": "one", "direction": "to", "duration": "60s",
        "selector": {"namespaces": ["default"], "labelSelectors": {"app": "emqx-go"}},
        "delay": {"latency": "250ms", "correlation": "50", "jitter": "100ms"}}}))
}

#[tokio::test]
async fn typed_lists_and_discovery() {
    let peer = Peer::usual().await;
    let client = client(&peer).await;
    assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let listed = pods
        .list(&ListParams::default().labels("app=emqx-go"))
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 3);
    assert!(
        Api::<Node>::all(client.clone())
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .len()
            >= 3
    );
    let set = Api::<StatefulSet>::default_namespaced(client.clone())
        .get("emqx-go")
        .await
        .unwrap();
    assert_eq!(set.status.unwrap().ready_replicas, Some(3));
    let slices: Api<EndpointSlice> = Api::default_namespaced(client.clone());
    assert!(
        !slices
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    Api::<Event>::default_namespaced(client.clone())
        .list(&ListParams::default())
        .await
        .unwrap();
    let discovery = kube::Discovery::new(client.clone())
        .filter(&["chaos-mesh.org"])
        .run()
        .await
        .unwrap();
    let kinds: BTreeSet<String> = discovery
        .groups()
        .flat_map(kube::discovery::ApiGroup::recommended_resources)
        .map(|(ar, _)| ar.kind)
        .collect();
    assert_eq!(kinds.len(), 23);
    let aggregated = kube::Discovery::new(client).run_aggregated().await.unwrap();
    assert!(aggregated.has_group("chaos-mesh.org") && aggregated.has_group("apps"));
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn paging_sees_every_object_once() {
    let peer = Peer::usual().await;
    let pods: Api<Pod> = Api::all(client(&peer).await);
    let all: Vec<String> = pods
        .list(&ListParams::default())
        .await
        .unwrap()
        .iter()
        .map(ResourceExt::name_any)
        .collect();
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let params = ListParams {
            limit: Some(2),
            continue_token: token,
            ..ListParams::default()
        };
        let page = pods.list(&params).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.iter().map(ResourceExt::name_any));
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_chaos_object_is_tried_made_followed_and_proven_gone() {
    let peer = Peer::start(SimOptions {
        speed: 10.0,
        ..SimOptions::default()
    })
    .await;
    let api: Api<DynamicObject> =
        Api::namespaced_with(client(&peer).await, "default", &chaos("NetworkChaos"));
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    assert!(
        api.create(&dry, &delay("d"))
            .await
            .unwrap()
            .metadata
            .uid
            .is_some()
    );
    assert!(api.get_opt("d").await.unwrap().is_none());
    let made = api.create(&PostParams::default(), &delay("d")).await.unwrap();
    let says = |object: &DynamicObject, condition: &str| {
        let conditions = object.data["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        conditions
            .iter()
            .any(|c| c["type"] == condition && c["status"] == "True")
    };
    let events = watcher(api.clone(), watcher::Config::default().fields("metadata.name=d")).default_backoff();
    pin_mut!(events);
    let followed = async {
        while let Some(event) = events.try_next().await.unwrap() {
            if let watcher::Event::Apply(object) | watcher::Event::InitApply(object) = event
                && says(&object, "AllInjected")
            {
                break;
            }
        }
        let uid = made.metadata.uid.clone().unwrap();
        let wrong = DeleteParams::default().preconditions(kube::api::Preconditions {
            uid: Some("x".into()),
            resource_version: None,
        });
        let refused = api.delete("d", &wrong).await.unwrap_err();
        assert!(matches!(refused, kube::Error::Api(status) if status.code == 409));
        let right = DeleteParams::default().preconditions(kube::api::Preconditions {
            uid: Some(uid.clone()),
            resource_version: None,
        });
        assert!(
            api.delete("d", &right).await.unwrap().is_left(),
            "a finalizer holds it"
        );
        let mut last = None;
        while let Some(event) = events.try_next().await.unwrap() {
            match event {
                watcher::Event::Apply(object) => last = Some(object),
                watcher::Event::Delete(object) => {
                    assert_eq!(object.metadata.uid, Some(uid));
                    break;
                }
                watcher::Event::Init | watcher::Event::InitApply(_) | watcher::Event::InitDone => {}
            }
        }
        let last = last.unwrap();
        assert_eq!(last.data["status"]["experiment"]["desiredPhase"], "Stop");
    };
    tokio::time::timeout(PATIENCE, followed).await.unwrap();
    assert!(peer.sim.world().look(|world| world.effects().is_empty()));
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn logs_are_followed_while_they_are_written() {
    let peer = Peer::start(SimOptions {
        speed: 10.0,
        ..SimOptions::default()
    })
    .await;
    let pods: Api<Pod> = Api::default_namespaced(client(&peer).await);
    let last = pods
        .logs(
            "emqx-go-0",
            &LogParams {
                tail_lines: Some(2),
                ..LogParams::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(last.lines().count(), 2);
    let params = LogParams {
        follow: true,
        tail_lines: Some(1),
        timestamps: true,
        ..LogParams::default()
    };
    let mut lines = pods.log_stream("emqx-go-0", &params).await.unwrap().lines();
    let mut before = String::new();
    for _line in 0..4 {
        let line = tokio::time::timeout(PATIENCE, lines.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let stamp = line.split(' ').next().unwrap().to_owned();
        assert!(stamp >= before, "{stamp} after {before}");
        before = stamp;
    }
    pods.delete("emqx-go-0", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    let rest = tokio::time::timeout(PATIENCE, async { while let Some(Ok(_)) = lines.next().await {} }).await;
    assert!(rest.is_ok(), "a follower ends with its pod");
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_watcher_recovers_from_a_history_that_is_gone() {
    let peer = Peer::usual().await;
    let client = client(&peer).await;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let version: u64 = peer
        .sim
        .world()
        .look(firedrill::sim::world::World::resource_version);
    peer.sim.world().with(firedrill::sim::world::World::compact);
    let stream = pods.watch(&kube::api::WatchParams::default(), "1").await.unwrap();
    pin_mut!(stream);
    match tokio::time::timeout(PATIENCE, stream.try_next())
        .await
        .unwrap()
        .unwrap()
    {
        Some(kube::api::WatchEvent::Error(status)) => assert_eq!(status.code, 410),
        other => panic!("{other:?} at {version}"),
    }
    let events = watcher(pods, watcher::Config::default()).default_backoff();
    pin_mut!(events);
    let mut names = BTreeSet::new();
    while let Some(event) = tokio::time::timeout(PATIENCE, events.next()).await.unwrap() {
        match event.unwrap() {
            watcher::Event::InitApply(pod) => {
                names.insert(pod.name_any());
            }
            watcher::Event::InitDone => break,
            watcher::Event::Init | watcher::Event::Apply(_) | watcher::Event::Delete(_) => {}
        }
    }
    assert!(names.contains("emqx-go-2"));
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn a_streaming_list_is_a_list() {
    let peer = Peer::usual().await;
    let pods: Api<Pod> = Api::default_namespaced(client(&peer).await);
    let wanted = pods.list(&ListParams::default()).await.unwrap().items.len();
    let events = watcher(pods, watcher::Config::default().streaming_lists()).default_backoff();
    pin_mut!(events);
    let mut count = 0;
    while let Some(event) = tokio::time::timeout(PATIENCE, events.next()).await.unwrap() {
        match event.unwrap() {
            watcher::Event::InitApply(_) => count += 1,
            watcher::Event::InitDone => break,
            watcher::Event::Init | watcher::Event::Apply(_) | watcher::Event::Delete(_) => {}
        }
    }
    assert_eq!(count, wanted);
    peer.sim.shutdown().await;
}

#[tokio::test]
async fn server_side_apply_makes_and_changes() {
    let peer = Peer::usual().await;
    let api: Api<DynamicObject> =
        Api::namespaced_with(client(&peer).await, "default", &chaos("NetworkChaos"));
    let params = PatchParams::apply("firedrill");
    let made = api.patch("a", &params, &Patch::Apply(&delay("a"))).await.unwrap();
    assert_eq!(made.metadata.generation, Some(1));
    let mut labelled = delay("a");
    labelled.metadata.labels = Some([("x".to_owned(), "y".to_owned())].into());
    let changed = api.patch("a", &params, &Patch::Apply(&labelled)).await.unwrap();
    assert_eq!(
        (changed.labels()["x"].as_str(), &changed.metadata.uid),
        ("y", &made.metadata.uid)
    );
    let mut wrong = delay("b");
    wrong.data["spec"]["scheduler"] = json!({});
    let refused = api.patch("b", &params, &Patch::Apply(&wrong)).await.unwrap_err();
    assert!(
        matches!(&refused, kube::Error::Api(status) if status.code == 500
            && status.message == "failed to create typed patch object (default/b; chaos-mesh.org/v1alpha1, Kind=NetworkChaos): \
                .spec.scheduler: field not declared in schema"),
        "{refused:?}"
    );
    let gone: Value = json!(api.get_opt("b").await.unwrap().is_none());
    assert_eq!(gone, true);
    peer.sim.shutdown().await;
}
