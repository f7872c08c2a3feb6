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
    pub(super) fn clock(&self) -> Clock {
        #[cfg(feature = "sim")]
        if let Some(sim) = &self.sim {
            return Clock::start_beside(sim.clock());
        }
        Clock::start(1.0)
    }

    /// The embedded cluster, for looking at the truth.
    #[cfg(feature = "sim")]
    pub fn sim(&self) -> Option<&crate::sim::wire::Sim> {
        self.sim.as_ref()
    }

    /// Ends the embedded cluster, if there is one.
    pub async fn leave(self) {
        #[cfg(feature = "sim")]
        if let Some(sim) = self.sim {
            sim.shutdown().await;
        }
    }
}
