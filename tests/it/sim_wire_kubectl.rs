//! The embedded cluster through an unmodified kubectl. Ignored where there is none.

use std::path::Path;
use std::process::Stdio;

use firedrill::sim::wire::SimOptions;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::sim_wire::{PATIENCE, Peer};

struct Kubectl<'a> {
    kubeconfig: &'a Path,
    /// kubectl keeps what discovery said; each test starts without.
    home: tempfile::TempDir,
}

impl<'a> Kubectl<'a> {
    fn of(peer: &'a Peer) -> Self {
        Self {
            kubeconfig: peer.sim.kubeconfig(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    async fn run(&self, arguments: &str, stdin: &str) -> (bool, String) {
        let mut child = Command::new("kubectl")
            .args(arguments.split(' '))
            .env("KUBECONFIG", self.kubeconfig)
            .env("HOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(stdin.as_bytes()).await.unwrap();
        drop(input);
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output
            .unwrap_or_else(|_| panic!("kubectl {arguments} hangs"))
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    /// Runs a command that must work, and whose output must hold each of `parts`.
    async fn does(&self, arguments: &str, parts: &[&str]) -> String {
        self.does_with(arguments, "", parts).await
    }

    async fn does_with(&self, arguments: &str, stdin: &str, parts: &[&str]) -> String {
        let (well, text) = self.run(arguments, stdin).await;
        assert!(well, "kubectl {arguments}\n{text}");
        for part in parts {
            assert!(text.contains(part), "kubectl {arguments}: no {part:?} in\n{text}");
        }
        text
    }

    /// Runs a command that must be refused in these words.
    async fn refused(&self, arguments: &str, stdin: &str, part: &str) {
        let (well, text) = self.run(arguments, stdin).await;
        assert!(
            !well && text.contains(part),
            "kubectl {arguments}: no {part:?} in\n{text}"
        );
    }
}

const DELAY: &str = "apiVersion: chaos-mesh.org/v1alpha1
kind: NetworkChaos
metadata: {name: slow, namespace: default}
spec:
  action: delay
  mode: one
  selector: {namespaces: [default], labelSelectors: {app: emqx-go}}
  delay: {latency: 250ms, correlation: '50', jitter: 100ms}
  direction: to
  duration: 60s
";

#[tokio::test]
#[ignore = "needs kubectl on PATH"]
async fn kubectl_looks() {
    let peer = Peer::usual().await;
    let k = Kubectl::of(&peer);
    k.does("version", &["Server Version: v1.36"]).await;
    k.does("api-resources", &["networkchaos", "statefulsets", "pods"])
        .await;
    k.does(
        "get pods",
        &["NAME", "READY", "RESTARTS", "emqx-go-0", "1/1", "Running"],
    )
    .await;
    k.does(
        "get pods -A -o wide",
        &[
            "NAMESPACE",
            "NOMINATED NODE",
            "node-1",
            "chaos-daemon",
            "chaos-mesh",
        ],
    )
    .await;
    k.does(
        "get pod emqx-go-0 -o yaml",
        &["kind: Pod", "name: emqx-go-0", "phase: Running"],
    )
    .await;
    k.does(
        "get pods -o name -l app=emqx-go",
        &["pod/emqx-go-0", "pod/emqx-go-2"],
    )
    .await;
    let chosen = k
        .does(
            "get pods --field-selector metadata.name=emqx-go-1 -o name",
            &["pod/emqx-go-1"],
        )
        .await;
    assert_eq!(chosen.lines().count(), 1);
    k.does("get nodes", &["node-1", "Ready"]).await;
    k.does(
        "get statefulset,svc,endpointslices,ns,events,leases -A",
        &["statefulset.apps/emqx-go", "3/3", "namespace/default"],
    )
    .await;
    k.does(
        "describe pod emqx-go-0",
        &["Controlled By:", "StatefulSet/emqx-go", "Events:"],
    )
    .await;
    k.does("describe sts emqx-go", &["Replicas:", "3 desired | 3 total"])
        .await;
    k.does("describe node node-1", &["Conditions:", "Allocated resources:"])
        .await;
    k.does("logs emqx-go-0 --tail=3 --timestamps", &["level="]).await;
    k.does(
        "explain pod.spec.containers.ports",
        &["FIELD: ports", "containerPort"],
    )
    .await;
    k.does("explain networkchaos", &["NetworkChaos"]).await;
    k.does("auth can-i delete networkchaos.chaos-mesh.org", &["yes"])
        .await;
    k.does("get --raw /healthz", &["ok"]).await;
    k.does(
        "rollout status sts/emqx-go",
        &["partitioned roll out complete", ""],
    )
    .await;
    k.does("get pods --as=viewer", &["emqx-go-0"]).await;
    k.refused(
        "get networkchaos --as=viewer",
        "",
        "User \"viewer\" cannot list resource \"networkchaos\"",
    )
    .await;
    k.refused("get pod nope", "", "pods \"nope\" not found").await;
    k.refused(
        "get nothings",
        "",
        "the server doesn't have a resource type \"nothings\"",
    )
    .await;
    k.refused(
        "get pods --field-selector spec.nope=1",
        "",
        "field label not supported: spec.nope",
    )
    .await;
    peer.sim.shutdown().await;
}

#[tokio::test]
#[ignore = "needs kubectl on PATH"]
async fn kubectl_changes() {
    let peer = Peer::start(SimOptions {
        speed: 10.0,
        ..SimOptions::default()
    })
    .await;
    let k = Kubectl::of(&peer);
    k.does_with(
        "apply -f - --dry-run=server",
        DELAY,
        &["created (server dry run)"],
    )
    .await;
    k.does_with("apply -f -", DELAY, &["networkchaos.chaos-mesh.org/slow created"])
        .await;
    k.does_with("apply -f -", DELAY, &["unchanged"]).await;
    k.does(
        "wait networkchaos/slow --for=condition=AllInjected --timeout=20s",
        &["condition met"],
    )
    .await;
    k.does(
        "get networkchaos",
        &["NAME", "ACTION", "DURATION", "slow", "delay", "60s"],
    )
    .await;
    k.does("describe networkchaos slow", &["Desired Phase:", "Applied"])
        .await;
    k.does(
        "annotate networkchaos slow experiment.chaos-mesh.org/pause=true",
        &["annotated"],
    )
    .await;
    k.does(
        "wait networkchaos/slow --for=condition=AllRecovered --timeout=20s",
        &["condition met"],
    )
    .await;
    let misspelt = DELAY.replace("latency", "latenzy");
    k.refused(
        "apply -f -",
        &misspelt.replace("name: slow", "name: other"),
        "unknown field \"spec.delay.latenzy\"",
    )
    .await;
    k.does("delete networkchaos slow", &["deleted"]).await;
    k.does("label pod emqx-go-0 drill=yes", &["labeled"]).await;
    k.does(
        "patch sts emqx-go --type=merge -p {\"metadata\":{\"annotations\":{\"a\":\"b\"}}}",
        &["patched"],
    )
    .await;
    k.does(
        "delete pod emqx-go-2 --grace-period=0 --force",
        &["force deleted"],
    )
    .await;
    k.does(
        "wait pod/emqx-go-2 --for=condition=Ready --timeout=25s",
        &["condition met"],
    )
    .await;
    k.does("events", &["LAST SEEN", "Started"]).await;
    k.does("scale sts emqx-go --replicas=2", &["scaled"]).await;
    k.does("wait pod/emqx-go-2 --for=delete --timeout=25s", &[""])
        .await;
    k.does("scale sts emqx-go --replicas=3", &["scaled"]).await;
    k.does("rollout restart sts/emqx-go", &["restarted"]).await;
    k.does("rollout status sts/emqx-go --timeout=28s", &["complete"])
        .await;
    k.does("create namespace drill", &["created"]).await;
    k.does("create configmap c -n drill --from-literal=a=b", &["created"])
        .await;
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s, namespace: drill}\ndata: {a: b}\n";
    k.does_with(
        "apply --server-side -f -",
        map,
        &["configmap/s serverside-applied"],
    )
    .await;
    k.does("delete namespace drill", &["deleted"]).await;
    k.does("cordon node-2", &["cordoned"]).await;
    k.does("get node node-2", &["Ready,SchedulingDisabled"]).await;
    k.does("uncordon node-2", &["uncordoned"]).await;
    peer.sim.shutdown().await;
}
