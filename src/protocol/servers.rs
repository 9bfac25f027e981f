//! Where the servers are that share a directory: what stands behind `servers_` and `serverkey_`.

use crate::value::Fingerprint;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// The most servers in one line.
pub const MAX_SERVERS: usize = 16;

/// One server or more, up to [`MAX_SERVERS`], each once and with a port: the one that tells it stands first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerList(Vec<SocketAddr>);

/// No such list: nothing, too many, a port 0, or one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoServerList;

impl ServerList {
    /// A list of these.
    ///
    /// # Errors
    /// [`NoServerList`] when they are none.
    pub fn new(servers: Vec<SocketAddr>) -> Result<ServerList, NoServerList> {
        let is_known = |at: usize| servers[..at].contains(&servers[at]);
        let is_wrong = |at: usize| servers[at].port() == 0 || is_known(at);
        let fits = (1..=MAX_SERVERS).contains(&servers.len());
        if fits && !(0..servers.len()).any(is_wrong) { Ok(ServerList(servers)) } else { Err(NoServerList) }
    }

    /// The one that tells it.
    pub fn itself(&self) -> SocketAddr {
        self.0[0]
    }

    /// The servers, in order.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }
}

/// Reads `IP:PORT,IP:PORT...`.
impl FromStr for ServerList {
    type Err = NoServerList;

    fn from_str(text: &str) -> Result<Self, NoServerList> {
        // One more than there may be is enough to see that there are too many.
        let servers = text.split(',').take(MAX_SERVERS + 1).map(str::parse).collect::<Result<_, _>>();
        ServerList::new(servers.map_err(|_| NoServerList)?)
    }
}

impl fmt::Display for ServerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for server in &self.0 {
            write!(f, "{comma}{server}")?;
            comma = ",";
        }
        Ok(())
    }
}

/// Reads `IP:PORT_sha256:HEX`.
pub(super) fn parse_key(text: &str) -> Option<(SocketAddr, Fingerprint)> {
    let (server, key) = text.split_once('_')?;
    let server: SocketAddr = server.parse().ok()?;
    Some((server, key.parse().ok()?)).filter(|_| server.port() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_1_to_16_servers_each_once() {
        let many = |count: u16| (1..=count).map(|port| format!("10.0.0.1:{port}")).collect::<Vec<_>>().join(",");
        for good in ["10.0.0.1:4400", "10.0.0.1:4400,[fd00::1]:4400,10.0.0.1:4401", &many(16)] {
            assert_eq!(good.parse::<ServerList>().map(|list| list.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            ",",
            "10.0.0.1",
            "10.0.0.1:0",
            "10.0.0.1:1,",
            "10.0.0.1:1, 10.0.0.1:2",
            "10.0.0.1:1,10.0.0.1:1",
            "bob:1",
        ] {
            assert_eq!(bad.parse::<ServerList>(), Err(NoServerList), "{bad}");
        }
        assert_eq!(many(17).parse::<ServerList>(), Err(NoServerList));
        assert_eq!(many(60_000).parse::<ServerList>(), Err(NoServerList));
    }

    #[test]
    fn a_key_belongs_to_one_server() {
        let key = format!("sha256:{}", "ab".repeat(32));
        let parsed = parse_key(&format!("[fd00::1]:4403_{key}")).expect("a key");
        assert_eq!((parsed.0.to_string(), parsed.1.to_string()), ("[fd00::1]:4403".to_owned(), key.clone()));
        for bad in
            ["", "10.0.0.1:4403", &format!("10.0.0.1:0_{key}"), &format!("10.0.0.1_{key}"), "10.0.0.1:1_sha256:1"]
        {
            assert_eq!(parse_key(bad), None, "{bad}");
        }
    }
}
