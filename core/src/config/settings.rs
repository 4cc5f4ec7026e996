//! Settings in force: what sessions, the pool and the log are told.

use crate::auth::Tokens;
use crate::cors::Cors;
use crate::limits::Limits;
use core::time::Duration;
use std::sync::Arc;

/// How the next key is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// In order, smooth when weights are given.
    RoundRobin,
    /// By chance, weighted.
    Random,
    /// Fewest leases now relative to weight.
    LeastBusy,
}

impl Strategy {
    /// The word that names it in settings, pages and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Strategy::RoundRobin => "round_robin",
            Strategy::Random => "random",
            Strategy::LeastBusy => "least_busy",
        }
    }
}

/// What happens to a request when no untried key is eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenExhausted {
    /// Wait for a key, within bounds.
    Wait,
    /// Answer 429 or 503 at once.
    Reject,
    /// One attempt with the untried key that rests shortest.
    LeastBad,
}

/// Settings of a pool of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Selection strategy.
    pub strategy: Strategy,
    /// Where round robin begins.
    pub start_index: u32,
    /// Consecutive soft faults until a key rests; 0 = never.
    pub threshold: u32,
    /// Further attempts after the first.
    pub max_retries: u32,
    /// Policy for an exhausted pool.
    pub when_exhausted: WhenExhausted,
    /// Whether an ambiguous failure of a POST may be repeated.
    pub retry_ambiguous: bool,
    /// Upstream connections in use per origin, over all workers; `None`: no cap.
    pub max_sockets: Option<u32>,
    /// Idle upstream connections per origin, over all workers.
    pub max_free_sockets: u32,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            strategy: Strategy::RoundRobin,
            start_index: 0,
            threshold: 1,
            max_retries: 3,
            when_exhausted: WhenExhausted::Wait,
            retry_ambiguous: false,
            max_sockets: None,
            max_free_sockets: 10,
        }
    }
}

/// What sessions need to know; published anew by each reload, so a head meets the settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every bound.
    pub limits: Limits,
    /// Client tokens; `None`: no authentication.
    pub tokens: Option<Tokens>,
    /// Tokens of `ADMIN_KEY`. Where they are set, they alone open the admin paths that ask for a credential.
    pub admin_tokens: Option<Tokens>,
    /// CORS policy; `None`: off.
    pub cors: Option<Cors>,
    /// `REQUEST_TIMEOUT` when set.
    pub request_timeout: Option<Duration>,
    /// `STREAM_HEADER_TIMEOUT` when set.
    pub stream_header_timeout: Option<Duration>,
    /// Whether a client's FIN before the answer is only a half-close.
    pub client_half_close: bool,
    /// Whether requests go upstream with a Via field (`SEND_VIA`).
    pub via: bool,
    /// Further attempts after the first.
    pub max_retries: u32,
    /// Whether an ambiguous failure of a POST may be repeated.
    pub retry_ambiguous: bool,
    /// Whether client connections are kept alive (`ENABLE_KEEP_ALIVE`).
    pub keep_alive: bool,
    /// Whether a line is logged for each request (`LOG_ENABLE_REQUEST`).
    pub log_requests: bool,
    /// Names that the proxy goes by, beside its addresses and local names: its own host's and that of `HOST`.
    pub names: Arc<[Box<str>]>,
    /// Names this instance in `x-keywheel-hop`: 16 hexadecimal digits.
    pub instance: Box<str>,
}

impl Default for Settings {
    fn default() -> Self {
        let pool = PoolConfig::default();
        Settings {
            limits: Limits::default(),
            tokens: None,
            admin_tokens: None,
            cors: Some(Cors { origins: None }),
            request_timeout: None,
            stream_header_timeout: None,
            client_half_close: false,
            via: false,
            max_retries: pool.max_retries,
            retry_ambiguous: pool.retry_ambiguous,
            keep_alive: true,
            log_requests: true,
            names: Arc::from([]),
            instance: "0000000000000000".into(),
        }
    }
}

/// How a log record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text, coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Records of this level and above are written; `Off` writes none.
    pub level: log::LevelFilter,
    /// How.
    pub format: LogFormat,
    /// The file that gets the log as well as the terminal (`LOG_ENABLE_FILE`, `LOG_FILE_PATH`).
    pub file: Option<Box<str>>,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig { level: log::LevelFilter::Info, format: LogFormat::Text, file: None }
    }
}
