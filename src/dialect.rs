//! What the original clients say and understand: codecs of pure values, one file a dialect.

pub mod menu;
pub mod query;
pub mod packet;
