//! Any bytes for `query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| peerline::fuzzing::query(data));
