//! Two clients between whom there is no direct way, or may be none, as far as the server can tell: both behind one
//! router, one by IPv4 and the other by IPv6, or one by a link-local address and the other elsewhere. Who is to be reached
//! is told the reason and the way out.

use crate::server::clients::{ClientSnapshot, SessionKey};
use crate::value::Apart;
use std::net::IpAddr;

const TWO_FAMILIES: &str = "one of you comes to the server by IPv4, the other by IPv6. Both are to come by the same (a \
                            server with --bind :: takes either)";

/// What may keep two clients apart. One link-local address on two networks is that of two machines.
pub fn between(asker: &SessionKey, target: &ClientSnapshot) -> Option<Apart> {
    match (asker.link, target.link) {
        (Some(one), Some(other)) if one != other => None,
        _ => Apart::of(asker.address, target.address),
    }
}

/// Whether the target has a link-local address, which leads to it on its own network alone, and the asker is on another
/// one: there it leads to nobody, or to somebody else.
pub fn by_link(asker: &SessionKey, target: &ClientSnapshot) -> bool {
    target.link.is_some() && asker.link != target.link
}

/// The router's address, where two clients are certainly behind it: on one machine they could not both listen on one
/// port of one address.
pub fn router(asker: &SessionKey, asker_port: Option<u16>, target: &ClientSnapshot) -> Option<IpAddr> {
    match between(asker, target) {
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
