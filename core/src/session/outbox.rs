//! What is to be written to one side, in order: bytes of our own, ranges lent by the other side's inbox, and
//! the kept request body.

use super::inbox::Inbox;
use super::seam::Transmit;
use crate::time::Instant;
use crate::turn::Pool;

/// Most pieces at once; when it is full, nothing more is parsed until some are sent.
const PIECES: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// So many bytes of `own`.
    Own(u32),
    /// This range of the other side's block.
    Lent { start: u32, end: u32 },
    /// So many bytes of the exchange's pending body.
    Kept(u32),
}

#[derive(Debug)]
pub(super) struct Outbox {
    own: Vec<u8>,
    own_sent: u32,
    own_queued: u32,
    pieces: [Piece; PIECES],
    len: u8,
    /// When some of what is queued has to be sent at the latest.
    until: Instant,
}

/// What was sent of the sources that are not the outbox's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Bytes of the kept request body.
    pub(super) kept: usize,
    /// Nothing lent is left.
    pub(super) unlent: bool,
}

impl Default for Outbox {
    fn default() -> Self {
        Outbox {
            own: Vec::new(),
            own_sent: 0,
            own_queued: 0,
            pieces: [Piece::Own(0); PIECES],
            len: 0,
            until: Instant::ZERO,
        }
    }
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When some of what is queued has to be sent at the latest, if anything is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.is_empty()).then_some(self.until)
    }

    /// From now on it is to be then.
    pub(super) fn put_off(&mut self, until: Instant) {
        self.until = until;
    }

    /// Whether three more pieces fit: a chunk's header, its data, its end.
    pub(super) fn has_room(&self) -> bool {
        usize::from(self.len) + 3 <= PIECES
    }

    /// Whether some bytes of the other side's inbox are still to be sent.
    pub(super) fn lends(&self) -> bool {
        self.pieces().iter().any(|piece| matches!(piece, Piece::Lent { .. }))
    }

    /// Whether some of the kept body is queued.
    pub(super) fn has_kept(&self) -> bool {
        self.pieces().iter().any(|piece| matches!(piece, Piece::Kept(_)))
    }

    /// The buffer for bytes of our own; what is written to it is queued by the next `queue_own`.
    pub(super) fn own(&mut self, pool: &mut Pool) -> &mut Vec<u8> {
        if self.own.capacity() == 0 {
            self.own = pool.take_scratch();
        }
        &mut self.own
    }

    /// Queues what was written to `own` since the last call.
    pub(super) fn queue_own(&mut self) {
        let len = self.own.len() as u32;
        let new = len - core::mem::replace(&mut self.own_queued, len);
        if new == 0 {
            return;
        }
        match self.last() {
            Some(Piece::Own(n)) => *n += new,
            _ => self.push(Piece::Own(new)),
        }
    }

    /// Queues a range of the other side's block.
    pub(super) fn queue_lent(&mut self, start: usize, end: usize) {
        let (start, new_end) = (start as u32, end as u32);
        if start == new_end {
            return;
        }
        match self.last() {
            Some(Piece::Lent { end, .. }) if *end == start => *end = new_end,
            _ => self.push(Piece::Lent { start, end: new_end }),
        }
    }

    /// Queues bytes of the kept body.
    pub(super) fn queue_kept(&mut self, n: usize) {
        self.push(Piece::Kept(n as u32));
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces[..usize::from(self.len)]
    }

    fn last(&mut self) -> Option<&mut Piece> {
        self.pieces[..usize::from(self.len)].last_mut()
    }

    fn push(&mut self, piece: Piece) {
        debug_assert!(usize::from(self.len) < PIECES, "parsed on without room");
        if let Some(slot) = self.pieces.get_mut(usize::from(self.len)) {
            *slot = piece;
            self.len += 1;
        }
    }

    /// The slices to write. `lent` is the other side's inbox, `kept` the exchange's pending body.
    pub(super) fn transmit<'a>(&'a self, lent: &'a Inbox, kept: &'a [u8]) -> Transmit<'a> {
        let mut transmit = Transmit::new();
        let mut own = self.own_sent as usize;
        for piece in self.pieces() {
            let slice = match *piece {
                Piece::Own(n) => {
                    own += n as usize;
                    self.own.get(own - n as usize..own).unwrap_or_default()
                }
                Piece::Lent { start, end } => lent.slice(start as usize, end as usize),
                Piece::Kept(n) => kept.get(..n as usize).unwrap_or_default(),
            };
            if !transmit.push(slice) {
                break;
            }
        }
        transmit
    }

    /// `n` bytes of what `transmit` gave were written.
    pub(super) fn sent(&mut self, mut n: usize, pool: &mut Pool) -> Sent {
        let lent_before = self.lends();
        let mut sent = Sent::default();
        let mut gone = 0;
        for piece in &mut self.pieces[..usize::from(self.len)] {
            let size = match *piece {
                Piece::Own(size) | Piece::Kept(size) => size as usize,
                Piece::Lent { start, end } => (end - start) as usize,
            };
            let take = n.min(size);
            n -= take;
            match piece {
                Piece::Own(left) => {
                    *left -= take as u32;
                    self.own_sent += take as u32;
                }
                Piece::Lent { start, .. } => *start += take as u32,
                Piece::Kept(left) => {
                    *left -= take as u32;
                    sent.kept += take;
                }
            }
            if take < size {
                break;
            }
            gone += 1;
        }
        self.pieces.copy_within(gone..usize::from(self.len), 0);
        self.len -= gone as u8;
        if self.own_sent as usize == self.own.len() {
            self.drop_own(pool);
        }
        sent.unlent = lent_before && !self.lends();
        sent
    }

    fn drop_own(&mut self, pool: &mut Pool) {
        (self.own_sent, self.own_queued) = (0, 0);
        pool.put_scratch(core::mem::take(&mut self.own));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, pool: &mut Pool) {
        self.len = 0;
        self.drop_own(pool);
    }

    /// Bytes of buffer memory held.
    pub(super) fn held(&self) -> usize {
        self.own.capacity()
    }
}
