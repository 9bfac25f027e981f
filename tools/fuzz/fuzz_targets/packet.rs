//! Any bytes for `packet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peerline::fuzzing::packet(data));
