//! Tables: what `kubectl get` shows, computed here as a server does. Pure.

mod cells;
mod chaos;
mod columns;
mod network;
mod nodes;
mod pods;
mod render;
mod workloads;

pub(super) use render::{Include, Shape, partial, table};
