//! Bytes, sockets and threads, with no idea of what is said on them.

pub mod shutdown;
mod token_bucket;
mod deadline;
mod read_buffer;
mod lines;
mod handshake;
// The seam of the feature: nothing else asks whether there is TLS.
#[cfg_attr(not(feature = "tls"), path = "net/tls/absent.rs")]
pub mod tls;
mod input;
mod bursts;
mod places;
mod door;
mod connections;
pub mod tuning;
mod spare_threads;
pub mod listener;
mod fair_queue;
mod workers;
mod hangup;
mod segments;
mod addressed_socket;

pub use addressed_socket::{AddressedSocket, Arrival};
pub use bursts::{BurstReader, Pieces};
pub use connections::{Connections, PerAddress, Place, Refused};
pub use deadline::{DeadlineReader, STRANGER_RATE};
pub use fair_queue::{FairQueue, NotServed, Patience, Permit};
pub use handshake::{Accepts, Mistrust, NoTls, Roots, TLS_HELLO, first_byte};
pub use hangup::{has_hung_up, is_network_loss};
pub use input::Input;
pub use lines::{LineReader, MAX_OF_MEMBERS, MAX_WITHOUT_LF};
pub use places::{Admission, Origin, Places, Standing};
pub use segments::{MAX_SEGMENTS, receive_segments, take_segments};
pub use shutdown::Shutdown;
pub use token_bucket::TokenBucket;
pub use workers::Workers;
