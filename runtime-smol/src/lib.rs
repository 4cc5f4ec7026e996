//! keywheel on smol: the driver's four traits over async-io and a local executor. Nothing is decided here.

mod socket;
mod timer;

pub use socket::{Listener, Stream};
pub use timer::Timer;

use async_signal::{Signal, Signals};
use futures_lite::StreamExt;
use keywheel_core::time::{Instant, UnixMillis};
use keywheel_runtime::host::{self, Clock};
use keywheel_runtime::server::Flavour;
use keywheel_runtime::traits::{ProcessSignal, Runtime};
use smol::LocalExecutor;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

/// A handle to the executor of this thread.
#[derive(Clone, Debug)]
pub struct Smol {
    clock: Clock,
    /// Weak, since the tasks in the executor hold handles.
    executor: Weak<LocalExecutor<'static>>,
}

impl Flavour for Smol {
    const NAME: &'static str = "keywheel-smol";

    fn run<T, F: Future<Output = T>>(clock: Clock, main: impl FnOnce(Self) -> F) -> io::Result<T> {
        let executor = Rc::new(LocalExecutor::new());
        let main = main(Smol { clock, executor: Rc::downgrade(&executor) });
        // block_on polls the reactor on this very thread; left to async-io's own thread, it would cost twice the CPU.
        Ok(async_io::block_on(executor.run(main)))
    }
}

impl Runtime for Smol {
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
        if let Some(executor) = self.executor.upgrade() {
            executor.spawn(task).detach();
        }
    }

    async fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        smol::unblock(work).await
    }

    fn signal(&self, mut on: impl FnMut(ProcessSignal) + 'static) -> io::Result<()> {
        let mut signals = Signals::new([Signal::Hup, Signal::Term, Signal::Int])?;
        self.spawn(async move {
            while let Some(signal) = signals.next().await {
                match signal {
                    Ok(Signal::Hup) => on(ProcessSignal::Reload),
                    Ok(_) => on(ProcessSignal::Terminate),
                    Err(_) => {}
                }
            }
        });
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
