//! One file a family of verbs. A handler takes an allowed request and gives an answer; it never sees sockets.

mod logs;
mod patch;
mod read;
mod remove;
mod review;
mod route;
mod scale;
mod show;
mod watch;
mod write;

pub(super) use review::REVIEWS;
pub(super) use route::handle;
