//! `Debug` output holds no secret: not of a configuration or its errors, not of a session in any state of an exchange, not of
//! what passes between the machines. Bytes count in every way in which `Debug` may write them.

use keywheel_core::config::{Config, Files, Layers};
use keywheel_core::http1::Scan;
use keywheel_core::http1::head::{request, response};
use keywheel_core::limits::Limits;
use keywheel_core::proxy::Proxy;
use keywheel_core::secret::Secret;
use keywheel_core::session::{Action, Linked, Session, Side};
use keywheel_core::time::{Instant, UnixMillis, Wall};
use keywheel_core::turn::{Pool, Turn};
use keywheel_tests::model::secrets::Secrets;
use std::fmt::Debug;
use std::sync::Arc;

const KEY: &str = "sk-proj-Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0Lz9Xc8Vb7Nm6";
const OTHER_KEY: &str = "sk-Zx1Cv2Bn3Mq4We5Rt6Yu7Io8Pa9Sd0Fg1Hj2Kl3Qz4Xw";
const TOKEN: &str = "client-Mn4Bv5Cx6Za7Sd8Fg9Hj0";
const ADMIN: &str = "admin-Pl2Ok3Ij4Uh5Yg6Tf7Rd8";
const SECRETS: [&str; 4] = [KEY, OTHER_KEY, TOKEN, ADMIN];
const NOW: Instant = Instant::from_micros(1_000_000);
const UNIX: UnixMillis = UnixMillis(1_790_000_000_000);

/// Fails when the value's `Debug` output, plain or pretty, holds a window of a secret, as text or as a list of numbers.
#[track_caller]
fn check(what: &str, value: &dyn Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let numbers = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let bytes: Vec<u8> = numbers.map(|word| word.parse().unwrap_or(0)).collect();
        let secrets = Secrets::new(SECRETS.into_iter());
        for form in [text.as_bytes(), &bytes] {
            if let Some(found) = secrets.find_in(form) {
                panic!("{what}: {found} of its {} bytes of Debug output", text.len());
            }
        }
    }
}

#[test]
#[should_panic(expected = "a list: secret 2 at byte")]
fn the_check_sees_bytes_written_as_numbers() {
    check("a list", &TOKEN.as_bytes());
}

fn layers(env: &[(&str, &str)]) -> Layers {
    Layers::of_env(env.iter().copied())
}

fn files(keys: &str) -> Files {
    let mut files = Files::new();
    files.add("keys.txt", Ok(Secret::new(keys)));
    files
}

fn config() -> Config {
    let layers = layers(&[("AUTH_KEY", TOKEN), ("ADMIN_KEY", ADMIN)]);
    let files = files(&format!("{KEY} | first\n{OTHER_KEY}\n"));
    check("Layers", &layers);
    check("Files", &files);
    Config::parse(&layers, &files).expect("a good configuration").0
}

#[test]
fn a_configuration_and_what_is_wrong_with_it() {
    check("Config", &config());
    let user = format!("https://user:{KEY}@api.example.com");
    let bad = [
        (layers(&[("PORT", KEY), ("AUTH_KEY", &format!("{TOKEN} with blanks"))]), files(KEY)),
        (layers(&[("OPENAI_BASE_URL", &user)]), files(KEY)),
        (layers(&[("AUTH_KEY", TOKEN), ("BEARER_TOKEN", ADMIN)]), files(KEY)),
        (layers(&[(KEY, KEY), ("MAX_RETRIES", "many")]), files(&format!("{KEY}é\n{OTHER_KEY} | weight={KEY}\n"))),
        (Layers { dotenv: Some(Secret::new(format!("{KEY}\n=\"{TOKEN}"))), ..Layers::default() }, files(KEY)),
    ];
    for (layers, files) in &bad {
        let result = Config::parse(layers, files);
        check("what parsing came to", &result);
        if let Err(errors) = result {
            errors.iter().for_each(|error| check("an error's words", &error.to_string()));
        }
    }
}

#[test]
fn heads() {
    let mut spans = Vec::new();
    let text = format!("POST /v1/x?key={TOKEN} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    check("Request", &request(text.as_bytes(), &mut Scan::default(), &mut spans, &Limits::default()));
    let broken = format!("POST /v1/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \x01{TOKEN}\r\n\r\n");
    check("RequestError", &request(broken.as_bytes(), &mut Scan::default(), &mut spans, &Limits::default()));
    let text = format!("HTTP/1.1 400 Bad Request\r\nX-Echo: {KEY}\r\nContent-Length: 0\r\n\r\n");
    let found = response(text.as_bytes(), &mut Scan::default(), &mut spans, &Limits::default(), &http::Method::GET);
    check("Response", &found);
}

/// A session that is looked at after each call.
struct Watched {
    proxy: Proxy,
    session: Session,
    pool: Pool,
    answered: usize,
}

impl Watched {
    fn new() -> Self {
        let mut proxy = Proxy::new(config(), 1, NOW, UNIX);
        while let Some(command) = proxy.poll() {
            check("Command", &command);
        }
        let mut pool = Pool::new(1 << 20);
        let settings = Arc::clone(proxy.settings());
        let mut turn = Turn { now: NOW, wall: Wall::new(NOW, UNIX), settings: &settings, pool: &mut pool };
        let session = Session::new(0, 1, &mut turn);
        Watched { proxy, session, pool, answered: 0 }
    }

    fn send(&mut self, side: Side, text: &str) {
        let settings = Arc::clone(self.proxy.settings());
        let mut turn = Turn { now: NOW, wall: Wall::new(NOW, UNIX), settings: &settings, pool: &mut self.pool };
        let room = self.session.recv_buf(side, &mut turn);
        room[..text.len()].copy_from_slice(text.as_bytes());
        self.session.handle_recv(side, text.len(), &mut turn);
        check("Turn", &turn);
        loop {
            check("Session", &self.session);
            if let Some(action) = self.session.poll() {
                check("Action", &action);
                match action {
                    Action::Ask(ask) => {
                        let reply = self.proxy.handle_ask(ask, NOW);
                        check("Reply", &reply);
                        self.session.handle_reply(reply, &mut turn);
                    }
                    Action::Dial(_) => self.session.handle_linked(Ok(Linked { reused: false }), &mut turn),
                    _ => {}
                }
            } else if let Some(side) =
                [Side::Downstream, Side::Upstream].into_iter().find(|s| self.session.has_transmit(*s))
            {
                let transmit = self.session.poll_transmit(side);
                check("Transmit", &transmit);
                let n = transmit.slices().iter().map(|slice| slice.len()).sum();
                self.answered += if side == Side::Downstream { n } else { 0 };
                self.session.handle_sent(side, n, &mut turn);
            } else {
                break;
            }
        }
        self.session.rest(&mut turn);
        check("Pool at rest", &turn);
        check("Proxy", &self.proxy);
    }
}

#[test]
fn a_session_in_every_state_of_its_exchanges() {
    let head = |rest: &str| {
        format!("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n{rest}")
    };
    let mut watched = Watched::new();
    // In pieces: a head that is not complete is kept where it was read.
    let request = head("Content-Length: 22\r\n\r\n{\"model\":\"gpt-4o-mini\"}");
    let (first, second) = request.split_at(90);
    watched.send(Side::Downstream, first);
    watched.send(Side::Downstream, second);
    let echo = format!("{{\"error\":{{\"code\":\"invalid_api_key\",\"message\":\"Incorrect API key: {KEY}\"}}}}");
    let refusal = format!("HTTP/1.1 401 Unauthorized\r\nX-Echo: {KEY}\r\nContent-Length: {}\r\n\r\n{echo}", echo.len());
    let (first, second) = refusal.split_at(refusal.len() - 30);
    watched.send(Side::Upstream, first);
    watched.send(Side::Upstream, second);
    assert_eq!(watched.answered, 0, "the other key is tried");
    watched.send(Side::Upstream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    assert!(watched.answered > 0);
    watched.send(Side::Downstream, &head("Content-Length: 10\r\n\r\n").replace(TOKEN, ADMIN));
    watched.send(Side::Downstream, "0123456789");
    watched.send(Side::Downstream, &format!("GET /stats HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ADMIN}\r\n\r\n"));
    watched.send(Side::Downstream, &format!("GET /v1/models?api-key={TOKEN} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let settings = Arc::clone(watched.proxy.settings());
    check("Settings", &settings);
    check("what an abandoned session asks", &watched.session.abandon(&mut watched.pool));
}
