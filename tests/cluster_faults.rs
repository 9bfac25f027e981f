//! What a house must bear while people speak: servers and a Redis that are killed, sleep and forget, links between them that
//! break at any byte. After it everybody has heard all that was confirmed, once and in order, and nothing that was refused.
//!
//! `PEERLINE_FAULTS=10` plays each fault ten times, and each byte; `PEERLINE_SEED` repeats the chances of a run.

#[path = "cluster_faults/book.rs"]
mod book;
#[path = "cluster_faults/by_hand.rs"]
mod by_hand;
#[path = "cluster_faults/bytes.rs"]
mod bytes;
#[path = "cluster_faults/faults.rs"]
mod faults;
#[path = "cluster_faults/figures.rs"]
mod figures;
#[path = "cluster_faults/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "it uses a part")]
#[path = "it/harness/mod.rs"]
mod harness;
#[path = "cluster_faults/orders.rs"]
mod orders;
#[path = "cluster_faults/person.rs"]
mod person;
#[path = "cluster_faults/plain.rs"]
mod plain;
#[path = "cluster_faults/relay.rs"]
mod relay;
