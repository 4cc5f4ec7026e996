//! What a client sends, judged by the RFCs' reader: the upstream gets exactly the requests that it finds, each as it was
//! meant; nothing that has to be refused, and nothing out of it.

use super::cuts;
use super::passage::{MARK, Passage};
use crate::rfc::{self, End, Ruling};
use crate::strict::{self, Framing, Message, Start};
use keywheel_core::session::Side;

/// Runs it.
pub fn run(data: &[u8]) {
    let rulings = rfc::requests(data);
    for pieces in cuts(data) {
        let mut passage = Passage::new();
        for piece in super::pieces(data, &pieces) {
            passage.send(Side::Downstream, piece);
        }
        passage.finish();
        Check::of(&passage, data).all(&rulings);
    }
}

/// What is left to be accounted for.
struct Check<'p> {
    sent: &'p [u8],
    answers: &'p [u8],
    ended: bool,
    arrived: std::vec::IntoIter<Message>,
    begun: bool,
}

impl<'p> Check<'p> {
    fn of(passage: &'p Passage, sent: &'p [u8]) -> Self {
        let (arrived, begun) = passage.arrived();
        Check { sent, answers: &passage.client, ended: passage.ended_in_order(), arrived: arrived.into_iter(), begun }
    }

    fn all(mut self, rulings: &[Ruling]) {
        for ruling in rulings {
            if !self.one(ruling) {
                break;
            }
        }
        assert_eq!(self.arrived.next(), None, "a request that the client did not send");
        assert!(self.answers.is_empty(), "an answer to nothing: {}", self.answers.escape_ascii());
    }

    /// Accounts for one message; whether another may follow.
    fn one(&mut self, ruling: &Ruling) -> bool {
        let sent_head = self.sent.trim_ascii_start().starts_with(b"HEAD ");
        let unread = if sent_head { "HEAD" } else { "GET" };
        let message = match ruling {
            Ruling::Part => return self.refused(None, unread),
            Ruling::Refuse(rule) => {
                return self.refused(Some(*rule).filter(|_| self.sections() > 0), unread);
            }
            Ruling::Take(message) => message,
        };
        let method = method(&message.start);
        match message.end {
            End::Broken(rule) => {
                let in_chunk = rule.starts_with("RFC 9112 7");
                self.refused(Some(rule).filter(|_| in_chunk || self.sections() > 1), method)
            }
            End::Cut => {
                self.begun = false;
                self.refused(None, method)
            }
            End::At(size) => {
                self.sent = &self.sent[size..];
                self.taken(message, method)
            }
        }
    }

    /// Heads and trailer sections that are whole: a client that ends within one may learn nothing of what is wrong in it.
    fn sections(&self) -> usize {
        self.sent.trim_ascii_start().windows(4).filter(|end| end == b"\r\n\r\n").count()
    }

    /// A message that is not whole, or breaks a rule: the latter is told to the client, and the connection ends.
    fn refused(&mut self, rule: Option<&str>, method: &str) -> bool {
        if let Some(arrived) = self.arrived.next() {
            panic!("{rule:?} was sent on: {arrived:?}");
        }
        match (self.answer(method), rule) {
            (Some(answer), _) => {
                assert!(answer.only(MARK).is_none() && status(&answer) >= 400, "{rule:?}: {answer:?}");
                assert_eq!(answer.only("connection"), Some(&b"close"[..]), "{rule:?}: {answer:?}");
            }
            (None, Some(rule)) => panic!("{rule} was not answered"),
            (None, None) => {}
        }
        false
    }

    /// A whole message: passed on as it was meant, or answered from here for a reason of ours.
    fn taken(&mut self, message: &rfc::Message, method: &str) -> bool {
        let Some(answer) = self.answer(method) else { panic!("not answered: {message:?}") };
        if answer.only(MARK).is_some() {
            let arrived = self.arrived.next().expect("an answer of the upstream has its request");
            same(message, &arrived);
        } else {
            let code = code(&answer.body);
            let syntax = SYNTAX.iter().any(|syntax| *syntax == code);
            assert!(message.doubt.is_some() || !syntax, "{code} of what is good: {message:?}");
        }
        let closes = answer.only("connection").is_some_and(|c| c == b"close");
        assert!(message.persists || closes, "the client asked for the end: {message:?}");
        !closes
    }

    /// The next final answer.
    fn answer(&mut self, method: &str) -> Option<Message> {
        loop {
            let read = strict::response(self.answers, method, self.ended);
            let (answer, size) =
                read.unwrap_or_else(|d| panic!("{d:?} to {method}: {}", self.answers.escape_ascii()))?;
            assert!(answer.complete, "a whole answer: {answer:?}");
            self.answers = &self.answers[size..];
            if status(&answer) >= 200 {
                return Some(answer);
            }
        }
    }
}

fn method(start: &Start) -> &str {
    match start {
        Start::Request { method, .. } => method,
        Start::Response { .. } => panic!("a response"),
    }
}

pub(super) fn status(message: &Message) -> u16 {
    match message.start {
        Start::Response { status, .. } => status,
        Start::Request { .. } => panic!("a request"),
    }
}

/// Words of refusals that say that the message is no good HTTP/1.
const SYNTAX: &[&str] = &[
    "bare_line_feed",
    "empty_lines",
    "invalid_request_line",
    "unsupported_http_version",
    "invalid_target",
    "invalid_field_name",
    "invalid_field_value",
    "missing_host",
    "duplicate_host",
    "invalid_host",
    "content_length_with_transfer_encoding",
    "transfer_encoding_in_http10",
    "unsupported_transfer_encoding",
    "invalid_transfer_encoding",
    "invalid_content_length",
    "conflicting_content_length",
    "invalid_chunk_size",
    "invalid_chunk_extension",
    "invalid_chunk_end",
    "invalid_trailer",
];

/// The stable word of one of keywheel's own errors; empty where there is none.
fn code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let word = text.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
    word.unwrap_or_default().to_owned()
}

/// The request that arrived is the one that was sent.
fn same(sent: &rfc::Message, arrived: &Message) {
    let (Start::Request { method, target }, Start::Request { method: m, target: t }) = (&sent.start, &arrived.start)
    else {
        panic!("a response")
    };
    assert_eq!(method, m);
    // What becomes of paths and queries is another target's to say; the last segment is always as it was sent.
    let last = target.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let absolute_without_path = target.matches('/').count() == 2 && !target.starts_with('/');
    assert!(absolute_without_path || t.split('?').next().is_some_and(|path| path.ends_with(last)), "{target} → {t}");
    assert_eq!(sent.body, arrived.body);
    let carries = |framing| matches!(framing, Framing::Chunked | Framing::Length(1..));
    assert_eq!(carries(sent.framing), carries(arrived.framing), "{sent:?} → {arrived:?}");

    let named = options(&sent.fields);
    let of = |fields: &strict::Fields| -> strict::Fields {
        let plain = |name: &str| !ends_here(name) && !named.iter().any(|n| n.eq_ignore_ascii_case(name));
        fields.iter().filter(|(name, _)| plain(name)).cloned().collect()
    };
    assert_eq!(of(&sent.fields), of(&arrived.fields));
    for name in named.iter().filter(|name| !ends_here(name)) {
        assert_eq!(arrived.all(name).count(), 0, "{name} is named by Connection");
    }
    let mut trailers = sent.trailers.iter();
    assert!(arrived.trailers.iter().all(|t| trailers.any(|sent| sent == t)), "{sent:?} → {arrived:?}");
}

/// The names in Connection.
pub(super) fn options(fields: &strict::Fields) -> Vec<String> {
    let values = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let lists = values.map(|(_, value)| String::from_utf8_lossy(value).to_ascii_lowercase());
    lists.flat_map(|list| list.split(',').map(|n| n.trim().to_owned()).collect::<Vec<_>>()).collect()
}

/// Fields that end at this proxy or are rewritten by it.
pub(super) fn ends_here(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    const NAMES: &[&str] = &[
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "content-length",
        "host",
        "expect",
        "max-forwards",
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "sec-websocket-protocol",
        "cookie",
        "openai-organization",
        "openai-project",
    ];
    name.starts_with("proxy-") || name.starts_with("x-keywheel-") || NAMES.contains(&name.as_str())
}
