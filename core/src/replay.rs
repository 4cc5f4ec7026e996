//! The request body on its way upstream, kept while the request may have to be sent again.
//!
//! ```text
//!            push                       over the cap, over the budget, or commit
//! Repeatable ────► kept in full          ──────────────────────────► Once: only what is not sent yet
//!    ▲ rewind: sent = 0                                               is held; then data is passed, not kept
//! ```
//!
//! While a repeat is possible the body has to be copied anyway, so the first attempt is sent from the copy
//! too: the client's block is free at once and there is one way to send, not two.

use crate::limits::Limits;
use crate::secret::Veiled;
use crate::turn::{BLOCK, Pool};
use core::fmt;

/// What becomes of request data that arrives now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It is copied: hand it to `Exchange::handle_data`, then forget it.
    Keep,
    /// It is not copied: show it to `Exchange::handle_data`, then send it upstream from where it lies.
    Pass,
    /// Not now: leave it unread (back-pressure).
    Wait,
    /// Nobody wants it any more: read it and drop it.
    Discard,
}

/// The kept part of a request body.
pub struct Replay {
    kept: Vec<u8>,
    sent: usize,
    repeatable: bool,
    reserved: usize,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("kept", &Veiled(self.kept.len()))
            .field("sent", &self.sent)
            .field("repeatable", &self.repeatable)
            .finish_non_exhaustive()
    }
}

impl Replay {
    /// Nothing kept yet; a repeat is possible.
    pub fn new(pool: &mut Pool) -> Self {
        Replay { kept: pool.take_scratch(), sent: 0, repeatable: true, reserved: 0 }
    }

    /// What becomes of data that arrives now. `live`: an attempt is under way that may be sent body bytes;
    /// `peek`: so many bytes are wanted even before that, to find the model in them.
    pub fn intake(&self, live: bool, peek: usize) -> Intake {
        let pending = self.kept.len() - self.sent;
        match self.repeatable {
            true if pending < BLOCK.max(peek) => Intake::Keep,
            false if pending == 0 && live => Intake::Pass,
            _ => Intake::Wait,
        }
    }

    /// Keeps `data` (at most what one read brought).
    pub fn push(&mut self, data: &[u8], limits: &Limits, pool: &mut Pool) {
        if self.repeatable {
            let fits = self.kept.len() + data.len() <= limits.replay;
            if fits && pool.reserve_replay(data.len()) {
                self.reserved += data.len();
            } else {
                self.commit(pool);
            }
        }
        self.kept.extend_from_slice(data);
    }

    /// What is to be sent next.
    pub fn pending(&self) -> &[u8] {
        &self.kept[self.sent..]
    }

    /// All that is kept, from the body's first byte on; empty once a repeat is impossible.
    pub fn whole(&self) -> &[u8] {
        if self.repeatable { &self.kept } else { &[] }
    }

    /// `n` bytes of `pending` were sent.
    pub fn advance(&mut self, n: usize) {
        self.sent = (self.sent + n).min(self.kept.len());
        if !self.repeatable && self.sent == self.kept.len() {
            self.kept.clear();
            self.sent = 0;
        }
    }

    /// Whether the body can be sent again from its first byte.
    pub fn repeatable(&self) -> bool {
        self.repeatable
    }

    /// A new attempt begins at the first byte.
    pub fn rewind(&mut self) {
        debug_assert!(self.repeatable || self.sent == 0);
        self.sent = 0;
    }

    /// No repeat from here on: what was sent is forgotten, its share of the budget given back.
    pub fn commit(&mut self, pool: &mut Pool) {
        if !self.repeatable {
            return;
        }
        self.repeatable = false;
        pool.release_replay(core::mem::take(&mut self.reserved));
        self.kept.drain(..self.sent);
        self.sent = 0;
        // Its share of the budget is others' now: what is left to be sent does not hold the memory of all that was kept.
        self.kept.shrink_to(BLOCK);
        if self.kept.is_empty() {
            pool.put_scratch(core::mem::take(&mut self.kept));
        }
    }

    /// Bytes of memory held.
    pub fn held(&self) -> usize {
        self.kept.capacity()
    }

    /// The request is over: memory and budget go back.
    pub fn free(&mut self, pool: &mut Pool) {
        self.commit(pool);
        self.sent = 0;
        pool.put_scratch(core::mem::take(&mut self.kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(replay: usize) -> Limits {
        Limits { replay, ..Limits::default() }
    }

    #[test]
    fn a_body_within_the_cap_can_be_sent_again() {
        let mut pool = Pool::new(10);
        let mut body = Replay::new(&mut pool);
        body.push(b"hello", &limits(5), &mut pool);
        body.advance(5);
        assert!(body.repeatable() && body.pending().is_empty());
        body.rewind();
        assert_eq!(body.pending(), b"hello");
        assert_eq!(pool.replay_left(), 5);
        body.free(&mut pool);
        assert_eq!(pool.replay_left(), 10);
    }

    #[test]
    fn beyond_the_cap_or_the_budget_it_is_sent_once() {
        for (cap, budget) in [(5, 100), (100, 5)] {
            let mut pool = Pool::new(budget);
            let mut body = Replay::new(&mut pool);
            body.push(b"hello", &limits(cap), &mut pool);
            body.advance(3);
            body.push(b"!", &limits(cap), &mut pool);
            assert!(!body.repeatable());
            assert_eq!(body.pending(), b"lo!");
            assert_eq!(body.intake(true, 0), Intake::Wait, "what is kept goes first");
            body.advance(3);
            assert_eq!(body.intake(true, 0), Intake::Pass);
            assert_eq!(body.intake(false, 0), Intake::Wait);
            assert_eq!(pool.replay_left(), budget);
        }
    }

    #[test]
    fn what_gives_its_share_of_the_budget_back_gives_the_memory_back() {
        let mut pool = Pool::new(usize::MAX / 2);
        let mut body = Replay::new(&mut pool);
        for _ in 0..64 {
            body.push(&vec![0; BLOCK], &Limits::default(), &mut pool);
            body.advance(BLOCK - 1);
        }
        body.push(&vec![0; BLOCK], &Limits::default(), &mut pool);
        assert!(!body.repeatable());
        let pending = body.pending().len();
        assert!(0 < pending && body.held() <= 2 * BLOCK.max(pending), "{pending} bytes hold {}", body.held());
    }

    #[test]
    fn a_reader_that_pauses_holds_back_the_client_within_one_block() {
        let mut pool = Pool::new(usize::MAX / 2);
        let mut body = Replay::new(&mut pool);
        body.push(&vec![0; BLOCK], &Limits::default(), &mut pool);
        assert_eq!(body.intake(true, 0), Intake::Wait);
        assert_eq!(body.intake(false, 1 << 20), Intake::Keep, "unless the model is looked for");
        body.advance(1);
        assert_eq!(body.intake(true, 0), Intake::Keep);
    }
}
