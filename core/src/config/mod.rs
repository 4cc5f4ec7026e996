//! Configuration in memory: valid by construction, whatever layers it came from.
//!
//! `Config::needs(layers)` names the files, the driver reads them, `Config::parse(layers, files)` decides.

mod base_url;
mod browsers;
mod build;
mod credential;
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
pub use key::{BadKey, Fingerprint, KeyEntry};
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
    /// Whether the process may be dumped and traced (`CORE_DUMPS`), which shows every key.
    pub core_dumps: bool,
}

/// How long running exchanges may go on after a SIGTERM, when nobody says.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// What stays as it is until the next start, whatever a reload finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    listen: Listen,
    workers: Option<u32>,
    log: LogConfig,
    shutdown: Duration,
    core_dumps: bool,
    replay_total: usize,
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
            shutdown: SHUTDOWN,
            core_dumps: false,
        }
    }

    /// What of it a reload cannot change.
    pub fn fixed(&self) -> Fixed {
        let Config { listen, workers, log, shutdown, core_dumps, settings, .. } = self;
        let replay_total = settings.limits.replay_total;
        Fixed {
            listen: listen.clone(),
            workers: *workers,
            log: log.clone(),
            shutdown: *shutdown,
            core_dumps: *core_dumps,
            replay_total,
        }
    }
}

impl Fixed {
    /// The settings in which `new` differs.
    pub fn differences(&self, new: &Fixed) -> Vec<&'static str> {
        let differ = [
            ("HOST", self.listen.host != new.listen.host),
            ("PORT", self.listen.port != new.listen.port),
            ("WORKERS", self.workers != new.workers),
            ("LOG_LEVEL", self.log.level != new.log.level),
            ("LOG_FORMAT", self.log.format != new.log.format),
            ("LOG_FILE_PATH", self.log.file != new.log.file),
            ("SHUTDOWN_TIMEOUT", self.shutdown != new.shutdown),
            ("CORE_DUMPS", self.core_dumps != new.core_dumps),
            ("LIMIT_REPLAY_TOTAL", self.replay_total != new.replay_total),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests;
