//! The controllers, one file each: what a change asks of them, and their work when it is due.

mod broker;
mod collect;
mod containers;
mod dispatch;
mod endpoints;
pub mod events;
mod kubelet;
mod namespace;
mod node;
mod pod_status;
mod replicas;
mod scheduler;
mod statefulset;

pub use containers::{ContainerRun, PodRun, State};
pub use dispatch::{react, run};
pub use kubelet::{Ending, kill, recheck, target_of};
