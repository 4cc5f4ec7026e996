//! A whole exchange by messages alone: no HTTP/1 byte in sight. HTTP/2 and translating providers come in here.

use http::{Method, StatusCode};
use keywheel_core::classify::Class;
use keywheel_core::config::{Config, KeyEntry, Settings};
use keywheel_core::exchange::{Answer, Break, Disposition, Exchange, Step};
use keywheel_core::message::{FieldBuf, Fields, Length, RequestHead, ResponseHead, Version};
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::proxy::{Ask, Proxy, Reply};
use keywheel_core::replay::Intake;
use keywheel_core::secret::Secret;
use keywheel_core::session::{DialError, Linked, Reason};
use keywheel_core::time::{Instant, UnixMillis, Wall};
use keywheel_core::turn::{Pool, Turn};
use std::sync::Arc;

const NOW: Instant = Instant::from_micros(5_000_000);
const UNIX: UnixMillis = UnixMillis(1_790_000_000_000);

/// A proxy, and a protocol of the least kind around one exchange.
struct World {
    proxy: Proxy,
    settings: Arc<Settings>,
    pool: Pool,
    unreachable: bool,
    /// What each attempt was sent: target, field lines, credential, body.
    attempts: Vec<(String, String, String, Vec<u8>)>,
    released: usize,
    answered: bool,
    aborted: bool,
}

impl World {
    fn new(keys: &[&str]) -> World {
        let bases: Arc<[BaseUrl]> = Arc::new([BaseUrl::new(Origin::new(true, "api.example.com", 443), "/base/v1")]);
        let entry = |(n, key): (usize, &&str)| {
            Arc::new(KeyEntry::new(Secret::new(key.as_bytes()), n as u32, Arc::clone(&bases)).expect("a usable key"))
        };
        let proxy = Proxy::new(Config::new(keys.iter().enumerate().map(entry).collect()), 3, NOW, UNIX);
        let settings = Arc::clone(proxy.settings());
        let pool = Pool::new(1 << 20);
        let (attempts, released) = (Vec::new(), 0);
        World { proxy, settings, pool, unreachable: false, attempts, released, answered: false, aborted: false }
    }

    fn turn<T>(&mut self, call: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        call(&mut Turn { now: NOW, wall: Wall::new(NOW, UNIX), settings: &self.settings, pool: &mut self.pool })
    }

    fn begin(&mut self, length: u64) -> Exchange {
        let mut fields = FieldBuf::default();
        fields.push(b"content-type", b"application/json");
        fields.push(b"authorization", b"Bearer whatever");
        fields.push(b"x-end-to-end", b"1");
        fields.push(b"x-hop", b"2");
        let head = RequestHead {
            method: Method::POST,
            target: b"/v1/chat/completions?a=1&key=secret&b=2".as_slice().into(),
            authority: b"proxy",
            version: Version::Http11,
            length: Length::Exact(length),
            expects_continue: false,
            upgrade: None,
            fields: fields.fields(),
        };
        let mut exchange = self.turn(|turn| Exchange::new(&head, &|name| name == b"x-hop", 0, 0xABCD, turn));
        self.steps(&mut exchange);
        exchange
    }

    fn data(&mut self, exchange: &mut Exchange, data: &[u8], end: bool) {
        assert_eq!(exchange.intake(), Intake::Keep);
        self.turn(|turn| exchange.handle_data(data, turn));
        if end {
            self.turn(|turn| exchange.handle_end(turn));
        }
        self.steps(exchange);
        self.send(exchange);
    }

    /// Sends what is pending, as a protocol with a wide window would.
    fn send(&mut self, exchange: &mut Exchange) {
        let pending = exchange.pending().to_vec();
        if let Some(attempt) = self.attempts.last_mut().filter(|_| !pending.is_empty()) {
            attempt.3.extend_from_slice(&pending);
            exchange.handle_began();
            exchange.handle_sent(pending.len());
        }
        if exchange.request_ended() && !self.attempts.is_empty() {
            self.turn(|turn| exchange.handle_written(turn));
        }
    }

    fn steps(&mut self, exchange: &mut Exchange) {
        while let Some(step) = exchange.poll() {
            match step {
                Step::Ask(ask) => {
                    let reply = self.proxy.handle_ask(ask, NOW);
                    self.turn(|turn| exchange.handle_reply(reply, turn));
                }
                Step::Dial(dial) => {
                    assert_eq!(dial.origin.host(), "api.example.com");
                    let linked = match self.unreachable {
                        true => Err(DialError::Timeout),
                        false => Ok(Linked { reused: false }),
                    };
                    self.turn(|turn| exchange.handle_linked(linked, turn));
                }
                Step::Send => {
                    let outgoing = exchange.outgoing().expect("a request to send");
                    let mut target = Vec::new();
                    outgoing.write_target(&mut target);
                    let mut credential = String::new();
                    outgoing.additions(&mut |name, value| {
                        credential.push_str(&format!("{name}={};", String::from_utf8_lossy(value)));
                    });
                    let lines = String::from_utf8_lossy(outgoing.lines).into_owned();
                    self.attempts.push((String::from_utf8(target).expect("ASCII"), lines, credential, Vec::new()));
                    exchange.handle_began();
                    self.send(exchange);
                }
                Step::Release => self.released += 1,
                Step::Answer => self.answered = true,
                Step::Abort => self.aborted = true,
                Step::StopDial | Step::Continue | Step::Log(_) => {}
            }
        }
    }

    fn head(&mut self, exchange: &mut Exchange, status: u16, length: Length) -> Disposition {
        let fields = FieldBuf::default();
        let status = StatusCode::from_u16(status).expect("a status");
        let head = ResponseHead { status, reason: b"", length, fields: fields.fields() };
        let disposition = self.turn(|turn| exchange.handle_response(&head, &|_| false, turn));
        self.steps(exchange);
        disposition
    }

    fn body(&mut self, exchange: &mut Exchange, data: &[u8], end: bool) {
        self.turn(|turn| exchange.handle_response_data(&mut data.to_vec(), false, turn));
        if end {
            self.turn(|turn| exchange.handle_response_end(&Fields::new(&[], &[]), turn));
        }
        self.steps(exchange);
    }
}

#[test]
fn a_retry_by_messages_alone() {
    let mut world = World::new(&["sk-first-0000000001", "sk-second-000000002"]);
    let mut exchange = world.begin(11);
    world.data(&mut exchange, b"hello ", false);
    world.data(&mut exchange, b"world", true);
    let (target, lines, credential, body) = world.attempts[0].clone();
    assert_eq!(target, "/base/v1/chat/completions?a=1&b=2", "prefix joined, one /v1, no credential in the query");
    assert_eq!(lines, "content-type: application/json\r\nx-end-to-end: 1\r\n");
    assert_eq!(credential, "Authorization=Bearer sk-first-0000000001;");
    assert_eq!(body, b"hello world");

    assert_eq!(world.head(&mut exchange, 429, Length::Exact(2)), Disposition::Hold);
    world.body(&mut exchange, b"{}", true);
    assert_eq!((world.released, world.attempts.len(), world.answered), (1, 2, false));
    assert_eq!(world.attempts[1].2, "Authorization=Bearer sk-second-000000002;");
    assert_eq!(world.attempts[1].3, b"hello world", "the body is sent again from its first byte");

    assert_eq!(world.head(&mut exchange, 200, Length::Marked), Disposition::Relay);
    let mut additions = Vec::new();
    exchange.additions(&mut |name, value| additions.push((name, String::from_utf8_lossy(value).into_owned())));
    assert!(additions.contains(&("x-keywheel-request-id", "000000000000abcd".into())), "{additions:?}");
    assert!(additions.contains(&("x-keywheel-attempts", "2".into())), "{additions:?}");
    world.body(&mut exchange, b"good", true);
    assert!(exchange.is_over() && !world.aborted);
    assert_eq!(world.released, 2);
    let log = world.turn(|turn| exchange.handle_delivered(true, turn));
    let Some(Step::Log(line)) = log else { panic!("no log line") };
    assert_eq!((line.status, line.retries, line.complete), (200, 1, true));
    assert_eq!(&*line.path, "/v1/chat/completions");
}

#[test]
fn after_the_commit_point_a_break_is_visible_and_nothing_is_repeated() {
    let mut world = World::new(&["sk-first-0000000001", "sk-second-000000002"]);
    let mut exchange = world.begin(2);
    world.data(&mut exchange, b"{}", true);
    assert_eq!(world.head(&mut exchange, 200, Length::Marked), Disposition::Relay);
    world.body(&mut exchange, b"half", false);
    world.turn(|turn| exchange.handle_broken(Break::Lost, turn));
    world.steps(&mut exchange);
    assert!(world.aborted && exchange.is_over());
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn an_early_answer_is_passed_while_the_body_is_still_coming() {
    let mut world = World::new(&["sk-first-0000000001"]);
    let mut exchange = world.begin(10);
    world.data(&mut exchange, b"12345", false);
    assert_eq!(world.head(&mut exchange, 200, Length::Exact(2)), Disposition::Relay);
    assert_eq!(exchange.intake(), Intake::Pass, "committed: what comes now is lent, not kept");
    world.body(&mut exchange, b"ok", true);
    assert_eq!(exchange.intake(), Intake::Discard);
    assert!(exchange.is_over() && !exchange.request_ended());
}

#[test]
fn an_unreachable_upstream_is_answered_502_and_blames_no_key() {
    let mut world = World::new(&["sk-first-0000000001", "sk-second-000000002"]);
    world.unreachable = true;
    let mut exchange = world.begin(0);
    assert!(world.answered && exchange.is_over());
    let Some(Answer::Page(page)) = exchange.answer() else { panic!("no page") };
    assert_eq!(page.status, 502);
    assert!(world.attempts.is_empty(), "nothing was sent");
    assert_eq!(world.turn(|turn| exchange.handle_delivered(true, turn)).map(|_| ()), Some(()));
}

#[test]
fn a_pause_that_ends_before_the_verdict_was_told_tells_it_once() {
    let mut world = World::new(&["sk-first-0000000001"]);
    let mut exchange = world.begin(2);
    world.data(&mut exchange, b"{}", true);
    assert_eq!(world.head(&mut exchange, 503, Length::Exact(10)), Disposition::Hold);
    world.body(&mut exchange, b"12345", false);
    for expected in [Reason::ErrorTime, Reason::Backoff] {
        let (now, reason) = exchange.poll_timeout().expect("a deadline");
        assert_eq!(reason, expected);
        let mut turn = Turn { now, wall: Wall::new(NOW, UNIX), settings: &world.settings, pool: &mut world.pool };
        exchange.handle_timeout(&mut turn);
    }
    let mut asks = Vec::new();
    while let Some(step) = exchange.poll() {
        let Step::Ask(ask) = step else { continue };
        asks.push(
            matches!(&ask, Ask::Swap(settle) if settle.outcome.as_ref().is_some_and(|o| o.class == Class::Overload)),
        );
        let reply = world.proxy.handle_ask(ask, NOW);
        assert!(matches!(reply, Reply::Kept(..)), "no other key: the answer goes on, and its lease: {reply:?}");
        world.turn(|turn| exchange.handle_reply(reply, turn));
    }
    assert_eq!(asks, [true], "the swap, and no verdict beside it");
}

#[test]
fn a_client_that_resets_gives_its_key_back_at_once() {
    let mut world = World::new(&["sk-first-0000000001"]);
    let mut exchange = world.begin(5);
    world.data(&mut exchange, b"12", false);
    world.turn(|turn| exchange.handle_left(turn));
    world.steps(&mut exchange);
    assert!(exchange.is_over() && !world.answered);
    assert_eq!(world.released, 1);
    let kept = world.pool.replay_left();
    assert_eq!(kept, 1 << 20, "its share of the replay budget is free again");
}
