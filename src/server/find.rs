//! Being found: the server answers clients that ask their network which servers there are.
//!
//! It has a socket and a thread of its own, and knows of the rest of the server only how many clients are there.

mod answer_limit;
mod responder;

pub use responder::{Responder, Told};
