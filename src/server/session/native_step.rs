//! What a session of the native protocol does next. No socket is known here.

use crate::server::auth::{Credentials, PasswordChange};
use crate::server::service::{Again, ClientSnapshot, Probe};

/// What the loop does next.
pub enum Next {
    /// Read on.
    Read,
    /// Carry this out, then what comes of it. In a Box, as it is seldom and large: each step of a session returns one of
    /// these on its stack.
    Do(Box<Work>),
    /// Close.
    Close,
}

/// What takes time. The session goes on with its result.
pub enum Work {
    /// Hash, and make an account: [`super::native::Session::signed_up`].
    SignUp(Credentials),
    /// Hash, and log in: [`super::native::Session::logged_in`].
    LogIn(Credentials),
    /// Look at a token, and log in: [`super::native::Session::logged_in`].
    GoOn(Again),
    /// Hash, and change the password: [`super::native::Session::changed_password`].
    ChangePassword(PasswordChange),
    /// Send what was broadcast before, then have the broadcaster send what comes. Nothing is to be said of it.
    CatchUp,
    /// Send these clients' file names, and `OK,N files`.
    Files(Vec<ClientSnapshot>),
    /// See who listens at the client's address: [`super::native::Session::probed`].
    Probe(Probe),
    /// Send the list, and from then on who comes and goes: [`super::native::Session::watch`] gives the list.
    Watch,
}

impl Work {
    /// Whether what comes of it is logged, and not that it was asked for.
    pub fn is_logged_by_result(&self) -> bool {
        match self {
            Work::SignUp(_)
            | Work::LogIn(_)
            | Work::GoOn(_)
            | Work::ChangePassword(_)
            | Work::Probe(_)
            | Work::Watch => true,
            Work::CatchUp | Work::Files(_) => false,
        }
    }
}

impl From<Work> for Next {
    fn from(work: Work) -> Next {
        Next::Do(Box::new(work))
    }
}
