//! A runtime over a real one with faults on demand that no peer can bring about in time: a mistake of ours, a process that
//! is stopped, a write that is told of what reads are then not told of.

use keywheel_core::session::How;
use keywheel_core::time::{Instant, UnixMillis};
use keywheel_runtime::host::Clock;
use keywheel_runtime::server::Flavour;
use keywheel_runtime::traits::{Listener, ProcessSignal, Runtime, Stream, Timer};
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

/// Reading these bytes panics.
pub(crate) const PANIC: &str = "x-panic: now";
/// Writing them fails with a reset, with a broken pipe: behind it lies [`LEFT`], then the end of the stream.
pub(crate) const RESET: &str = "x-reset: now";
pub(crate) const CLOSED: &str = "x-closed: now";
/// Once they are written the process is stopped until it hears of [`Stop::go_on`]; that was an hour.
pub(crate) const STOP: &str = "x-stop: now";
/// Before they are written it is stopped for an hour.
pub(crate) const HALT: &str = "x-halt: now";

/// What had arrived before a write failed: an answer that goes on until its connection ends.
const LEFT: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nwhat was sent";
const HOUR: Duration = Duration::from_secs(3600);

static STOPS: Mutex<Stops> = Mutex::new(Stops { slept: Duration::ZERO, until: None });

/// How long the process was stopped so far, and what ends the next time.
struct Stops {
    slept: Duration,
    until: Option<mpsc::Receiver<()>>,
}

fn stops() -> MutexGuard<'static, Stops> {
    STOPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the next stop, the only one of a process.
pub(crate) struct Stop(mpsc::Sender<()>);

impl Stop {
    pub(crate) fn new() -> Self {
        let (go_on, until) = mpsc::channel();
        stops().until = Some(until);
        Stop(go_on)
    }

    pub(crate) fn go_on(&self) {
        self.0.send(()).expect("it is awaited");
    }
}

/// The runtime. `STOPS`: its process can be stopped, and its clock shows for how long it was.
#[derive(Clone)]
pub(crate) struct Faulty<F, const STOPS: bool = false>(F);

/// Its listeners.
pub(crate) struct Wrapped<T>(T);

/// Its streams.
pub(crate) struct FaultyStream<S> {
    inner: S,
    /// What can still be read after a write has failed.
    left: Option<&'static [u8]>,
}

impl<S: Stream> FaultyStream<S> {
    fn new(inner: S) -> Self {
        FaultyStream { inner, left: None }
    }
}

impl<S: Stream> Stream for FaultyStream<S> {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(left) = &mut self.left {
            return io::Read::read(left, buf);
        }
        let n = self.inner.try_read(buf)?;
        assert!(!contains(&buf[..n], PANIC), "a mistake, on demand");
        Ok(n)
    }

    fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        for (mark, error) in [(RESET, ErrorKind::ConnectionReset), (CLOSED, ErrorKind::BrokenPipe)] {
            if contains(&bytes, mark) {
                self.left = Some(LEFT);
                return Err(error.into());
            }
        }
        if contains(&bytes, HALT) {
            stops().slept += HOUR;
        }
        let wrote = self.inner.try_write_vectored(slices);
        if contains(&bytes, STOP) {
            // Not held while it is stopped: other threads ask what time it is.
            let until = stops().until.take().expect("there is one stop");
            until.recv().expect("the stop has an end");
            stops().slept += HOUR;
        }
        wrote
    }

    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.left.is_some() { Poll::Ready(()) } else { self.inner.poll_read_ready(cx) }
    }

    fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_write_ready(cx)
    }

    fn shutdown(&mut self, how: How) {
        self.inner.shutdown(how);
    }
}

fn contains(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
}

/// Its timers, which expire when the process goes on if they fell due meanwhile.
pub(crate) struct FaultyTimer<F: Flavour, const STOPS: bool> {
    rt: Faulty<F, STOPS>,
    inner: F::Timer,
    at: Instant,
    slept: Duration,
}

impl<F: Flavour, const STOPS: bool> Timer for FaultyTimer<F, STOPS> {
    fn reset(&mut self, at: Instant) {
        self.at = at;
        self.slept = self.rt.slept();
        // In the time of the runtime below, which knows of no stop.
        let now = self.rt.now();
        self.inner.reset(self.rt.0.now() + at.since(now));
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.slept != self.rt.slept() {
            self.reset(self.at);
        }
        self.inner.poll_expired(cx)
    }
}

impl<L: Listener> Listener for Wrapped<L> {
    type Stream = FaultyStream<L::Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        self.0.poll_accept(cx).map_ok(|(stream, peer)| (FaultyStream::new(stream), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl<F: Flavour, const STOPS: bool> Faulty<F, STOPS> {
    fn slept(&self) -> Duration {
        if STOPS { stops().slept } else { Duration::ZERO }
    }
}

impl<F: Flavour, const STOPS: bool> Flavour for Faulty<F, STOPS> {
    const NAME: &'static str = F::NAME;

    fn run<T, Fut: Future<Output = T>>(clock: Clock, main: impl FnOnce(Self) -> Fut) -> io::Result<T> {
        F::run(clock, |rt| main(Faulty(rt)))
    }
}

impl<F: Flavour, const STOPS: bool> Runtime for Faulty<F, STOPS> {
    type Stream = FaultyStream<F::Stream>;
    type Listener = Wrapped<F::Listener>;
    type Timer = FaultyTimer<F, STOPS>;

    fn listen(&self, at: SocketAddr, shared: bool) -> io::Result<Self::Listener> {
        self.0.listen(at, shared).map(Wrapped)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        self.0.connect(to).await.map(FaultyStream::new)
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.resolve(host, port).await
    }

    fn timer(&self) -> Self::Timer {
        FaultyTimer { rt: self.clone(), inner: self.0.timer(), at: Instant::ZERO, slept: Duration::ZERO }
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
        self.0.now() + self.slept()
    }

    fn unix_now(&self) -> UnixMillis {
        self.0.unix_now()
    }

    fn seed(&self) -> u64 {
        self.0.seed()
    }
}
