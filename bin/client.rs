//! The client: options, logging, exit code.

fn main() {}
