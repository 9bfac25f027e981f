//! What members say to everybody.

use super::rendezvous::Rendezvous;
use crate::protocol::{BroadcastText, Refusal};
use crate::server::clients::SessionKey;
use crate::server::directory::Failed;
use log::info;

impl Rendezvous {
    /// Broadcasts these texts to everybody, the sender too. The sequence number of the first, and how many clients that
    /// are; nothing where it is not known what became of them: then nothing is to be answered, and the session ends.
    ///
    /// # Errors
    /// A disk that is full: none of them is broadcast.
    pub fn broadcast(&self, by: &SessionKey, texts: &[BroadcastText]) -> Result<Option<(u64, usize)>, Refusal> {
        let taken = self.directory.append(&by.name, texts);
        self.counters.broadcasts.add(texts.len() as u64 * u64::from(taken.is_ok()));
        match taken {
            Ok(seq) => Ok(Some((seq, self.clients.audience()))),
            Err(Failed::Unknown(why)) => {
                info!("{}: {why}, so the session ends without an answer", by.name);
                // One that was taken over is ended by whoever did so.
                self.clients.mailbox(by, |own| own.close());
                Ok(None)
            }
            Err(why) => {
                Err(why.into_refusal(|error| Refusal::Other(format!("The server cannot store the broadcast: {error}"))))
            }
        }
    }
}
