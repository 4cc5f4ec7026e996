//! What all connections of the fake provider share: keys and how they behave, counts, the log of requests.

use super::behaviour::{Behaviour, Memory};
use super::conn::Conn;
use super::head::Violation;
use super::record::Record;
use super::spec::Spec;
use keywheel_core::time::{Instant, UnixMillis, Wall};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Requests a minute that a key's headers speak of.
const LIMIT: u64 = 10_000;

/// How the provider is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Requests kept in the log; older ones go first. Default 1024.
    pub keep_records: usize,
    /// Bytes kept of each body's beginning. Default 64 KiB.
    pub keep_body: usize,
    /// Announced as `Keep-Alive: timeout=` in each answer. Default: not at all.
    pub announce: Option<Duration>,
    /// Idle connections are closed after this. Default: never.
    pub idle: Option<Duration>,
    /// Wall clock, for the `created` fields. Default: 2026-01-01 at the beginning.
    pub wall: Wall,
}

impl Default for Options {
    fn default() -> Self {
        let wall = Wall::new(Instant::ZERO, UnixMillis(1_767_225_600_000));
        Options { keep_records: 1024, keep_body: 64 * 1024, announce: None, idle: None, wall }
    }
}

/// What a key was used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// Requests that carried it.
    pub requests: u64,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
    /// When it was last used.
    pub last: Option<Instant>,
}

#[derive(Debug)]
struct Key {
    behaviour: Behaviour,
    memory: Memory,
    account: Option<String>,
    counts: KeyCounts,
}

#[derive(Debug, Default)]
struct State {
    keys: BTreeMap<String, Key>,
    log: VecDeque<Record>,
    serial: u64,
    conns: u64,
    open: u64,
    violations: Vec<(u64, Violation)>,
}

/// The provider. Cloning shares.
#[derive(Clone, Debug)]
pub struct Provider {
    options: Arc<Options>,
    state: Arc<Mutex<State>>,
}

/// What the provider thinks of a key.
#[derive(Debug)]
pub(super) struct Admission {
    /// The organization it belongs to.
    pub(super) account: String,
    /// What its behaviour imposes.
    pub(super) imposed: Option<Spec>,
    /// Requests left in this minute.
    pub(super) remaining: u64,
}

/// Violations kept.
const VIOLATIONS_MAX: usize = 1000;

impl Provider {
    /// A provider that knows no key yet.
    pub fn new(options: Options) -> Self {
        Provider { options: Arc::new(options), state: Arc::default() }
    }

    /// Adds a key, or gives a known one another behaviour; what it did so far is kept.
    pub fn set_key(&self, key: &str, behaviour: Behaviour) {
        let mut state = self.lock();
        match state.keys.get_mut(key) {
            Some(known) => (known.behaviour, known.memory) = (behaviour, Memory::default()),
            None => {
                let key_state =
                    Key { behaviour, memory: Memory::default(), account: None, counts: KeyCounts::default() };
                state.keys.insert(key.to_owned(), key_state);
            }
        }
    }

    /// Says which organization a known key belongs to (`openai-organization`); else each has its own.
    pub fn set_account(&self, key: &str, account: &str) {
        if let Some(known) = self.lock().keys.get_mut(key) {
            known.account = Some(account.to_owned());
        }
    }

    /// A new connection.
    pub fn connect(&self, now: Instant) -> Conn {
        let mut state = self.lock();
        state.conns += 1;
        state.open += 1;
        Conn::new(self.clone(), state.conns, now)
    }

    /// The requests in the log, oldest first.
    pub fn log(&self) -> Vec<Record> {
        self.lock().log.iter().cloned().collect()
    }

    /// The request of this serial number, while the log holds it.
    pub fn record(&self, serial: u64) -> Option<Record> {
        self.lock().find(serial).cloned()
    }

    /// How many requests arrived.
    pub fn requests(&self) -> u64 {
        self.lock().serial
    }

    /// How many connections were made, and how many of them are open.
    pub fn connections(&self) -> (u64, u64) {
        let state = self.lock();
        (state.conns, state.open)
    }

    /// What this key was used for; nothing for a key that is not known.
    pub fn counts(&self, key: &str) -> KeyCounts {
        self.lock().keys.get(key).map(|k| k.counts.clone()).unwrap_or_default()
    }

    /// The first 1000 violations, each with its connection.
    pub fn violations(&self) -> Vec<(u64, Violation)> {
        self.lock().violations.clone()
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Enters a request into the log; returns its serial number.
    pub(super) fn enter(&self, mut record: Record) -> u64 {
        let mut state = self.lock();
        state.serial += 1;
        record.serial = state.serial;
        for violation in &record.violations {
            state.violate(record.conn, violation.clone());
        }
        state.log.push_back(record);
        while state.log.len() > self.options.keep_records {
            state.log.pop_front();
        }
        state.serial
    }

    /// Changes a request in the log, while it is there.
    pub(super) fn update(&self, serial: u64, change: impl FnOnce(&mut Record)) {
        if let Some(record) = self.lock().find(serial) {
            change(record);
        }
    }

    pub(super) fn violate(&self, conn: u64, serial: Option<u64>, violation: Violation) {
        let mut state = self.lock();
        state.violate(conn, violation.clone());
        if let Some(record) = serial.and_then(|serial| state.find(serial)) {
            record.violations.push(violation);
        }
    }

    /// What becomes of a request with this key; `None`: the key is not known.
    pub(super) fn admit(&self, key: &str, now: Instant) -> Option<Admission> {
        let mut state = self.lock();
        let known = state.keys.get_mut(key)?;
        known.counts.requests += 1;
        known.counts.last = Some(now);
        let imposed = known.behaviour.next(&mut known.memory, now);
        let account = known.account.clone().unwrap_or_else(|| format!("org-{:08x}", checksum(key)));
        Some(Admission { account, imposed, remaining: LIMIT.saturating_sub(known.counts.requests % LIMIT) })
    }

    pub(super) fn answered(&self, key: Option<&str>, status: u16) {
        let mut state = self.lock();
        if let Some(known) = key.and_then(|key| state.keys.get_mut(key)) {
            *known.counts.by_status.entry(status).or_default() += 1;
        }
    }

    pub(super) fn closed(&self) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&mut self, serial: u64) -> Option<&mut Record> {
        let first = self.log.front()?.serial;
        self.log.get_mut(usize::try_from(serial.checked_sub(first)?).ok()?)
    }

    fn violate(&mut self, conn: u64, violation: Violation) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push((conn, violation));
        }
    }
}

/// A name for a key that gives nothing of it away.
fn checksum(key: &str) -> u32 {
    key.bytes().fold(0x811c_9dc5, |sum, b| (sum ^ u32::from(b)).wrapping_mul(0x0100_0193))
}
