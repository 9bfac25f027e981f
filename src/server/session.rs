//! One conversation with a client, from greeting to goodbye, in each of the dialects: lines in, calls of the services,
//! words out.
//!
//! A session touches neither the stores nor the client map but through the services.

mod native;
mod native_loop;
mod menu_inbox;
mod menu_step;
mod menu;
mod query;
mod packet;

pub use menu::Menus;
pub use native_loop::Native;
pub use packet::Packets;
pub use query::{Queries, probe_guests};
