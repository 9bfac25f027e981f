//! The directory of a server that shares a house with others: what is decided is decided in a Redis, one change at a time for
//! all of them, and comes back into this server's memory by the tail.
//!
//! No lock is held across a call to Redis. A change is sent with a deadline, so what lies in a buffer is dead when that has
//! passed, and what was lost on the way is sent again until it is known what became of it.

mod pool;
mod life;
mod records;
mod state;
mod servers;
mod porter;
mod tail;
mod beat;
mod coming;
mod across;
mod moments;
mod accounts;

pub use accounts::HouseAccounts;
pub use coming::open;
