//! The server: options, logging, exit code.

fn main() {}
