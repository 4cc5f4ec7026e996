//! What came of an upstream's bytes, against what the RFCs' reader finds in them: the client gets that answer, as it was
//! meant; what is cut or broken never looks whole, and nothing behind an answer becomes one.

use super::{KEY, MARK, ends_here, options, status};
use crate::rfc::{self, End, Ruling};
use crate::strict::{self, Framing, Message};

/// Who asks, and how the upstream's bytes end.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// GET, HEAD or POST.
    pub method: &'static str,
    /// In HTTP/1.0.
    pub old: bool,
    /// For a switch to `websocket`.
    pub upgrade: bool,
    /// How the upstream's bytes end.
    pub end: Ending,
}

/// How a peer's bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order.
    Fin,
    /// By a reset.
    Reset,
    /// Not at all.
    Silence,
}

impl Mode {
    /// The mode that a byte says.
    pub fn of(byte: u8) -> Mode {
        Mode {
            method: ["GET", "HEAD", "POST"][usize::from(byte & 3) % 3],
            old: byte & 4 != 0,
            upgrade: byte & 8 != 0,
            end: [Ending::Fin, Ending::Reset, Ending::Silence][usize::from(byte >> 4) % 3],
        }
    }

    /// What the client sends first; `credential` is empty or a field with its CRLF.
    pub fn first(self, credential: &str) -> String {
        let version = if self.old { "1.0\r\nConnection: keep-alive" } else { "1.1" };
        let upgrade = if self.upgrade { "Connection: upgrade\r\nUpgrade: websocket\r\n" } else { "" };
        let length = if self.method == "POST" { "Content-Length: 0\r\n" } else { "" };
        format!("{} /v1/first HTTP/{version}\r\nHost: a\r\n{credential}{upgrade}{length}\r\n", self.method)
    }

    /// What the client sends behind it.
    pub fn second(credential: &str) -> String {
        format!("GET /v1/second HTTP/1.1\r\nHost: a\r\n{credential}Connection: close\r\n\r\n")
    }
}

/// What the RFCs make of the upstream's bytes.
#[derive(Debug)]
pub struct Expected {
    interim: Vec<u16>,
    ruling: Ruling,
    /// Where the final answer begins.
    at: usize,
    doubt: bool,
}

impl Expected {
    /// Reads what an upstream sends in this mode.
    pub fn of(bytes: &[u8], mode: Mode) -> Self {
        let mut expected = Expected { interim: Vec::new(), ruling: Ruling::Part, at: 0, doubt: false };
        loop {
            let ruling = rfc::response(&bytes[expected.at..], mode.method, mode.end == Ending::Fin);
            if let Ruling::Take(message) = &ruling {
                let status = status_of(message);
                expected.doubt |= message.doubt.is_some();
                if let (100 | 102..=199, End::At(size)) = (status, message.end) {
                    expected.interim.push(status);
                    expected.at += size;
                    continue;
                }
                if status == 101 && !switches(message, mode) {
                    return Expected {
                        ruling: Ruling::Refuse("RFC 9110 15.2.2: a 101 that was not asked for"),
                        ..expected
                    };
                }
            }
            return Expected { ruling, ..expected };
        }
    }

    /// How many bytes have come when the connection may be kept for another request.
    pub fn kept(&self) -> Option<usize> {
        match &self.ruling {
            Ruling::Take(message) if message.persists => match message.end {
                End::At(size) => Some(self.at + size),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is a switch of protocols.
    pub fn switches(&self) -> bool {
        matches!(&self.ruling, Ruling::Take(message) if message.framing == Framing::Tunnel)
    }

    /// Judges all that the client was sent, who asks a second time where it still can.
    ///
    /// # Panics
    /// Something does not hold.
    pub fn check(&self, mut out: &[u8], in_order: bool, mode: Mode) {
        let mut interim = self.interim.iter();
        let answer = loop {
            let Some(answer) = next(&mut out, mode.method, in_order) else { break None };
            let status = status(&answer);
            if !matches!(status, 100 | 102..=199) {
                break Some(answer);
            }
            assert!(!mode.old, "HTTP/1.0 has no interim answers");
            assert!(interim.any(|sent| *sent == status), "an interim answer {status} that nobody sent");
        };
        let Some(answer) = answer else { return assert!(!self.must_pass(), "nothing came of {:?}", self.ruling) };
        self.first(&answer, mode);
        let closes = options(&answer.fields).iter().any(|option| option == "close");
        let over = closes || !answer.complete || status(&answer) == 101;
        match next(&mut out, "GET", in_order) {
            Some(second) => {
                assert!(second.complete && (second.only(MARK).is_some() || status(&second) >= 400), "{second:?}");
            }
            None => assert!(over, "the second request was not answered behind {answer:?}"),
        }
        assert!(out.is_empty(), "nothing else comes: {}", out.escape_ascii());
    }

    fn must_pass(&self) -> bool {
        matches!(&self.ruling, Ruling::Take(m) if !self.doubt && matches!(m.end, End::At(_)) && self.interim.len() <= 16)
    }

    /// The final status, where there is one.
    pub(super) fn status(&self) -> Option<u16> {
        match &self.ruling {
            Ruling::Take(message) => Some(status_of(message)),
            _ => None,
        }
    }

    /// Whether it carries this mark.
    pub(super) fn marks(&self, mark: &[u8]) -> bool {
        let is = |(name, value): &(String, Vec<u8>)| name.eq_ignore_ascii_case(MARK) && value == mark;
        matches!(&self.ruling, Ruling::Take(message) if message.fields.iter().any(is))
    }

    /// Judges the answer that the client got for these bytes.
    pub(super) fn first(&self, answer: &Message, mode: Mode) {
        let ours = answer.only("x-keywheel-request-id").is_some() && status(answer) >= 400 && is_own(answer, mode);
        let Ruling::Take(sent) = &self.ruling else {
            return assert!(ours && answer.complete, "{:?} became {answer:?}", self.ruling);
        };
        if ours && (status_of(sent) >= 400 || !self.must_pass()) {
            return;
        }
        assert_eq!(status(answer), status_of(sent), "{sent:?} became {answer:?}");
        let refused = self.doubt && !answer.complete;
        assert!(refused || answer.complete == matches!(sent.end, End::At(_)), "{sent:?} became {answer:?}");
        if !spells_key(&sent.body) {
            let cut = answer.body.strip_suffix(CUT_EVENT).filter(|_| !answer.complete).unwrap_or(&answer.body);
            let same = if answer.complete { sent.body == cut } else { sent.body.starts_with(cut) };
            assert!(same, "{sent:?} became {answer:?}");
        }
        let length = |fields| matches!(fields, Framing::Length(_));
        assert!(!length(answer.framing) || length(sent.framing) || status(answer) >= 400, "{sent:?} became {answer:?}");
        let named = options(&sent.fields);
        let of = |fields: &strict::Fields| -> strict::Fields {
            let plain = |name: &str| {
                let taken = named.iter().any(|n| n.eq_ignore_ascii_case(name));
                !ends_here(name) && !taken && !is_replaced(name)
            };
            fields.iter().filter(|(name, _)| plain(name)).cloned().collect()
        };
        if status(answer) < 400 {
            assert_eq!(of(&sent.fields), of(&answer.fields));
        }
    }
}

/// The next answer that the client was sent.
fn next(out: &mut &[u8], method: &str, closed: bool) -> Option<Message> {
    let read = strict::response(out, method, closed).unwrap_or_else(|d| panic!("{d:?}: {}", out.escape_ascii()));
    let (answer, size) = read?;
    *out = &out[size..];
    Some(answer)
}

/// What may follow in a cut event stream, between its last event and its visible end.
const CUT_EVENT: &[u8] = b"data: {\"error\":{\"message\":\"The upstream broke off its answer before the end.\",\
    \"type\":\"server_error\",\"param\":null,\"code\":\"upstream_cut\"}}\n\n";

/// Whether an answer is one of keywheel's own errors.
fn is_own(answer: &Message, mode: Mode) -> bool {
    let json = answer.only("content-type") == Some(b"application/json");
    json && (mode.method == "HEAD" || answer.body.starts_with(b"{\"error\":{\"message\":"))
}

fn spells_key(body: &[u8]) -> bool {
    body.windows(8).any(|piece| KEY.as_bytes().windows(8).any(|key| key == piece)) || body.starts_with(&[0x1f, 0x8b])
}

/// Fields that keywheel gives an answer itself.
fn is_replaced(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["date", "x-accel-buffering", "vary"].contains(&name.as_str()) || name.starts_with("access-control-")
}

fn status_of(message: &rfc::Message) -> u16 {
    match message.start {
        strict::Start::Response { status, .. } => status,
        strict::Start::Request { .. } => panic!("a request"),
    }
}

/// Whether a 101 is the one that was asked for.
fn switches(message: &rfc::Message, mode: Mode) -> bool {
    let mut given = message.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
    let asked = mode.upgrade && !mode.old && message.minor == 1;
    asked && given.next().is_some_and(|(_, v)| v.eq_ignore_ascii_case(b"websocket")) && given.next().is_none()
}
