//! Configuration in memory: valid by construction, whatever layers it came from.
//!
//! `Config::needs(layers)` names the files, the driver reads them, `Config::parse(layers, files)` decides.

mod key;
mod settings;

pub use key::{BadKey, Fingerprint, KeyEntry, fixed_prefix};
pub use settings::{LogConfig, LogFormat, PoolConfig, Settings, Strategy, WhenExhausted};

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// Everything that was configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What sessions need to know.
    pub settings: Arc<Settings>,
    /// The pool `default`.
    pub pool: PoolConfig,
    /// Its keys, in file order. Never empty, no two alike.
    pub keys: Vec<Arc<KeyEntry>>,
    /// Where to listen.
    pub listen: Listen,
    /// How many workers; `None`: as many as there are cores.
    pub workers: Option<u32>,
    /// Logging.
    pub log: LogConfig,
    /// PEM text of `UPSTREAM_CA_FILE`: certificates trusted besides the system's roots.
    pub extra_ca: Option<Arc<[u8]>>,
    /// How long running exchanges may go on after a SIGTERM.
    pub shutdown: Duration,
}

/// A host (name or address literal, without brackets) and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Name or address literal, without brackets.
    pub host: Box<str>,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
