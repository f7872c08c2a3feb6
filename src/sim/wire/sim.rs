//! The embedded cluster as a whole: starts world, clock and server, and ends them together.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::SimError;
use super::patch::Ledger;
use super::runtime::{RuntimeDir, kubeconfig};
use super::shared::SharedWorld;
use super::state::State;
use super::users::Users;
use super::{server, tls};
use crate::clock::Clock;
use crate::sim::world::{Setup, World};

/// How an embedded cluster is to be.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// The same seed and the same requests at the same times give the same history.
    pub seed: u64,
    /// How many seconds pass in the world in one second outside, above 0.
    pub speed: f64,
    /// Where the folder with the kubeconfigs is made; the system's temporary folder if not given.
    pub runtime_dir: Option<PathBuf>,
    /// Brokers of the StatefulSet.
    pub replicas: u32,
    pub nodes: u32,
    /// Changes that a watch can still be replayed from.
    pub history: usize,
}

impl Default for SimOptions {
    fn default() -> Self {
        let Setup {
            replicas,
            nodes,
            history,
            ..
        } = Setup::default();
        Self {
            seed: 1,
            speed: 1.0,
            runtime_dir: None,
            replicas,
            nodes,
            history,
        }
    }
}

/// A kubeconfig of one user of the embedded cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// `admin`, `console`, `viewer`, `abort-only`, `nobody`.
    pub user: String,
    pub token: String,
    pub kubeconfig: PathBuf,
}

/// A running embedded cluster. Dropping it ends it at once; [`Sim::shutdown`] also waits for its tasks.
#[derive(Debug)]
pub struct Sim {
    server: String,
    ca_pem: String,
    /// The admin's first.
    seats: Vec<Seat>,
    world: SharedWorld,
    stop: CancellationToken,
    tasks: TaskTracker,
    _runtime: RuntimeDir,
}

/// Starts an embedded cluster on a port of 127.0.0.1 that the system chooses.
pub async fn start(options: SimOptions) -> Result<Sim, SimError> {
    if !(options.speed > 0.0 && options.speed <= 10_000.0) {
        return Err(SimError::Speed(options.speed));
    }
    let clock = Clock::start(options.speed);
    // Two processes are two clusters, whatever their seeds.
    let salt = uuid::Uuid::new_v4().as_u64_pair().0;
    let setup = Setup {
        seed: options.seed,
        salt,
        start: clock.base().wall,
        replicas: options.replicas,
        nodes: options.nodes,
        history: options.history,
        ..Setup::default()
    };
    let world = SharedWorld::new(World::new(setup), clock);

    let identity = tls::identity()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(SimError::Listen)?;
    let address = listener.local_addr().map_err(SimError::Listen)?.to_string();
    let server = format!("https://{address}");
    let users = Users::new();
    let runtime = RuntimeDir::create(options.runtime_dir.as_deref())?;
    let mut seats = Vec::new();
    for user in users.iter() {
        let file = if user.name == "admin" {
            "kubeconfig".to_owned()
        } else {
            format!("kubeconfig-{}", user.name)
        };
        let text = kubeconfig(&server, &identity.ca_pem, &user.name, &user.token);
        seats.push(Seat {
            user: user.name.clone(),
            token: user.token.clone(),
            kubeconfig: runtime.write(&file, &text)?,
        });
    }

    let state = Arc::new(State {
        world: world.clone(),
        users,
        ledger: Mutex::new(Ledger::default()),
        address,
    });
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(world.clone().drive(stop.clone()));
    tasks.spawn(server::serve(
        listener,
        identity.acceptor,
        state,
        (stop.clone(), tasks.clone()),
    ));
    tasks.close();
    Ok(Sim {
        server,
        ca_pem: identity.ca_pem,
        seats,
        world,
        stop,
        tasks,
        _runtime: runtime,
    })
}

impl Sim {
    /// The admin's kubeconfig; its one context is called [`CONTEXT`](super::CONTEXT).
    pub fn kubeconfig(&self) -> &Path {
        &self.seats[0].kubeconfig
    }

    /// The kubeconfigs of all users.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// `https://127.0.0.1:<port>`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The admin's bearer token.
    pub fn token(&self) -> &str {
        &self.seats[0].token
    }

    /// The certificate of the authority that signed the server's, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The world behind the wire, for looking at the truth and for breaking it on purpose.
    pub fn world(&self) -> &SharedWorld {
        &self.world
    }

    /// The clock of the world.
    pub fn clock(&self) -> &Clock {
        self.world.clock()
    }

    /// Ends the cluster: connections are closed, files removed.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
