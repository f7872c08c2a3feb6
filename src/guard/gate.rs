//! The gate of one process: whether a fault may start. Closing it never waits for anything, and nothing opens it
//! again within the process. Never looks at the disk or at a cluster; that is the latch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Open until it is closed once. Cheap to clone; all clones are one gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes no lock and does no IO: safe from a panic hook, from a signal's thread and from a blocked screen.
    pub fn close(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether a fault may start. Ask right before starting it, not earlier.
    pub fn is_open(&self) -> bool {
        !self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_hand_closes_is_closed_for_all() {
        let gate = Gate::new();
        let other = gate.clone();
        assert!(other.is_open());
        gate.close();
        gate.close();
        assert!(!other.is_open() && !gate.is_open());
    }
}
