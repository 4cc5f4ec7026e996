//! A client's connection: what is still to be sent, what is under way, and when it leaves.

use super::{Ending, Outcome};
use crate::model::answer::{Framing, Reader};
use crate::sim::errand::{Leave, Leaving, When};
use crate::sim::net::{End, Write};
use crate::sim::pipe::Read;
use crate::sim::world::World;
use std::collections::VecDeque;
use std::io::IoSlice;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) end: End,
    pub(super) reader: Reader,
    /// Bytes still to be written.
    pub(super) outbox: VecDeque<u8>,
    /// Outcomes under way, in order.
    pub(super) under_way: VecDeque<usize>,
    /// The body that waits for `100 Continue`, and until when.
    pub(super) held: Option<(Vec<u8>, u64)>,
    /// Where the body pauses: bytes of the outbox left, for how long; then until when.
    pub(super) pause: Option<(usize, u64)>,
    pub(super) paused_until: Option<u64>,
    pub(super) leave: Option<(Leave, u64)>,
    pub(super) got: usize,
    pub(super) sent: usize,
    pub(super) read_at: u64,
    pub(super) half_closed: bool,
    /// It neither reads nor writes any more, until the connection is ended.
    pub(super) deaf: bool,
    pub(super) closing: bool,
    /// When a request was begun last, and the longest between two of them.
    pub(super) asked_at: Option<u64>,
    pub(super) silence: u64,
}

impl Link {
    /// A connection on which nothing was asked yet.
    pub(super) fn new(end: End) -> Self {
        Link {
            end,
            reader: Reader::default(),
            outbox: VecDeque::new(),
            under_way: VecDeque::new(),
            held: None,
            pause: None,
            paused_until: None,
            leave: None,
            got: 0,
            sent: 0,
            read_at: 0,
            half_closed: false,
            deaf: false,
            closing: false,
            asked_at: None,
            silence: 0,
        }
    }

    pub(super) fn write(&mut self, world: &mut World, now: u64, outcomes: &mut [Outcome]) -> bool {
        if self.deaf {
            return false;
        }
        self.release(now, true);
        if self.paused_until.is_some_and(|until| until > now) {
            return false;
        }
        let mut moved = false;
        while !self.outbox.is_empty() {
            let stop = match self.pause {
                Some((left, span)) if left >= self.outbox.len() => {
                    (self.pause, self.paused_until) = (None, Some(now + span));
                    return moved;
                }
                Some((left, _)) => self.outbox.len() - left,
                None => usize::MAX,
            };
            let most = match self.leave {
                Some((Leave { when: When::Sent(n), .. }, _)) => n.saturating_sub(self.sent),
                _ => usize::MAX,
            };
            let front = self.outbox.as_slices().0;
            let slice = &front[..front.len().min(most).min(stop)];
            if slice.is_empty() {
                return moved;
            }
            match world.net.write(self.end, &[IoSlice::new(slice)], now) {
                Write::Took(n) => {
                    self.outbox.drain(..n);
                    self.sent += n;
                    moved = true;
                }
                Write::Full | Write::Reset => return moved,
            }
        }
        // What a client kept back when it ended its direction is not written, although nothing waits any more.
        if self.held.is_none()
            && !self.half_closed
            && let Some(outcome) = self.under_way.back().map(|index| &mut outcomes[*index])
        {
            outcome.sent = true;
        }
        moved
    }

    pub(super) fn read(&mut self, world: &mut World, now: u64, pace: Option<(usize, u64)>) -> Read {
        let World { net, scratch: buffer, .. } = world;
        if self.deaf {
            return if net.ended(self.end) { Read::Reset } else { Read::Empty };
        }
        let most = match pace {
            Some(_) if now < self.read_at => return Read::Empty,
            Some((most, _)) => most.min(buffer.len()),
            None => buffer.len(),
        };
        let got = net.read(self.end, &mut buffer[..most]);
        if let Read::Got(n) = got {
            self.got += n;
            self.reader.feed(&buffer[..n]);
            if let Some((_, pause)) = pace {
                self.read_at = now + pause;
            }
        }
        got
    }

    /// Lets go of a body that waited for `100 Continue`, once that came or patience ended.
    pub(super) fn release(&mut self, now: u64, by_time: bool) {
        let alone = self.under_way.len() == 1;
        if let Some((body, until)) = self.held.take() {
            let opened = self.reader.open().is_some_and(|answer| answer.framing == Framing::Tunnel);
            let continued = alone && if until == u64::MAX { opened } else { self.reader.continued() };
            if continued || (by_time && until <= now) {
                self.outbox.extend(body);
            } else {
                self.held = Some((body, until));
            }
        }
    }

    /// Leaves, when that time has come.
    pub(super) fn leaves(&mut self, world: &mut World, now: u64) -> Option<Ending> {
        let (leave, began) = self.leave.filter(|_| !self.under_way.is_empty())?;
        let due = match leave.when {
            When::Sent(n) => self.sent >= n,
            When::Got(n) => self.got >= n.max(1),
            When::After(span) => now >= began + span,
        };
        if !due {
            return None;
        }
        self.leave = None;
        match leave.how {
            Leaving::Fin => world.net.close(self.end, now),
            Leaving::Reset => world.net.reset(self.end, now),
            Leaving::HalfClose => {
                self.half_closed = true;
                self.outbox.clear();
                world.net.shutdown(self.end, now);
                return None;
            }
            Leaving::Deaf => {
                self.deaf = true;
                return None;
            }
        }
        Some(Ending::Left)
    }
}
