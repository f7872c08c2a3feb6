//! From text to a playbook: YAML with places, variables, types, implied phases. Every error of a file at once.
//!
//! `yaml` makes a tree of [`node`]s, `vars` fills it in, `reader` with `shapes` and `checks` makes types of it,
//! `draft` remembers where each part came from, `load` puts it together with the rules of `lint`.

mod checks;
pub(super) mod draft;
mod implied;
mod load;
pub(super) mod node;
mod reader;
mod scalar;
mod shapes;
mod vars;
mod yaml;

pub(super) use checks::{MEASURES, PROBES};
pub(super) use load::variables;
pub use load::{FORMAT, Loaded, LoadedSuite, is_suite, load, load_suite};
pub use yaml::MAX_BYTES;
