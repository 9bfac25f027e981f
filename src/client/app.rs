//! What the client knows, part by part: each decides from an event and the time, and touches no socket, file, thread
//! or clock.

pub mod inbox;
pub mod hellos;
pub mod tickets;
pub mod questions;
pub mod asks;
