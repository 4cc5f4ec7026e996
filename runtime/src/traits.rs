//! The four traits between the driver and whatever carries it: tokio, smol, or the simulator.
//!
//! Static generics only. Everything in this crate that needs a socket, a clock, chance, a thread or
//! another task asks a [`Runtime`] for it, so that a simulated one can drive all of it.
//!
//! # Contract of every socket
//! Try first; ask for readiness only after a try came to `WouldBlock` or moved fewer bytes than it
//! could have (the caller then counts the direction as blocked and does not try again before it was
//! reported ready). Any other error is final: the socket is dropped. One task polls a socket at a
//! time, and only the waker of the last poll of each direction is woken.

use crate::host;
use keywheel_core::session::How;
use keywheel_core::time::{Instant, UnixMillis};
use rustls::crypto::CryptoProvider;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A connected byte stream.
pub trait Stream: 'static {
    /// Reads what is there, at most `buf.len()` bytes; `Ok(0)` is the end of the stream. `buf` is not empty.
    ///
    /// Fewer bytes than asked for mean that no more were there: the caller asks [`Stream::poll_read_ready`]
    /// before it reads again, which must report bytes *and an end* that came with or after them.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; any other is final.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes from the slices in order; fewer bytes than given mean that the peer's window is full for now.
    ///
    /// # Errors
    /// `WouldBlock` when nothing can be taken; any other is final.
    fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Ready when a read is worth trying (bytes, end, or error). May be ready without reason, never pending for ever.
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ready when a write is worth trying (room, or error).
    fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// `Fin`: everything written is on its way, the writing half ends; reading goes on.
    /// `Reset`: when this stream is dropped, the peer must see a break and not an orderly end.
    fn shutdown(&mut self, how: How);
}

/// A listening socket.
pub trait Listener: 'static {
    /// What it accepts.
    type Stream: Stream;

    /// The next connection and its peer's address, with the options of a fresh one set.
    ///
    /// # Errors
    /// Those of `accept`; the listener stays usable after each of them.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>>;

    /// Where it listens; the real port when 0 was asked for.
    ///
    /// # Errors
    /// Those of `getsockname`.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A timer that can be set again and again.
pub trait Timer: 'static {
    /// Expires at `at`, whatever was set before.
    fn reset(&mut self, at: Instant);

    /// Ready once the time set has come. Not polled before the first `reset`, nor after ready until the next.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// What the operator asks of the process from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessSignal {
    /// SIGHUP: read the configuration anew.
    Reload,
    /// SIGTERM or SIGINT: drain and end; the second one ends now.
    Terminate,
}

/// What TLS needs of the world: algorithms with their randomness, and the clock that certificates are checked against.
pub type Crypto = (Arc<CryptoProvider>, Arc<dyn TimeProvider>);

/// A handle to the executor of this thread, and to the world through it. Cheap to clone.
pub trait Runtime: Clone + 'static {
    /// Its streams.
    type Stream: Stream;
    /// Its listeners.
    type Listener: Listener<Stream = Self::Stream>;
    /// Its timers.
    type Timer: Timer;

    /// Listens at `at`. `shared`: other workers of this process listen there too, connections are split among them.
    ///
    /// # Errors
    /// Those of `bind` and `listen`.
    fn listen(&self, at: SocketAddr, shared: bool) -> io::Result<Self::Listener>;

    /// Connects. Has no deadline of its own: the caller drops it when it took too long.
    ///
    /// # Errors
    /// Those of `connect`.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;

    /// All addresses of a host name, in the order in which they are to be tried. Asks the system, aside.
    ///
    /// # Errors
    /// The lookup failed. An empty list is no error.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        self.unblock(move || host::resolve(&host, port))
    }

    /// A timer that is not set.
    fn timer(&self) -> Self::Timer;

    /// Runs `task` on this thread beside the others, until it ends or the executor does.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);

    /// Runs `work`, which may block (files), aside, so that the tasks of this thread go on.
    fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T>;

    /// From now on calls `on` for each signal, on this thread. Asked for once in a process.
    ///
    /// # Errors
    /// The handlers could not be installed.
    fn signal(&self, on: impl FnMut(ProcessSignal) + 'static) -> io::Result<()>;

    /// Time since the process began; the same on all workers, never backwards.
    fn now(&self) -> Instant;

    /// The wall clock.
    fn unix_now(&self) -> UnixMillis;

    /// A fresh seed, unpredictable from outside.
    fn seed(&self) -> u64;

    /// Bytes of memory that the process has in use; `None` where that cannot be known.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// What TLS needs.
    fn crypto(&self) -> Crypto {
        (Arc::new(rustls::crypto::ring::default_provider()), Arc::new(DefaultTimeProvider))
    }
}
