//! One session between a client and an upstream that live in memory, with a real proxy behind it.

use keywheel_core::auth::Tokens;
use keywheel_core::config::{Config, KeyEntry, Settings};
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::proxy::Proxy;
use keywheel_core::secret::Secret;
use keywheel_core::session::{Action, Linked, Session, Side};
use keywheel_core::time::{Instant, UnixMillis, Wall};
use keywheel_core::turn::{Pool, Turn};
use std::sync::Arc;
use std::time::Duration;

/// The token that the configuration's clients send.
pub const TOKEN: &str = "kwclient-0123456789abcdefghijklmnopqrstuvwxyz";
/// When everything begins.
pub const BEGIN: Instant = Instant::from_micros(1_000_000);
const UNIX: UnixMillis = UnixMillis(1_767_225_600_000);

/// A configuration with `n` keys and one token.
pub fn config(n: u32, log_requests: bool) -> Config {
    let bases: Arc<[BaseUrl]> = Arc::new([BaseUrl::new(Origin::new(true, "api.openai.com", 443), "/v1")]);
    let key = |n| format!("sk-proj-{n:08}0123456789abcdefghijklmnopqrstuv").into_bytes();
    let entry = |n| KeyEntry::new(Secret::new(key(n)), n, Arc::clone(&bases)).expect("the key is visible ASCII");
    let settings = Settings { tokens: Tokens::new([TOKEN]), log_requests, ..Settings::default() };
    Config { settings: Arc::new(settings), ..Config::new((0..n).map(|n| Arc::new(entry(n))).collect()) }
}

/// A proxy with this configuration.
pub fn proxy(config: Config) -> Proxy {
    let mut proxy = Proxy::new(config, 1, BEGIN, UNIX);
    while proxy.poll().is_some() {}
    proxy
}

/// A session and what it needs.
#[derive(Debug)]
pub struct Pair {
    proxy: Proxy,
    session: Session,
    settings: Arc<Settings>,
    pool: Pool,
    now: Instant,
    /// Bytes written to the client, to the upstream.
    pub written: [usize; 2],
    /// Exchanges whose upstream connection was parked.
    pub parked: usize,
}

impl Pair {
    /// A client has connected; each of its requests is logged, or none. Four keys, so that all were soon used.
    pub fn new(log_requests: bool) -> Self {
        let proxy = proxy(config(4, log_requests));
        let settings = Arc::clone(proxy.settings());
        let mut pool = Pool::new(1 << 26);
        let wall = proxy.wall();
        let session = Session::new(0, 1, &mut Turn { now: BEGIN, wall, settings: &settings, pool: &mut pool });
        Pair { proxy, session, settings, pool, now: BEGIN, written: [0; 2], parked: 0 }
    }

    /// One side sends these bytes; everything that follows from them is carried out.
    pub fn send(&mut self, side: Side, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.call(|session, turn| {
                let room = session.recv_buf(side, turn);
                let n = room.len().min(bytes.len());
                assert!(n > 0, "the session reads on");
                room[..n].copy_from_slice(&bytes[..n]);
                bytes = &bytes[n..];
                session.handle_recv(side, n, turn);
            });
        }
    }

    /// One whole exchange: a request, and an answer in reads of the sizes in which it is given.
    pub fn exchange<'a>(&mut self, request: &[u8], answer: impl IntoIterator<Item = &'a [u8]>) {
        self.send(Side::Downstream, request);
        for piece in answer {
            self.send(Side::Upstream, piece);
        }
    }

    fn call(&mut self, call: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        self.now = self.now + Duration::from_micros(50);
        let mut turn =
            Turn { now: self.now, wall: Wall::new(BEGIN, UNIX), settings: &self.settings, pool: &mut self.pool };
        call(&mut self.session, &mut turn);
        loop {
            let mut idle = true;
            while let Some(action) = self.session.poll() {
                idle = false;
                match action {
                    Action::Ask(ask) => {
                        let reply = self.proxy.handle_ask(ask, self.now);
                        self.session.handle_reply(reply, &mut turn);
                    }
                    Action::Dial(_) => self.session.handle_linked(Ok(Linked { reused: true }), &mut turn),
                    Action::Park { .. } => self.parked += 1,
                    Action::Notice(_) => {}
                    other => panic!("nothing ends here: {other:?}"),
                }
            }
            for side in [Side::Downstream, Side::Upstream] {
                while self.session.has_transmit(side) {
                    idle = false;
                    let n = self.session.poll_transmit(side).slices().iter().map(|s| s.len()).sum();
                    self.written[side as usize] += n;
                    self.session.handle_sent(side, n, &mut turn);
                }
            }
            if idle {
                break;
            }
        }
        self.session.rest(&mut turn);
    }
}
