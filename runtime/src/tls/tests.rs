use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConnection;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

/// 1 June 2026.
const TODAY: u64 = 1_780_272_000;

#[derive(Debug)]
struct Calendar;

impl TimeProvider for Calendar {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(TODAY)))
    }
}

/// Both directions of a wire. What the client's end sees is bounded by `per_call` bytes a call, and by `room`.
#[derive(Debug, Default)]
struct Wire {
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    ended: bool,
    per_call: usize,
    room: usize,
    shut: Vec<How>,
}

#[derive(Clone, Debug)]
struct End(Rc<RefCell<Wire>>);

impl Stream for End {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let n = buf.len().min(wire.per_call).min(wire.to_client.len());
        if n == 0 && !wire.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        for (to, byte) in buf.iter_mut().zip(wire.to_client.drain(..n)) {
            *to = byte;
        }
        Ok(n)
    }

    fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let n = wire.per_call.min(wire.room - wire.to_server.len());
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = wire.to_server.len();
        wire.to_server.extend(slices.iter().flat_map(|slice| slice.iter()).take(n));
        Ok(wire.to_server.len() - before)
    }

    fn poll_read_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let wire = self.0.borrow();
        if wire.to_client.is_empty() && !wire.ended { Poll::Pending } else { Poll::Ready(()) }
    }

    fn poll_write_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let wire = self.0.borrow();
        if wire.to_server.len() < wire.room { Poll::Ready(()) } else { Poll::Pending }
    }

    fn shutdown(&mut self, how: How) {
        self.0.borrow_mut().shut.push(how);
    }
}

/// A client's end and the server behind the wire.
struct Pair {
    wire: Rc<RefCell<Wire>>,
    tls: Tls<End>,
    server: ServerConnection,
}

/// What is wrong with the server's certificate.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    Expired,
    Early,
    OtherName,
    OtherIssuer,
}

fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn crypto() -> Crypto {
    (Arc::new(rustls::crypto::ring::default_provider()), Arc::new(Calendar))
}

impl Pair {
    fn new(flaw: Flaw, per_call: usize) -> Self {
        let ca = issuer("ours");
        let name = if flaw == Flaw::OtherName { "other.example" } else { "api.example" };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = match flaw {
            Flaw::Expired => (date_time_ymd(2025, 1, 1), date_time_ymd(2026, 5, 1)),
            Flaw::Early => (date_time_ymd(2026, 7, 1), date_time_ymd(2030, 1, 1)),
            _ => (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1)),
        };
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();

        let mut roots = RootCertStore::empty();
        let trusted = if flaw == Flaw::OtherIssuer { issuer("theirs").der().clone() } else { ca.der().clone() };
        roots.add(trusted).unwrap();
        let context = TlsContext::new(client_config(roots, crypto()).unwrap());

        let (provider, time) = crypto();
        let config = rustls::ServerConfig::builder_with_details(provider, time)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        server.set_buffer_limit(None);
        let wire = Rc::new(RefCell::new(Wire { per_call, room: usize::MAX, ..Wire::default() }));
        let tls = Tls::new(End(wire.clone()), "api.example", &context).unwrap();
        Pair { wire, tls, server }
    }

    /// Moves everything that is on the wire into the server, and what it has to say onto the wire.
    fn serve(&mut self) -> Vec<u8> {
        let wire = &mut *self.wire.borrow_mut();
        let mut plaintext = Vec::new();
        let mut arrived: &[u8] = &wire.to_server.drain(..).collect::<Vec<_>>();
        while !arrived.is_empty() {
            self.server.read_tls(&mut arrived).unwrap();
            if self.server.process_new_packets().is_err() {
                break;
            }
            let _ = self.server.reader().read_to_end(&mut plaintext);
        }
        while self.server.wants_write() {
            self.server.write_tls(&mut wire.to_client).unwrap();
        }
        plaintext
    }

    fn handshake(&mut self) -> Result<(), String> {
        for _ in 0..20 {
            if let Poll::Ready(done) = self.tls.poll_handshake(&mut Context::from_waker(Waker::noop())) {
                return done;
            }
            self.serve();
        }
        panic!("the handshake does not end");
    }

    fn connected(per_call: usize) -> Self {
        let mut pair = Pair::new(Flaw::None, per_call);
        pair.handshake().unwrap();
        pair.serve();
        pair
    }

    fn say(&mut self, plaintext: &[u8]) {
        self.server.writer().write_all(plaintext).unwrap();
        self.serve();
    }

    fn ready(&mut self) -> bool {
        self.tls.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Reads as the session loop does, with `room` bytes of buffer: on while not blocked, else only when ready.
    fn hear(&mut self, room: usize) -> (Vec<u8>, Option<Fault>) {
        let (mut heard, mut buf) = (Vec::new(), vec![0; room]);
        loop {
            match self.tls.try_read(&mut buf) {
                Ok(Moved { n: 0, .. }) => return (heard, None),
                Ok(Moved { n, blocked }) => {
                    heard.extend_from_slice(&buf[..n]);
                    if blocked && !self.ready() {
                        return (heard, Some(Fault::Blocked));
                    }
                }
                Err(Fault::Blocked) if self.ready() => {}
                Err(fault) => return (heard, Some(fault)),
            }
        }
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

#[test]
fn bytes_arrive_whatever_the_pieces() {
    let sent = pattern(200_000);
    for (per_call, room) in [(1, 65_536), (7, 100), (1_000, 65_536), (usize::MAX, 1), (usize::MAX, 65_536)] {
        let mut pair = Pair::connected(per_call);
        pair.say(&sent);
        let (heard, fault) = pair.hear(room);
        assert!(heard == sent, "{per_call} bytes a call, {room} bytes of room: {} arrived", heard.len());
        assert_eq!(fault, Some(Fault::Blocked));
    }
}

#[test]
fn what_is_written_arrives_and_no_more_than_a_bound_waits() {
    let mut pair = Pair::connected(usize::MAX);
    pair.wire.borrow_mut().room = 1000;
    let sent = pattern(200_000);
    let (mut at, mut heard, mut most) = (0, Vec::new(), 0);
    while heard.len() < sent.len() {
        if at < sent.len() {
            let (a, b) = sent[at..].split_at((sent.len() - at) / 3);
            if let Ok(moved) = pair.tls.try_write(&[IoSlice::new(a), IoSlice::new(b)]) {
                at += moved.n;
                assert_eq!(moved.blocked, pair.tls.has_pending());
            }
        } else {
            let _ = pair.tls.flush();
        }
        most = most.max(at - heard.len());
        heard.extend(pair.serve());
    }
    assert!(heard == sent);
    // 64 KiB here, and a record that the server has not seen whole.
    assert!(most <= 80 * 1024, "{most} bytes waited");
    assert!(!pair.tls.has_pending());
}

#[test]
fn bytes_held_inside_make_the_link_ready() {
    let mut pair = Pair::connected(usize::MAX);
    pair.say(&pattern(20_000));
    let mut byte = [0];
    assert_eq!(pair.tls.try_read(&mut byte), Ok(Moved { n: 1, blocked: false }));
    assert!(pair.wire.borrow().to_client.is_empty(), "the socket itself is dry");
    assert!(pair.ready());
    assert_eq!(pair.hear(4096).0.len(), 19_999);
    assert!(!pair.ready());
}

#[test]
fn an_idle_connection_bears_tickets_and_no_beginning_of_a_record() {
    let mut pair = Pair::connected(usize::MAX);
    assert!(!pair.wire.borrow().to_client.is_empty(), "the server's tickets are on their way");
    assert!(pair.tls.is_silent());
    for cut in [1, 4, 5, 6, 30] {
        let mut pair = Pair::connected(usize::MAX);
        pair.hear(65_536);
        pair.say(b"HTTP/1.1 200 OK\r\n");
        pair.wire.borrow_mut().to_client.truncate(cut);
        assert!(!pair.tls.is_silent(), "{cut} bytes of a record");
    }
    let mut pair = Pair::connected(usize::MAX);
    pair.say(b"HTTP/1.1 200 OK\r\n");
    assert!(!pair.tls.is_silent(), "a whole record with data");
}

#[test]
fn an_end_without_close_notify_is_a_truncation() {
    for room in [3, 65_536] {
        let mut pair = Pair::connected(usize::MAX);
        pair.say(b"half an ans");
        pair.wire.borrow_mut().ended = true;
        let (heard, fault) = pair.hear(room);
        assert_eq!(heard, b"half an ans");
        assert_eq!(fault, Some(Fault::Lost(Loss::Tls(TRUNCATED.into()))));
    }
}

#[test]
fn an_end_with_close_notify_is_an_end() {
    for room in [3, 65_536] {
        let mut pair = Pair::connected(usize::MAX);
        pair.server.writer().write_all(b"whole").unwrap();
        pair.server.send_close_notify();
        pair.serve();
        pair.wire.borrow_mut().to_client.extend(b"noise behind the end");
        assert_eq!(pair.hear(room), (b"whole".to_vec(), None));
        assert!(pair.ready(), "whoever asks again gets the end again");
        assert_eq!(pair.hear(room), (Vec::new(), None));
    }
}

#[test]
fn a_record_that_was_tampered_with_loses_the_link_after_what_was_good() {
    let mut pair = Pair::connected(usize::MAX);
    pair.say(b"good");
    let good = pair.wire.borrow().to_client.len();
    pair.say(b"bad");
    pair.wire.borrow_mut().to_client[good + 8] ^= 1;
    let (heard, fault) = pair.hear(65_536);
    assert_eq!(heard, b"good");
    assert_eq!(fault, Some(Fault::Lost(Loss::Tls("cannot decrypt peer's message".into()))));
}

#[test]
fn a_handshake_that_fails_says_why() {
    let cases = [
        (Flaw::Expired, "has expired"),
        (Flaw::Early, "not valid yet"),
        (Flaw::OtherName, "not valid for name \"api.example\""),
        (Flaw::OtherIssuer, "issuer is not trusted"),
    ];
    for (flaw, words) in cases {
        let why = Pair::new(flaw, usize::MAX).handshake().unwrap_err();
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn a_peer_that_speaks_no_tls_or_leaves_fails_the_handshake() {
    let mut pair = Pair::new(Flaw::None, usize::MAX);
    pair.wire.borrow_mut().to_client.extend(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let why = pair.handshake().unwrap_err();
    assert!(why.contains("is not TLS"), "{why}");
    let mut pair = Pair::new(Flaw::None, usize::MAX);
    pair.wire.borrow_mut().ended = true;
    assert_eq!(pair.handshake().unwrap_err(), "closed during the handshake");
}

#[test]
fn an_orderly_end_says_close_notify_and_a_reset_does_not() {
    let mut pair = Pair::connected(usize::MAX);
    pair.tls.shutdown(How::Fin);
    pair.serve();
    assert!(pair.server.process_new_packets().unwrap().peer_has_closed());
    assert_eq!(pair.wire.borrow().shut, [How::Fin]);
    let mut pair = Pair::connected(usize::MAX);
    pair.tls.shutdown(How::Reset);
    assert!(pair.wire.borrow().to_server.is_empty());
    assert_eq!(pair.wire.borrow().shut, [How::Reset]);
}

#[test]
fn an_orderly_end_waits_for_what_is_pending() {
    let mut pair = Pair::connected(usize::MAX);
    pair.wire.borrow_mut().room = 10;
    let sent = pattern(30_000);
    assert_eq!(pair.tls.try_write(&[IoSlice::new(&sent)]), Ok(Moved { n: 30_000, blocked: true }));
    pair.tls.shutdown(How::Fin);
    assert_eq!(pair.wire.borrow().shut, []);
    let mut heard = pair.serve();
    pair.wire.borrow_mut().room = usize::MAX;
    pair.tls.flush().unwrap();
    heard.extend(pair.serve());
    assert!(heard == sent);
    assert_eq!(pair.wire.borrow().shut, [How::Fin]);
}

#[test]
fn the_shared_buffer_comes_back_when_it_is_drained() {
    let mut pair = Pair::connected(usize::MAX);
    let spare = pair.tls.ahead.spare.clone();
    pair.say(&pattern(50_000));
    let mut few = [0; 10];
    pair.tls.try_read(&mut few).unwrap();
    assert!(spare.borrow().is_empty(), "held while bytes are in it");
    pair.hear(65_536);
    assert_eq!(spare.borrow().len(), CIPHERTEXT);
    pair.wire.borrow_mut().ended = true;
    pair.hear(65_536);
    assert_eq!(spare.borrow().len(), CIPHERTEXT);
}

#[test]
fn a_name_that_no_certificate_can_carry_is_refused() {
    let context = TlsContext::new(client_config(RootCertStore::empty(), crypto()).unwrap());
    let error = Tls::new(End(Rc::default()), "no name", &context).unwrap_err();
    assert!(error.contains("no name"), "{error}");
}
