//! What keywheel is started with: the environment and the keys file, as an operator would write them.

use keywheel_core::auth::Tokens;
use keywheel_core::config::{Config, KeyEntry, Listen, LogConfig, PoolConfig, Settings, Strategy, WhenExhausted};
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::secret::Secret;
use std::sync::Arc;
use std::time::Duration;

/// An environment and a keys file.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Variables.
    pub env: Vec<(String, String)>,
    /// Lines of the keys file.
    pub keys: Vec<String>,
}

impl Setup {
    /// The configuration that comes of it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn config(&self) -> Result<Config, String> {
        let get = |name: &str| self.env.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let number = |name: &str| get(name).and_then(|value| value.parse::<u64>().ok());
        let millis = |name: &str| number(name).map(Duration::from_millis);
        let url = get("OPENAI_BASE_URL").unwrap_or("http://up.test:8080");
        let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(a, p)| (a, p));
        let (host, port) =
            authority.split_once(':').unwrap_or((authority, if scheme == "https" { "443" } else { "80" }));
        let origin = Origin::new(scheme == "https", host, port.parse().map_err(|_| "no port")?);
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        let bases: Arc<[BaseUrl]> = Arc::new([BaseUrl::new(origin, &prefix)]);
        let key = |(n, key): (usize, &String)| {
            KeyEntry::new(Secret::new(key.as_bytes()), n as u32, bases.clone()).map(Arc::new)
        };
        let keys =
            self.keys.iter().enumerate().map(key).collect::<Result<Vec<_>, _>>().map_err(|bad| format!("{bad:?}"))?;
        let defaults = PoolConfig::default();
        let pool = PoolConfig {
            strategy: match get("LOAD_BALANCE_STRATEGY") {
                Some("random") => Strategy::Random,
                Some("least_busy") => Strategy::LeastBusy,
                _ => Strategy::RoundRobin,
            },
            max_retries: number("MAX_RETRIES").map_or(defaults.max_retries, |n| n as u32),
            when_exhausted: match get("WHEN_EXHAUSTED") {
                Some("reject") => WhenExhausted::Reject,
                Some("least_bad") => WhenExhausted::LeastBad,
                _ => WhenExhausted::Wait,
            },
            retry_ambiguous: get("RETRY_AMBIGUOUS") == Some("true"),
            max_sockets: number("MAX_SOCKETS").map(|n| n as u32),
            ..defaults
        };
        let settings = Settings {
            tokens: get("AUTH_KEY").and_then(|tokens| Tokens::new(tokens.split(','))),
            request_timeout: millis("REQUEST_TIMEOUT"),
            client_half_close: get("CLIENT_HALF_CLOSE") == Some("true"),
            cors: Settings::default().cors.filter(|_| get("ENABLE_CORS") != Some("false")),
            max_retries: pool.max_retries,
            retry_ambiguous: pool.retry_ambiguous,
            ..Settings::default()
        };
        Ok(Config {
            keys,
            settings: Arc::new(settings),
            pool,
            listen: Listen { host: "10.0.0.1".into(), port: 3000 },
            workers: Some(1),
            log: LogConfig::default(),
            extra_ca: None,
            shutdown: Duration::from_secs(30),
        })
    }
}
