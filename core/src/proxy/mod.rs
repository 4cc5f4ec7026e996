//! The process-wide machine: pools, key health, waiting callers, permits, admin answers.
//!
//! One value behind one lock, shared by all workers. Whoever calls it holds the lock for that call only, then drains
//! [`Proxy::poll`] and delivers the wakes; one housekeeper sleeps until [`Proxy::poll_timeout`].

mod pages;
mod seam;

pub use seam::*;

use crate::config::{Config, Settings};
use crate::error::Unready;
use crate::keyring::{Keyring, Ticket};
use crate::notice::Notice;
use crate::rng::Rng;
use crate::time::{Instant, UnixMillis, Wall};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Decides for the whole process.
///
/// # Order of calls
/// After any `open` or `handle_*`, drain [`Proxy::poll`] to `None`. Sleep until [`Proxy::poll_timeout`], then call
/// [`Proxy::handle_timeout`]. Time never runs backwards: a `now` earlier than the last one counts as that one.
#[derive(Debug)]
pub struct Proxy {
    now: Instant,
    wall: Wall,
    rng: Rng,
    settings: Arc<Settings>,
    keys: Keyring,
    connections: BTreeMap<u32, usize>,
    draining: bool,
    reading: Option<Reading>,
    serial: u64,
    commands: VecDeque<Command>,
}

/// A configuration being read, and the admin calls that wait for it.
#[derive(Debug)]
struct Reading {
    job: JobId,
    callers: Vec<Ticket>,
}

impl Proxy {
    /// A proxy with this configuration. `unix_at_start` is what the wall clock showed at `now`; equal arguments and
    /// equal calls give equal answers.
    pub fn new(config: Config, seed: u64, now: Instant, unix_at_start: UnixMillis) -> Self {
        Proxy {
            now,
            wall: Wall::new(now, unix_at_start),
            rng: Rng::new(seed),
            keys: Keyring::new(&config),
            settings: config.settings,
            connections: BTreeMap::new(),
            draining: false,
            reading: None,
            serial: 0,
            commands: VecDeque::new(),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The wall clock's offset.
    pub fn wall(&self) -> Wall {
        self.wall
    }

    /// A client connection was accepted by `worker`: the seed for its session. Each success is ended by one
    /// [`Proxy::close`].
    pub fn open(&mut self, worker: u32, now: Instant) -> Result<u64, Unready> {
        self.advance(now);
        if self.draining {
            return Err(Unready::Draining);
        }
        let open = self.connections.entry(worker).or_default();
        if *open >= self.settings.limits.connections {
            return Err(Unready::Full);
        }
        *open += 1;
        Ok(self.rng.bits())
    }

    /// A client connection of `worker` has ended.
    pub fn close(&mut self, worker: u32) {
        if let Some(open) = self.connections.get_mut(&worker) {
            *open = open.saturating_sub(1);
        }
    }

    /// Answers a session.
    pub fn handle_ask(&mut self, ask: Ask, now: Instant) -> Reply {
        self.advance(now);
        match ask {
            Ask::Lease(want) => self.keys.lease(&want).map_or_else(Reply::Refused, Reply::Granted),
            Ask::Verdict(_) | Ask::Cancel(_) => Reply::Done,
            Ask::Settle(settle) => {
                self.keys.settle(&settle.lease, settle.outcome.as_ref());
                match settle.then {
                    Some(want) => self.keys.lease(&want).map_or_else(Reply::Refused, Reply::Granted),
                    None => Reply::Done,
                }
            }
            Ask::Admin(call) => self.admin(&call),
        }
    }

    fn admin(&mut self, call: &AdminCall) -> Reply {
        match call.what {
            AdminPage::Reload => {
                self.serial += 1;
                let ticket = Ticket { worker: call.worker, serial: self.serial };
                self.read_config(Some(ticket));
                Reply::Queued(ticket)
            }
            what => Reply::Page(self.page(what, call.page)),
        }
    }

    /// Asks for the configuration to be read anew (a signal, an admin call); the answer comes by [`Proxy::handle_job`].
    pub fn request_reload(&mut self, now: Instant) {
        self.advance(now);
        self.read_config(None);
    }

    fn read_config(&mut self, caller: Option<Ticket>) {
        if self.reading.is_none() {
            self.serial += 1;
            let job = JobId(self.serial);
            self.reading = Some(Reading { job, callers: Vec::new() });
            self.commands.push_back(Command::Run(job, Job::ReadConfig));
        }
        if let Some(reading) = &mut self.reading {
            reading.callers.extend(caller);
        }
    }

    /// A job has ended. One that is not known (any more) is ignored.
    pub fn handle_job(&mut self, job: JobId, outcome: JobOutcome, now: Instant) {
        self.advance(now);
        let Some(reading) = self.reading.take_if(|r| r.job == job) else { return };
        let JobOutcome::Config(result) = outcome;
        let result = result.map(|config| self.reload(*config, now));
        if let Err(text) = &result {
            self.notice(log::Level::Error, "reload", format!("configuration not reloaded: {text}"));
        }
        for caller in reading.callers {
            let page = pages::reloaded(result.as_ref().copied().map_err(String::as_str));
            self.commands.push_back(Command::Wake(caller, Reply::Page(page)));
        }
    }

    /// Puts a new configuration in force and publishes its settings; the number of its keys.
    ///
    /// What is known of keys that stay is kept; requests in flight end on the key they began with.
    pub fn reload(&mut self, config: Config, now: Instant) -> usize {
        self.advance(now);
        let keys = config.keys.len();
        self.keys = Keyring::new(&config);
        self.settings = config.settings;
        self.commands.push_back(Command::Settings(self.settings.clone()));
        self.notice(log::Level::Info, "reload", format!("configuration reloaded: {keys} keys"));
        keys
    }

    /// The process is ending: no new connections, readiness 503. Running exchanges go on.
    pub fn drain(&mut self, now: Instant) {
        self.advance(now);
        if !self.draining {
            self.draining = true;
            self.notice(log::Level::Info, "drain", "draining: no new connections".to_owned());
        }
    }

    /// What the proxy wants done next.
    pub fn poll(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Proxy::handle_timeout`] is due, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        None
    }

    /// The time that `poll_timeout` named has come. Too early a call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn notice(&mut self, level: log::Level, kind: &'static str, text: String) {
        self.commands.push_back(Command::Notice(Notice::Event { level, kind, text }));
    }
}
