//! At which event the row of a piece of a stream stands.

use crate::connections::EventId;
use crate::merge::Merged;
use std::collections::HashMap;

/// The pieces that each event shows. The last piece of a read stands where it was read, others where they were written:
/// so a write that comes in two reads begins once and arrives twice, and three writes in one read come from three
/// places.
pub fn pieces_at(merged: &Merged) -> HashMap<EventId, Vec<usize>> {
    let place: HashMap<EventId, usize> = merged.order.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let mut pieces_at: HashMap<EventId, Vec<usize>> = HashMap::new();
    let mut before = None;
    for (number, piece) in merged.pieces.iter().enumerate() {
        let is_last = piece.of_read.0 == piece.of_read.1;
        let Some(own) = piece.read.filter(|_| is_last).or(piece.write).or(piece.read) else { continue };
        // In one direction nothing overtakes: a piece does not stand above the one before it.
        let direction = (piece.connection, piece.write.is_some() || piece.is_watched);
        let last = before.filter(|(other, _)| *other == direction).map(|(_, event): (_, EventId)| event);
        let anchor = last.filter(|last| place.get(last) > place.get(&own)).unwrap_or(own);
        pieces_at.entry(anchor).or_default().push(number);
        before = Some((direction, anchor));
    }
    pieces_at
}
