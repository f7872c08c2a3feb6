//! Chaos Mesh, from outside.
