//! A proxy between the kill and the embedded cluster that answers some requests itself, as a bad day would; and
//! kills on such days.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use firedrill::cluster::Cluster;
use firedrill::fault::Gone;
use firedrill::guard::{Effect, KillRequest, KnownDebt};
use futures::stream;
use serde_json::{Value, json};

use super::support::{Ground, debt, delay, pod_kill, request, stress};

/// What the proxy does with a request.
pub enum Does {
    Forward,
    /// Answers itself; nothing reaches the cluster.
    Refuse(u16, &'static str),
    /// Lets the cluster do it and says that it failed.
    ForwardAndFail,
    /// Never answers.
    Hang,
    /// Answers with the cluster's answer, changed.
    Rewrite(fn(&str) -> String),
}

type Rule = Arc<dyn Fn(&str, &str) -> Does + Send + Sync>;

pub struct Proxy {
    kubeconfig: tempfile::NamedTempFile,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn refusal(code: u16, message: &str) -> Response<Body> {
    let reason = if code == 403 { "Forbidden" } else { "" };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code,
    });
    Response::builder()
        .status(StatusCode::from_u16(code).unwrap())
        .header("content-type", "application/json")
        .body(Body::from(status.to_string()))
        .unwrap()
}

async fn forward(http: reqwest::Client, server: String, request: Request<Body>) -> reqwest::Response {
    let (parts, body) = request.into_parts();
    let url = format!("{server}{}", parts.uri.path_and_query().unwrap());
    let mut out = http.request(parts.method, url);
    for (name, value) in &parts.headers {
        // The client below speaks for itself, and its answers are to be plain.
        if !["host", "content-length", "accept-encoding"].contains(&name.as_str()) {
            out = out.header(name, value);
        }
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    out.body(body).send().await.unwrap()
}

fn stream_on(answer: reqwest::Response) -> Response<Body> {
    let mut out = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get("content-type") {
        out = out.header("content-type", kind);
    }
    let chunks = stream::unfold(answer, |mut answer| async move {
        let chunk = answer.chunk().await.transpose()?;
        Some((chunk, answer))
    });
    out.body(Body::from_stream(chunks)).unwrap()
}

async fn answer(http: reqwest::Client, server: String, rule: Rule, asked: Request<Body>) -> Response<Body> {
    let path = asked.uri().path_and_query().unwrap().to_string();
    match rule(asked.method().as_str(), &path) {
        Does::Forward => stream_on(forward(http, server, asked).await),
        Does::Refuse(code, message) => refusal(code, message),
        Does::ForwardAndFail => {
            forward(http, server, asked).await;
            refusal(500, "etcdserver: request timed out")
        }
        Does::Hang => std::future::pending().await,
        Does::Rewrite(change) => {
            let text = forward(http, server, asked).await.text().await.unwrap();
            Response::builder()
                .header("content-type", "application/json")
                .body(Body::from(change(&text)))
                .unwrap()
        }
    }
}

impl Proxy {
    /// In front of the cluster, for its admin. The rule gets method and path.
    pub async fn start(ground: &Ground, rule: impl Fn(&str, &str) -> Does + Send + Sync + 'static) -> Self {
        let ca = reqwest::Certificate::from_pem(ground.sim.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .build()
            .unwrap();
        let (server, rule): (String, Rule) = (ground.sim.server().to_owned(), Arc::new(rule));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new()
            .fallback(move |asked: Request<Body>| answer(http.clone(), server.clone(), rule.clone(), asked));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let kubeconfig = tempfile::NamedTempFile::new().unwrap();
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxied",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "u", "user": {"token": ground.sim.token()}}],
            "contexts": [{"name": "proxied", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
        });
        std::fs::write(kubeconfig.path(), text.to_string()).unwrap();
        Self { kubeconfig, serving }
    }

    pub async fn cluster(&self) -> Cluster {
        Cluster::connect(Some(self.kubeconfig.path()), None)
            .await
            .unwrap()
    }
}

fn is_chaos(path: &str) -> bool {
    path.starts_with("/apis/chaos-mesh.org/v1alpha1/")
}

async fn fill(ground: &Ground) {
    for n in 0..10 {
        ground.make("NetworkChaos", ("default", &format!("net-{n}")), delay());
        ground.make("StressChaos", ("chaos-mesh", &format!("cpu-{n}")), stress());
    }
    ground.until_effects(20).await;
    // It takes a pod and what is injected there.
    ground.make("PodChaos", ("default", "once"), pod_kill());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_flaps_delays_the_end_and_does_not_change_it() {
    let ground = Ground::start().await;
    fill(&ground).await;
    let count = AtomicU32::new(0);
    let proxy = Proxy::start(&ground, move |method, path| {
        if !is_chaos(path) && !path.contains("/leases") {
            return Does::Forward;
        }
        let turn = count.fetch_add(1, Ordering::SeqCst);
        match (turn % 5, method) {
            (0, _) => Does::Refuse(500, "leader changed"),
            (1, _) => Does::Refuse(429, "too many requests"),
            (2, "DELETE") => Does::ForwardAndFail,
            _ => Does::Forward,
        }
    })
    .await;
    let said = ground.kill_on(&proxy.cluster().await, request()).await;
    let not_proven = said.not_proven();
    assert!(
        said.summary.all_clear,
        "{:#?}\n{}\n{not_proven:#?}",
        said.summary,
        said.notes()
    );
    assert_eq!(said.summary.objects, 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_cannot_be_listed_holds_up_no_other() {
    let ground = Ground::start().await;
    fill(&ground).await;
    let proxy = Proxy::start(&ground, |method, path| {
        if method == "GET" && path.contains("/timechaos") {
            Does::Hang
        } else if path.contains("/stresschaos?") {
            Does::Refuse(500, "boom \u{1b}[31m")
        } else {
            Does::Forward
        }
    })
    .await;
    let short = KillRequest {
        timeout: Duration::from_secs(4),
        ..request()
    };
    let said = ground.kill_on(&proxy.cluster().await, short).await;
    assert!(!said.summary.all_clear);
    assert_eq!(said.summary.not_seen, ["stresschaos", "timechaos"]);
    assert_eq!(said.summary.proven, 11, "{:#?}", said.summary);
    assert!(ground.active().iter().all(|one| one.starts_with("StressChaos")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_watches_the_end_is_seen_by_lists_or_not_vouched_for() {
    let ground = Ground::start().await;
    fill(&ground).await;
    let proxy = Proxy::start(&ground, |_, path| {
        if path.contains("watch=true") {
            Does::Refuse(403, "no watching")
        } else {
            Does::Forward
        }
    })
    .await;
    let said = ground.kill_on(&proxy.cluster().await, request()).await;
    assert!(ground.active().is_empty());
    assert!(
        said.of("once").gone == Gone::Proven,
        "a one-shot needs the absence only"
    );
    for verdict in said
        .verdicts()
        .filter(|verdict| verdict.object.name.starts_with("net-"))
    {
        assert!(
            verdict.gone != Gone::ForcedUnverified,
            "nobody forced it: {verdict:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_one_namespace_sweeps_it_and_says_what_it_cannot_see() {
    let ground = Ground::start().await;
    fill(&ground).await;
    let proxy = Proxy::start(&ground, |_, path| {
        let wide = is_chaos(path) && !path.contains("/namespaces/");
        let other = path.contains("/namespaces/") && is_chaos(path) && !path.contains("/namespaces/default/");
        let all = path == "/api/v1/namespaces?" || path == "/api/v1/namespaces";
        if wide && path != "/apis/chaos-mesh.org/v1alpha1/" || other || all || path.contains("/leases") {
            Does::Refuse(403, "forbidden: User \"team\" cannot")
        } else {
            Does::Forward
        }
    })
    .await;
    let cluster = proxy.cluster().await;
    let uid = {
        let at = firedrill::sim::world::resource::chaos_resource("StressChaos").unwrap();
        let name = firedrill::sim::world::Name::new("chaos-mesh", "cpu-0");
        let object = ground.sim.world().look(|world| world.get(&at, &name)).unwrap();
        object["metadata"]["uid"].as_str().unwrap().to_owned()
    };
    let mut owed = debt(cluster.pin(), "StressChaos", "cpu-0", Some(&uid));
    let firedrill::fault::Undo::DeleteChaos { object, .. } = &mut owed.undo;
    object.namespace = "chaos-mesh".to_owned();
    let limited = KillRequest {
        debts: vec![KnownDebt::from(owed)],
        ..request()
    };
    let said = ground.kill_on(&cluster, limited).await;
    assert!(!said.summary.all_clear);
    assert!(
        ground
            .active()
            .iter()
            .all(|one| one.starts_with("StressChaos chaos-mesh/")),
        "{:?}",
        ground.active()
    );
    assert_eq!(said.of("net-3").gone, Gone::Proven);
    let seen = said.summary.not_seen.join("\n");
    assert!(seen.contains("stresschaos in chaos-mesh"), "{seen}");
    assert!(
        seen.contains("stresschaos outside the namespaces chaos-mesh, default"),
        "{seen}"
    );
    let owed = said.of("cpu-0");
    assert!(matches!(owed.gone, Gone::Forbidden { .. }), "{owed:#?}");
    assert!(
        owed.next
            .as_deref()
            .unwrap()
            .contains("delete stresschaos.chaos-mesh.org/cpu-0")
    );
    assert!(
        said.notes().contains("other machines were not told"),
        "{}",
        said.notes()
    );
}

/// What a server that is not one could answer.
fn hostile(text: &str) -> String {
    let mut answer: Value = serde_json::from_str(text).unwrap();
    for item in answer["items"].as_array_mut().into_iter().flatten() {
        item["metadata"]["name"] = json!("x'; $(touch /tmp/pwned) \u{1b}[2J\n../../../secrets/y");
    }
    answer.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_name_reaches_neither_the_path_nor_the_terminal() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "slow"), delay());
    ground.until_effects(1).await;
    let deletes = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&deletes);
    let proxy = Proxy::start(&ground, move |method, path| {
        if method == "DELETE" {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        if path.contains("watch=true") {
            Does::Refuse(500, "not now")
        } else if path.contains("/networkchaos?") && method == "GET" {
            Does::Rewrite(hostile)
        } else {
            Does::Forward
        }
    })
    .await;
    let said = ground.kill_on(&proxy.cluster().await, request()).await;
    assert_eq!(
        deletes.load(Ordering::SeqCst),
        0,
        "no request is made of such a name"
    );
    assert!(!said.summary.all_clear);
    let verdict = said.verdicts().next_back().unwrap();
    assert!(matches!(verdict.gone, Gone::Failed { .. }), "{verdict:#?}");
    let next = verdict.next.as_deref().unwrap();
    assert_eq!(firedrill::text::printable(next), next);
    assert!(
        next.contains(r"$'networkchaos.chaos-mesh.org/x\'; $(touch"),
        "{next}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_over_leaves_lines_to_paste() {
    let ground = Ground::start().await;
    ground.make("NetworkChaos", ("default", "slow"), delay());
    ground.until_effects(1).await;
    let proxy = Proxy::start(&ground, |_, path| {
        if path.starts_with("/api/v1/namespaces/kube-system") {
            Does::Forward
        } else {
            Does::Refuse(401, "Unauthorized")
        }
    })
    .await;
    let cluster = proxy.cluster().await;
    let uid = ground.uid_of("NetworkChaos", "slow");
    let debts = vec![debt(cluster.pin(), "NetworkChaos", "slow", Some(&uid)).into()];
    let short = KillRequest {
        timeout: Duration::from_secs(2),
        debts,
        effect: Effect::Real,
        ..request()
    };
    let said = ground.kill_on(&cluster, short).await;
    assert!(!said.summary.all_clear && !said.summary.not_seen.is_empty());
    let owed = said.of("slow");
    assert!(
        owed.next
            .as_deref()
            .unwrap()
            .contains("delete networkchaos.chaos-mesh.org/slow")
    );
    assert!(said.notes().contains("log in again"), "{}", said.notes());
    assert!(
        ground.latch(&cluster).read().unwrap().is_some(),
        "latched all the same"
    );
}
