//! Who may log in, and how often anything may be tried: passwords, the time that wrong ones cost, and sign-ups.
//!
//! Nothing here knows a client, a file or a socket.

mod password;
mod turns;
mod sign_ups;
mod login_dialogue;

pub use login_dialogue::{Astray, Credentials, DialogueStep, LoginDialogue, PasswordChange};
pub use password::{Hasher, is_hash};
pub use sign_ups::SignUps;
pub use turns::{LINE, OwnTurns, Try, Turn, Turns, in_shared_turn};
