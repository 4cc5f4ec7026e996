//! A runtime over a real one whose sockets panic on demand, to see what a mistake of ours costs.

use keywheel_core::session::How;
use keywheel_core::time::{Instant, UnixMillis};
use keywheel_runtime::host::Clock;
use keywheel_runtime::server::Flavour;
use keywheel_runtime::traits::{Listener, ProcessSignal, Runtime, Stream};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// Reading these bytes panics.
pub(crate) const PANIC: &str = "x-panic: now";

/// The runtime.
#[derive(Clone)]
pub(crate) struct Faulty<F>(F);

/// Its streams and listeners.
pub(crate) struct Wrapped<T>(T);

impl<S: Stream> Stream for Wrapped<S> {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.0.try_read(buf)?;
        let asked_for = buf[..n].windows(PANIC.len()).any(|window| window == PANIC.as_bytes());
        assert!(!asked_for, "a mistake, on demand");
        Ok(n)
    }

    fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_read_ready(cx)
    }

    fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_write_ready(cx)
    }

    fn shutdown(&mut self, how: How) {
        self.0.shutdown(how);
    }
}

impl<L: Listener> Listener for Wrapped<L> {
    type Stream = Wrapped<L::Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        self.0.poll_accept(cx).map_ok(|(stream, peer)| (Wrapped(stream), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl<F: Flavour> Flavour for Faulty<F> {
    const NAME: &'static str = F::NAME;

    fn run<T, Fut: Future<Output = T>>(clock: Clock, main: impl FnOnce(Self) -> Fut) -> io::Result<T> {
        F::run(clock, |rt| main(Faulty(rt)))
    }
}

impl<F: Flavour> Runtime for Faulty<F> {
    type Stream = Wrapped<F::Stream>;
    type Listener = Wrapped<F::Listener>;
    type Timer = F::Timer;

    fn listen(&self, at: SocketAddr, shared: bool) -> io::Result<Self::Listener> {
        self.0.listen(at, shared).map(Wrapped)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        self.0.connect(to).await.map(Wrapped)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.resolve(host, port).await
    }

    fn timer(&self) -> Self::Timer {
        self.0.timer()
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.spawn(task);
    }

    async fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.0.unblock(work).await
    }

    fn signal(&self, on: impl FnMut(ProcessSignal) + 'static) -> io::Result<()> {
        self.0.signal(on)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn unix_now(&self) -> UnixMillis {
        self.0.unix_now()
    }

    fn seed(&self) -> u64 {
        self.0.seed()
    }
}
