//! From layers to a [`Config`]: which files are needed, and what all of it comes to.

use super::error::{ConfigError, Warning};
use super::layers::{Files, Layers};
use super::listen::{self, Listen};
use super::reader::Reader;
use super::settings::{LogConfig, LogFormat, PoolConfig, Settings, Strategy, WhenExhausted};
use super::value::{Parsed, number, word};
use super::{Config, SHUTDOWN, browsers, credential, tokens, upstream};
use core::time::Duration;
use log::LevelFilter;
use std::sync::Arc;

const MOST_WORKERS: u32 = 1024;

impl Config {
    /// The files that have to be read before [`Config::parse`] can decide, without those that were. Ask again after
    /// reading them (the configuration file may name further ones) until none is left. `-` is standard input.
    pub fn needs(layers: &Layers, files: &Files) -> Vec<Box<str>> {
        let mut reader = Reader::new(layers, files);
        if let Some((path, _)) = reader.text("CONFIG_FILE").filter(|(path, _)| !files.tried(path)) {
            return vec![path.into()];
        }
        let mut needs = Vec::from_iter(upstream::keys_file(&mut reader));
        let named = ["AUTH_KEY_FILE", "UPSTREAM_CA_FILE"].map(|name| reader.text(name));
        needs.extend(named.into_iter().flatten().map(|(path, _)| Box::from(path)));
        needs.sort();
        needs.dedup();
        needs.retain(|path| !files.tried(path));
        needs
    }

    /// The configuration that the layers and files come to, with what its operator should know; or everything that is
    /// wrong, all at once.
    pub fn parse(layers: &Layers, files: &Files) -> Result<(Config, Vec<Warning>), Vec<ConfigError>> {
        let mut reader = Reader::new(layers, files);
        let r = &mut reader;
        r.names();
        let tokens = tokens::client(r);
        let listen = listen(r, tokens.is_some());
        let keys = upstream::keys(r, &listen);
        let pool = pool(r);
        let admin_tokens = tokens::admin(r, tokens.as_ref());
        let cors = browsers::cors(r, tokens.is_some());
        let settings = Settings {
            limits: r.limits(),
            tokens,
            admin_tokens,
            cors,
            request_timeout: request_timeout(r),
            stream_header_timeout: r.span("STREAM_HEADER_TIMEOUT"),
            client_half_close: r.boolean("CLIENT_HALF_CLOSE", false),
            via: r.boolean("SEND_VIA", false),
            max_retries: pool.max_retries,
            retry_ambiguous: pool.retry_ambiguous,
            keep_alive: r.boolean("ENABLE_KEEP_ALIVE", true),
            log_requests: r.boolean("LOG_ENABLE_REQUEST", true),
            names: layers.own_names.iter().cloned().chain([listen.host.clone()]).collect(),
            instance: format!("{:016x}", layers.instance).into(),
        };
        let workers = r.get("WORKERS", |text| number(text, 1, MOST_WORKERS));
        let (log, extra_ca) = (log(r), extra_ca(r));
        let shutdown = r.span("SHUTDOWN_TIMEOUT").unwrap_or(SHUTDOWN);
        let core_dumps = r.boolean("CORE_DUMPS", false);
        let named = [upstream::keys_file(r), r.text("AUTH_KEY_FILE").map(|(path, _)| path.into())];
        r.open_files(named.into_iter().flatten());
        let Reader { errors, warnings, .. } = reader;
        if !errors.is_empty() {
            return Err(errors);
        }
        let settings = Arc::new(settings);
        Ok((Config { settings, pool, keys, listen, workers, log, extra_ca, shutdown, core_dumps }, warnings))
    }
}

/// Without a token and without a word about it, only this machine may call.
fn listen(r: &mut Reader<'_>, has_tokens: bool) -> Listen {
    let (default, hosted) = (3000, r.get("HOST", listen::host));
    let port = r.get("PORT", |text| number(text, 0, u16::MAX)).unwrap_or(default);
    let unasked = if has_tokens { "0.0.0.0" } else { "127.0.0.1" };
    let explicit = hosted.is_some();
    let listen = Listen { host: hosted.unwrap_or_else(|| unasked.into()), port };
    match (has_tokens, explicit, listen.is_loopback()) {
        (false, false, _) => r.warnings.push(Warning::LoopbackOnly(listen.clone())),
        (false, true, false) => r.warnings.push(Warning::OpenToAll(listen.clone())),
        _ => {}
    }
    listen
}

fn pool(r: &mut Reader<'_>) -> PoolConfig {
    let default = PoolConfig::default();
    let strategies =
        [Strategy::RoundRobin, Strategy::Random, Strategy::LeastBusy].map(|strategy| (strategy.as_str(), strategy));
    let policies =
        [("wait", WhenExhausted::Wait), ("reject", WhenExhausted::Reject), ("least_bad", WhenExhausted::LeastBad)];
    let max_free_sockets = r.number("MAX_FREE_SOCKETS", default.max_free_sockets);
    let strategy = r.get("LOAD_BALANCE_STRATEGY", |text| word(text, &strategies)).unwrap_or(default.strategy);
    let start_index = r.number("START_INDEX", default.start_index);
    if start_index != 0 && strategy != Strategy::RoundRobin {
        r.idle("START_INDEX", "only round_robin begins somewhere");
    }
    PoolConfig {
        strategy,
        start_index,
        threshold: r.number("BLACKLIST_THRESHOLD", default.threshold),
        max_retries: r.number("MAX_RETRIES", default.max_retries),
        when_exhausted: r.get("WHEN_EXHAUSTED", |text| word(text, &policies)).unwrap_or(default.when_exhausted),
        retry_ambiguous: r.boolean("RETRY_AMBIGUOUS", default.retry_ambiguous),
        max_sockets: r.get("MAX_SOCKETS", |text| number(text, 1, u32::MAX)),
        // The predecessor's ENABLE_KEEP_ALIVE was about connections to the provider; here it is about both kinds.
        max_free_sockets: if r.boolean("ENABLE_KEEP_ALIVE", true) { max_free_sockets } else { 0 },
    }
}

/// `REQUEST_TIMEOUT`; later versions of the predecessor read a bare number as seconds.
fn request_timeout(r: &mut Reader<'_>) -> Option<Duration> {
    const NAME: &str = "REQUEST_TIMEOUT";
    let span = r.span(NAME)?;
    let (text, source) = r.text(NAME)?;
    if let Ok(millis @ ..1000) = text.parse::<u64>() {
        r.warnings.push(Warning::BareSpan { name: NAME, source, millis });
    }
    Some(span)
}

fn log(r: &mut Reader<'_>) -> LogConfig {
    let levels = [
        ("error", LevelFilter::Error),
        ("warn", LevelFilter::Warn),
        ("warning", LevelFilter::Warn),
        ("info", LevelFilter::Info),
        ("debug", LevelFilter::Debug),
        ("trace", LevelFilter::Trace),
        ("off", LevelFilter::Off),
    ];
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let default = LogConfig::default();
    let path = r.get("LOG_FILE_PATH", log_path).unwrap_or_else(|| "logs/app.log".into());
    if r.source("LOG_ENABLE_FILE").is_none() {
        r.idle("LOG_FILE_PATH", "LOG_ENABLE_FILE is not set");
    }
    LogConfig {
        level: r.get("LOG_LEVEL", |text| word(text, &levels)).unwrap_or(default.level),
        format: r.get("LOG_FORMAT", |text| word(text, &formats)).unwrap_or(default.format),
        file: r.boolean("LOG_ENABLE_FILE", false).then_some(path),
    }
}

/// The file is made where it is missing, and its name would be there to read.
fn log_path(text: &str) -> Parsed<Box<str>> {
    if credential::is_like(text) { Err("a path without a key in it".into()) } else { Ok(text.into()) }
}

/// The certificates of `UPSTREAM_CA_FILE`. Whether each can be trusted is TLS's to say.
fn extra_ca(r: &mut Reader<'_>) -> Option<Arc<[u8]>> {
    const NAME: &str = "UPSTREAM_CA_FILE";
    let (path, source) = r.text(NAME)?;
    let begins = memchr::memmem::Finder::new(b"-----BEGIN CERTIFICATE-----");
    let why: Box<str> = match r.files.get(&path) {
        Ok(text) if begins.find(text).is_some() => return Some(text.into()),
        Ok(_) => "it holds no certificate in PEM form".into(),
        Err(why) => why.into(),
    };
    r.errors.push(ConfigError::File { name: NAME, source, why });
    None
}
