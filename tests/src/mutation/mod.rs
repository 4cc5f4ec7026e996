//! Mutated traffic over real sockets: valid sessions of which the client's or the upstream's bytes are damaged by chance,
//! played against a binary, judged by the reader written from the RFCs and by the strict one.
//!
//! After each stream a normal request has to work; at the end the process has to be as it was before the first.
//! A seed says everything about a stream, so that it can be played again.

pub(crate) mod mutator;
mod stream;
mod upstream;
pub(crate) mod valid;

use crate::differential::KEY;
use crate::process::{Folder, Server, binary};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use upstream::Upstream;

/// The proxy's token.
const TOKEN: &str = "kw-token-of-mutated-streams";
/// How long the process may take to be at rest.
const REST: Duration = Duration::from_secs(10);

/// What came of some streams.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Streams in which everything held.
    pub passed: u64,
    /// Seeds of the others, with what did not hold. The process's own state at the end counts as a stream.
    pub failed: Vec<(u64, String)>,
}

/// Plays the streams of these seeds, one after another, against a process of `flavour`; `tell` hears their story.
pub fn play(flavour: &str, seeds: impl IntoIterator<Item = u64>, tell: &dyn Fn(&str)) -> Outcome {
    let mut outcome = Outcome::default();
    let mut last = 0;
    let end = attempt(|| Stage::new(flavour)).and_then(|stage| {
        attempt(|| stage.normal())?;
        let before = stage.descriptors()?;
        for seed in seeds {
            last = seed;
            match attempt(|| stream::play(&stage, seed, tell)).and_then(|()| attempt(|| stage.normal())) {
                Ok(()) => outcome.passed += 1,
                Err(why) => outcome.failed.push((seed, why)),
            }
        }
        stage.at_rest(before)
    });
    outcome.failed.extend(end.err().map(|why| (last, why)));
    outcome
}

/// What `judge` panics with, if it does.
fn attempt<T>(judge: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(judge)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// A binary between clients and an upstream whose deadlines are short.
struct Stage {
    server: Server,
    upstream: Upstream,
    folder: Folder,
}

impl Stage {
    fn new(flavour: &str) -> Stage {
        let upstream = Upstream::new();
        let folder = Folder::new();
        folder.write("keys.txt", KEY);
        let base = format!("http://{}", upstream.address);
        let settings = [
            ("PORT", "0"),
            ("HOST", "127.0.0.1"),
            ("WORKERS", "1"),
            ("AUTH_KEY", TOKEN),
            ("OPENAI_BASE_URL", &base),
            ("MAX_RETRIES", "0"),
            ("WHEN_EXHAUSTED", "reject"),
            ("CLIENT_HALF_CLOSE", "true"),
            ("MAX_FREE_SOCKETS", "2"),
            ("REQUEST_TIMEOUT", "300ms"),
            ("STREAM_IDLE_TIMEOUT", "300ms"),
            ("LIMIT_HEAD_TIME", "300ms"),
            ("LIMIT_BODY_IDLE", "300ms"),
            ("LIMIT_KEEP_ALIVE", "300ms"),
            ("LIMIT_ERROR_TIME", "100ms"),
            ("LIMIT_LINGER", "300ms"),
            ("LOG_LEVEL", "debug"),
            ("LOG_ENABLE_FILE", "true"),
            ("LOG_FILE_PATH", "mutated.log"),
        ];
        let server = Server::start(binary(flavour).current_dir(folder.path()).envs(settings));
        Stage { server, upstream, folder }
    }

    /// A normal request is answered by the upstream, which gets it once and nothing else.
    fn normal(&self) {
        self.ask("POST /reset-keys");
        self.upstream.take();
        let answer = self.ask("GET /v1/normal");
        let sane = answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok");
        assert!(sane, "a normal request was answered {answer:?}");
        let arrived = self.upstream.take();
        assert!(arrived.len() == 1, "beside a normal request came {arrived:?}");
    }

    fn ask(&self, what: &str) -> String {
        let head = format!("{what} HTTP/1.1\r\nHost: a\r\n{}Connection: close\r\n", credential());
        self.server.ask(format!("{head}Content-Length: 0\r\n\r\n").as_bytes())
    }

    /// How many files the process has open.
    fn descriptors(&self) -> Result<usize, String> {
        let path = format!("/proc/{}/fd", self.server.id());
        fs::read_dir(&path).map(Iterator::count).map_err(|error| format!("{path}: {error}"))
    }

    /// Nothing is left of the streams: no request, no lease, no connection but idle ones, no secret in the log.
    fn at_rest(&self, before: usize) -> Result<(), String> {
        let stats = attempt(|| self.ask("GET /stats"))?;
        for rest in ["\"inFlight\":0,", "\"waiting\":0,"] {
            if !stats.contains(rest) {
                return Err(format!("not at rest ({rest}): {stats}"));
            }
        }
        let until = Instant::now() + REST;
        // Beside those of the beginning: idle connections, and what of the last answers still lingers.
        while self.descriptors()? > before + 2 {
            if Instant::now() > until {
                return Err(format!("{} descriptors are open, {before} were", self.descriptors()?));
            }
            attempt(|| self.ask("GET /livez"))?;
        }
        let path = self.folder.path().join("mutated.log");
        let log = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for secret in [KEY, TOKEN] {
            if log.contains(secret) {
                return Err("a secret is in the log".into());
            }
        }
        if log.contains("panicked") { Err("something panicked".into()) } else { Ok(()) }
    }
}

/// The field that lets a client in.
fn credential() -> String {
    format!("Authorization: Bearer {TOKEN}\r\n")
}
