//! OpenAPI: the schemas of what is served, for `kubectl explain`, `create` and `apply`, and for judging
//! whether an object has fields that nobody knows.

mod check;
mod document;
mod schemas;

pub(super) use check::check;
pub(super) use document::serve;
