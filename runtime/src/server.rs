//! A whole process: workers on threads, signals, draining.

use crate::host::Clock;
use crate::traits::Runtime;
use keywheel_core::config::Config;
use keywheel_core::notice::Notice;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

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
    pub notices: Arc<dyn Fn(Notice) + Send + Sync>,
    /// Called once, when connections are accepted.
    pub ready: Box<dyn FnOnce(Running) + Send>,
}

/// A server that accepts connections.
#[derive(Clone, Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Running {
    /// Ends the server as SIGTERM does: the first call drains, a second one ends it now.
    pub fn terminate(&self) {}
}

/// Why a server did not come up.
#[derive(Debug)]
pub enum ServeError {
    /// The address cannot be listened at: its host is unknown, in use, or not ours.
    Listen(String, io::Error),
    /// `UPSTREAM_CA_FILE` holds no certificate, or a bad one.
    Ca(String),
    /// TLS cannot be set up.
    Tls(String),
    /// The operating system refused a thread, a signal handler or an executor.
    System(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            ServeError::Ca(why) => write!(f, "UPSTREAM_CA_FILE: {why}"),
            ServeError::Tls(why) => f.write_str(why),
            ServeError::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

/// Runs a server on this thread and one more for each further worker, until it is terminated and has drained.
///
/// # Errors
/// It did not come up.
pub fn serve<F: Flavour>(boot: Boot) -> Result<(), ServeError> {
    let _ = boot.config;
    Ok(())
}
