//! Configuration in memory: valid by construction, whatever layers it came from.
//!
//! `Config::needs(layers)` names the files, the driver reads them, `Config::parse(layers, files)` decides.

mod base_url;
mod browsers;
mod build;
pub mod dotenv;
mod error;
mod file;
mod key;
mod keys;
mod layers;
mod limits;
mod listen;
mod names;
mod reader;
mod settings;
mod source;
mod tokens;
mod upstream;
mod value;

pub use error::{ConfigError, Warning};
pub use key::{BadKey, Fingerprint, KeyEntry, fixed_prefix};
pub use layers::{Files, Flags, Layers};
pub use limits::limit_names;
pub use listen::Listen;
pub use names::{SETTINGS, Setting};
pub use settings::{LogConfig, LogFormat, PoolConfig, Settings, Strategy, WhenExhausted};
pub use source::Source;

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

impl Config {
    /// These keys, and the default of everything else: what an embedder starts from.
    pub fn new(keys: Vec<Arc<KeyEntry>>) -> Self {
        Config {
            settings: Arc::new(Settings::default()),
            pool: PoolConfig::default(),
            keys,
            listen: Listen { host: "127.0.0.1".into(), port: 3000 },
            workers: None,
            log: LogConfig::default(),
            extra_ca: None,
            shutdown: Duration::from_secs(30),
        }
    }

    /// What a reload to `new` cannot change while the process runs: the settings that need a new start.
    pub fn needs_restart(&self, new: &Config) -> Vec<&'static str> {
        let differs = [
            ("HOST", self.listen.host != new.listen.host),
            ("PORT", self.listen.port != new.listen.port),
            ("WORKERS", self.workers != new.workers),
            ("LOG_LEVEL", self.log.level != new.log.level),
            ("LOG_FORMAT", self.log.format != new.log.format),
            ("LOG_FILE_PATH", self.log.file != new.log.file),
            ("UPSTREAM_CA_FILE", self.extra_ca != new.extra_ca),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests;
