//! What the tools have in common: servers as processes, connections that speak lines, and percentiles.

pub mod figures;
pub mod wire;
pub mod process;
