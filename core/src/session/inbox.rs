//! What one side sent and is not done with: one block, lent by the worker's pool while it holds bytes.
//!
//! ```text
//! 0        start            parsed            end            BLOCK
//! ├ done ──┼ lent to the ───┼ not looked at ──┼ spare room ──┤
//!            other side       yet
//! ```
//!
//! Bytes between `start` and `parsed` may be in the other side's [`super::outbox::Outbox`]; they neither move nor
//! are overwritten until the outbox says that nothing is lent any more.

use crate::turn::Pool;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    block: Option<Box<[u8]>>,
    start: usize,
    parsed: usize,
    end: usize,
}

impl Inbox {
    /// Room to read into; empty when there is none, which means: do not read.
    pub(super) fn spare(&mut self, lent: bool, pool: &mut Pool) -> &mut [u8] {
        if !lent {
            self.release();
        }
        let block = self.block.get_or_insert_with(|| pool.take());
        if self.end == block.len() && self.start == self.parsed && self.parsed > 0 {
            block.copy_within(self.parsed..self.end, 0);
            self.end -= self.parsed;
            (self.start, self.parsed) = (0, 0);
        }
        &mut block[self.end..]
    }

    /// Whether `spare` would not be empty.
    pub(super) fn has_room(&self, lent: bool) -> bool {
        self.block.as_ref().is_none_or(|block| self.end < block.len() || (!lent && self.parsed > 0))
    }

    /// `n` bytes were read into `spare`.
    pub(super) fn filled(&mut self, n: usize) {
        let room = self.block.as_ref().map_or(0, |block| block.len());
        self.end = (self.end + n).min(room);
    }

    /// Bytes not looked at yet.
    pub(super) fn unread(&mut self) -> &mut [u8] {
        match &mut self.block {
            Some(block) => &mut block[self.parsed..self.end],
            None => &mut [],
        }
    }

    pub(super) fn unread_len(&self) -> usize {
        self.end - self.parsed
    }

    /// The first `n` unread bytes are done with or lent; returns where in the block they began.
    pub(super) fn consume(&mut self, n: usize) -> usize {
        let at = self.parsed;
        self.parsed = (self.parsed + n).min(self.end);
        at
    }

    /// Lent bytes by their place in the block.
    pub(super) fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.block.as_ref().and_then(|block| block.get(start..end)).unwrap_or_default()
    }

    /// The same, to be masked in place before it is lent.
    pub(super) fn slice_mut(&mut self, start: usize, end: usize) -> &mut [u8] {
        self.block.as_mut().and_then(|block| block.get_mut(start..end)).unwrap_or_default()
    }

    /// Nothing is lent any more.
    pub(super) fn release(&mut self) {
        self.start = self.parsed;
        if self.parsed == self.end {
            (self.start, self.parsed, self.end) = (0, 0, 0);
        }
    }

    /// Gives the block back if it holds nothing.
    pub(super) fn rest(&mut self, lent: bool, pool: &mut Pool) {
        if !lent {
            self.release();
            if self.end == 0
                && let Some(block) = self.block.take()
            {
                pool.put(block);
            }
        }
    }

    /// Forgets what was not looked at.
    pub(super) fn discard(&mut self) {
        self.end = self.parsed;
    }

    /// Forgets all bytes.
    pub(super) fn clear(&mut self, pool: &mut Pool) {
        if let Some(block) = self.block.take() {
            pool.put(block);
        }
        *self = Inbox::default();
    }

    /// Bytes of buffer memory held.
    pub(super) fn held(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.len())
    }
}
