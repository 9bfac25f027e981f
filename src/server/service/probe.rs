//! Whether other clients could connect to one: the server tries it, as they would.

use crate::protocol::{Refusal, Reply};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a client's machine may take to answer; a firewall that drops what it does not want never does.
const LIMIT: Duration = Duration::from_secs(3);

/// Connects to a client's own listening address, and closes again. Only the session of that client asks for it, and
/// only it waits.
pub fn reach(target: SocketAddr) -> Reply {
    match TcpStream::connect_timeout(&target, LIMIT) {
        Ok(_) => Reply::Ok(format!("Others can reach you at {target}")),
        Err(error) => Reply::Err(Refusal::Other(format!("You cannot be reached at {target}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn there_or_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        assert_eq!(reach(address), Reply::Ok(format!("Others can reach you at {address}")));
        drop(listener);
        assert!(matches!(reach(address), Reply::Err(why) if why.to_string().contains("refused")));
    }
}
