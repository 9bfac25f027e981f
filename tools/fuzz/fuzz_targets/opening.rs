//! Any bytes for `opening`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peerline::fuzzing::opening(data));
