//! The rig: a session between a scripted client and a scripted upstream, with a real proxy behind it.
//!
//! However a test ends, in whatever phase, its session is dropped and must leave nothing behind: every lease settled,
//! every byte of the replay budget given back, nobody in the queue.

use super::super::*;
use crate::config::{Config, KeyEntry, PoolConfig, Settings};
use crate::limits::Limits;
use crate::origin::{BaseUrl, Origin};
use crate::proxy::{Command, Job, JobId, Proxy};
use crate::secret::Secret;
use crate::time::{UnixMillis, Wall};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

/// The answer to a request that goes well.
pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

pub(super) const CHAT: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\n\
    Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"model\":\"gpt-x\"}";

pub(super) const GET: &str = "GET /v1/models HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\n\r\n";

/// Keys, in order.
pub(super) const ONE: &[&str] = &["sk-first-key-000000"];
pub(super) const TWO: &[&str] = &["sk-first-key-000000", "sk-other-key-111111"];

const START: Instant = Instant::from_micros(1_000_000);
const UNIX: UnixMillis = UnixMillis(1_790_000_000_000);
const REPLAY: usize = 1 << 26;

/// What a rig is made of.
pub(super) struct Setup {
    pub(super) keys: Vec<KeyEntry>,
    pub(super) settings: Settings,
    pub(super) pool: PoolConfig,
}

/// These keys at `http://up.example/v1`, the token `token`, no CORS.
pub(super) fn setup(keys: &[&str]) -> Setup {
    let base = BaseUrl::new(Origin::new(false, "up.example", 80), "/v1");
    let bases: Arc<[BaseUrl]> = Arc::new([base]);
    let entry = |(n, key): (usize, &&str)| {
        KeyEntry::new(Secret::new(key.as_bytes()), n as u32, Arc::clone(&bases)).expect("a usable key")
    };
    Setup {
        keys: keys.iter().enumerate().map(entry).collect(),
        settings: Settings { tokens: crate::auth::Tokens::new(["token"]), cors: None, ..Settings::default() },
        pool: PoolConfig::default(),
    }
}

impl Setup {
    /// With these settings changed.
    pub(super) fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// With these limits changed.
    pub(super) fn limits(self, change: impl FnOnce(&mut Limits)) -> Self {
        self.settings(|settings| change(&mut settings.limits))
    }

    /// With this pool's settings changed.
    pub(super) fn pool(mut self, change: impl FnOnce(&mut PoolConfig)) -> Self {
        change(&mut self.pool);
        self
    }

    /// The n-th key has base URLs of its own.
    pub(super) fn bases(mut self, key: usize, hosts: &[&str]) -> Self {
        self.keys[key].bases = hosts.iter().map(|host| BaseUrl::new(Origin::new(false, host, 80), "/v1")).collect();
        self
    }

    /// The n-th key serves these models only.
    pub(super) fn models(mut self, key: usize, models: &[&str]) -> Self {
        self.keys[key].models = models.iter().map(|model| (*model).into()).collect();
        self
    }

    pub(super) fn config(self) -> Config {
        let keys = self.keys.into_iter().map(Arc::new).collect();
        Config { settings: Arc::new(self.settings), pool: self.pool, ..Config::new(keys) }
    }

    pub(super) fn rig(self) -> Rig {
        Rig::of(self.config())
    }
}

/// How a dial comes out.
pub(super) enum Dialed {
    /// A new connection.
    Fresh,
    /// One that was idle.
    Reused,
    /// None.
    Failed(DialError),
    /// Not yet: the test says when.
    Later,
}

pub(super) struct Rig {
    pub(super) proxy: Proxy,
    pub(super) settings: Arc<Settings>,
    pub(super) pool: Pool,
    pub(super) now: Instant,
    pub(super) session: Session,
    pub(super) to_client: Vec<u8>,
    /// What each upstream connection got.
    pub(super) to_upstream: Vec<Vec<u8>>,
    /// How the next dials come out; fresh connections when there is nothing more.
    pub(super) dialing: VecDeque<Dialed>,
    pub(super) dials: usize,
    /// The origins dialed.
    pub(super) origins: Vec<String>,
    pub(super) stopped_dials: usize,
    pub(super) parked: usize,
    pub(super) done: bool,
    /// How the client's side was ended.
    pub(super) hung_up: Option<How>,
    /// How upstream links were ended.
    pub(super) dropped: Vec<How>,
    pub(super) ended_writing: Vec<Side>,
    pub(super) notices: Vec<Notice>,
    pub(super) jobs: Vec<(JobId, Job)>,
    /// Bytes that each side still takes.
    pub(super) window: [usize; 2],
    waits: bool,
}

fn turn<'a>(now: Instant, settings: &'a Arc<Settings>, pool: &'a mut Pool) -> Turn<'a> {
    Turn { now, wall: Wall::new(START, UNIX), settings, pool }
}

impl Rig {
    pub(super) fn new(keys: &[&str]) -> Rig {
        setup(keys).rig()
    }

    pub(super) fn of(config: Config) -> Rig {
        let settings = Arc::clone(&config.settings);
        let now = START;
        let mut proxy = Proxy::new(config, 7, now, UNIX);
        while proxy.poll().is_some() {}
        let mut pool = Pool::new(REPLAY);
        let session = Session::new(0, 1, &mut turn(now, &settings, &mut pool));
        Rig {
            proxy,
            settings,
            pool,
            now,
            session,
            to_client: Vec::new(),
            to_upstream: Vec::new(),
            dialing: VecDeque::new(),
            dials: 0,
            origins: Vec::new(),
            stopped_dials: 0,
            parked: 0,
            done: false,
            hung_up: None,
            dropped: Vec::new(),
            ended_writing: Vec::new(),
            notices: Vec::new(),
            jobs: Vec::new(),
            window: [usize::MAX; 2],
            waits: false,
        }
    }

    pub(super) fn call(&mut self, f: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        let mut turn = turn(self.now, &self.settings, &mut self.pool);
        f(&mut self.session, &mut turn);
        self.drain();
    }

    fn drain(&mut self) {
        self.act();
        for side in [Side::Downstream, Side::Upstream] {
            while self.session.has_transmit(side) && self.window[side as usize] > 0 {
                let slices = self.session.poll_transmit(side);
                let mut bytes: Vec<u8> = slices.slices().iter().flat_map(|s| s.iter().copied()).collect();
                assert!(!bytes.is_empty());
                bytes.truncate(self.window[side as usize]);
                self.window[side as usize] -= if self.window[side as usize] == usize::MAX { 0 } else { bytes.len() };
                match side {
                    Side::Downstream => self.to_client.extend_from_slice(&bytes),
                    Side::Upstream => self.to_upstream.last_mut().expect("a link").extend_from_slice(&bytes),
                }
                self.call(|session, turn| session.handle_sent(side, bytes.len(), turn));
            }
        }
        let mut turn = turn(self.now, &self.settings, &mut self.pool);
        self.session.rest(&mut turn);
    }

    fn act(&mut self) {
        loop {
            while let Some(action) = self.session.poll() {
                self.action(action);
            }
            let Some(command) = self.proxy.poll() else { break };
            match command {
                Command::Wake(_, reply) if self.waits => {
                    self.waits = false;
                    let mut turn = turn(self.now, &self.settings, &mut self.pool);
                    self.session.handle_reply(reply, &mut turn);
                }
                Command::Wake(_, Reply::Granted(lease)) => {
                    let unused = crate::keyring::Settle::unused(lease);
                    self.proxy.handle_ask(Ask::Settle(unused), self.now);
                }
                Command::Wake(..) => {}
                Command::Run(id, job) => self.jobs.push((id, job)),
                Command::Settings(settings) => self.settings = settings,
                // Its offset is asked for in every turn.
                Command::Clock(_) => {}
                Command::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    fn action(&mut self, action: Action) {
        let mut turn = turn(self.now, &self.settings, &mut self.pool);
        match action {
            Action::Ask(ask) => {
                self.waits &= !matches!(ask, Ask::Cancel(_));
                let reply = self.proxy.handle_ask(ask, self.now);
                self.waits |= matches!(reply, Reply::Queued(_));
                self.session.handle_reply(reply, &mut turn);
            }
            Action::Dial(dial) => {
                self.dials += 1;
                self.origins.push(dial.origin.to_string());
                let dialed = self.dialing.pop_front().unwrap_or(Dialed::Fresh);
                self.dialed(dialed);
            }
            Action::StopDial => self.stopped_dials += 1,
            Action::Park { .. } => self.parked += 1,
            Action::Hangup(Side::Upstream, how) => self.dropped.push(how),
            Action::Hangup(Side::Downstream, how) => self.hung_up = Some(how),
            Action::EndWriting(side) => self.ended_writing.push(side),
            Action::Notice(notice) => self.notices.push(notice),
            Action::Done => self.done = true,
        }
    }

    fn dialed(&mut self, dialed: Dialed) {
        let linked = match dialed {
            Dialed::Fresh => Ok(Linked { reused: false }),
            Dialed::Reused => Ok(Linked { reused: true }),
            Dialed::Failed(error) => Err(error),
            Dialed::Later => return,
        };
        if linked.is_ok() {
            self.to_upstream.push(Vec::new());
        }
        let mut turn = turn(self.now, &self.settings, &mut self.pool);
        self.session.handle_linked(linked, &mut turn);
    }

    /// A dial that was to come out later comes out now.
    pub(super) fn link(&mut self, dialed: Dialed) {
        self.dialed(dialed);
        self.drain();
    }

    /// Hands over as many bytes as there is room for, `step` at a time; how many that were.
    pub(super) fn offer(&mut self, side: Side, bytes: &[u8], step: usize) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let mut took = 0;
            self.call(|session, turn| {
                let room = session.recv_buf(side, turn);
                took = room.len().min(step).min(bytes.len() - at);
                room[..took].copy_from_slice(&bytes[at..at + took]);
                session.handle_recv(side, took, turn);
            });
            if took == 0 {
                break;
            }
            at += took;
        }
        at
    }

    pub(super) fn feed(&mut self, side: Side, bytes: &[u8], step: usize) {
        let took = self.offer(side, bytes, step.max(1));
        assert_eq!(took, bytes.len(), "no room on {side:?}");
    }

    pub(super) fn client(&mut self, text: &str) {
        self.feed(Side::Downstream, text.as_bytes(), usize::MAX);
    }

    pub(super) fn upstream(&mut self, text: &str) {
        self.feed(Side::Upstream, text.as_bytes(), usize::MAX);
    }

    pub(super) fn eof(&mut self, side: Side) {
        self.call(|session, turn| session.handle_eof(side, turn));
    }

    pub(super) fn lost(&mut self, side: Side) {
        self.call(|session, turn| session.handle_lost(side, Loss::Reset, turn));
    }

    /// This side takes so many bytes more, from now on.
    pub(super) fn open_window(&mut self, side: Side, bytes: usize) {
        self.window[side as usize] = bytes;
        self.drain();
    }

    /// Time passes, and every deadline on the way is kept.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..10_000 {
            let own = self.session.poll_timeout().map(|(at, _)| at);
            let house = self.proxy.poll_timeout().map(|(at, _)| at);
            let next = own.into_iter().chain(house).min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            if house == Some(next) {
                self.proxy.handle_timeout(self.now);
            }
            self.call(|session, turn| session.handle_timeout(turn));
        }
        self.now = self.now.max(end);
    }

    pub(super) fn answer(&self) -> String {
        String::from_utf8_lossy(&self.to_client).into_owned()
    }

    /// The status of the last answer's head that begins the bytes since the last call of this.
    pub(super) fn take_answer(&mut self) -> String {
        String::from_utf8_lossy(&core::mem::take(&mut self.to_client)).into_owned()
    }

    pub(super) fn sent(&self, n: usize) -> String {
        String::from_utf8_lossy(&self.to_upstream[n]).into_owned()
    }

    /// Leases under way.
    pub(super) fn leases(&mut self) -> u64 {
        self.proxy.pool(self.now).leases
    }

    /// How often each class was reported.
    pub(super) fn tally(&mut self, class: crate::classify::Class) -> u64 {
        self.proxy.pool(self.now).tally[class as usize]
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let fresh = Session::new(0, 2, &mut turn(self.now, &self.settings, &mut self.pool));
        let session = core::mem::replace(&mut self.session, fresh);
        if let Some(ask) = session.abandon(&mut self.pool)
            && let Reply::Granted(_) = self.proxy.handle_ask(ask, self.now)
        {
            panic!("a dropped session asked for a key");
        }
        assert_eq!(self.pool.replay_left(), REPLAY, "the replay budget was not given back");
        let pool = self.proxy.pool(self.now);
        assert_eq!((pool.leases, pool.waiting), (0, 0), "a lease was not settled, or somebody waits");
    }
}

/// What follows the head.
pub(super) fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
