//! The process-wide machine: pools, key health, waiting callers, permits, admin answers.
//!
//! One value behind one lock, shared by all workers. Whoever calls it holds the lock for that call only, then drains
//! [`Proxy::poll`] and delivers the wakes; one housekeeper sleeps until [`Proxy::poll_timeout`].

mod notices;
mod seam;

pub use seam::*;

use crate::admin::{self, Paging};
use crate::config::{Config, Settings};
use crate::error::Unready;
use crate::keyring::view::{KeyRow, PoolView};
use crate::keyring::{Answer, Event, KeyId, Keyring, Ticket};
use crate::message::Page;
use crate::notice::Notice;
use crate::rng::Rng;
use crate::stats::Server;
use crate::time::{Instant, UnixMillis, Wall};
use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Decides for the whole process.
///
/// # Order of calls
/// After any `open` or `handle_*`, drain [`Proxy::poll`] to `None`. Sleep until [`Proxy::poll_timeout`], then call
/// [`Proxy::handle_timeout`]. Time never runs backwards: a `now` earlier than the last one counts as that one.
#[derive(Debug)]
pub struct Proxy {
    started: Instant,
    now: Instant,
    wall: Wall,
    rng: Rng,
    settings: Arc<Settings>,
    keys: Keyring,
    connections: BTreeMap<u32, usize>,
    draining: bool,
    memory: Option<u64>,
    reading: Option<Reading>,
    jobs: u64,
    commands: VecDeque<Command>,
}

/// Milliseconds that the wall clock may be off until it counts as set anew: less than what is shown or stated in seconds.
const CLOCK_TOLERANCE: u64 = 1000;

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
        let mut rng = Rng::new(seed);
        Proxy {
            started: now,
            now,
            wall: Wall::new(now, unix_at_start),
            keys: Keyring::new(&config, rng.bits(), now),
            rng,
            settings: config.settings,
            connections: BTreeMap::new(),
            draining: false,
            memory: None,
            reading: None,
            jobs: 0,
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
            Ask::Lease(want) => self.keys.lease(want).into(),
            Ask::Verdict(verdict) => {
                self.keys.verdict(&verdict);
                Reply::Done
            }
            Ask::Settle(settle) => self.keys.settle(settle).map_or(Reply::Done, Reply::from),
            Ask::Swap(settle) => self.keys.swap(*settle).map_or(Reply::Done, Reply::from),
            Ask::PassOver(settle) => self.keys.pass_over(*settle).map_or(Reply::Done, Reply::from),
            Ask::Cancel(ticket) => {
                self.keys.cancel(ticket);
                if let Some(reading) = &mut self.reading {
                    reading.callers.retain(|&caller| caller != ticket);
                }
                Reply::Done
            }
            Ask::Admin(call) => self.admin(&call),
        }
    }

    fn admin(&mut self, call: &AdminCall) -> Reply {
        let server = self.server();
        let pool = self.keys.pool();
        let paging = Paging::new(call.page, self.settings.limits.page_rows);
        Reply::Page(match call.what {
            AdminPage::Health => admin::health(&server, &pool),
            AdminPage::Livez => admin::livez(),
            AdminPage::Readyz => admin::readyz(&server, &pool),
            AdminPage::Stats => admin::stats(&server, &pool, &self.keys.rows(paging.range(pool.total)), paging),
            AdminPage::Blacklist => {
                admin::blacklist(&server, &pool, &self.keys.rows_out(paging.range(pool.out())), paging)
            }
            AdminPage::ResetKeys => admin::reset_keys(self.reset(server.now), pool.total),
            AdminPage::Reload => return self.admin_reload(call.worker),
        })
    }

    fn admin_reload(&mut self, worker: u32) -> Reply {
        let waiting = self.reading.as_ref().map_or(0, |reading| reading.callers.len());
        if waiting >= self.settings.limits.waiting.max(1) {
            return Reply::Page(self.reloaded(Err("too many callers wait for the configuration already")));
        }
        let ticket = self.keys.ticket(worker);
        self.read_config(Some(ticket));
        Reply::Queued(ticket)
    }

    fn reloaded(&self, result: Result<usize, &str>) -> Page {
        admin::reload(result, self.wall.at(self.now))
    }

    /// What is said of the process on its pages.
    fn server(&self) -> Server {
        Server {
            wall: self.wall,
            started: self.started,
            now: self.now,
            draining: self.draining,
            key_wait: self.settings.limits.key_wait,
            memory: self.memory,
        }
    }

    /// The pool in numbers.
    pub fn pool(&mut self, now: Instant) -> PoolView {
        self.advance(now);
        self.keys.pool()
    }

    /// Some of all keys, in file order.
    pub fn rows(&mut self, range: Range<usize>, now: Instant) -> Vec<KeyRow> {
        self.advance(now);
        self.keys.rows(range)
    }

    /// Brings back every key that is out but those switched off by hand, in a new epoch. How many that were.
    pub fn reset(&mut self, now: Instant) -> usize {
        self.advance(now);
        let cleared = self.keys.reset();
        self.notice(log::Level::Info, "reset", format!("keys reset: {cleared} were out and are in again"));
        cleared
    }

    /// Switches a key off, or on again, which revives it too. Whether there is such a key.
    pub fn set_enabled(&mut self, key: KeyId, enabled: bool, now: Instant) -> bool {
        self.advance(now);
        self.keys.set_enabled(key, enabled)
    }

    /// What the wall clock shows now, looked at from time to time: somebody may have set it. Spans and deadlines do not
    /// depend on it; the dates that upstreams state, and those that are shown, do.
    pub fn report_clock(&mut self, unix: UnixMillis, now: Instant) {
        self.advance(now);
        let (believed, shown) = (self.wall.at(now).0 as i64, unix.0 as i64);
        let step = shown.saturating_sub(believed);
        if step.unsigned_abs() < CLOCK_TOLERANCE {
            return;
        }
        self.wall = Wall::new(now, unix);
        self.commands.push_back(Command::Clock(self.wall));
        self.notice(log::Level::Warn, "clock", format!("the wall clock was set by {:+} s", step / 1000));
    }

    /// Bytes of memory that the process uses, to be shown; `None` where that cannot be known.
    pub fn report_memory(&mut self, bytes: Option<u64>) {
        self.memory = bytes;
    }

    /// Asks for the configuration to be read anew (a signal, an admin call); the answer comes by [`Proxy::handle_job`].
    pub fn request_reload(&mut self, now: Instant) {
        self.advance(now);
        self.read_config(None);
    }

    fn read_config(&mut self, caller: Option<Ticket>) {
        if self.reading.is_none() {
            self.jobs += 1;
            let job = JobId(self.jobs);
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
            let page = self.reloaded(result.as_ref().copied().map_err(String::as_str));
            self.commands.push_back(Command::Wake(caller, Reply::Page(page)));
        }
    }

    /// Puts a new configuration in force and publishes its settings; the number of its keys.
    ///
    /// What is known of keys that stay is kept; requests in flight end on the key they began with.
    pub fn reload(&mut self, config: Config, now: Instant) -> usize {
        self.advance(now);
        let keys = config.keys.len();
        self.keys.reload(&config);
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
        self.commands.pop_front().or_else(|| self.keys.poll().map(|event| self.command(event)))
    }

    fn command(&self, event: Event) -> Command {
        match event {
            Event::Wake(ticket, Ok(lease)) => Command::Wake(ticket, Reply::Granted(lease)),
            Event::Wake(ticket, Err(refusal)) => Command::Wake(ticket, Reply::Refused(refusal)),
            event => Command::Notice(notices::told(&event, self.wall)),
        }
    }

    /// When [`Proxy::handle_timeout`] is due, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let [rest, wait, wake] = self.keys.timeouts();
        let all = [(rest, Reason::RestEnds), (wait, Reason::WaitEnds), (wake, Reason::Wake)];
        all.into_iter().filter_map(|(at, reason)| Some((at?, reason))).min()
    }

    /// The time that `poll_timeout` named has come. Too early a call does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.keys.advance(self.now);
    }

    fn notice(&mut self, level: log::Level, kind: &'static str, text: String) {
        self.commands.push_back(Command::Notice(Notice::Event { level, kind, text }));
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Granted(lease) => Reply::Granted(lease),
            Answer::Queued(ticket) => Reply::Queued(ticket),
            Answer::NeedModel => Reply::NeedModel,
            Answer::Refused(refusal) => Reply::Refused(refusal),
            Answer::Kept(lease, refusal) => Reply::Kept(lease, refusal),
        }
    }
}
