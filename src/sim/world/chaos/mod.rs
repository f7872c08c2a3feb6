//! Chaos Mesh.

#[derive(Debug, Clone, Default)]
pub struct Memory {}
