//! A session and the proxy behind it, driven by hand: what targets that run whole sessions do it with.

use keywheel_core::config::{Config, KeyEntry, PoolConfig, Settings};
use keywheel_core::keyring::{Settle, Ticket};
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::proxy::{Ask, Command, JobOutcome, Proxy, Reply};
use keywheel_core::secret::Secret;
use keywheel_core::session::{Action, Dial, DialError, How, Linked, Loss, Session, Side, Signal};
use keywheel_core::time::{Instant, UnixMillis, Wall};
use keywheel_core::turn::{BLOCK, Pool, Turn};
use std::sync::Arc;
use std::time::Duration;

const BUDGET: usize = 1 << 20;
const UNIX: UnixMillis = UnixMillis(1_790_000_000_000);

/// A session, its proxy, and what a driver would hold for them.
pub(super) struct World {
    proxy: Proxy,
    settings: Arc<Settings>,
    pool: Pool,
    now: Instant,
    session: Option<Session>,
    dialing: Option<Dial>,
    /// Whether there is a connection to the upstream.
    pub(super) linked: bool,
    ticket: Option<Ticket>,
    wakes: Vec<Reply>,
    /// How the client's connection was ended, once it was.
    pub(super) hung_up: Option<How>,
    /// Upstream connections that were kept.
    pub(super) parked: usize,
}

fn entries(keys: &[&str]) -> Vec<Arc<KeyEntry>> {
    let bases: Arc<[BaseUrl]> = Arc::new([BaseUrl::new(Origin::new(true, "up.example", 443), "/v1")]);
    let entry = |(n, key): (usize, &&str)| KeyEntry::new(Secret::new(key.as_bytes()), n as u32, Arc::clone(&bases));
    keys.iter().enumerate().map(|key| Arc::new(entry(key).expect("a usable key"))).collect()
}

impl World {
    /// A session has begun.
    pub(super) fn new(settings: Settings, pool: PoolConfig, keys: &[&str]) -> World {
        let settings = Arc::new(settings);
        let config = Config { settings: Arc::clone(&settings), pool, ..Config::new(entries(keys)) };
        let now = Instant::from_micros(1);
        let mut world = World {
            proxy: Proxy::new(config, 5, now, UNIX),
            settings,
            pool: Pool::new(BUDGET),
            now,
            session: None,
            dialing: None,
            linked: false,
            ticket: None,
            wakes: Vec::new(),
            hung_up: None,
            parked: 0,
        };
        let session = world.turn(|turn| Session::new(0, 9, turn));
        world.session = Some(session);
        world
    }

    /// Whether the session is over.
    pub(super) fn is_over(&self) -> bool {
        self.session.is_none()
    }

    fn turn<T>(&mut self, call: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let wall = Wall::new(Instant::ZERO, UNIX);
        call(&mut Turn { now: self.now, wall, settings: &self.settings, pool: &mut self.pool })
    }

    fn with(&mut self, call: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        if let Some(mut session) = self.session.take() {
            self.turn(|turn| call(&mut session, turn));
            self.session = Some(session);
            self.drain();
        }
    }

    /// A peer's bytes, as far as they are wanted: how many were taken.
    pub(super) fn read(&mut self, side: Side, bytes: &[u8]) -> usize {
        let mut read = 0;
        while read < bytes.len() {
            let mut taken = 0;
            self.with(|session, turn| {
                let wanted = session.wants_read(side);
                let room = session.recv_buf(side, turn);
                assert_eq!(wanted, !room.is_empty(), "what is wanted has room");
                taken = room.len().min(bytes.len() - read);
                room[..taken].copy_from_slice(&bytes[read..read + taken]);
                session.handle_recv(side, taken, turn);
            });
            if taken == 0 {
                break;
            }
            read += taken;
        }
        read
    }

    /// Takes at most so many of the bytes that are to be written to a peer.
    pub(super) fn write(&mut self, side: Side, most: usize) -> Vec<u8> {
        let Some(session) = &self.session else { return Vec::new() };
        let mut bytes: Vec<u8> = session.poll_transmit(side).slices().iter().flat_map(|s| s.iter().copied()).collect();
        assert_eq!(session.has_transmit(side), !bytes.is_empty());
        bytes.truncate(most);
        self.with(|session, turn| session.handle_sent(side, bytes.len(), turn));
        bytes
    }

    /// A peer ended its direction.
    pub(super) fn eof(&mut self, side: Side) {
        self.with(|session, turn| session.handle_eof(side, turn));
    }

    /// A peer's connection broke.
    pub(super) fn lose(&mut self, side: Side) {
        self.linked &= side == Side::Downstream;
        self.with(|session, turn| session.handle_lost(side, Loss::Reset, turn));
    }

    /// The process ends.
    pub(super) fn signal_drain(&mut self) {
        self.with(|session, turn| session.handle_signal(Signal::Drain, turn));
    }

    /// Whether there are bytes that a peer has not read.
    pub(super) fn owes(&self, side: Side) -> bool {
        self.session.as_ref().is_some_and(|session| session.has_transmit(side))
    }

    /// Whether the dial that is under way may be answered with a connection that was kept.
    pub(super) fn may_reuse(&self) -> bool {
        self.dialing.as_ref().is_some_and(|dial| !dial.fresh)
    }

    /// What became of the dial that is under way; false when none is.
    pub(super) fn link(&mut self, linked: Result<Linked, DialError>) -> bool {
        if self.dialing.take().is_none() {
            return false;
        }
        self.linked = linked.is_ok();
        self.with(|session, turn| session.handle_linked(linked, turn));
        true
    }

    /// The reply that a waiting session was woken for.
    pub(super) fn wake(&mut self) -> bool {
        let Some(reply) = self.wakes.pop() else { return false };
        self.ticket = None;
        self.with(|session, turn| session.handle_reply(reply, turn));
        true
    }

    /// To the session's next deadline, if it has one.
    pub(super) fn pass_to_deadline(&mut self) {
        let due = self.session.as_ref().and_then(Session::poll_timeout).map(|(at, _)| at);
        self.pass_to(due.unwrap_or(self.now));
    }

    /// A while on.
    pub(super) fn pass(&mut self, span: Duration) {
        self.pass_to(self.now + span);
    }

    fn pass_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
        self.proxy.handle_timeout(self.now);
        self.commands();
        self.with(|session, turn| session.handle_timeout(turn));
    }

    /// Does what the session wants, as its contract has it, after each call.
    fn drain(&mut self) {
        while let Some(action) = self.session.as_mut().and_then(Session::poll) {
            match action {
                Action::Ask(ask) => {
                    if matches!(ask, Ask::Cancel(_)) {
                        self.stop_waiting();
                    }
                    let reply = self.proxy.handle_ask(ask, self.now);
                    if let Reply::Queued(ticket) = reply {
                        self.ticket = Some(ticket);
                    }
                    self.commands();
                    let mut session = self.session.take().expect("it was polled");
                    self.turn(|turn| session.handle_reply(reply, turn));
                    self.session = Some(session);
                }
                Action::Dial(dial) => {
                    assert!(!self.linked && self.dialing.is_none(), "one upstream at a time");
                    self.dialing = Some(dial);
                }
                Action::StopDial => self.dialing = None,
                Action::Park { .. } => (self.linked, self.parked) = (false, self.parked + 1),
                Action::Hangup(Side::Upstream, _) => self.linked = false,
                Action::Hangup(Side::Downstream, how) => self.hung_up = Some(how),
                Action::Done => return self.end(),
                Action::EndWriting(_) | Action::Notice(_) => {}
            }
        }
        let held = self.session.as_ref().map_or(0, Session::held);
        assert!(held <= 2 * BLOCK + BUDGET + 512 * 1024, "{held} bytes held");
    }

    fn commands(&mut self) {
        while let Some(command) = self.proxy.poll() {
            match command {
                Command::Wake(ticket, reply) if self.ticket == Some(ticket) => self.wakes.push(reply),
                Command::Wake(_, reply) => self.give_back(reply),
                Command::Run(job, _) => {
                    let outcome = JobOutcome::Config(Err("there is no file here".into()));
                    self.proxy.handle_job(job, outcome, self.now);
                }
                Command::Settings(_) | Command::Clock(_) | Command::Notice(_) => {}
            }
        }
    }

    /// Nobody waits any more: a reply that has come is given back.
    fn stop_waiting(&mut self) {
        self.ticket = None;
        while let Some(reply) = self.wakes.pop() {
            self.give_back(reply);
        }
    }

    fn give_back(&mut self, reply: Reply) {
        if let Reply::Granted(lease) = reply {
            let unused = Settle::unused(lease);
            self.proxy.handle_ask(Ask::Settle(unused), self.now);
        }
    }

    /// Drops the session, whatever it was at: nothing may stay behind.
    pub(super) fn end(&mut self) {
        let Some(session) = self.session.take() else { return };
        if let Some(ask) = session.abandon(&mut self.pool) {
            self.proxy.handle_ask(ask, self.now);
        }
        self.commands();
        self.stop_waiting();
        assert_eq!(self.pool.replay_left(), BUDGET, "the replay budget is whole");
        let leases = self.proxy.pool(self.now).leases;
        assert_eq!(leases, 0, "every lease is settled");
    }
}
