//! Configuration in memory: valid by construction, whatever layers it came from.
//!
//! `Config::needs(layers)` names the files, the driver reads them, `Config::parse(layers, files)` decides.

use crate::cors::Cors;
use crate::limits::Limits;
use crate::origin::BaseUrl;
use crate::secret::Secret;
use core::time::Duration;
use std::sync::Arc;

/// What a key is known by across restarts and reloads: SHA-256 of the key's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// One upstream key as configured.
#[derive(Debug)]
pub struct KeyEntry {
    /// Identity.
    pub fingerprint: Fingerprint,
    /// The key itself.
    pub secret: Secret,
    /// Name of the field that carries it upstream (`Authorization`).
    pub credential_name: &'static str,
    /// The field's whole value (`Bearer …`), rendered once.
    pub credential: Secret,
    /// What may be shown: fixed prefix, an ellipsis, the last four (`sk-proj-…abcd`).
    pub preview: Box<str>,
    /// Operator's name for it; empty when none was given.
    pub name: Box<str>,
    /// Line in the keys file, from 1; 0 when it came from elsewhere.
    pub line: u32,
    /// Position among the keys, from 0, in file order.
    pub index: u32,
    /// Share of requests relative to others, at least 1. Default 1.
    pub weight: u32,
    /// Tier: lower is used first. Default 0.
    pub priority: u32,
    /// Models this key may serve, `*` as suffix wildcard; empty means all.
    pub models: Vec<Box<str>>,
    /// The key's own base URLs, or the pool's. Never empty.
    pub bases: Arc<[BaseUrl]>,
    /// Value for `OpenAI-Organization`, when the operator set one.
    pub organization: Option<Box<str>>,
    /// Value for `OpenAI-Project`, when the operator set one.
    pub project: Option<Box<str>>,
}

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
#[derive(Clone, Debug)]
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

/// One client token: what is kept of it is its SHA-256.
#[derive(Clone, Debug)]
pub struct Tokens(pub(crate) Vec<[u8; 32]>);

/// What sessions need to know; published anew by each reload, so a head meets the settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every bound.
    pub limits: Limits,
    /// Client tokens; `None`: no authentication.
    pub tokens: Option<Tokens>,
    /// Token that opens the state-changing admin calls, where one is set.
    pub admin_tokens: Option<Tokens>,
    /// CORS policy; `None`: off.
    pub cors: Option<Cors>,
    /// `REQUEST_TIMEOUT` when set.
    pub request_timeout: Option<Duration>,
    /// `STREAM_HEADER_TIMEOUT` when set.
    pub stream_header_timeout: Option<Duration>,
    /// Whether a client's FIN before the answer is only a half-close.
    pub client_half_close: bool,
    /// Further attempts after the first.
    pub max_retries: u32,
    /// Whether an ambiguous failure of a POST may be repeated.
    pub retry_ambiguous: bool,
    /// Whether client connections are kept alive (`ENABLE_KEEP_ALIVE`).
    pub keep_alive: bool,
    /// Whether a line is logged for each request (`LOG_ENABLE_REQUEST`).
    pub log_requests: bool,
    /// Names this instance in `x-keywheel-hop`: 16 hexadecimal digits.
    pub instance: Box<str>,
}
