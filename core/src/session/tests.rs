//! A session between a scripted client and a scripted upstream, with a real proxy behind it.

use super::*;
use crate::config::{Config, KeyEntry, Settings};
use crate::origin::BaseUrl;
use crate::proxy::Proxy;
use crate::secret::Secret;
use crate::time::{UnixMillis, Wall};
use std::sync::Arc;

const CHAT: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\n\
    Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"model\":\"gpt-x\"}";
const CHAT_LEN: &str = "17";

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

fn chat() -> String {
    CHAT.replace("Content-Length: 16", &format!("Content-Length: {CHAT_LEN}"))
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
        let config = Config {
            keys,
            settings: Arc::new(settings),
            pool: crate::config::PoolConfig::default(),
            listen: crate::config::Listen { host: "127.0.0.1".into(), port: 3000 },
            workers: None,
            log: Default::default(),
            extra_ca: None,
            shutdown: Duration::from_secs(30),
        };
        let settings = Arc::clone(&config.settings);
        let now = Instant::from_micros(1_000_000);
        let mut proxy = Proxy::new(config, 7, now, UnixMillis(1_790_000_000_000));
        while proxy.poll().is_some() {}
        let mut pool = Pool::new(1 << 26);
        let wall = Wall::new(now, UnixMillis(1_790_000_000_000));
        let session = Session::new(0, 1, &mut Turn { now, wall, settings: &settings, pool: &mut pool });
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
        let wall = Wall::new(Instant::from_micros(1_000_000), UnixMillis(1_790_000_000_000));
        let mut turn = Turn { now: self.now, wall, settings: &self.settings, pool: &mut self.pool };
        f(&mut self.session, &mut turn);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let wall = Wall::new(Instant::from_micros(1_000_000), UnixMillis(1_790_000_000_000));
            let mut turn = Turn { now: self.now, wall, settings: &self.settings, pool: &mut self.pool };
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
        let wall = Wall::new(Instant::from_micros(1_000_000), UnixMillis(1_790_000_000_000));
        let mut turn = Turn { now: self.now, wall, settings: &self.settings, pool: &mut self.pool };
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

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn a_request_is_passed_with_the_credential_swapped_and_the_connection_kept() {
    let mut rig = Rig::new(&["sk-first-key-000000"]);
    for round in 1..=2 {
        rig.client(&chat());
        let sent = rig.sent(round - 1);
        assert!(sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\nHost: up.example\r\n"), "{sent}");
        assert!(sent.contains("\r\nAuthorization: Bearer sk-first-key-000000\r\n"), "{sent}");
        assert!(!sent.contains("token") && sent.ends_with("\r\n\r\n{\"model\":\"gpt-x\"}"), "{sent}");
        rig.upstream(OK);
        assert!(rig.answer().ends_with("\r\n\r\n{}"), "{}", rig.answer());
        assert_eq!(rig.parked, round);
        assert!(!rig.done);
    }
    assert_eq!(rig.notices.len(), 2);
}

#[test]
fn any_segmentation_gives_the_same_bytes() {
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0003\r\n!!!\r\n0\r\nX-T: 1\r\n\r\n";
    let mut whole = Rig::new(&["sk-first-key-000000"]);
    whole.client(&chat());
    whole.upstream(chunked);
    assert!(whole.answer().ends_with("\r\n\r\n5\r\nhello\r\n3\r\n!!!\r\n0\r\nX-T: 1\r\n\r\n"), "{}", whole.answer());
    for step in 1..40 {
        let mut rig = Rig::new(&["sk-first-key-000000"]);
        rig.feed(Side::Downstream, chat().as_bytes(), step);
        rig.feed(Side::Upstream, chunked.as_bytes(), step);
        assert_eq!(rig.sent(0), whole.sent(0));
        let (head, body) = (rig.answer(), whole.answer());
        assert_eq!(head, body, "step {step}");
    }
}

#[test]
fn a_dead_key_is_passed_over_and_the_client_sees_nothing_of_it() {
    let mut rig = Rig::new(&["sk-first-key-000000", "sk-other-key-111111"]);
    rig.client(&chat());
    rig.upstream(
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"error\":{\"code\":\"invalid_api_key\"}}",
    );
    assert_eq!(rig.dials, 2);
    assert!(rig.sent(1).contains("Bearer sk-other-key-111111"));
    assert!(rig.sent(1).ends_with("{\"model\":\"gpt-x\"}"));
    rig.upstream(OK);
    assert!(rig.answer().starts_with("HTTP/1.1 200 OK\r\n"), "{}", rig.answer());
    assert!(rig.answer().contains("\r\nx-keywheel-attempts: 2\r\n"));
}

#[test]
fn a_clients_own_mistake_passes_as_it_came() {
    let mut rig = Rig::new(&["sk-first-key-000000", "sk-other-key-111111"]);
    rig.client(&chat());
    rig.upstream("HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n4\r\noops\r\n0\r\n\r\n");
    assert_eq!(rig.dials, 1);
    let answer = rig.answer();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\nX-A: b\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n4\r\noops\r\n0\r\n\r\n"), "{answer}");
    assert_eq!(rig.parked, 1);
}

#[test]
fn a_wrong_token_is_refused_and_nothing_is_dialed() {
    let mut rig = Rig::new(&["sk-first-key-000000"]);
    rig.client(&chat().replace("Bearer token", "Bearer other"));
    assert!(rig.answer().starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{}", rig.answer());
    assert_eq!(rig.dials, 0);
    assert!(!rig.done, "the body was read, so the connection goes on");
    rig.client(&chat());
    assert_eq!(rig.dials, 1);
}

#[test]
fn a_cut_answer_is_visibly_cut() {
    let mut rig = Rig::new(&["sk-first-key-000000"]);
    rig.client(&chat());
    rig.upstream(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n",
    );
    rig.call(|session, turn| session.handle_eof(Side::Upstream, turn));
    let answer = rig.answer();
    assert!(answer.contains("upstream_cut"), "{answer}");
    assert!(!answer.contains("0\r\n\r\n"), "no clean end: {answer}");
    assert_eq!(rig.hung_up, Some(How::Fin));
}

#[test]
fn a_client_that_leaves_takes_its_upstream_with_it() {
    let mut rig = Rig::new(&["sk-first-key-000000"]);
    rig.client(&chat());
    rig.call(|session, turn| session.handle_eof(Side::Downstream, turn));
    assert_eq!(rig.dropped_upstream, 1);
    assert!(rig.done);
    assert_eq!(rig.pool.replay_left(), 1 << 26);
}

#[test]
fn a_connection_closed_before_an_answer_is_502_for_a_post() {
    let mut rig = Rig::new(&["sk-first-key-000000", "sk-other-key-111111"]);
    rig.client(&chat());
    rig.call(|session, turn| session.handle_eof(Side::Upstream, turn));
    assert_eq!(rig.dials, 1);
    assert!(rig.answer().starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{}", rig.answer());
}
