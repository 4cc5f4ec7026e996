//! A strict reader of HTTP/1 messages, written from RFC 9112 and RFC 9110: it shares no code with keywheel.
//!
//! It judges what keywheel sends, to either side. It is not tolerant anywhere: one spelling of everything, the one that a
//! careful sender uses, and any other is a [`Deviation`]. A message may be cut at its end; that is for the caller to
//! judge, who knows whether it should be whole.

/// Name and value of each field, in order.
pub type Fields = Vec<(String, Vec<u8>)>;

/// One message as far as it is there; its head always is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: Start,
    /// The fields.
    pub fields: Fields,
    /// How the body's end is marked.
    pub framing: Framing,
    /// The body, its framing taken off.
    pub body: Vec<u8>,
    /// Size of each chunk that began, the last chunk left out.
    pub chunks: Vec<u64>,
    /// Trailer fields.
    pub trailers: Fields,
    /// Whether the body's end is there.
    pub complete: bool,
}

/// A start line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Of a request.
    Request {
        /// Method.
        method: String,
        /// Target.
        target: String,
    },
    /// Of a response.
    Response {
        /// Status.
        status: u16,
        /// Reason phrase.
        reason: Vec<u8>,
    },
}

/// How a body's end is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// So many bytes.
    Length(u64),
    /// By a last chunk.
    Chunked,
    /// By the connection's end.
    Close,
    /// HTTP ended here (101): what follows is another protocol.
    Tunnel,
}

/// What a careful sender would not have sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Where in the bytes.
    pub at: usize,
    /// What.
    pub what: &'static str,
}

impl Message {
    /// The values of the fields of this name (lower case).
    pub fn all<'m, 'n>(&'m self, name: &'n str) -> impl Iterator<Item = &'m [u8]> + use<'m, 'n> {
        values(&self.fields, name)
    }

    /// The value of the only field of this name (lower case); None also when there are several.
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }
}

fn values<'m, 'n>(fields: &'m Fields, name: &'n str) -> impl Iterator<Item = &'m [u8]> + use<'m, 'n> {
    fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice())
}

/// Reads a request at the beginning of `bytes`: the message and how many bytes it took. None: its head is not whole.
pub fn request(bytes: &[u8]) -> Result<Option<(Message, usize)>, Deviation> {
    let mut cursor = Cursor { bytes, at: 0 };
    let Some((start, fields)) = cursor.head(request_line)? else { return Ok(None) };
    if values(&fields, "host").count() != 1 {
        return cursor.deviates("not exactly one Host");
    }
    let framing = match cursor.stated(&fields)? {
        Some(framing) => framing,
        None => Framing::Empty,
    };
    cursor.body(start, fields, framing, false).map(Some)
}

/// Reads a response to `method` at the beginning of `bytes`; `closed`: the connection ended, in order, behind them.
pub fn response(bytes: &[u8], method: &str, closed: bool) -> Result<Option<(Message, usize)>, Deviation> {
    let mut cursor = Cursor { bytes, at: 0 };
    let Some((start, fields)) = cursor.head(status_line)? else { return Ok(None) };
    let Start::Response { status, .. } = start else { return cursor.deviates("not a status line") };
    let stated = cursor.stated(&fields)?;
    let framing = match (status, stated) {
        (100..=199 | 204, Some(_)) => return cursor.deviates("a length on a status that has no body"),
        (101, None) => Framing::Tunnel,
        (100..=199 | 204 | 304, _) => Framing::Empty,
        _ if method == "HEAD" => Framing::Empty,
        (_, Some(framing)) => framing,
        (_, None) => Framing::Close,
    };
    cursor.body(start, fields, framing, closed).map(Some)
}

/// All requests in `bytes`, and the bytes of a head that is not whole.
pub fn requests(bytes: &[u8]) -> Result<(Vec<Message>, &[u8]), Deviation> {
    let (mut messages, mut at) = (Vec::new(), 0);
    while let Some((message, size)) = request(&bytes[at..]).map_err(|d| Deviation { at: d.at + at, ..d })? {
        messages.push(message);
        at += size;
    }
    Ok((messages, &bytes[at..]))
}

/// All responses in `bytes` to requests of these methods, interim ones among them, and the bytes of a head that is not
/// whole. More responses than requests are a deviation.
pub fn responses<'b>(bytes: &'b [u8], methods: &[&str], closed: bool) -> Result<(Vec<Message>, &'b [u8]), Deviation> {
    let (mut messages, mut at, mut asked) = (Vec::new(), 0, methods.iter());
    let mut method = asked.next();
    while at < bytes.len() {
        let Some(of) = method else { return Err(Deviation { at, what: "bytes that answer no request" }) };
        let read = response(&bytes[at..], of, closed).map_err(|d| Deviation { at: d.at + at, ..d })?;
        let Some((message, size)) = read else { break };
        if !matches!(message.start, Start::Response { status: 100 | 102..=199, .. }) {
            method = asked.next();
        }
        messages.push(message);
        at += size;
    }
    Ok((messages, &bytes[at..]))
}

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    fn deviates<T>(&self, what: &'static str) -> Result<T, Deviation> {
        Err(Deviation { at: self.at, what })
    }

    fn rest(&self) -> &'b [u8] {
        &self.bytes[self.at..]
    }

    /// The next line, without its CRLF; None when its end is not there.
    fn line(&mut self) -> Result<Option<&'b [u8]>, Deviation> {
        let rest = self.rest();
        let Some(end) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) else { return Ok(None) };
        match rest[end..] {
            [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => {
                self.at += end + 2;
                Ok(Some(&rest[..end]))
            }
            _ => self.deviates("a line that does not end in CRLF"),
        }
    }

    fn head(
        &mut self,
        start_line: impl Fn(&[u8]) -> Result<Start, &'static str>,
    ) -> Result<Option<(Start, Fields)>, Deviation> {
        let Some(first) = self.line()? else { return Ok(None) };
        let start = start_line(first).map_err(|what| Deviation { at: 0, what })?;
        Ok(self.fields()?.map(|fields| (start, fields)))
    }

    /// Field lines up to an empty line.
    fn fields(&mut self) -> Result<Option<Fields>, Deviation> {
        let mut fields = Fields::new();
        loop {
            let at = self.at;
            match self.line()? {
                None => return Ok(None),
                Some([]) => return Ok(Some(fields)),
                Some(line) => fields.push(field(line).map_err(|what| Deviation { at, what })?),
            }
        }
    }

    /// The framing that the fields state.
    fn stated(&self, fields: &Fields) -> Result<Option<Framing>, Deviation> {
        let lengths: Vec<_> = values(fields, "content-length").collect();
        let codings: Vec<_> = values(fields, "transfer-encoding").collect();
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(None),
            ([], [b"chunked"]) => Ok(Some(Framing::Chunked)),
            ([], _) => self.deviates("a transfer coding that is not once chunked"),
            ([length], []) => {
                let text = std::str::from_utf8(length).unwrap_or_default();
                let number = text.parse::<u64>().ok().filter(|n| n.to_string() == text);
                number.map_or_else(|| self.deviates("no plain length"), |n| Ok(Some(Framing::Length(n))))
            }
            (_, []) => self.deviates("more than one length"),
            _ => self.deviates("both a length and a transfer coding"),
        }
    }

    fn body(
        mut self,
        start: Start,
        fields: Fields,
        framing: Framing,
        closed: bool,
    ) -> Result<(Message, usize), Deviation> {
        let mut message =
            Message { start, fields, framing, body: vec![], chunks: vec![], trailers: vec![], complete: true };
        match framing {
            Framing::Empty => {}
            Framing::Length(n) => message.complete = self.take(n, &mut message.body),
            Framing::Close | Framing::Tunnel => {
                self.take(u64::MAX, &mut message.body);
                message.complete = closed;
            }
            Framing::Chunked => message.complete = self.chunks(&mut message)?,
        }
        let size = if message.complete { self.at } else { self.bytes.len() };
        Ok((message, size))
    }

    /// Appends `n` bytes to `body`, or what there is; whether all were there.
    fn take(&mut self, n: u64, body: &mut Vec<u8>) -> bool {
        let have = self.rest().len();
        let taken = usize::try_from(n).unwrap_or(usize::MAX).min(have);
        body.extend_from_slice(&self.rest()[..taken]);
        self.at += taken;
        taken as u64 == n
    }

    /// Whether the last chunk and all behind it was there.
    fn chunks(&mut self, message: &mut Message) -> Result<bool, Deviation> {
        loop {
            let Some(line) = self.line()? else { return Ok(false) };
            let text = std::str::from_utf8(line).unwrap_or_default();
            let size = u64::from_str_radix(text, 16).ok().filter(|n| format!("{n:x}") == text.to_ascii_lowercase());
            match size {
                None => return self.deviates("no canonical chunk size"),
                Some(0) => {
                    let Some(trailers) = self.fields()? else { return Ok(false) };
                    message.trailers = trailers;
                    return Ok(true);
                }
                Some(size) => {
                    message.chunks.push(size);
                    if !self.take(size, &mut message.body) {
                        return Ok(false);
                    }
                    match self.line()? {
                        None => return Ok(false),
                        Some([]) => {}
                        Some(_) => return self.deviates("a chunk that does not end with its size"),
                    }
                }
            }
        }
    }
}

fn request_line(line: &[u8]) -> Result<Start, &'static str> {
    let words: Vec<_> = line.split(|b| *b == b' ').collect();
    let [method, target, b"HTTP/1.1"] = words.as_slice() else { return Err("no request line") };
    if !is_token(method) {
        return Err("a method that is no token");
    }
    let origin_form = target.starts_with(b"/") || (*target == b"*" && *method == b"OPTIONS");
    if !origin_form || !target.iter().all(|b| matches!(b, b'!'..=b'~') && *b != b'#') {
        return Err("a target that is not in origin form");
    }
    Ok(Start::Request { method: text(method), target: text(target) })
}

fn status_line(line: &[u8]) -> Result<Start, &'static str> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").ok_or("no status line")?;
    let (digits, reason) = match rest {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', reason @ ..] => ([a, b, c], reason),
        _ => return Err("no status of three digits and a space"),
    };
    if !reason.iter().all(|b| is_text(*b)) {
        return Err("a control character in a reason phrase");
    }
    let status = digits.iter().fold(0, |n, d| n * 10 + u16::from(**d - b'0'));
    Ok(Start::Response { status, reason: reason.to_vec() })
}

/// Whether a line, without its CRLF, is a field.
pub fn is_field(line: &[u8]) -> bool {
    field(line).is_ok()
}

fn field(line: &[u8]) -> Result<(String, Vec<u8>), &'static str> {
    let colon = line.iter().position(|b| *b == b':').ok_or("a field without a colon")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return Err("a field name that is no token");
    }
    if !value.iter().all(|b| is_text(*b)) {
        return Err("a control character in a field's value");
    }
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !blank(b)).map_or(start, |n| n + 1);
    Ok((text(name), value[start..end].to_vec()))
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_one_after_the_other() {
        let bytes = b"GET /a HTTP/1.1\r\nHost: h\r\nX:  y \r\n\r\nPOST /b HTTP/1.1\r\nhost:h\r\nContent-Length: 2\r\n\r\nhi\
            POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\na\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET /d";
        let (messages, rest) = requests(bytes).unwrap();
        assert_eq!((messages.len(), rest), (3, &b"GET /d"[..]));
        assert_eq!(messages[0].only("x"), Some(&b"y"[..]));
        assert_eq!(messages[0].start, Start::Request { method: "GET".into(), target: "/a".into() });
        assert_eq!((messages[1].body.as_slice(), messages[1].framing), (&b"hi"[..], Framing::Length(2)));
        assert_eq!((messages[2].chunks.as_slice(), messages[2].body.len()), (&[2, 10][..], 12));
        assert_eq!(messages[2].trailers, [("T".to_owned(), b"1".to_vec())]);
        assert!(messages.iter().all(|m| m.complete));
    }

    #[test]
    fn responses_are_read_one_after_the_other() {
        let bytes = b"HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 \r\nContent-Length: 9\r\n\r\n\
            HTTP/1.1 204 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest";
        let (messages, rest) = responses(bytes, &["GET", "HEAD", "PUT", "GET"], true).unwrap();
        let framings: Vec<_> = messages.iter().map(|m| m.framing).collect();
        assert_eq!(framings, [Framing::Empty, Framing::Length(2), Framing::Empty, Framing::Empty, Framing::Close]);
        assert!(rest.is_empty() && messages.iter().all(|m| m.complete));
        let open = responses(bytes, &["GET", "HEAD", "PUT", "GET"], false).unwrap().0;
        assert!(!open[4].complete);
        assert!(responses(bytes, &["GET", "HEAD", "PUT"], true).is_err());
        let tunnel = response(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n\x81\0", "GET", true).unwrap().unwrap().0;
        assert_eq!((tunnel.framing, tunnel.body.as_slice()), (Framing::Tunnel, &b"\x81\0"[..]));
    }

    #[test]
    fn what_is_cut_is_told() {
        let whole = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: 1\r\n\r\n";
        let head = whole.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        for cut in 0..whole.len() {
            let read = request(&whole[..cut]).unwrap();
            assert_eq!(read.is_some(), cut >= head, "{cut}");
            assert!(read.is_none_or(|(message, size)| !message.complete && size == cut));
        }
        assert!(request(whole).unwrap().unwrap().0.complete);
    }

    #[test]
    fn deviations_are_refused() {
        for bytes in [
            "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\nHost: h\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: h\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /# HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
            "G() / HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 05\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n",
        ] {
            assert!(requests(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
        for body in [
            "02\r\n",
            "2;x\r\n",
            "2 \r\n",
            "g\r\n",
            "\r\n",
            "2\nhi",
            "2\r\nhi!\r\n",
            "2\r\nhi\n",
            "0\r\nX\r\n",
            "+2\r\n",
        ] {
            let bytes = format!("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            assert!(request(bytes.as_bytes()).is_err(), "{body:?}");
        }
        for bytes in [
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 200\r\n\r\n",
            "HTTP/1.1 099 x\r\n\r\n",
            "HTTP/1.1 200 \u{1}\r\n\r\n",
            "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert!(response(bytes.as_bytes(), "GET", true).is_err(), "{bytes:?}");
        }
    }
}
