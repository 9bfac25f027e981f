//! The works that are compared: each gives rows.

pub mod fan_out;
pub mod queries;
pub mod arrivals;
pub mod lookups;
pub mod talk;
pub mod files;
pub mod growth;
pub mod houses;
