//! One connection as the session loop sees it: plain or TLS.

use crate::tls::Tls;
use crate::traits::Stream;
use keywheel_core::session::{How, Loss};
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

/// A connection, plain or TLS.
#[derive(Debug)]
pub enum Link<S> {
    /// The bytes of the socket themselves.
    Plain(S),
    /// Plaintext of a TLS connection.
    Tls(Box<Tls<S>>),
}

/// What a read or a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How many bytes were moved. A read of 0 is the end of the stream.
    pub n: usize,
    /// Nothing more can be moved for now: ask for readiness before the next try.
    pub blocked: bool,
}

/// Why nothing was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing can be moved for now: ask for readiness.
    Blocked,
    /// The connection is gone.
    Lost(Loss),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Fault::Blocked,
            io::ErrorKind::BrokenPipe => Fault::Lost(Loss::Closed),
            // No socket says so: it comes from TLS.
            io::ErrorKind::InvalidData => Fault::Lost(Loss::Tls(error.to_string())),
            _ => Fault::Lost(Loss::Reset),
        }
    }
}

impl<S: Stream> Link<S> {
    /// Reads into `buf`, which is not empty.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn try_read(&mut self, buf: &mut [u8]) -> Result<Moved, Fault> {
        match self {
            Link::Plain(io) => {
                let n = io.try_read(buf)?;
                // The end is no reason to wait: whoever reads on gets it again.
                Ok(Moved { n, blocked: 0 < n && n < buf.len() })
            }
            Link::Tls(tls) => tls.try_read(buf),
        }
    }

    /// Writes from the slices in order; not all of them are empty.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn try_write(&mut self, slices: &[IoSlice<'_>]) -> Result<Moved, Fault> {
        match self {
            Link::Plain(io) => {
                let n = io.try_write_vectored(slices)?;
                Ok(Moved { n, blocked: n < slices.iter().map(|s| s.len()).sum() })
            }
            Link::Tls(tls) => tls.try_write(slices),
        }
    }

    /// Whether bytes taken by [`Link::try_write`] still have to go out by [`Link::flush`].
    pub fn has_pending(&self) -> bool {
        match self {
            Link::Plain(_) => false,
            Link::Tls(tls) => tls.has_pending(),
        }
    }

    /// Sends what is pending.
    ///
    /// # Errors
    /// `Blocked` when not all of it went out.
    pub fn flush(&mut self) -> Result<(), Fault> {
        match self {
            Link::Plain(_) => Ok(()),
            Link::Tls(tls) => tls.flush(),
        }
    }

    /// See [`Stream::poll_read_ready`].
    pub fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Link::Plain(io) => io.poll_read_ready(cx),
            Link::Tls(tls) => tls.poll_read_ready(cx),
        }
    }

    /// See [`Stream::poll_write_ready`].
    pub fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Link::Plain(io) => io.poll_write_ready(cx),
            Link::Tls(tls) => tls.poll_write_ready(cx),
        }
    }

    /// See [`Stream::shutdown`]. TLS says so to its peer first.
    pub fn shutdown(&mut self, how: How) {
        match self {
            Link::Plain(io) => io.shutdown(how),
            Link::Tls(tls) => tls.shutdown(how),
        }
    }

    /// Whether an idle connection can carry another request: open, and silent so far.
    pub fn is_alive(&mut self) -> bool {
        match self {
            Link::Plain(_) => matches!(self.try_read(&mut [0]), Err(Fault::Blocked)),
            Link::Tls(tls) => tls.is_silent(),
        }
    }
}
