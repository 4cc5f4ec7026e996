//! A request head, parsed strictly: what RFC 9112 forbids is refused, what a proxy must not forward is noted.

use std::fmt;

/// Longest head that is read: 128 KiB, twice what the proxy lets through.
const HEAD_MAX: usize = 128 * 1024;

/// What was wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Not HTTP/1.1 as RFC 9112 has it. Answered 400, and the connection closes.
    Illegal(&'static str),
    /// Fine between a client and a server, but nothing that keywheel may pass on. Answered as if it were not there.
    Forwarded(&'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Illegal(what) => write!(f, "illegal: {what}"),
            Violation::Forwarded(what) => write!(f, "must not be forwarded: {what}"),
        }
    }
}

/// How the body is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// A request head.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    /// HTTP/1.1, else HTTP/1.0.
    pub(super) modern: bool,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) framing: Framing,
    pub(super) violations: Vec<Violation>,
}

/// Looks for the end of the head in `bytes`, of which the first `seen` were looked at before.
/// `Ok(None)`: it has not all arrived.
pub(super) fn end_of_head(bytes: &[u8], seen: usize) -> Result<Option<usize>, Violation> {
    for at in seen..bytes.len() {
        if bytes[at] != b'\n' {
            continue;
        }
        if at == 0 || bytes[at - 1] != b'\r' {
            return Err(Violation::Illegal("a line ends in LF without CR"));
        }
        if at == 1 {
            return Err(Violation::Illegal("an empty line before the request line"));
        }
        if bytes[..=at].ends_with(b"\r\n\r\n") {
            return Ok(Some(at + 1));
        }
    }
    if bytes.len() > HEAD_MAX { Err(Violation::Illegal("the head is too long")) } else { Ok(None) }
}

impl Head {
    /// Parses a whole head, the empty line included.
    pub(super) fn parse(bytes: &[u8]) -> Result<Head, Violation> {
        let text = bytes.strip_suffix(b"\r\n\r\n").ok_or(Violation::Illegal("the head has no end"))?;
        let mut lines = split_lines(text);
        let (method, target, modern) = request_line(lines.next().unwrap_or_default())?;
        let fields = lines.map(field).collect::<Result<Vec<_>, _>>()?;
        let framing = framing(&fields, modern)?;
        let mut head = Head { method, target, modern, fields, framing, violations: Vec::new() };
        head.check_host()?;
        head.violations = forwarded(&head);
        Ok(head)
    }

    /// Values of the fields called `name` (lower case), in order.
    pub(super) fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> + 'h {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice())
    }

    /// The first value of the field called `name`, as text where it is text.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, v)| std::str::from_utf8(v).ok())
    }

    /// Whether the comma list in `name` holds `token`, whatever its case.
    pub(super) fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name).any(|v| v.split(|b| *b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(token.as_bytes())))
    }

    /// The target without its query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The value of `name` in the query, undecoded.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The key in `Authorization: Bearer`.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, key) = self.get("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    }

    /// Whether the client may send another request after this one (RFC 9112 section 9.3).
    pub(super) fn keeps_alive(&self) -> bool {
        if self.modern { !self.lists("connection", "close") } else { self.lists("connection", "keep-alive") }
    }

    fn check_host(&self) -> Result<(), Violation> {
        match self.all("host").count() {
            0 if self.modern => Err(Violation::Illegal("no Host")),
            0 | 1 if self.all("host").any(|v| v.is_empty()) => Err(Violation::Illegal("an empty Host")),
            0 | 1 => Ok(()),
            _ => Err(Violation::Illegal("two Hosts")),
        }
    }
}

fn split_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    // Every LF is preceded by CR: `end_of_head` saw to that.
    text.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn request_line(line: &[u8]) -> Result<(String, String, bool), Violation> {
    let parts: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    let [method, target, version] = parts[..] else {
        return Err(Violation::Illegal("a request line that is not method, target and version"));
    };
    if method.is_empty() || !method.iter().all(|b| is_token(*b)) {
        return Err(Violation::Illegal("a method that is no token"));
    }
    if !target.iter().all(|b| matches!(b, 0x21..=0x7e) && *b != b'#') {
        return Err(Violation::Illegal("an octet in the target that must be percent-encoded"));
    }
    if !(target.starts_with(b"/") || target == b"*" && method == b"OPTIONS") {
        return Err(Violation::Illegal("a target that is not in origin form"));
    }
    let modern = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(Violation::Illegal("a version that is not HTTP/1.1 or HTTP/1.0")),
    };
    Ok((text(method), text(target), modern))
}

fn text(ascii: &[u8]) -> String {
    ascii.iter().map(|b| char::from(*b)).collect()
}

fn field(line: &[u8]) -> Result<(String, Vec<u8>), Violation> {
    if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
        return Err(Violation::Illegal("a folded line"));
    }
    let colon = line.iter().position(|b| *b == b':').ok_or(Violation::Illegal("a field without colon"))?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
        return Err(Violation::Illegal("a field name that is no token"));
    }
    if !value.iter().all(|b| matches!(b, b'\t' | b' '..=0x7e | 0x80..)) {
        return Err(Violation::Illegal("a control character in a field value"));
    }
    Ok((text(name), value.to_vec()))
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn framing(fields: &[(String, Vec<u8>)], modern: bool) -> Result<Framing, Violation> {
    let values = |name: &str| -> Vec<&[u8]> {
        fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice()).collect()
    };
    match (values("content-length")[..].as_ref(), values("transfer-encoding")[..].as_ref()) {
        ([], []) => Ok(Framing::Length(0)),
        ([length], []) => number(length).map(Framing::Length).ok_or(Violation::Illegal("a bad Content-Length")),
        (_, []) => Err(Violation::Illegal("two Content-Lengths")),
        ([], _) if !modern => Err(Violation::Illegal("Transfer-Encoding in HTTP/1.0")),
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        ([], _) => Err(Violation::Illegal("a Transfer-Encoding that is not chunked")),
        _ => Err(Violation::Illegal("Content-Length and Transfer-Encoding")),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.len() < 20 && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

/// Fields that end at a proxy, or that would carry the client's own credentials on.
const NOT_TO_PASS: [&str; 17] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "te",
    "expect",
    "cookie",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-keywheel-request-id",
];

/// Names that smuggle when `_` is read as `-`.
const CONFUSABLE: [&str; 3] = ["content-length", "transfer-encoding", "authorization"];

fn forwarded(head: &Head) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut note = |bad: bool, what: &'static str| {
        if bad {
            found.push(Violation::Forwarded(what));
        }
    };
    for name in NOT_TO_PASS {
        note(head.all(name).next().is_some(), name);
    }
    for (name, _) in head.fields.iter().filter(|(n, _)| n.contains('_')) {
        let plain = name.replace('_', "-");
        note(CONFUSABLE.iter().any(|c| plain.eq_ignore_ascii_case(c)), "a name that reads as another with `_` as `-`");
    }
    let own = |t: &[u8]| [&b"close"[..], b"keep-alive", b"upgrade"].iter().any(|o| t.eq_ignore_ascii_case(o));
    let foreign = head.all("connection").flat_map(|v| v.split(|b| *b == b',')).any(|t| !own(t.trim_ascii()));
    note(foreign, "connection options of the client");
    note(head.all("upgrade").next().is_some() && !head.lists("connection", "upgrade"), "upgrade without its option");
    note(head.all("trailer").next().is_some() && head.framing != Framing::Chunked, "trailer without chunks");
    note(head.all("authorization").count() > 1, "two credentials");
    note(head.query("key").is_some() || head.query("api-key").is_some(), "a credential in the query");
    let item = |v: &[u8]| v.windows(24).any(|w| w == b"openai-insecure-api-key.");
    note(head.all("sec-websocket-protocol").any(item), "a credential in sec-websocket-protocol");
    note(matches!(head.method.as_str(), "CONNECT" | "TRACE"), "CONNECT or TRACE");
    found
}
