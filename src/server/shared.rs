//! What several servers share, in a Redis: accounts, who is here, what was broadcast.
//!
//! Each change is one script, which Redis carries out as one moment. No server decides anything that another may decide at
//! the same time, and no server's clock counts. Nothing here knows a client's socket.

mod url;
mod link;
mod script;
mod lease;
mod house;
mod accounts;
mod bans;
mod throttle;
mod settings;
mod lines;
mod tail;
mod mirror;
mod meeting;
mod sequencer;
mod fields;
mod record;
mod presence;
mod news;
mod inbox;
mod waiting;
#[cfg(test)]
mod own_redis;
#[cfg(test)]
mod own_house;
#[cfg(test)]
mod own_servers;
