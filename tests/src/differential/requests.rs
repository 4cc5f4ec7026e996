//! What came of a client's bytes, against what the RFCs' reader finds in them: the upstream gets exactly those requests,
//! each as it was meant; nothing that has to be refused, and nothing out of it.

use super::{MARK, Seen, ends_here, options, status};
use crate::rfc::{self, End, Ruling};
use crate::strict::{self, Framing, Message, Start};

/// Judges what was `seen` after a client had sent `sent` and ended.
///
/// # Panics
/// Something does not hold.
pub fn judge(sent: &[u8], seen: Seen<'_>) {
    let Seen { client, in_order, arrived } = seen;
    let check = Check { sent, answers: client, in_order, arrived: arrived.into_iter() };
    check.all(&rfc::requests(sent));
}

/// What is left to be accounted for.
struct Check<'p> {
    sent: &'p [u8],
    answers: &'p [u8],
    in_order: bool,
    arrived: std::vec::IntoIter<Message>,
}

impl Check<'_> {
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
        let method = read_as(ruling, self.sent);
        let message = match ruling {
            Ruling::Part => return self.refused(None, method, None),
            Ruling::Refuse(rule) => {
                return self.refused(Some(*rule).filter(|_| self.sections() > 0), method, None);
            }
            Ruling::Take(message) => message,
        };
        match message.end {
            End::Broken(rule) => {
                let in_chunk = rule.starts_with("RFC 9112 7");
                self.refused(Some(rule).filter(|_| in_chunk || self.sections() > 1), method, Some(message))
            }
            End::Cut => self.refused(None, method, Some(message)),
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

    /// A message that is not whole, or breaks a rule (behind its `head`, where that is given): the latter is told to the client,
    /// and the connection ends.
    fn refused(&mut self, rule: Option<&str>, method: &str, head: Option<&rfc::Message>) -> bool {
        if let Some(arrived) = self.arrived.next() {
            panic!("{rule:?} was sent on: {arrived:?}");
        }
        match (self.answer(method), rule) {
            (Some(answer), _) => {
                if head.is_some_and(|head| is_of_head(head, &answer)) {
                    return false;
                }
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
            let read = strict::response(self.answers, method, self.in_order);
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

/// The method that an answer to the beginning of `sent` has to suit. Empty lines may stand before a request (RFC 9112 section
/// 2.2), of which keywheel bears three; behind anything else it sees no method.
pub(super) fn read_as<'r>(ruling: &'r Ruling, mut sent: &[u8]) -> &'r str {
    for _ in 0..3 {
        sent = sent.strip_prefix(b"\r\n").unwrap_or(sent);
    }
    let head = sent.starts_with(b"HEAD ");
    match ruling {
        Ruling::Take(message) if head || method(&message.start) != "HEAD" => method(&message.start),
        _ if head => "HEAD",
        _ => "GET",
    }
}

/// Whether it is the answer to a preflight or a page of keywheel's own: these are given from the head, before what is wrong
/// in the body has come.
pub(super) fn is_of_head(head: &rfc::Message, answer: &Message) -> bool {
    let Start::Request { method, target } = &head.start else { panic!("a response") };
    let path = target.split('?').next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let closes = answer.only("connection").is_some_and(|c| c == b"close");
    let page = PAGES.contains(&path) && closes;
    answer.only(MARK).is_none() && (page || method == "OPTIONS" && status(answer) == 204)
}

/// The paths of keywheel's own pages.
const PAGES: &[&str] = &["/health", "/livez", "/readyz", "/stats", "/blacklist", "/reset-keys", "/reload"];

pub(super) fn method(start: &Start) -> &str {
    match start {
        Start::Request { method, .. } => method,
        Start::Response { .. } => panic!("a response"),
    }
}

/// Words of refusals that say that the message is no good HTTP/1.
pub(super) const SYNTAX: &[&str] = &[
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
pub(super) fn code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let word = text.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
    word.unwrap_or_default().to_owned()
}

/// The request that arrived is the one that was sent.
fn same(sent: &rfc::Message, arrived: &Message) {
    assert_eq!(difference(sent, arrived), None, "{sent:?} → {arrived:?}");
}

/// In what the request that arrived is not the one that was sent; of one that is not whole, as far as it came.
pub(super) fn difference(sent: &rfc::Message, arrived: &Message) -> Option<&'static str> {
    let (Start::Request { method, target }, Start::Request { method: m, target: t }) = (&sent.start, &arrived.start)
    else {
        return Some("a response");
    };
    // What becomes of paths and queries is another target's to say; the last segment is always as it was sent.
    let path = target.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let absolute_without_path = path.matches('/').count() == 2 && !target.starts_with('/');
    let same_target = absolute_without_path || t.split('?').next().is_some_and(|path| path.ends_with(last));
    let same_body = if arrived.complete { sent.body == arrived.body } else { sent.body.starts_with(&arrived.body) };
    let carries = |framing| matches!(framing, Framing::Chunked | Framing::Length(1..));

    let named = options(&sent.fields);
    let of = |fields: &strict::Fields| -> strict::Fields {
        let plain = |name: &str| !ends_here(name) && !named.iter().any(|n| n.eq_ignore_ascii_case(name));
        fields.iter().filter(|(name, _)| plain(name)).cloned().collect()
    };
    let mut ended = named.iter().filter(|name| !ends_here(name));
    let mut trailers = sent.trailers.iter();
    let checks = [
        (method == m, "its method"),
        (same_target, "its target"),
        (same_body, "its body"),
        (carries(sent.framing) == carries(arrived.framing), "its framing"),
        (of(&sent.fields) == of(&arrived.fields), "its fields"),
        (ended.all(|name| arrived.all(name).count() == 0), "a field that Connection names"),
        (arrived.trailers.iter().all(|t| trailers.any(|sent| sent == t)), "its trailers"),
    ];
    checks.into_iter().find(|(holds, _)| !holds).map(|(_, what)| what)
}
