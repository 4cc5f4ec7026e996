//! What the driver lends a session for one call: the time, the settings in force, buffer memory.

use crate::config::Settings;
use crate::date::format_http;
use crate::message::FieldSpan;
use crate::time::{Instant, UnixMillis, Wall};
use core::fmt;
use std::sync::Arc;

/// Lent to each call of a session.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Now; taken once per turn by the driver.
    pub now: Instant,
    /// What turns `now` into wall-clock time (a stated rest may be a date).
    pub wall: Wall,
    /// The settings in force.
    pub settings: &'a Arc<Settings>,
    /// The worker's buffer memory.
    pub pool: &'a mut Pool,
}

/// Size of a block.
pub const BLOCK: usize = 64 * 1024;
/// Free blocks kept for reuse.
const FREE_BLOCKS: usize = 64;
/// Free scratch buffers kept for reuse, and the largest that is kept.
const FREE_SCRATCH: usize = 64;
const SCRATCH_KEPT: usize = 16 * 1024;

/// A worker's buffer memory: blocks for reading, scratch buffers for what is written anew or kept
/// for a repeat. Last in, first out, so that warm memory is used first; the free lists are capped.
pub struct Pool {
    free: Vec<Box<[u8]>>,
    scratch: Vec<Vec<u8>>,
    /// Spans of the head being looked at.
    pub(crate) spans: Vec<FieldSpan>,
    replay_left: usize,
    /// The value of a Date field, rendered once a second.
    date: (u64, [u8; 29]),
}

/// Counts, and none of the bytes, which outlive the session that read them.
impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("free", &self.free.len())
            .field("scratch", &self.scratch.len())
            .field("replay_left", &self.replay_left)
            .finish_non_exhaustive()
    }
}

impl Turn<'_> {
    /// The value of a Date field for what is written now (RFC 9110 section 6.6.1).
    pub(crate) fn date(&mut self) -> [u8; 29] {
        let now = self.wall.at(self.now);
        let date = &mut self.pool.date;
        if date.0 != now.0 / 1000 {
            *date = (now.0 / 1000, format_http(now));
        }
        date.1
    }
}

impl Pool {
    /// An empty pool whose requests may keep `replay_budget` bytes of bodies for repeats, all together
    /// (a worker's share of `Limits::replay_total`).
    pub fn new(replay_budget: usize) -> Self {
        Pool {
            free: Vec::new(),
            scratch: Vec::new(),
            spans: Vec::new(),
            replay_left: replay_budget,
            date: (0, format_http(UnixMillis(0))),
        }
    }

    /// A block of [`BLOCK`] bytes.
    pub(crate) fn take(&mut self) -> Box<[u8]> {
        self.free.pop().unwrap_or_else(|| vec![0; BLOCK].into_boxed_slice())
    }

    /// Gives a block back.
    pub(crate) fn put(&mut self, block: Box<[u8]>) {
        if self.free.len() < FREE_BLOCKS && block.len() == BLOCK {
            self.free.push(block);
        }
    }

    /// An empty growable buffer.
    pub(crate) fn take_scratch(&mut self) -> Vec<u8> {
        self.scratch.pop().unwrap_or_default()
    }

    /// Gives a growable buffer back. What was written there may have been a credential, so that it is wiped.
    pub(crate) fn put_scratch(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0 && buffer.capacity() <= SCRATCH_KEPT && self.scratch.len() < FREE_SCRATCH {
            buffer.fill(0);
            buffer.clear();
            self.scratch.push(buffer);
        }
    }

    /// Reserves `n` bytes of the replay budget; false when it is used up.
    pub(crate) fn reserve_replay(&mut self, n: usize) -> bool {
        match self.replay_left.checked_sub(n) {
            Some(left) => {
                self.replay_left = left;
                true
            }
            None => false,
        }
    }

    /// Gives `n` bytes of the replay budget back.
    pub(crate) fn release_replay(&mut self, n: usize) {
        self.replay_left += n;
    }

    /// Bytes of the replay budget that are not reserved.
    pub fn replay_left(&self) -> usize {
        self.replay_left
    }

    /// Blocks lying free.
    pub fn free_blocks(&self) -> usize {
        self.free.len()
    }
}
