//! keywheel on tokio: the driver's four traits over its single-threaded local runtime. Nothing is decided here.

mod socket;
mod timer;

pub use socket::{Listener, Stream};
pub use timer::Timer;

use keywheel_core::time::{Instant, UnixMillis};
use keywheel_runtime::host::{self, Clock};
use keywheel_runtime::server::Flavour;
use keywheel_runtime::traits::{ProcessSignal, Runtime};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::task::Poll;
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{spawn_blocking, spawn_local};

/// A handle to the tokio runtime of this thread.
#[derive(Clone, Debug)]
pub struct Tokio {
    clock: Clock,
}

impl Flavour for Tokio {
    const NAME: &'static str = "keywheel-tokio";

    fn run<T, F: Future<Output = T>>(clock: Clock, main: impl FnOnce(Self) -> F) -> io::Result<T> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
        let result = runtime.block_on(async { main(Tokio { clock }).await });
        // A name lookup that hangs in its thread must not hold the end up.
        runtime.shutdown_background();
        Ok(result)
    }
}

impl Runtime for Tokio {
    type Stream = Stream;
    type Listener = Listener;
    type Timer = Timer;

    fn listen(&self, at: SocketAddr, shared: bool) -> io::Result<Listener> {
        Listener::new(host::listen(at, shared)?)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Stream> {
        Stream::connect(to).await
    }

    fn timer(&self) -> Timer {
        Timer::new(self.clock)
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        drop(spawn_local(task));
    }

    async fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match spawn_blocking(work).await {
            Ok(result) => result,
            // It panicked: go on with that here. (It cannot be cancelled while this runtime runs.)
            Err(error) => resume_unwind(error.into_panic()),
        }
    }

    fn signal(&self, mut on: impl FnMut(ProcessSignal) + 'static) -> io::Result<()> {
        let mut reload = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        self.spawn(poll_fn(move |cx| {
            while reload.poll_recv(cx).is_ready() {
                on(ProcessSignal::Reload);
            }
            while terminate.poll_recv(cx).is_ready() {
                on(ProcessSignal::Terminate);
            }
            while interrupt.poll_recv(cx).is_ready() {
                on(ProcessSignal::Terminate);
            }
            Poll::Pending
        }));
        Ok(())
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn unix_now(&self) -> UnixMillis {
        self.clock.unix_now()
    }

    fn seed(&self) -> u64 {
        host::seed()
    }

    fn memory(&self) -> Option<u64> {
        host::memory()
    }
}
