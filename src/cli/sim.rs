//! `firedrill sim`: serves the embedded cluster alone until it is told to stop.

use std::io::{self, Write as _};

use tokio::signal::unix::{SignalKind, signal};

use crate::sim::wire::{self, CONTEXT, Sim, SimError, SimOptions};

/// Serve the embedded cluster alone, for kubectl and for consoles elsewhere on this machine.
#[derive(Debug, Clone, clap::Args)]
pub struct SimArgs {
    /// How many seconds pass in the cluster in one second here
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub speed: f64,
    /// The same seed gives the same cluster, and the same course of events
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// Why `firedrill sim` ended badly.
#[derive(Debug, thiserror::Error)]
pub enum SimCommandError {
    #[error(transparent)]
    Start(#[from] SimError),
    #[error("the signals that end it cannot be received")]
    Signals(#[source] io::Error),
    #[error("the kubeconfig's path could not be written to standard output")]
    Output(#[source] io::Error),
}

/// A reader that has gone away has seen all it wanted.
fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// The path for programs on standard output, the talk for people on standard error.
fn announce(sim: &Sim) -> Result<(), SimCommandError> {
    let path = sim.kubeconfig().display();
    let mut out = io::stdout().lock();
    unless_closed(writeln!(out, "{path}").and_then(|()| out.flush())).map_err(SimCommandError::Output)?;
    let talk = format!(
        "the embedded cluster listens on {} (context {CONTEXT})\n\
         \x20 export KUBECONFIG='{path}'\n\
         \x20 kubectl get pods --all-namespaces\n\
         Ctrl-C ends it and removes the kubeconfig",
        sim.server()
    );
    // Nobody may be listening on standard error; the cluster serves all the same.
    let _unheard = writeln!(io::stderr().lock(), "{talk}");
    Ok(())
}

/// Serves until SIGINT, SIGTERM or SIGHUP.
pub async fn run(args: SimArgs) -> Result<(), SimCommandError> {
    let mut signals = Vec::new();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        signals.push(signal(kind).map_err(SimCommandError::Signals)?);
    }
    let sim = wire::start(SimOptions {
        seed: args.seed,
        speed: args.speed,
        ..SimOptions::default()
    })
    .await?;
    announce(&sim)?;
    let told = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures::future::select_all(told).await;
    sim.shutdown().await;
    Ok(())
}
