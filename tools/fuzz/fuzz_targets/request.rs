//! Any bytes for `request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peerline::fuzzing::request(data));
