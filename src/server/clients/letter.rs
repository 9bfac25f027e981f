//! What is handed to a client on behalf of somebody else, and what is done about it on the server where the client's
//! session is. A mailbox takes lines; what holds before and behind them stands here.

use super::client_map::{ClientMap, ClientSnapshot};
use super::whereabouts::Whereabouts;
use crate::protocol::{Event, Notice};
use crate::server::delivery::{Mailbox, Presence};
use crate::value::{Fingerprint, Ticket, Username};
use std::sync::Arc;
use std::time::Instant;

/// What is handed to a client.
#[derive(Debug)]
pub enum Letter {
    /// Somebody is about to call.
    Ticket {
        /// Who.
        from: Username,
        /// Proves it.
        ticket: Ticket,
        /// Their key, where both sides have one.
        key: Option<Fingerprint>,
    },
    /// A text of another client.
    Text {
        /// Whose.
        from: Username,
        /// The text.
        text: String,
        /// It came by TLS: then it does not leave in the clear.
        by_tls: bool,
    },
    /// Why somebody cannot reach this client: it is told so once a session.
    Apart(Notice),
    /// What it had sent was lost.
    Loss(Notice),
    /// Its session ends, and why. A guest is taken out at once, as it may have no connection that could end; a member
    /// leaves by its session.
    End(Notice),
}

/// Why a letter was not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotHanded {
    /// Nothing was heard of the client for a while.
    NotThere,
    /// What came by TLS would leave in the clear.
    InTheClear,
    /// The session is ending, or its dialect cannot say it.
    Leaving,
}

impl ClientMap {
    /// Says this to everybody whose session is on this server, and puts it on the board: how many were told.
    pub fn tell_everybody_here(&self, notice: Notice, now: Instant) -> usize {
        self.board.put(notice.to_string(), now);
        let notice = Event::Notice(notice).into();
        self.mailboxes_here().into_iter().filter(|mailbox| mailbox.deliver(&notice)).count()
    }

    /// What was said so in the last minutes, for who could not be told.
    pub fn notice_on_board(&self, now: Instant) -> Option<String> {
        self.board.read(now)
    }

    /// Hands a letter to a client whose session is on this server.
    ///
    /// # Errors
    /// [`NotHanded`].
    pub fn hand(&self, letter: Letter, to: &ClientSnapshot) -> Result<(), NotHanded> {
        let Whereabouts::Here { presence, mailbox } = &to.whereabouts else { return Err(NotHanded::Leaving) };
        let here = Here { presence, mailbox };
        match letter {
            Letter::Ticket { from, ticket, key } => here.take_ticket(from, ticket, key),
            Letter::Text { from, text, by_tls } => here.take_text(from, text, by_tls),
            Letter::Apart(notice) if presence.is_to_be_told_why() => here.deliver(vec![Event::Notice(notice)]),
            Letter::Apart(_) => Ok(()),
            Letter::Loss(notice) => here.take_loss(notice),
            Letter::End(notice) => {
                if to.guest.is_some() {
                    self.take_out(to);
                }
                let told = here.deliver(vec![Event::Notice(notice)]);
                mailbox.close();
                told
            }
        }
    }
}

/// A session on this server.
struct Here<'a> {
    presence: &'a Presence,
    mailbox: &'a Arc<dyn Mailbox>,
}

impl Here<'_> {
    fn deliver(&self, events: Vec<Event>) -> Result<(), NotHanded> {
        if self.mailbox.deliver(&events.into()) { Ok(()) } else { Err(NotHanded::Leaving) }
    }

    #[inline(never)]
    fn take_ticket(&self, from: Username, ticket: Ticket, key: Option<Fingerprint>) -> Result<(), NotHanded> {
        let key_line = key.map(|key| Event::Key { name: from.clone(), key });
        let told = self.deliver(key_line.into_iter().chain([Event::Ticket { name: from, ticket }]).collect());
        // The asker connects as soon as it has its answer.
        self.mailbox.settle();
        told
    }

    #[inline(never)]
    fn take_text(&self, from: Username, text: String, by_tls: bool) -> Result<(), NotHanded> {
        if !self.presence.is_there(Instant::now()) {
            return Err(NotHanded::NotThere);
        }
        if by_tls && !self.mailbox.is_encrypted() {
            return Err(NotHanded::InTheClear);
        }
        // First, as the session may end at any moment.
        let is_new = self.presence.note_sender(&from);
        let told = self.deliver(vec![Event::Message { from: from.clone(), text }]);
        if told.is_err() && is_new {
            // It hears so now: not once more when the client counts as lost.
            self.presence.forget_sender(&from);
        }
        told
    }

    #[inline(never)]
    fn take_loss(&self, notice: Notice) -> Result<(), NotHanded> {
        // First, as the client may be lost at any moment.
        self.presence.note_notice(&notice);
        let told = self.deliver(vec![Event::Notice(notice.clone())]);
        if told.is_err() {
            // It is owed to somebody who is not here: not a second time when the client counts as lost.
            self.presence.forget_notice(&notice);
        }
        told
    }
}
