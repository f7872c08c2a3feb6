//! Tells a run when the latch is closed from elsewhere: by `firedrill kill` on this machine, or by another machine
//! through the cluster. Never closes or opens one.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::cluster::{Cluster, LatchSeen};
use crate::guard::{CHAOS_MESH_NAMESPACE, Gate, Latch};
use crate::run::Input;
use crate::text::printable;

/// Nothing tells of a file; a look at it costs next to nothing.
const LOOK: Duration = Duration::from_secs(1);

/// Where to look for latches.
pub(super) struct Latching {
    pub cluster: Cluster,
    /// This machine's.
    pub latch: Arc<Latch>,
    /// The target's namespace.
    pub namespace: String,
    pub gate: Gate,
    pub inputs: mpsc::UnboundedSender<Input>,
}

impl Latching {
    /// Waits for a latch; then closes the gate and tells the run. Ends with the run.
    pub async fn watch(self) {
        let mut closed = futures::stream::select(
            self.cluster.watch_latch(CHAOS_MESH_NAMESPACE),
            self.cluster.watch_latch(&self.namespace),
        );
        let by = tokio::select! {
            () = self.inputs.closed() => return,
            // Who it was stays in the latch: names of people do not belong into a journal.
            Some(LatchSeen { why, .. }) = closed.next() => format!("in the cluster: {why}"),
            by = self.on_this_machine() => by,
        };
        self.gate.close();
        // The run may be over.
        let _ = self.inputs.send(Input::Latched {
            by: printable(&by).into_owned(),
        });
    }

    async fn on_this_machine(&self) -> String {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.latch.read() {
                Ok(None) => {}
                Ok(Some(latched)) => return format!("on this machine: {}", latched.why),
                // What cannot be read may be closed.
                Err(error) => return crate::units::ErrorChain::of(&error).to_string(),
            }
        }
    }
}
