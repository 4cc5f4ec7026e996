//! A whole process: workers on threads, signals, draining.

use crate::host::{self, Clock};
use crate::hub::{Chore, Hub, Mail, Notices, Upstream};
use crate::keeper::{Keeper, Loaded, Reread};
use crate::traits::{Crypto, Listener, ProcessSignal, Runtime};
use crate::worker;
use keywheel_core::config::{Config, Listen, Settings};
use keywheel_core::notice::Notice;
use keywheel_core::proxy::Proxy;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

/// A runtime that a process can be started on.
pub trait Flavour: Runtime {
    /// Name of the binary: `keywheel-tokio`, `keywheel-smol`.
    const NAME: &'static str;

    /// Makes this thread an executor, drives the future of `main` to its end on it and returns what came out.
    /// Tasks that are still there then are dropped.
    ///
    /// # Errors
    /// The executor could not be made.
    fn run<T, F: Future<Output = T>>(clock: Clock, main: impl FnOnce(Self) -> F) -> io::Result<T>;
}

/// What a process starts with.
pub struct Boot {
    /// The configuration.
    pub config: Config,
    /// Reads and checks the configuration anew, or says in words why it cannot be taken. May block.
    pub reread: Arc<dyn Fn() -> Result<Config, String> + Send + Sync>,
    /// Takes what is worth a log line, from any worker. Must not block.
    pub notices: Notices,
    /// Called once, when connections are accepted.
    pub ready: Box<dyn FnOnce(Running) + Send>,
}

/// A server that accepts connections.
#[derive(Clone, Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    hub: Arc<Hub>,
}

impl Running {
    /// Ends the server as SIGTERM does: the first call drains, a second one ends it now.
    pub fn terminate(&self) {
        self.hub.chores.send(Chore::Signal(ProcessSignal::Terminate));
    }
}

/// Why a server did not come up.
#[derive(Debug)]
pub enum ServeError {
    /// The address cannot be listened at: its host is unknown, in use, or not ours.
    Listen(String, io::Error),
    /// TLS to upstreams cannot be set up, for the words given.
    Tls(String),
    /// The operating system refused a thread, a signal handler or an executor.
    System(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            ServeError::Tls(why) => f.write_str(why),
            ServeError::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

impl ServeError {
    fn listen(at: &Listen) -> impl Fn(io::Error) -> ServeError {
        let at = at.to_string();
        move |error| ServeError::Listen(at.clone(), error)
    }
}

/// Runs a server on this thread, and one more thread for each further worker, until it is terminated and has drained.
///
/// # Errors
/// It did not come up.
pub fn serve<F: Flavour>(boot: Boot) -> Result<(), ServeError> {
    let clock = Clock::start();
    let mut threads = Vec::new();
    let served = F::run(clock, |rt| start(rt, clock, boot, &mut threads)).map_err(ServeError::System);
    for thread in threads {
        // A worker that panicked has ended the process already.
        let _ = thread.join();
    }
    served?
}

/// Starts the workers, this thread's among them, and keeps house until the last one has ended.
async fn start<F: Flavour>(
    rt: F,
    clock: Clock,
    boot: Boot,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<(), ServeError> {
    let reread = reader(&boot, rt.crypto());
    let Boot { config, notices, ready, .. } = boot;
    let workers = config.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get() as u32));
    let (listen, shutdown, settings) = (config.listen.clone(), config.shutdown, config.settings.clone());
    let loaded = Loaded::new(config, rt.crypto()).map_err(ServeError::Tls)?;
    let upstream = loaded.upstream();
    let listener = bind(&rt, &listen, 1 < workers)?;
    let address = listener.local_addr().map_err(ServeError::listen(&listen))?;

    let proxy = Proxy::new(loaded.config, rt.seed(), rt.now(), rt.unix_now());
    let hub = Arc::new(Hub::new(proxy, workers, notices));
    let signals = hub.clone();
    rt.signal(move |signal| signals.chores.send(Chore::Signal(signal))).map_err(ServeError::System)?;
    for index in 1..workers {
        let own = (hub.clone(), index, settings.clone(), upstream.clone());
        match spawn::<F>(clock, address, own) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                hub.broadcast(|| Mail::End);
                return Err(ServeError::listen(&listen)(error));
            }
        }
    }
    rt.spawn(worker::run(rt.clone(), hub.clone(), 0, listener, settings, upstream));
    ready(Running { address, hub: hub.clone() });
    Keeper::new(rt, hub, reread, shutdown).run().await;
    Ok(())
}

/// Listens for the first worker, at the first address of the host that can be listened at.
fn bind<R: Runtime>(rt: &R, listen: &Listen, shared: bool) -> Result<R::Listener, ServeError> {
    let addresses = host::resolve(&listen.host, listen.port).map_err(ServeError::listen(listen))?;
    let mut failed = io::ErrorKind::AddrNotAvailable.into();
    for at in addresses {
        match listen_first(rt, at, shared) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(ServeError::listen(listen)(failed))
}

/// A port that workers share could be shared with an older process, too: first sees that nobody has it.
fn listen_first<R: Runtime>(rt: &R, at: SocketAddr, shared: bool) -> io::Result<R::Listener> {
    let alone = rt.listen(at, false)?;
    if !shared {
        return Ok(alone);
    }
    let at = alone.local_addr()?;
    drop(alone);
    rt.listen(at, true)
}

/// Reads the configuration anew and prepares what follows from it; says what only a new start could change.
fn reader(boot: &Boot, crypto: Crypto) -> Reread {
    let (reread, notices) = (boot.reread.clone(), boot.notices.clone());
    let fixed = boot.config.fixed();
    Arc::new(move || {
        let config = reread()?;
        let differences = fixed.differences(&config.fixed());
        if !differences.is_empty() {
            let text = format!("changes of {} wait until the next start", differences.join(", "));
            notices(Notice::Event { level: log::Level::Warn, kind: "reload", text });
        }
        Loaded::new(config, crypto.clone())
    })
}

/// A further worker on a thread of its own; it listens when this returns.
fn spawn<F: Flavour>(
    clock: Clock,
    address: SocketAddr,
    (hub, index, settings, upstream): (Arc<Hub>, u32, Arc<Settings>, Upstream),
) -> io::Result<JoinHandle<()>> {
    let (tell, told) = mpsc::channel();
    let listening = tell.clone();
    let work = move |rt: F| async move {
        let listener = rt.listen(address, true)?;
        let _ = listening.send(Ok(()));
        worker::run(rt, hub, index, listener, settings, upstream).await;
        Ok(())
    };
    let body = move || {
        if let Err(error) = F::run(clock, work).and_then(|ran| ran) {
            let _ = tell.send(Err(error));
        }
    };
    let thread = thread::Builder::new().name(format!("worker-{index}")).spawn(body)?;
    match told.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("the worker ended before it listened")),
    }
}
