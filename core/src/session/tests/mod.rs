//! A session between a scripted client and a scripted upstream, with a real proxy behind it.

mod flow;
mod memory;

use super::*;
use crate::config::{Config, KeyEntry, Settings};
use crate::origin::BaseUrl;
use crate::proxy::Proxy;
use crate::secret::Secret;
use crate::time::{UnixMillis, Wall};
use std::sync::Arc;

/// The answer to a request that goes well.
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

const CHAT: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\n\
    Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"model\":\"gpt-x\"}";

const START: Instant = Instant::from_micros(1_000_000);
const UNIX: UnixMillis = UnixMillis(1_790_000_000_000);

fn turn<'a>(now: Instant, settings: &'a Arc<Settings>, pool: &'a mut Pool) -> Turn<'a> {
    Turn { now, wall: Wall::new(START, UNIX), settings, pool }
}

struct Rig {
    proxy: Proxy,
    settings: Arc<Settings>,
    pool: Pool,
    now: Instant,
    session: Session,
    to_client: Vec<u8>,
    /// What each upstream connection got.
    to_upstream: Vec<Vec<u8>>,
    dials: usize,
    parked: usize,
    done: bool,
    hung_up: Option<How>,
    dropped_upstream: usize,
    notices: Vec<Notice>,
}

impl Rig {
    fn new(keys: &[&str]) -> Rig {
        let settings = Settings { tokens: crate::auth::Tokens::new(["token"]), cors: None, ..Settings::default() };
        Rig::with(keys, settings)
    }

    fn with(keys: &[&str], settings: Settings) -> Rig {
        let base = BaseUrl::new(crate::origin::Origin::new(false, "up.example", 80), "/v1");
        let bases: Arc<[BaseUrl]> = Arc::new([base]);
        let entry = |(n, key): (usize, &&str)| {
            Arc::new(KeyEntry::new(Secret::new(key.as_bytes()), n as u32, Arc::clone(&bases)).unwrap())
        };
        let keys = keys.iter().enumerate().map(entry).collect();
        let config = Config { settings: Arc::new(settings), ..Config::new(keys) };
        let settings = Arc::clone(&config.settings);
        let now = START;
        let mut proxy = Proxy::new(config, 7, now, UNIX);
        while proxy.poll().is_some() {}
        let mut pool = Pool::new(1 << 26);
        let session = Session::new(0, 1, &mut turn(now, &settings, &mut pool));
        Rig {
            proxy,
            settings,
            pool,
            now,
            session,
            to_client: Vec::new(),
            to_upstream: Vec::new(),
            dials: 0,
            parked: 0,
            done: false,
            hung_up: None,
            dropped_upstream: 0,
            notices: Vec::new(),
        }
    }

    fn call(&mut self, f: impl FnOnce(&mut Session, &mut Turn<'_>)) {
        let mut turn = turn(self.now, &self.settings, &mut self.pool);
        f(&mut self.session, &mut turn);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let mut turn = turn(self.now, &self.settings, &mut self.pool);
            match self.session.poll() {
                Some(Action::Ask(ask)) => {
                    let reply = self.proxy.handle_ask(ask, self.now);
                    self.session.handle_reply(reply, &mut turn);
                }
                Some(Action::Dial(_)) => {
                    self.dials += 1;
                    self.to_upstream.push(Vec::new());
                    self.session.handle_linked(Ok(Linked { reused: false }), &mut turn);
                }
                Some(Action::Park { .. }) => self.parked += 1,
                Some(Action::Hangup(Side::Upstream, _)) => self.dropped_upstream += 1,
                Some(Action::Hangup(Side::Downstream, how)) => self.hung_up = Some(how),
                Some(Action::Notice(notice)) => self.notices.push(notice),
                Some(Action::Done) => self.done = true,
                Some(Action::StopDial | Action::EndWriting(_)) => {}
                None => break,
            }
        }
        for side in [Side::Downstream, Side::Upstream] {
            while self.session.has_transmit(side) {
                let bytes: Vec<u8> =
                    self.session.poll_transmit(side).slices().iter().flat_map(|s| s.iter().copied()).collect();
                assert!(!bytes.is_empty());
                match side {
                    Side::Downstream => self.to_client.extend_from_slice(&bytes),
                    Side::Upstream => self.to_upstream.last_mut().unwrap().extend_from_slice(&bytes),
                }
                self.call(|session, turn| session.handle_sent(side, bytes.len(), turn));
            }
        }
        let mut turn = turn(self.now, &self.settings, &mut self.pool);
        self.session.rest(&mut turn);
    }

    fn feed(&mut self, side: Side, bytes: &[u8], step: usize) {
        for piece in bytes.chunks(step.max(1)) {
            self.call(|session, turn| {
                let room = session.recv_buf(side, turn);
                assert!(room.len() >= piece.len(), "no room on {side:?}");
                room[..piece.len()].copy_from_slice(piece);
                session.handle_recv(side, piece.len(), turn);
            });
        }
    }

    fn client(&mut self, text: &str) {
        self.feed(Side::Downstream, text.as_bytes(), usize::MAX);
    }

    fn upstream(&mut self, text: &str) {
        self.feed(Side::Upstream, text.as_bytes(), usize::MAX);
    }

    fn answer(&self) -> String {
        String::from_utf8_lossy(&self.to_client).into_owned()
    }

    fn sent(&self, n: usize) -> String {
        String::from_utf8_lossy(&self.to_upstream[n]).into_owned()
    }
}
