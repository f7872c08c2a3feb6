//! Where a run takes place: a cluster that a kubeconfig names, or one embedded here. Both are met through the wire.

use std::path::PathBuf;

use super::AssembleError;
use crate::clock::Clock;
use crate::cluster::Cluster;

/// Where a run is to take place.
#[derive(Debug, Clone)]
pub enum Place {
    Cluster {
        kubeconfig: Option<PathBuf>,
        context: Option<String>,
    },
    #[cfg(feature = "sim")]
    Embedded { seed: u64, speed: f64 },
}

impl Place {
    /// What to say before it is connected: an API server that does not answer takes its time, and nobody should look
    /// at nothing meanwhile. The embedded one is there at once.
    pub fn connecting(&self) -> Option<String> {
        match self {
            Self::Cluster { context, .. } => {
                let context = context.as_deref().unwrap_or("the current one");
                Some(format!(
                    "firedrill: connecting (context: {context}); Ctrl-C leaves, nothing is on yet"
                ))
            }
            #[cfg(feature = "sim")]
            Self::Embedded { .. } => None,
        }
    }
}

/// A cluster, connected; with the embedded one behind it, if it is one.
#[derive(Debug)]
pub struct World {
    cluster: Cluster,
    #[cfg(feature = "sim")]
    sim: Option<crate::sim::wire::Sim>,
}

impl World {
    pub async fn connect(place: Place) -> Result<Self, AssembleError> {
        match place {
            Place::Cluster { kubeconfig, context } => Ok(Self {
                cluster: Cluster::connect(kubeconfig.as_deref(), context.as_deref()).await?,
                #[cfg(feature = "sim")]
                sim: None,
            }),
            #[cfg(feature = "sim")]
            Place::Embedded { seed, speed } => {
                let options = crate::sim::wire::SimOptions {
                    seed,
                    speed,
                    ..crate::sim::wire::SimOptions::default()
                };
                let sim = crate::sim::wire::start(options).await?;
                let cluster = Cluster::connect(Some(sim.kubeconfig()), None).await?;
                Ok(Self {
                    cluster,
                    sim: Some(sim),
                })
            }
        }
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A clock for a run that begins now, in step with the cluster's where that is embedded.
    #[cfg(feature = "sim")]
    pub(super) fn clock(&self) -> Clock {
        let sim = self.sim.as_ref();
        sim.map_or_else(|| Clock::start(1.0), |sim| Clock::start_beside(sim.clock()))
    }

    /// A clock for a run that begins now.
    #[cfg(not(feature = "sim"))]
    #[allow(clippy::unused_self, reason = "with an embedded cluster it asks that")]
    pub(super) fn clock(&self) -> Clock {
        Clock::start(1.0)
    }

    /// The embedded cluster, for looking at the truth.
    #[cfg(feature = "sim")]
    pub fn sim(&self) -> Option<&crate::sim::wire::Sim> {
        self.sim.as_ref()
    }

    /// Ends the embedded cluster, if there is one.
    #[cfg(feature = "sim")]
    pub async fn leave(self) {
        if let Some(sim) = self.sim {
            sim.shutdown().await;
        }
    }

    /// Lets go of the cluster.
    #[cfg(not(feature = "sim"))]
    #[allow(clippy::unused_async, reason = "with an embedded cluster it waits for that")]
    pub async fn leave(self) {}
}
