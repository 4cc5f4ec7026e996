//! A whole server between a client's socket and a provider's.

use super::faulty::{CLOSED, Faulty, HALT, PANIC, RESET, STOP, Stop};
use super::stand::{Stand, Tls, config};
use keywheel_core::config::Config;
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_runtime::fake::{Behaviour, Ended, Options};
use keywheel_runtime::server::{Boot, Flavour, ServeError, serve};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Settings changed in place.
fn settings(config: &mut Config) -> &mut keywheel_core::config::Settings {
    Arc::get_mut(&mut config.settings).expect("nobody else has them yet")
}

pub(crate) fn requests_pass_one_after_another<F: Flavour>() {
    let stand = Stand::new::<F>(|_| {});
    let mut client = stand.connect();
    for _ in 0..3 {
        client.chat("chunks=2", false);
        let (status, body) = client.answer().unwrap();
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("chat.completion"), "{body}");
    }
    client.chat("chunks=5,size=50", true);
    let (status, body) = client.answer().unwrap();
    assert_eq!(status, 200);
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    assert_eq!(stand.provider.connections().0, 1, "one upstream connection carries them all");
    assert_eq!(stand.provider.violations(), []);
    drop(client);
    stand.end();
}

pub(crate) fn several_workers_serve_one_port<F: Flavour>() {
    let stand = Stand::new::<F>(|config| config.workers = Some(3));
    let mut clients: Vec<_> = (0..24).map(|_| stand.connect()).collect();
    for client in &mut clients {
        client.chat("chunks=3,interval_ms=1", true);
    }
    for client in &mut clients {
        assert_eq!(client.answer().unwrap().0, 200);
    }
    assert_eq!(stand.provider.requests(), 24);
    drop(clients);
    stand.end();
}

/// Bodies larger than every buffer on the way, both ways at once.
pub(crate) fn large_bodies_pass_both_ways<F: Flavour>() {
    let stand = Stand::new::<F>(|_| {});
    let mut client = stand.connect();
    let content = "x".repeat(1_000_000);
    let body = format!(
        r#"{{"model":"gpt-4o","user":"fake:bytes=1500000","messages":[{{"role":"user","content":"{content}"}}]}}"#
    );
    client.post("/v1/chat/completions", &body);
    let (status, answer) = client.answer().unwrap();
    assert_eq!(status, 200, "{answer}");
    assert!(1_500_000 < answer.len());
    stand.until("it is done", |s| s.provider.record(1).is_some_and(|r| r.ended == Ended::Complete));
    let record = stand.provider.record(1).unwrap();
    assert_eq!((record.body.len, record.answer.len), (body.len() as u64, answer.len() as u64));
    drop(client);
    stand.end();
}

pub(crate) fn another_key_serves_when_one_is_dead<F: Flavour>() {
    let stand = Stand::new::<F>(|config| {
        let base = config.keys[0].bases[0].clone();
        *config = self::config(base, &["sk-dead", "sk-a"]);
    });
    stand.provider.set_key("sk-dead", Behaviour::Invalid);
    let mut client = stand.connect();
    for _ in 0..4 {
        client.chat("", false);
        assert_eq!(client.answer().unwrap().0, 200);
    }
    assert_eq!(stand.provider.counts("sk-dead").requests, 1);
    drop(client);
    stand.end();
}

pub(crate) fn a_client_that_leaves_cancels_its_request<F: Flavour>() {
    let stand = Stand::new::<F>(|_| {});
    let mut client = stand.connect();
    client.chat("chunks=1000,interval_ms=50", true);
    client.take_through(b"data: ").unwrap();
    drop(client);
    stand.until("the provider sees it leave", |s| s.provider.record(1).is_some_and(|r| r.ended == Ended::Left));
    stand.end();
}

/// The provider breaks off in the middle: the client must not take that for an end.
pub(crate) fn a_cut_answer_is_seen_to_be_cut<F: Flavour>() {
    let stand = Stand::new::<F>(|_| {});
    for spec in ["chunks=9,cut_after=300", "chunks=9,until_close,reset_after=300"] {
        let mut client = stand.connect();
        client.chat(spec, true);
        let head = client.take_through(b"\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let end = client.end();
        assert!(!end.as_ref().is_ok_and(|heard| heard.ends_with(b"0\r\n\r\n")), "{spec}: {end:?}");
    }
    stand.end();
}

/// The provider closes its idle connections; each is noticed and closed on this side, too.
pub(crate) fn idle_connections_that_died_serve_nobody<F: Flavour>() {
    let options = Options { idle: Some(Duration::from_millis(200)), ..Options::default() };
    let stand = Stand::with::<F>(options, |_| {});
    let mut client = stand.connect();
    client.get("/v1/models");
    assert_eq!(client.answer().unwrap().0, 200);
    stand.until("both ends are closed", |s| s.provider.connections() == (1, 0));
    client.get("/v1/models");
    assert_eq!(client.answer().unwrap().0, 200);
    drop(client);
    stand.end();
}

/// A provider that answers before it has read the request and closes: the client gets that answer, though what it
/// still sends meets a reset.
pub(crate) fn an_early_answer_survives_the_reset_behind_it<F: Flavour>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let provider = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.read_exact(&mut [0; 1000]).unwrap();
        socket.write_all(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 4\r\n\r\nless").unwrap();
        // Closed with bytes unread: the system sends a reset.
    });
    let stand = Stand::new::<F>(|config| {
        *config = self::config(BaseUrl::new(Origin::new(false, "127.0.0.1", at.port()), ""), &["sk-a"]);
    });
    let mut client = stand.connect();
    let mut sender = client.socket.try_clone().unwrap();
    let upload = std::thread::spawn(move || {
        let head = format!("POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 64 << 20);
        // It may be cut off once the answer is out.
        let _ = sender.write_all(head.as_bytes()).and_then(|()| sender.write_all(&vec![b'x'; 64 << 20]));
    });
    assert_eq!(client.answer().unwrap(), (413, "less".into()));
    drop(client);
    provider.join().unwrap();
    stand.end();
    upload.join().unwrap();
}

pub(crate) fn tls_to_the_provider<F: Flavour>() {
    let tls = Tls::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let provider = tls.answer(listener, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure");
    let stand = Stand::new::<F>(|config| {
        let base = BaseUrl::new(Origin::new(true, "localhost", port), "");
        let ca = tls.pem().into_bytes();
        *config = Config { extra_ca: Some(ca.into()), ..self::config(base, &["sk-a"]) };
    });
    let mut client = stand.connect();
    for _ in 0..3 {
        client.get("/v1/models");
        assert_eq!(client.answer().unwrap(), (200, "secure".into()));
    }
    drop(client);
    stand.end();
    provider.join().unwrap();
}

/// An untrusted issuer: 502 to the client, the reason in the log.
pub(crate) fn a_certificate_that_is_not_trusted_is_an_error<F: Flavour>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let provider = Tls::new().echo(listener, 1);
    let stand = Stand::new::<F>(|config| {
        *config = self::config(BaseUrl::new(Origin::new(true, "localhost", port), ""), &["sk-a"]);
    });
    let mut client = stand.connect();
    client.get("/v1/models");
    let (status, body) = client.answer().unwrap();
    assert_eq!(status, 502, "{body}");
    assert!(body.contains("not trusted"), "{body}");
    drop(client);
    stand.end();
    provider.join().unwrap();
}

pub(crate) fn draining_ends_idle_clients_at_once_and_lets_answers_finish<F: Flavour>() {
    let stand = Stand::new::<F>(|config| config.workers = Some(2));
    let mut idle = stand.connect();
    idle.get("/livez");
    assert_eq!(idle.answer().unwrap().0, 200);
    let mut busy = stand.connect();
    busy.chat("chunks=4,interval_ms=100", true);
    busy.take_through(b"\r\n\r\n").unwrap();

    stand.running.terminate();
    assert_eq!(idle.end().unwrap(), b"");
    let tail = busy.end().unwrap();
    assert!(tail.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&tail));
    assert!(std::net::TcpStream::connect(stand.running.address).is_err());
    stand.end();
}

pub(crate) fn a_second_signal_ends_now_and_visibly<F: Flavour>() {
    let stand = Stand::new::<F>(|config| config.workers = Some(2));
    let mut clients: Vec<_> = (0..6).map(|_| stand.connect()).collect();
    for client in &mut clients {
        client.chat("hang", false);
    }
    stand.until("they are under way", |s| s.provider.requests() == 6);
    stand.running.terminate();
    stand.end();
    for client in clients {
        assert_eq!(client.end().unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

/// What does not end within SHUTDOWN_TIMEOUT is cut.
pub(crate) fn draining_has_an_end<F: Flavour>() {
    let stand = Stand::new::<F>(|config| config.shutdown = Duration::from_millis(50));
    let mut client = stand.connect();
    client.chat("hang", false);
    stand.until("it is under way", |s| s.provider.requests() == 1);
    stand.end();
    assert_eq!(client.end().unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// The limit and the reason are told at once; a client that leaves makes room.
pub(crate) fn connections_beyond_the_limit_are_refused<F: Flavour>() {
    let stand = Stand::new::<F>(|config| settings(config).limits.connections = 2);
    let (mut one, mut two) = (stand.connect(), stand.connect());
    for client in [&mut one, &mut two] {
        client.get("/livez");
        assert_eq!(client.answer().unwrap().0, 200);
    }
    let mut three = stand.connect();
    three.get("/livez");
    let (status, body) = three.answer().unwrap();
    assert_eq!(status, 503);
    assert!(body.contains("too_many_connections"), "{body}");
    assert_eq!(three.end().unwrap(), b"");
    assert!(stand.log().contains("2 connections are open, further ones are refused"), "{}", stand.log());
    drop(one);
    stand.until("there is room again", |stand| {
        let mut four = stand.connect();
        four.get("/livez");
        four.answer().unwrap().0 == 200
    });
    drop(two);
    stand.end();
}

pub(crate) fn a_reload_takes_a_good_configuration_and_no_bad_one<F: Flavour>() {
    let stand = Stand::new::<F>(|config| config.workers = Some(2));
    let reload = "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let mut client = stand.connect();
    stand.next_config(|| Err("line 7 is no key".into()));
    client.send(reload);
    let (status, body) = client.answer().unwrap();
    assert!(400 <= status && body.contains("line 7 is no key"), "{status} {body}");

    stand.provider.set_key("sk-b", Behaviour::Good);
    let base = stand.base();
    stand.next_config(move || Ok(config(base.clone(), &["sk-b"])));
    client.send(reload);
    let (status, body) = client.answer().unwrap();
    assert_eq!(status, 200, "{body}");
    client.chat("", false);
    assert_eq!(client.answer().unwrap().0, 200);
    assert_eq!(stand.provider.counts("sk-b").requests, 1);
    assert!(stand.log().contains("changes of WORKERS wait"), "{}", stand.log());
    drop(client);
    stand.end();
}

/// The wake for a request that waits on one worker comes from another.
pub(crate) fn a_request_that_waits_for_a_permit_is_woken<F: Flavour>() {
    let stand = Stand::new::<F>(|config| {
        config.workers = Some(3);
        config.pool.max_sockets = Some(1);
    });
    let mut clients: Vec<_> = (0..12).map(|_| stand.connect()).collect();
    for client in &mut clients {
        client.chat("delay_ms=5", false);
    }
    for client in &mut clients {
        assert_eq!(client.answer().unwrap().0, 200);
    }
    assert_eq!(stand.provider.violations(), []);
    drop(clients);
    stand.end();
}

/// A mistake of ours costs its own session: the client sees a break, the lease is settled, others go on.
/// A reset is told once. When a write gets it, reads find an end that looks like one in order: an answer that goes on until
/// its connection ends is cut all the same. Where the peer has only stopped reading, it is whole.
pub(crate) fn a_reset_that_a_write_was_told_of_cuts_what_is_read<F: Flavour>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let base = BaseUrl::new(Origin::new(false, "127.0.0.1", at.port()), "");
    let stand = Stand::new::<Faulty<F>>(|config| *config = self::config(base, &["sk-a"]));
    for (mark, whole) in [(RESET, false), (CLOSED, true)] {
        let mut client = stand.connect();
        client.send(&format!("POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n1", 1 + mark.len()));
        let (mut provider, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n1") {
            let mut byte = [0];
            provider.read_exact(&mut byte).unwrap();
            heard.push(byte[0]);
        }
        client.send(mark);
        let head = client.take_through(b"\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        client.take_through(b"what was sent").unwrap();
        let end = client.take_through(b"\r\n0\r\n\r\n");
        assert_eq!(end.is_ok(), whole, "{mark}: {end:?}");
    }
    stand.end();
}

/// The process is stopped for an hour when it has sent a request, which is answered meanwhile; then when it is about to send
/// one, which cannot be answered before.
pub(crate) fn what_arrived_while_the_process_was_stopped_was_in_time<F: Flavour>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let stop = Stop::new();
    let (answer, may_answer) = mpsc::channel();
    let provider = std::thread::spawn(move || {
        // An hour later the first connection is too old for another request.
        for socket in listener.incoming().take(2) {
            let (mut socket, mut heard, mut buf) = (socket.unwrap(), String::new(), [0; 4096]);
            while let Ok(n @ 1..) = socket.read(&mut buf) {
                heard.push_str(core::str::from_utf8(&buf[..n]).unwrap());
                if heard.ends_with("\r\n\r\n") {
                    if heard.contains(HALT) {
                        may_answer.recv().unwrap();
                    }
                    socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").unwrap();
                    if heard.contains(STOP) {
                        stop.go_on();
                    }
                    heard.clear();
                }
            }
        }
    });
    let base = BaseUrl::new(Origin::new(false, "127.0.0.1", at.port()), "");
    let stand = Stand::new::<Faulty<F, true>>(|config| {
        *config = self::config(base, &["sk-a"]);
        settings(config).max_retries = 0;
    });
    for field in ["x-plain: now", STOP, HALT] {
        let mut client = stand.connect();
        client.send(&format!("GET /v1/models HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n"));
        if field == HALT {
            // So long that a deadline which is past would be held against the provider.
            let mut other = stand.connect();
            for _ in 0..200 {
                other.get("/livez");
                assert_eq!(other.answer().unwrap().0, 200);
            }
            answer.send(()).unwrap();
        }
        assert_eq!(client.answer().unwrap(), (200, "good".into()), "{field}");
    }
    stand.end();
    provider.join().unwrap();
}

pub(crate) fn a_panic_ends_one_session<F: Flavour>() {
    let stand = Stand::new::<Faulty<F>>(|config| config.pool.max_sockets = Some(1));
    let mut other = stand.connect();
    other.chat("", false);
    assert_eq!(other.answer().unwrap().0, 200);

    let mut client = stand.connect();
    client.chat("hang", false);
    stand.until("it holds the one permit", |s| s.provider.requests() == 2);
    client.send(&format!("GET /v1/models HTTP/1.1\r\n{PANIC}\r\n"));
    assert_eq!(client.end().unwrap_err().kind(), ErrorKind::ConnectionReset);

    other.chat("", false);
    assert_eq!(other.answer().unwrap().0, 200);
    assert!(stand.log().contains("a session ended for a reason of our own"), "{}", stand.log());
    drop(other);
    stand.end();
}

pub(crate) fn a_start_that_cannot_be_is_refused_in_words<F: Flavour>() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for workers in [1, 2] {
        let mut config = self::config(BaseUrl::new(Origin::new(false, "localhost", 1), ""), &["sk-a"]);
        config.listen.port = port;
        config.workers = Some(workers);
        let error = start::<F>(config).unwrap_err();
        assert!(matches!(error, ServeError::Listen(..)), "{error}");
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    }
    let mut config = self::config(BaseUrl::new(Origin::new(false, "localhost", 1), ""), &["sk-a"]);
    config.extra_ca = Some(b"no certificate".as_slice().into());
    let error = start::<F>(config).unwrap_err();
    assert_eq!(error.to_string(), "UPSTREAM_CA_FILE: there is no certificate in it (PEM is expected)");
}

fn start<F: Flavour>(config: Config) -> Result<(), ServeError> {
    let reread = Arc::new(|| Err("never asked".to_owned()));
    serve::<F>(Boot { config, reread, notices: Arc::new(|_| {}), ready: Box::new(|_| panic!("it must not come up")) })
}
