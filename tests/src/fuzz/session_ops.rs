//! A whole session, with the proxy behind it, under any order of calls: what a driver and three peers could do.
//!
//! Each two bytes of input are a call and its argument. What peers send comes from lists of well-formed and broken
//! pieces, or is the input's next bytes as they are.

use keywheel_core::auth::Tokens;
use keywheel_core::config::{Config, KeyEntry, PoolConfig, Settings, WhenExhausted};
use keywheel_core::keyring::{Settle, Ticket};
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::proxy::{Ask, Command, Proxy, Reply};
use keywheel_core::secret::Secret;
use keywheel_core::session::{Action, Dial, DialError, Linked, Loss, Session, Side, Signal};
use keywheel_core::time::{Instant, UnixMillis, Wall};
use keywheel_core::turn::{BLOCK, Pool, Turn};
use std::sync::Arc;
use std::time::Duration;

const CLIENT: &[&str] = &[
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token-of-the-client\r\nContent-Length: 17\r\n\r\n",
    "POST /v1/files HTTP/1.1\r\nHost: a\r\nx-api-key: token-of-the-client\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    "GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token-of-the-client\r\n\r\n",
    "GET /v1/realtime HTTP/1.1\r\nHost: a\r\napi-key: token-of-the-client\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HEAD /v1/models HTTP/1.0\r\nAuthorization: Bearer token-of-the-client\r\nConnection: keep-alive\r\n\r\n",
    "GET /stats HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token-of-the-client\r\n\r\n",
    "GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n",
    "{\"model\":\"gpt-x\"}",
    "5\r\nhello\r\n",
    "0\r\nX-T: 1\r\n\r\n",
    "5;x=1\r\n",
    "\r\n",
];

const UPSTREAM: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 36\r\n\r\n{\"error\":{\"code\":\"invalid_api_key\"}}",
    "HTTP/1.1 429 Slow\r\nRetry-After: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 500 Oops\r\nx-should-retry: false\r\nContent-Length: 70000\r\n\r\n",
    "HTTP/1.1 403 No\r\nContent-Length: 49\r\n\r\n{\"error\":{\"message\":\"sk-first-key-of-them-all-1\"}}",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "e\r\ndata: {\"a\":1}\n\r\n",
    "0\r\n\r\n",
    "data: [DONE]\n\n",
];

const KEYS: [&str; 3] = ["sk-first-key-of-them-all-1", "sk-second-key-of-them-all", "sk-third-key-of-them-all-3"];
const BUDGET: usize = 1 << 20;
const UNIX: UnixMillis = UnixMillis(1_790_000_000_000);

fn keys() -> Vec<Arc<KeyEntry>> {
    let bases: Arc<[BaseUrl]> = Arc::new([BaseUrl::new(Origin::new(true, "up.example", 443), "/v1")]);
    let entry = |(n, key): (usize, &&str)| KeyEntry::new(Secret::new(key.as_bytes()), n as u32, Arc::clone(&bases));
    KEYS.iter().enumerate().map(|key| Arc::new(entry(key).expect("a usable key"))).collect()
}

struct World {
    proxy: Proxy,
    settings: Arc<Settings>,
    pool: Pool,
    now: Instant,
    session: Option<Session>,
    dialing: Option<Dial>,
    linked: bool,
    ticket: Option<Ticket>,
    wakes: Vec<Reply>,
}

/// Runs the calls that `data` says, then drops the session: nothing may panic, and nothing may stay behind.
pub fn run(data: &[u8]) {
    let [mode, rest @ ..] = data else { return };
    let mut world = World::new(*mode);
    let mut rest = rest;
    while let [call, argument, more @ ..] = rest {
        rest = more;
        let raw = usize::from(*argument).min(rest.len());
        let used = world.call(*call, *argument, &rest[..raw]);
        rest = &rest[used..];
        if world.session.is_none() {
            break;
        }
    }
    world.end();
}

impl World {
    fn new(mode: u8) -> World {
        let when_exhausted =
            [WhenExhausted::Wait, WhenExhausted::Reject, WhenExhausted::LeastBad][usize::from(mode >> 6) % 3];
        let settings = Arc::new(Settings {
            tokens: Tokens::new(["token-of-the-client"]),
            client_half_close: mode & 1 != 0,
            retry_ambiguous: mode & 2 != 0,
            ..Settings::default()
        });
        let pool = PoolConfig { when_exhausted, max_sockets: (mode & 4 != 0).then_some(1), ..PoolConfig::default() };
        let config = Config { settings: Arc::clone(&settings), pool, ..Config::new(keys()) };
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
        };
        let session = world.turn(|turn| Session::new(0, 9, turn));
        world.session = Some(session);
        world
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

    /// One call; how many of the `raw` bytes it used.
    fn call(&mut self, call: u8, argument: u8, raw: &[u8]) -> usize {
        let side = if call & 16 == 0 { Side::Downstream } else { Side::Upstream };
        let open = side == Side::Downstream || self.linked;
        match call % 10 {
            0 | 1 if open => {
                let pieces = if side == Side::Downstream { CLIENT } else { UPSTREAM };
                let piece = pieces[usize::from(argument) % pieces.len()].as_bytes();
                let cut = if call.is_multiple_of(10) { piece.len() } else { usize::from(call >> 5).min(piece.len()) };
                self.read(side, &piece[..cut]);
                self.read(side, &piece[cut..]);
            }
            2 if open => {
                self.read(side, raw);
                return raw.len();
            }
            3 | 4 if open => self.write(side, if call % 10 == 3 { usize::MAX } else { usize::from(argument) }),
            5 if open => self.with(|session, turn| session.handle_eof(side, turn)),
            6 if open => {
                self.linked &= side == Side::Downstream;
                self.with(|session, turn| session.handle_lost(side, Loss::Reset, turn));
            }
            7 => self.link(argument),
            8 => self.pass_time(argument),
            9 if argument < 8 => self.with(|session, turn| session.handle_signal(Signal::Drain, turn)),
            _ => {
                if let Some(reply) = self.wakes.pop() {
                    self.ticket = None;
                    self.with(|session, turn| session.handle_reply(reply, turn));
                }
            }
        }
        0
    }

    fn read(&mut self, side: Side, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            let mut taken = 0;
            self.with(|session, turn| {
                let wanted = session.wants_read(side);
                let room = session.recv_buf(side, turn);
                assert_eq!(wanted, !room.is_empty(), "what is wanted has room");
                taken = room.len().min(left.len());
                room[..taken].copy_from_slice(&left[..taken]);
                session.handle_recv(side, taken, turn);
            });
            if taken == 0 {
                break;
            }
            left = &left[taken..];
        }
    }

    fn write(&mut self, side: Side, most: usize) {
        let Some(session) = &self.session else { return };
        let bytes: Vec<u8> = session.poll_transmit(side).slices().iter().flat_map(|s| s.iter().copied()).collect();
        assert_eq!(session.has_transmit(side), !bytes.is_empty());
        let n = bytes.len().min(most);
        self.with(|session, turn| session.handle_sent(side, n, turn));
    }

    fn link(&mut self, argument: u8) {
        if self.dialing.take().is_none() {
            return;
        }
        let linked = match argument % 8 {
            0 => Err(DialError::Timeout),
            1 => Err(DialError::Tls("certificate expired".into())),
            n => Ok(Linked { reused: n == 2 }),
        };
        self.linked = linked.is_ok();
        self.with(|session, turn| session.handle_linked(linked, turn));
    }

    /// To the next deadline, or a while on.
    fn pass_time(&mut self, argument: u8) {
        let step = self.now + Duration::from_millis(u64::from(argument) * 100);
        let due = self.session.as_ref().and_then(Session::poll_timeout).map(|(at, _)| at);
        self.now = match due {
            Some(at) if argument & 1 == 0 => at.max(self.now),
            _ => step,
        };
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
                Action::Park { .. } | Action::Hangup(Side::Upstream, _) => self.linked = false,
                Action::Done => return self.end(),
                Action::Hangup(Side::Downstream, _) | Action::EndWriting(_) | Action::Notice(_) => {}
            }
        }
        let held = self.session.as_ref().map_or(0, Session::held);
        assert!(held <= 2 * BLOCK + BUDGET + 512 * 1024, "{held} bytes held");
    }

    fn commands(&mut self) {
        while let Some(command) = self.proxy.poll() {
            if let Command::Wake(ticket, reply) = command {
                match self.ticket == Some(ticket) {
                    true => self.wakes.push(reply),
                    false => self.give_back(reply),
                }
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
            let unused = Settle { lease, outcome: None, base: 0, then: None };
            self.proxy.handle_ask(Ask::Settle(unused), self.now);
        }
    }

    /// Drops the session, whatever it was at.
    fn end(&mut self) {
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
