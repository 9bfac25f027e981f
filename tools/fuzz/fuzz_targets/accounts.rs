//! Any bytes for `accounts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peerline::fuzzing::accounts(data));
