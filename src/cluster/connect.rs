//! Reads a kubeconfig, makes the clients and asks the cluster who it is. Never asks for a login: a
//! credential plugin that wants to talk to a person fails here, and the screen stays whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use sha2::{Digest, Sha256};

use super::{ApiFault, ClusterError};
use crate::fault::ClusterPin;
use crate::units::ErrorChain;

/// Longer than this no single request may take; a create is in doubt for as long.
pub(crate) const REQUEST: Duration = Duration::from_secs(10);

struct Inner {
    calls: Client,
    streams: Client,
    pin: ClusterPin,
    namespace: String,
}

/// A connection to one cluster. Cheap to clone; all clones share their clients.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("pin", &self.0.pin)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Connects by a kubeconfig (this user's unless named) and a context of it (the current one unless named).
    pub async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Self, ClusterError> {
        // Another part of the program may have installed it already; both mean the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let read = read(kubeconfig)?;
        let (context, config) = match read {
            Some(read) => configure(read, kubeconfig, context).await?,
            None => in_cluster(kubeconfig)?,
        };
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let ca_sha256 = config.root_cert.as_ref().map(|certs| digest(certs));
        let namespace = config.default_namespace.clone();
        let mut streams = config;
        streams.connect_timeout = Some(REQUEST / 2);
        let mut calls = streams.clone();
        calls.read_timeout = Some(REQUEST);
        let calls = client(calls, &server).await?;
        let streams = client(streams, &server).await?;
        let uid = identity(&calls, &server, ca_sha256.as_deref()).await?;
        let pin = ClusterPin {
            context,
            kubeconfig: kubeconfig.map(PathBuf::from),
            server,
            ca_sha256,
            uid,
        };
        Ok(Self(Arc::new(Inner {
            calls,
            streams,
            pin,
            namespace,
        })))
    }

    pub fn pin(&self) -> &ClusterPin {
        &self.0.pin
    }

    /// The namespace that the context names.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// For single requests: every one of them ends in time.
    pub(crate) fn calls(&self) -> Client {
        self.0.calls.clone()
    }

    /// For watches and logs, which may be silent for long.
    pub(crate) fn streams(&self) -> Client {
        self.0.streams.clone()
    }
}

/// `None` when there is no kubeconfig anywhere and none was named: perhaps this runs inside a pod.
fn read(path: Option<&Path>) -> Result<Option<Kubeconfig>, ClusterError> {
    let read = match path {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if path.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() => {
            tracing::debug!(%error, "no kubeconfig; trying the pod's own account");
            Ok(None)
        }
        Err(error) => Err(ClusterError::Kubeconfig {
            path: path.map(PathBuf::from),
            why: ErrorChain::of(&error),
        }),
    }
}

async fn configure(
    mut read: Kubeconfig,
    path: Option<&Path>,
    context: Option<&str>,
) -> Result<(String, Config), ClusterError> {
    for user in &mut read.auth_infos {
        if let Some(exec) = user.auth_info.as_mut().and_then(|info| info.exec.as_mut()) {
            exec.interactive_mode = Some(ExecInteractiveMode::Never);
        }
    }
    let Some(context) = context
        .map(str::to_owned)
        .or_else(|| read.current_context.clone())
    else {
        let why = ErrorChain::message("it names no current context; choose one with --context");
        return Err(ClusterError::Kubeconfig {
            path: path.map(PathBuf::from),
            why,
        });
    };
    let cluster = read
        .contexts
        .iter()
        .find(|one| one.name == context)
        .and_then(|one| one.context.as_ref());
    let cluster = cluster.map(|one| one.cluster.clone());
    let own_proxy = read
        .clusters
        .iter()
        .filter(|one| Some(&one.name) == cluster.as_ref())
        .any(|one| one.cluster.as_ref().is_some_and(|one| one.proxy_url.is_some()));
    let options = KubeConfigOptions {
        context: Some(context.clone()),
        ..KubeConfigOptions::default()
    };
    let mut config = Config::from_custom_kubeconfig(read, &options)
        .await
        .map_err(|error| ClusterError::Context {
            context: context.clone(),
            why: ErrorChain::of(&error),
        })?;
    // A proxy of the environment cannot know this machine's loopback.
    if !own_proxy && config.cluster_url.host().is_some_and(is_loopback) {
        config.proxy_url = None;
    }
    Ok((context, config))
}

fn in_cluster(path: Option<&Path>) -> Result<(String, Config), ClusterError> {
    let config = Config::incluster().map_err(|error| ClusterError::Kubeconfig {
        path: path.map(PathBuf::from),
        why: ErrorChain::of(&error),
    })?;
    Ok(("in-cluster".to_owned(), config))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Credential plugins block while a client is made.
async fn client(config: Config, server: &str) -> Result<Client, ClusterError> {
    let fail = |why| ClusterError::Client {
        server: server.to_owned(),
        why,
    };
    match tokio::task::spawn_blocking(move || Client::try_from(config)).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(fail(ErrorChain::of(&error))),
        Err(error) => Err(fail(ErrorChain::of(&error))),
    }
}

fn digest(certs: &[Vec<u8>]) -> String {
    let mut hash = Sha256::new();
    for cert in certs {
        hash.update(cert);
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The uid of `kube-system`. Who may not read it can still abort: the address and the certificate stand for it.
async fn identity(client: &Client, server: &str, ca: Option<&str>) -> Result<String, ClusterError> {
    let answer = Api::<Namespace>::all(client.clone()).get("kube-system").await;
    match answer {
        Ok(namespace) => namespace.metadata.uid.ok_or_else(|| ClusterError::Identity {
            server: server.to_owned(),
            why: ApiFault::Refused {
                code: 200,
                message: "kube-system has no uid".to_owned(),
            },
        }),
        Err(error) => match ApiFault::of(&error, || "get the namespace kube-system".to_owned()) {
            ApiFault::Forbidden { .. } => {
                let seed = format!("{server}\n{}", ca.unwrap_or_default());
                Ok(format!("address-{}", &digest(&[seed.into_bytes()])[..32]))
            }
            why => Err(ClusterError::Identity {
                server: server.to_owned(),
                why,
            }),
        },
    }
}

/// Which word of a context's name or a server's address says that people depend on it.
pub fn looks_like_production(pin: &ClusterPin) -> Option<String> {
    const MARKS: [&str; 3] = ["生产", "线上", "正式"];
    const WORDS: [&str; 5] = ["prod", "production", "prd", "live", "prod1"];
    let parts = |text: &str| -> Vec<String> {
        text.to_lowercase()
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(str::to_owned)
            .collect()
    };
    [("context", &pin.context), ("server", &pin.server)]
        .into_iter()
        .find_map(|(what, text)| {
            if let Some(mark) = MARKS.into_iter().find(|mark| text.contains(mark)) {
                return Some(format!("its {what} says `{mark}`"));
            }
            let found = parts(text).into_iter().find(|part| {
                WORDS.contains(&part.as_str())
                    || part.trim_end_matches(|c: char| c.is_ascii_digit()) == "prod"
                    || part.starts_with("production")
            })?;
            Some(format!("its {what} says `{found}`"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(context: &str) -> ClusterPin {
        let server = "https://10.0.0.1:6443".to_owned();
        ClusterPin {
            context: context.to_owned(),
            kubeconfig: None,
            server,
            ca_sha256: None,
            uid: "u".to_owned(),
        }
    }

    #[test]
    fn production_is_a_word_and_not_a_syllable() {
        for yes in [
            "prod",
            "eu-prod-1",
            "arn:aws:eks:x:cluster/prod2",
            "live.example",
            "production-eu",
            "华东-生产",
        ] {
            assert!(looks_like_production(&pin(yes)).is_some(), "{yes}");
        }
        for no in ["product-dev", "reproduce", "kind-kind", "delivery", "alive"] {
            assert!(looks_like_production(&pin(no)).is_none(), "{no}");
        }
    }

    #[test]
    fn loopback_in_every_spelling() {
        assert!(
            ["127.0.0.1", "localhost", "[::1]", "::1", "127.8.8.8"]
                .into_iter()
                .all(is_loopback)
        );
        assert!(
            !["10.0.0.1", "localhost.example", "api"]
                .into_iter()
                .any(is_loopback)
        );
    }
}
