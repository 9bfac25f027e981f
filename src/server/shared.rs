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
mod again;
mod presence;
mod news;
mod inbox;
mod waiting;
#[cfg(test)]
mod redis_process;
#[cfg(test)]
mod own_redis;
#[cfg(test)]
mod own_house;
#[cfg(test)]
mod own_servers;
#[cfg(test)]
mod repeats;

pub use accounts::{
    Changed, Imported, SignedUp, account, count, end_account, export as export_accounts, import as import_accounts,
    set_password, sign_up,
};
pub use again::EntersBy;
pub use bans::{Banning, ban, ban_field, bans, lift, read_ban};
pub use house::{Alive, Join, Standing, Start, beat, found, join, opened, quit};
pub use inbox::{Claim, Delivery, Handed, Handover, HandoverId, MAX_CLAIMS, Post, Undelivered, answer, claim, hand};
pub use lease::Lease;
pub use lines::{Line, StreamId};
pub use link::{LIMIT, Link, NotDone};
pub use meeting::{Meeting, meet};
pub use mirror::{Mirror, Taken};
pub use news::{HouseNews, last_news, may_have_missed, say};
#[cfg(test)]
pub use own_redis::OwnRedis;
pub use presence::{
    Entered, Falls, GuestEntered, change, enter, enter_guest, files, forget_token, leave, set_files, snapshot,
};
pub use record::Record;
pub use script::{Deadline, Member};
pub use sequencer::{NotSaid, Sequencer};
pub use settings::check;
pub use tail::{Entry, NEWS, Tail};
pub use throttle::{checked, take_turn};
pub use url::DirectoryUrl;
pub use waiting::{Awaited, Came, Waiting};
