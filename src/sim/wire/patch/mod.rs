//! The four ways to change part of an object: merge, strategic merge, JSON patch, server-side apply.
//! All pure: an object and a patch in, an object or a refusal out.

mod apply;
mod json;
mod merge;
mod strategic;

pub(super) use apply::{Conflict, Ledger, apply};
pub(super) use json::json_patch;
pub(super) use merge::merge;
pub(super) use strategic::strategic;
