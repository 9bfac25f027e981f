//! How whoever runs the server speaks with it while it runs: lines on a socket in its data folder, as `server ctl` sends
//! them.

mod request;
mod desk;
mod socket;

pub use desk::Desk;
pub use socket::{ControlSocket, address};
