//! Two clients between whom there is no direct way, or may be none, as far as the server can tell: both behind one
//! router, or one by IPv4 and the other by IPv6. Who is to be reached is told the reason and the way out.

use crate::server::clients::{ClientSnapshot, SessionKey};
use crate::value::Apart;
use std::net::IpAddr;

const TWO_FAMILIES: &str = "one of you comes to the server by IPv4, the other by IPv6. Both are to come by the same (a \
                            server with --bind :: takes either)";

/// The router's address, where two clients are certainly behind it: on one machine they could not both listen on one
/// port of one address.
pub fn router(asker: &SessionKey, asker_port: Option<u16>, target: &ClientSnapshot) -> Option<IpAddr> {
    match Apart::of(asker.address, target.address) {
        Some(Apart::OneAddress(ip)) if asker_port.is_some() && asker_port == target.port => Some(ip),
        _ => None,
    }
}

/// Why `asker` cannot reach the one to whom this is said.
pub fn sentence(asker: &SessionKey, apart: Apart) -> String {
    let why = match apart {
        Apart::OneAddress(ip) => format!(
            "the server sees you both at {ip}. If that is a router, only a server inside its network can introduce you"
        ),
        Apart::TwoFamilies => TWO_FAMILIES.to_owned(),
    };
    format!("{} cannot reach you directly: {why}", asker.name)
}
