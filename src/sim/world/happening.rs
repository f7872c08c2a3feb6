//! The world's own record: what really happened and what is really injected. Tests take it as the truth;
//! no controller reads it.

use std::time::Duration;

use crate::units::Mark;

/// One object, for good: the uid tells two of one name apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// One pod, and a container where it matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub namespace: String,
    pub pod: String,
    pub pod_uid: String,
    pub container: Option<String>,
}

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    pub at: Mark,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    PodCreated(Target),
    PodScheduled {
        pod: Target,
        node: String,
    },
    PodTerminating(Target),
    PodGone(Target),
    PodReady(Target),
    PodNotReady(Target),
    ContainerStarted(Target),
    /// The process ended: `OOMKilled`, `Error`, `Completed`.
    ContainerEnded {
        container: Target,
        reason: &'static str,
    },
    FaultApplied {
        by: ObjectId,
        on: Target,
    },
    FaultRecovered {
        by: ObjectId,
        on: Target,
    },
    /// Recovery was tried and did not work; the effect stays.
    RecoverFailed {
        by: ObjectId,
        on: Target,
        why: String,
    },
    ObjectCreated(ObjectId),
    ObjectDeleted(ObjectId),
    /// An object went while its effect was still on: somebody took the finalizer away.
    EffectAbandoned {
        by: ObjectId,
        on: Target,
    },
}

/// What is injected right now. It outlives its object if the finalizer was removed by hand, and ends with
/// the pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    pub by: ObjectId,
    pub on: Target,
    pub fault: Fault,
    pub since: Mark,
}

/// What hurts, in the terms of who must feel it.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    PodFailure,
    Partition {
        direction: Direction,
        peers: Peers,
    },
    Netem {
        direction: Direction,
        peers: Peers,
        netem: Netem,
    },
    Cpu {
        workers: u32,
        load: u32,
    },
    Memory {
        bytes: u64,
    },
    Dns {
        action: String,
        patterns: Vec<String>,
    },
    Io {
        action: String,
        delay: Option<Duration>,
        percent: u32,
        path: String,
    },
    Time {
        offset_ns: i64,
    },
    /// A kind whose effect this world only keeps books of.
    Other {
        kind: String,
        action: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    To,
    From,
    Both,
}

/// Whom a network fault reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peers {
    /// No target in the spec: all traffic.
    Everyone,
    /// The pods selected as target, `namespace/name`, and external addresses as written.
    Only(Vec<String>),
}

/// What is done to packets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Netem {
    pub latency: Option<Duration>,
    pub jitter: Duration,
    /// Percent.
    pub correlation: f64,
    /// Percent of packets.
    pub loss: f64,
    pub duplicate: f64,
    pub corrupt: f64,
    /// Bits a second.
    pub rate: Option<u64>,
}
