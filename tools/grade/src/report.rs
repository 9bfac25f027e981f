//! What is told of a run: to people, and to the programs of a class.

pub mod conversation;
pub mod people;
pub mod json;
pub mod tap;
pub mod junit;
