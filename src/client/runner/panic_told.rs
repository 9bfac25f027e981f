//! What is told of a thread that panics, so that nobody waits for it. It does not know what the thread does.

use crate::client::call::Signals;
use crate::client::event::Event;
use std::thread;

/// Tells an event when the thread that holds this panics. The panic itself is printed when it happens.
pub struct PanicTold {
    /// What is told.
    pub event: Event,
    /// The way to the runner.
    pub signals: Signals,
}

impl Drop for PanicTold {
    fn drop(&mut self) {
        if thread::panicking() {
            self.signals.event(self.event.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::Signal;

    #[test]
    fn a_panic_is_told_and_an_end_is_not() {
        let (signals, receiver) = Signals::new(2);
        let told = |panics: bool| {
            let guard = PanicTold { event: Event::NoDatagrams("a fault".to_owned()), signals: signals.clone() };
            let body = move || {
                let _guard = guard;
                assert!(!panics, "as the test wants it");
            };
            assert_eq!(thread::spawn(body).join().is_err(), panics);
            receiver.try_recv().ok()
        };
        assert!(told(false).is_none());
        assert!(matches!(told(true), Some(Signal::Event(Event::NoDatagrams(why))) if why == "a fault"));
    }
}
