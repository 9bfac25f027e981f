//! What a test and its people tell each other while they live.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// What all people are told, and tell of themselves while they live.
pub struct Orders {
    /// Where the servers are; those that are dead have no address.
    pub servers: Mutex<Vec<Option<SocketAddr>>>,
    /// Whether people say something.
    pub speak: AtomicBool,
    /// Whether it is over.
    pub end: AtomicBool,
    /// Of each person: whether it is logged in and waits for no answer, and the last number that it heard.
    pub people: Vec<Present>,
    /// How many broadcasts were confirmed.
    pub confirmed: AtomicUsize,
}

/// How far a person is.
#[derive(Default)]
pub struct Present {
    pub is_there: AtomicBool,
    pub waits: AtomicBool,
    pub heard: AtomicU64,
}

impl Orders {
    /// For so many people, who begin to speak at once.
    pub fn new(servers: Vec<Option<SocketAddr>>, people: usize) -> Orders {
        Orders {
            servers: Mutex::new(servers),
            speak: AtomicBool::new(true),
            end: AtomicBool::new(false),
            people: (0..people).map(|_| Present::default()).collect(),
            confirmed: AtomicUsize::new(0),
        }
    }
}
