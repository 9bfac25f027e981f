//! Chats: those that are open, the one in the foreground, and our own request that waits for an answer.
//!
//! No lock is held while a socket is used: whoever writes takes the stream out first.

use crate::value::Username;
use std::io::{self, Write};
use std::net::{Shutdown as Direction, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names one connection among the chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatId(u64);

/// A chat, as shown in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who is on the other side.
    pub name: Username,
    /// Whether the server introduced them.
    pub verified: bool,
    /// Whether what is typed goes to them.
    pub foreground: bool,
}

/// All chats of a client.
#[derive(Default)]
pub struct Chats {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    open: Vec<Chat>,
    foreground: Option<ChatId>,
    /// Our own request that waits for an answer; the stream is there once we are connected.
    calling: Option<(ChatId, Option<Arc<TcpStream>>)>,
    /// Who accepted our last request, until that is asked for.
    accepted: Option<Username>,
}

/// One connection over which two people talk, or will if one of them agrees.
pub struct Chat {
    id: ChatId,
    /// Who is on the other side.
    pub name: Username,
    /// Whether the server introduced them.
    pub verified: bool,
    stream: Arc<TcpStream>,
}

impl Chat {
    /// Its name among the chats.
    pub fn id(&self) -> ChatId {
        self.id
    }
}

impl State {
    fn draw_id(&mut self) -> ChatId {
        self.next += 1;
        ChatId(self.next)
    }

    fn find(&self, name: &Username) -> Option<&Chat> {
        self.open.iter().find(|chat| chat.name == *name)
    }

    fn is_busy(&self) -> bool {
        self.foreground.is_some() || self.calling.is_some()
    }

    fn open(&mut self, chat: Chat) {
        self.foreground = Some(chat.id);
        self.open.push(chat);
    }
}

impl Chats {
    /// Somebody asks for a chat, which [`Chats::accept`] may open. `None` when we are busy: with a chat, with our own
    /// request, or with this person.
    pub fn offer(&self, name: Username, verified: bool, stream: Arc<TcpStream>) -> Option<Chat> {
        let mut state = self.lock();
        if state.is_busy() || state.find(&name).is_some() {
            return None;
        }
        Some(Chat { id: state.draw_id(), name, verified, stream })
    }

    /// Opens a chat that was offered, in the foreground, and tells the other side.
    ///
    /// # Errors
    /// What the system says; then there is no chat.
    pub fn accept(&self, chat: Chat) -> io::Result<()> {
        let (name, stream) = (chat.name.clone(), Arc::clone(&chat.stream));
        self.lock().open(chat);
        (&*stream).write_all(b"OK\n").inspect_err(|_| {
            self.close(&name);
        })
    }

    /// We begin to ask somebody for a chat; `None` when we are busy already.
    pub fn call(&self) -> Option<ChatId> {
        let mut state = self.lock();
        if state.is_busy() {
            return None;
        }
        let id = state.draw_id();
        state.calling = Some((id, None));
        Some(id)
    }

    /// The connection of our request; false when it was cancelled meanwhile.
    pub fn connected(&self, id: ChatId, stream: &Arc<TcpStream>) -> bool {
        match &mut self.lock().calling {
            Some((calling, slot)) if *calling == id => {
                *slot = Some(Arc::clone(stream));
                true
            }
            _ => false,
        }
    }

    /// Our request was accepted: the chat is open and in the foreground. False when it was cancelled meanwhile.
    pub fn accepted(&self, id: ChatId, name: Username, stream: &Arc<TcpStream>) -> bool {
        let mut state = self.lock();
        if state.calling.take_if(|(calling, _)| *calling == id).is_none() {
            return false;
        }
        state.accepted = Some(name.clone());
        state.open(Chat { id, name, verified: true, stream: Arc::clone(stream) });
        true
    }

    /// Who accepted our last request, told once; they may have left again.
    pub fn take_accepted(&self) -> Option<Username> {
        self.lock().accepted.take()
    }

    /// Our request came to nothing; false when it was cancelled.
    pub fn give_up(&self, id: ChatId) -> bool {
        self.lock().calling.take_if(|(calling, _)| *calling == id).is_some()
    }

    /// Cancels our own request; false when there is none.
    pub fn cancel(&self) -> bool {
        let calling = self.lock().calling.take();
        if let Some((_, Some(stream))) = &calling {
            let _ = stream.shutdown(Direction::Both);
        }
        calling.is_some()
    }

    /// Whether our own request waits for an answer.
    pub fn is_calling(&self) -> bool {
        self.lock().calling.is_some()
    }

    /// Who is in the foreground.
    pub fn foreground(&self) -> Option<Username> {
        let state = self.lock();
        let id = state.foreground?;
        state.open.iter().find(|chat| chat.id == id).map(|chat| chat.name.clone())
    }

    /// Whether this chat is in the foreground.
    pub fn is_foreground(&self, id: ChatId) -> bool {
        self.lock().foreground == Some(id)
    }

    /// Brings an open chat to the foreground, or none; false when there is none with `name`.
    pub fn bring(&self, name: Option<&Username>) -> bool {
        let mut state = self.lock();
        let found = name.map(|name| state.find(name).map(|chat| chat.id));
        match found {
            Some(None) => return false,
            Some(found) => state.foreground = found,
            None => state.foreground = None,
        }
        true
    }

    /// Sends a line to the foreground; false when nobody is there.
    ///
    /// # Errors
    /// What the system says; the connection is useless then.
    pub fn say(&self, text: &str) -> io::Result<bool> {
        let stream = {
            let state = self.lock();
            let foreground = state.open.iter().find(|chat| Some(chat.id) == state.foreground);
            foreground.map(|chat| Arc::clone(&chat.stream))
        };
        let Some(stream) = stream else { return Ok(false) };
        (&*stream).write_all(format!("{text}\n").as_bytes()).map(|()| true)
    }

    /// Ends the chat with `name`; false when there is none.
    pub fn close(&self, name: &Username) -> bool {
        let chat = {
            let mut state = self.lock();
            let found = state.open.iter().position(|chat| chat.name == *name);
            found.map(|at| state.open.remove(at)).inspect(|chat| {
                state.foreground.take_if(|id| *id == chat.id);
            })
        };
        // Both directions: our reading thread returns at once, and the other side reads the end of the stream.
        let closed = chat.map(|chat| chat.stream.shutdown(Direction::Both));
        closed.is_some()
    }

    /// Ends everything: open chats, and our own request.
    pub fn close_all(&self) {
        self.cancel();
        let open = {
            let mut state = self.lock();
            state.foreground = None;
            std::mem::take(&mut state.open)
        };
        for chat in &open {
            let _ = chat.stream.shutdown(Direction::Both);
        }
    }

    /// The other side ended this chat; false when we had closed it ourselves.
    pub fn ended(&self, id: ChatId) -> bool {
        let mut state = self.lock();
        let before = state.open.len();
        state.open.retain(|chat| chat.id != id);
        state.foreground.take_if(|foreground| *foreground == id);
        state.open.len() < before
    }

    /// The open chats, oldest first.
    pub fn list(&self) -> Vec<Listed> {
        let state = self.lock();
        let listed = |chat: &Chat| Listed {
            name: chat.name.clone(),
            verified: chat.verified,
            foreground: state.foreground == Some(chat.id),
        };
        state.open.iter().map(listed).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
