//! What the process says of itself on its pages, beside what the keyring says of the keys.

use crate::time::{Instant, UnixMillis, Wall};
use core::time::Duration;

/// The process, at the moment a page is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Turns the core's time into wall-clock time.
    pub wall: Wall,
    /// When the process began.
    pub started: Instant,
    /// Now.
    pub now: Instant,
    /// It takes no new requests.
    pub draining: bool,
    /// How long a request waits for a key that rests: `Limits::key_wait`.
    pub key_wait: Duration,
    /// Memory of the process in bytes, as the driver last reported it; `None` where it cannot be known.
    pub memory: Option<u64>,
}

impl Server {
    /// How long it has been running.
    pub fn uptime(&self) -> Duration {
        self.now.since(self.started)
    }

    /// The time now.
    pub fn timestamp(&self) -> UnixMillis {
        self.wall.at(self.now)
    }
}
