//! One side of a session: its link, and what the loop remembers of either direction.

use crate::link::Link;
use crate::traits::Stream;
use std::task::Context;

/// What is known of one direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Worth a try.
    Open,
    /// The last try moved all there was: ask for readiness first.
    Blocked,
    /// As `Blocked`, and this task will be woken.
    Armed,
    /// Nothing will move in this direction any more.
    Ended,
}

/// A link and its two directions.
#[derive(Debug)]
pub(super) struct Half<S> {
    pub(super) link: Link<S>,
    pub(super) reading: Way,
    pub(super) writing: Way,
    /// A write was told of a reset. Reads are not told of it again: behind what had arrived they find an end that looks
    /// like one in order.
    pub(super) reset: bool,
}

impl<S: Stream> Half<S> {
    /// A link whose reading direction is in this state; a write is worth a try.
    pub(super) fn new(link: Link<S>, reading: Way) -> Self {
        Half { link, reading, writing: Way::Open, reset: false }
    }

    /// The task was woken, maybe for one of these.
    pub(super) fn wake(&mut self) {
        for way in [&mut self.reading, &mut self.writing] {
            if *way == Way::Armed {
                *way = Way::Blocked;
            }
        }
    }

    /// Sees to it that the task is woken when a wanted direction is ready; true when one is ready now.
    pub(super) fn arm(&mut self, read: bool, write: bool, cx: &mut Context<'_>) -> bool {
        let mut ready = false;
        if read && self.reading == Way::Blocked {
            let now = self.link.poll_read_ready(cx).is_ready();
            self.reading = if now { Way::Open } else { Way::Armed };
            ready |= now;
        }
        if write && self.writing == Way::Blocked {
            let now = self.link.poll_write_ready(cx).is_ready();
            self.writing = if now { Way::Open } else { Way::Armed };
            ready |= now;
        }
        ready
    }
}
