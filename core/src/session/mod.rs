//! One HTTP/1 client connection: the two codecs, paired with one exchange after another.

mod seam;

pub use seam::*;

use crate::proxy::{Ask, Reply};
use crate::time::Instant;
use crate::turn::{Pool, Turn};

/// One HTTP/1 client connection .
///
/// # Order of calls
/// After any `handle_*`, drain [`Session::poll`] to `None`; write while [`Session::poll_transmit`] is non-empty;
/// read while [`Session::wants_read`]; sleep until [`Session::poll_timeout`]. `handle_*` cannot fail.
#[derive(Debug)]
pub struct Session;

#[allow(unused_variables, missing_docs)]
impl Session {
    /// `worker` goes into wants and admin calls so that wakes find their way; `seed` names the session's ids.
    pub fn new(worker: u32, seed: u64, turn: &mut Turn<'_>) -> Self {
        unimplemented!()
    }
    // Reading.
    pub fn wants_read(&self, side: Side) -> bool {
        unimplemented!()
    }
    pub fn recv_buf<'s>(&'s mut self, side: Side, turn: &mut Turn<'_>) -> &'s mut [u8] {
        unimplemented!()
    }
    pub fn handle_recv(&mut self, side: Side, n: usize, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    pub fn handle_eof(&mut self, side: Side, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    pub fn handle_lost(&mut self, side: Side, loss: Loss, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    // Writing.
    pub fn has_transmit(&self, side: Side) -> bool {
        unimplemented!()
    }
    pub fn poll_transmit(&self, side: Side) -> Transmit<'_> {
        unimplemented!()
    }
    pub fn handle_sent(&mut self, side: Side, n: usize, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    // What passes between this session, the proxy and the driver.
    pub fn handle_reply(&mut self, reply: Reply, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    pub fn handle_linked(&mut self, linked: Result<Linked, DialError>, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    pub fn handle_signal(&mut self, signal: Signal, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    pub fn poll(&mut self) -> Option<Action> {
        unimplemented!()
    }
    // Time.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        unimplemented!()
    }
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    // Rest and end.
    /// At the end of a turn: gives empty blocks back.
    pub fn rest(&mut self, turn: &mut Turn<'_>) {
        unimplemented!()
    }
    /// A session dropped mid-flight still settles its lease (or cancels its ticket) and gives its memory back.
    pub fn abandon(self, pool: &mut Pool) -> Option<Ask> {
        unimplemented!()
    }
}
