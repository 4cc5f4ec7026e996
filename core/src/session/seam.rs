//! The values that pass between a session and its driver.

use crate::notice::Notice;
use crate::origin::Origin;
use crate::proxy::Ask;
use crate::secret::Veiled;
use core::fmt;
use core::time::Duration;
use std::io::IoSlice;

/// The two byte streams of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The client's connection.
    Downstream,
    /// The upstream's connection.
    Upstream,
}

/// What a session wants of its driver. Exhaustive on purpose: a new variant breaks every driver at compile time.
#[derive(Debug)]
pub enum Action {
    /// Ask the proxy; hand its reply to `handle_reply` (after `Queued`, a second call brings the wake's reply).
    Ask(Ask),
    /// Get a connection to this origin; answer by `handle_linked`. The previous upstream link, if any, was hung up or parked.
    Dial(Dial),
    /// The upstream link is clean: keep it as idle for at most `idle`, not beyond `Limits::upstream_age` since it was made.
    Park {
        /// Its origin.
        origin: Origin,
        /// Longest idle time.
        idle: Duration,
    },
    /// End this side. `Fin`: everything pending was sent, shut the writing half down (downstream: reading goes on until
    /// `Done`); an upstream link is closed and dropped at once. `Reset`: drop the link so that the peer sees a break.
    Hangup(Side, How),
    /// End the writing half of this side once what is pending was sent; reading goes on (a FIN passed on in a tunnel).
    EndWriting(Side),
    /// Stop a dial that is under way, its link is not wanted any more.
    StopDial,
    /// Log this.
    Notice(Notice),
    /// The session is over: drop everything.
    Done,
}

/// A connection asked for.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Where to.
    pub origin: Origin,
    /// Whether an idle connection may be used for it (not for a request that cannot be repeated, while the origin is
    /// known to close idle connections: `Idle` judges by this flag).
    pub repeatable: bool,
    /// Never an idle one.
    pub fresh: bool,
    /// Time allowed for each address, TLS included.
    pub per_address: Duration,
}

/// How a side ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// In order: what was pending has been sent.
    Fin,
    /// Visibly broken.
    Reset,
}

/// A connection is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linked {
    /// It was idle before (so it may die of the keep-alive race).
    pub reused: bool,
}

/// Why no connection could be had: of the last address that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// The name has no address, or the lookup failed.
    Resolve(String),
    /// The peer refused, or no route.
    Connect(String),
    /// An address did not answer within `Dial::per_address`.
    Timeout,
    /// The TLS handshake failed: expired, wrong name, unknown issuer, …
    Tls(String),
    /// The machine is out of descriptors or ports.
    Resources(String),
}

/// How a side was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Reset by the peer, or any other final error of a read or write.
    Reset,
    /// The peer ended its direction in order before it reset: what it sent until then is whole.
    Closed,
    /// TLS: the stream ended without close_notify, or a record was bad.
    Tls(String),
}

/// What the process tells all its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Finish the exchange under way, then close; idle ones close at once.
    Drain,
}

/// Why a session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The request head is taking too long.
    HeadTime,
    /// No further request on an idle client connection.
    KeepAlive,
    /// Silence within the request body.
    BodyIdle,
    /// The request body is slower than the slowest allowed.
    BodyRate,
    /// The model was not seen in the body in time.
    ModelWait,
    /// Pause before another key is tried after an overload.
    Backoff,
    /// The upstream does not answer.
    UpstreamHead,
    /// The error body is taking too long.
    ErrorTime,
    /// The request's budget before its commit is used up.
    Budget,
    /// Silence within the answer.
    StreamIdle,
    /// Silence in a tunnel.
    TunnelIdle,
    /// A peer takes nothing of what is to be written to it.
    WriteIdle,
    /// The closed client connection was read long enough.
    Linger,
}

/// Most slices in one [`Transmit`].
pub const SLICES: usize = 16;

/// Bytes to write to one side, borrowed from the session: a few slices, in order. Empty: nothing to write.
pub struct Transmit<'a> {
    slices: [IoSlice<'a>; SLICES],
    len: usize,
}

impl fmt::Debug for Transmit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.slices().iter().map(|slice| Veiled(slice.len()))).finish()
    }
}

impl<'a> Transmit<'a> {
    /// Nothing.
    pub(crate) fn new() -> Self {
        Transmit { slices: [IoSlice::new(&[]); SLICES], len: 0 }
    }

    /// Adds a slice; false when there is no room for it. Empty ones are left out.
    pub(crate) fn push(&mut self, bytes: &'a [u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let Some(slot) = self.slices.get_mut(self.len) else { return false };
        *slot = IoSlice::new(bytes);
        self.len += 1;
        true
    }

    /// The slices.
    pub fn slices(&self) -> &[IoSlice<'a>] {
        &self.slices[..self.len]
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
