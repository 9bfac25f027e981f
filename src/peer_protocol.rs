//! The words between two peers: the first line of a connection says what it is for, the answer says yes or why not.

mod hash;
mod proof;
mod answer;
mod give;
mod listing;
mod opening;
mod outcome;

pub use answer::{Answer, PeerRefusal};
pub use give::{AfterRefusal, BadGive, GivePath, GiverLine, MAX_GIVEN, MAX_PARTS, MAX_PATH, ReceiverLine, What};
pub use hash::{FileHash, NotAHash};
pub use listing::{NotASharedFile, SharedFile};
pub use opening::{BadOpening, Opening, TicketField};
pub use outcome::{BadOutcome, MAX_OUTPUT, Outcome, Status};
pub use proof::{NotAProof, Proof, Side};
