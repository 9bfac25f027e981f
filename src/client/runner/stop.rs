//! The way to end the client from any thread, and from a signal. It waits for nothing.

use crate::client::call::Signals;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Ends the client from anywhere: the App is told `Event::Stop`.
#[derive(Clone)]
pub struct Stop {
    asked: Arc<AtomicUsize>,
    signals: Signals,
}

impl Stop {
    /// One that is told by way of these signals.
    pub fn new(signals: Signals) -> Stop {
        Stop { asked: Arc::default(), signals }
    }

    /// Has the App told. It never waits, so a signal handler's thread and a panic hook may call it.
    pub fn stop(&self) {
        // The count first: when there is no room for the wake-up, the runner is awake, and looks at the count.
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.signals.wake();
    }

    /// Has SIGINT, SIGTERM and SIGHUP stop the client. A process can ask for this once.
    ///
    /// # Errors
    /// A sentence with what the system says.
    pub fn on_signals(&self) -> Result<(), String> {
        let stop = self.clone();
        ctrlc::set_handler(move || stop.stop()).map_err(|error| format!("Ctrl-C cannot be handled: {error}"))
    }

    /// How often it was asked for.
    pub fn count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
