//! The tests that play with whole programs, linked once. A test that needs a process of its own stands beside this
//! folder: `runner` and `household` kill what has become their child, `scale` has a thousand connections, `load`
//! measures, `tidy` only reads.

mod harness;

mod bans;
mod broadcasts;
mod chat;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
mod cluster_accounts;
mod coming_back;
#[cfg(feature = "screen")]
mod consent;
mod door;
mod durability;
mod file_trouble;
mod files;
mod found;
mod house;
mod lan;
mod memory;
mod menu_dialect;
mod menu_pieces;
mod model;
#[cfg(feature = "cluster")]
mod moving;
mod netcat;
mod networks;
mod packet_dialect;
mod plain_terminal;
mod presence;
mod query_dialect;
mod remote;
mod robustness;
mod rules;
#[cfg(feature = "screen")]
mod screenshot;
mod scripts;
mod secrets;
mod session;
mod several;
#[cfg(feature = "screen")]
mod terminal;
mod threads;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_client;
#[cfg(feature = "tls")]
mod tls_keys;
#[cfg(feature = "tls")]
mod tls_names;
#[cfg(feature = "tls")]
mod tls_peers;
#[cfg(feature = "tls")]
mod tls_talk;
mod tools;
mod trace;
mod transcripts;
mod wrong_person;
