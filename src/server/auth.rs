//! Who may log in, and how often anything may be tried: passwords, the delay after wrong ones, and a rate.
//!
//! Nothing here knows a client, a file or a socket.

mod password;
mod throttle;
mod sign_ups;
mod token_bucket;
mod login_dialogue;

pub use login_dialogue::{Credentials, DialogueStep, LoginDialogue};
pub use password::{Hasher, is_hash};
pub use sign_ups::SignUps;
pub use throttle::Throttle;
pub use token_bucket::TokenBucket;
