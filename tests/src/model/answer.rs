//! A strict reader of what a client gets, written for judging: it shares no code with keywheel.
//!
//! It accepts only what RFC 9112 lets a careful server send; whatever else comes is an error in words.

/// One answer as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// The head verbatim, its empty line included.
    pub head: Vec<u8>,
    /// Fields in order: name as it came, value.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body, its framing taken off.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// How its end is marked.
    pub framing: Framing,
    /// Whether its end was seen as its framing marks it.
    pub complete: bool,
    /// Statuses of the interim answers before it.
    pub interim: Vec<u16>,
}

/// How an answer's end is marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// No body at all.
    #[default]
    Empty,
    /// So many bytes.
    Length(u64),
    /// By a last chunk.
    Chunked,
    /// By the end of the connection.
    Close,
    /// It became a tunnel: the body is what passed.
    Tunnel,
}

impl Answer {
    /// The first field of this name (lower case).
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
    }

    /// The first field of this name as text.
    pub fn text(&self, name: &str) -> &str {
        self.field(name).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// Whether the connection ends after it.
    pub fn closes(&self) -> bool {
        self.framing == Framing::Close || self.text("connection").to_ascii_lowercase().contains("close")
    }

    /// Whether it is a stream of events.
    pub fn is_events(&self) -> bool {
        self.text("content-type").starts_with("text/event-stream")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Fixed(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
}

/// Reads answers from the bytes of one connection.
#[derive(Debug)]
pub struct Reader {
    state: State,
    pending: Vec<u8>,
    at: usize,
    /// Pending bytes in which no end of a head was found.
    seen: usize,
    answer: Answer,
    begun: bool,
    done: Vec<Answer>,
    /// Methods of the requests whose answers are outstanding, in order.
    asked: std::collections::VecDeque<String>,
    error: Option<String>,
}

impl Default for Reader {
    fn default() -> Self {
        Reader {
            state: State::Head,
            pending: Vec::new(),
            at: 0,
            seen: 0,
            answer: Answer::default(),
            begun: false,
            done: Vec::new(),
            asked: std::collections::VecDeque::new(),
            error: None,
        }
    }
}

impl Reader {
    /// A request of this method was sent: one more answer is due.
    pub fn expect(&mut self, method: &str) {
        self.asked.push_back(method.to_owned());
    }

    /// Takes in bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        self.pending.extend_from_slice(bytes);
        loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        self.pending.drain(..self.at);
        self.at = 0;
    }

    /// The connection ended, in order: that completes an answer that has no other end.
    pub fn end(&mut self) {
        if self.error.is_none() && self.state == State::UntilClose {
            let _ = self.finish();
        }
    }

    /// Answers that came to their end, since the last call.
    pub fn take_done(&mut self) -> Vec<Answer> {
        core::mem::take(&mut self.done)
    }

    /// The answer that is under way, where its head was seen.
    pub fn open(&self) -> Option<&Answer> {
        self.begun.then_some(&self.answer)
    }

    /// Whether a `100 Continue` came for the answer that is due.
    pub fn continued(&self) -> bool {
        self.answer.interim.contains(&100)
    }

    /// Whether bytes came that are no whole head yet.
    pub fn mid_head(&self) -> bool {
        self.state == State::Head && self.pending.len() > self.at
    }

    /// What was wrong.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn step(&mut self) -> Result<bool, String> {
        match self.state {
            State::Head => self.head(),
            State::Fixed(0) => self.finish(),
            State::Fixed(left) => {
                self.take(left).map(|left| self.state = State::Fixed(left)).map_or(Ok(false), |()| Ok(true))
            }
            State::UntilClose => self.take(u64::MAX).map_or(Ok(false), |_| Ok(true)),
            State::ChunkSize => self.chunk_size(),
            State::Chunk(0) => {
                self.state = State::ChunkEnd;
                Ok(true)
            }
            State::Chunk(left) => {
                self.take(left).map(|left| self.state = State::Chunk(left)).map_or(Ok(false), |()| Ok(true))
            }
            State::ChunkEnd => match self.line()? {
                Some(line) if line.is_empty() => {
                    self.state = State::ChunkSize;
                    Ok(true)
                }
                Some(line) => Err(format!("a chunk ends in {:?}", text(&line))),
                None => Ok(false),
            },
            State::Trailers => self.trailer(),
        }
    }

    /// Moves up to `left` bytes to the body; `None` when there are none.
    fn take(&mut self, left: u64) -> Option<u64> {
        let n = (self.pending.len() - self.at).min(usize::try_from(left).unwrap_or(usize::MAX));
        if n == 0 {
            return None;
        }
        self.answer.body.extend_from_slice(&self.pending[self.at..self.at + n]);
        self.at += n;
        Some(left - n as u64)
    }

    /// The next line without its CRLF.
    fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        let rest = &self.pending[self.at..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            if rest.len() > 100_000 {
                return Err("a line without end".into());
            }
            return Ok(None);
        };
        if end == 0 || rest[end - 1] != b'\r' {
            return Err(format!("a line ends without CR: {:?}", text(&rest[..end])));
        }
        let line = rest[..end - 1].to_vec();
        if line.contains(&b'\r') {
            return Err(format!("CR inside a line: {:?}", text(&line)));
        }
        self.at += end + 1;
        Ok(Some(line))
    }

    fn head(&mut self) -> Result<bool, String> {
        let rest = &self.pending[self.at..];
        let from = self.seen.saturating_sub(3);
        let Some(end) = memchr::memmem::find(&rest[from..], b"\r\n\r\n").map(|end| from + end) else {
            self.seen = rest.len();
            return Ok(false);
        };
        self.seen = 0;
        if self.asked.is_empty() {
            return Err(format!("an answer that nobody asked for: {:?}", text(&rest[..end.min(200)])));
        }
        let interim = core::mem::take(&mut self.answer.interim);
        self.answer = Answer { head: rest[..end + 4].to_vec(), interim, ..Answer::default() };
        let first = self.line()?.unwrap_or_default();
        self.answer.status = status(&first)?;
        while let Some(line) = self.line()? {
            if line.is_empty() {
                break;
            }
            self.answer.fields.push(field(&line)?);
        }
        self.begin()
    }

    fn begin(&mut self) -> Result<bool, String> {
        let status = self.answer.status;
        if (100..200).contains(&status) && status != 101 {
            let interim = core::mem::take(&mut self.answer.interim);
            self.answer = Answer { interim, ..Answer::default() };
            self.answer.interim.push(status);
            return Ok(true);
        }
        self.begun = true;
        let method = self.asked.front().map_or("", |method| method.as_str());
        self.answer.framing = framing(&self.answer, method)?;
        self.state = match self.answer.framing {
            Framing::Empty => State::Fixed(0),
            Framing::Length(n) => State::Fixed(n),
            Framing::Chunked => State::ChunkSize,
            Framing::Close | Framing::Tunnel => State::UntilClose,
        };
        Ok(true)
    }

    fn chunk_size(&mut self) -> Result<bool, String> {
        let Some(line) = self.line()? else { return Ok(false) };
        let digits = std::str::from_utf8(&line)
            .ok()
            .filter(|line| (1..=16).contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let size = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        self.state = match size {
            Some(0) => State::Trailers,
            Some(size) => State::Chunk(size),
            None => return Err(format!("no canonical chunk size: {:?}", text(&line))),
        };
        Ok(true)
    }

    fn trailer(&mut self) -> Result<bool, String> {
        let Some(line) = self.line()? else { return Ok(false) };
        if line.is_empty() {
            return self.finish();
        }
        self.answer.trailers.push(field(&line)?);
        Ok(true)
    }

    fn finish(&mut self) -> Result<bool, String> {
        self.answer.complete = true;
        self.asked.pop_front();
        self.begun = false;
        self.done.push(core::mem::take(&mut self.answer));
        self.state = State::Head;
        Ok(true)
    }
}

fn status(line: &[u8]) -> Result<u16, String> {
    let bad = || format!("no status line: {:?}", text(line));
    let rest = line.strip_prefix(b"HTTP/1.1 ").ok_or_else(bad)?;
    let digits = rest.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit)).ok_or_else(bad)?;
    if rest.get(3) != Some(&b' ') {
        return Err(bad());
    }
    text(digits).parse().map_err(|_| bad())
}

fn field(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let bad = |why: &str| format!("{why}: {:?}", text(line));
    let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| bad("a field without colon"))?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(token) {
        return Err(bad("a field's name is no token"));
    }
    if value.iter().any(|byte| (*byte < 32 && *byte != b'\t') || *byte == 127) {
        return Err(bad("a control character in a field's value"));
    }
    Ok((text(name).into_owned(), value.trim_ascii().to_vec()))
}

fn framing(answer: &Answer, method: &str) -> Result<Framing, String> {
    let all = |name: &str| {
        answer
            .fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| text(v).into_owned())
            .collect::<Vec<_>>()
    };
    let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
    if !lengths.is_empty() && !codings.is_empty() {
        return Err("a length and a transfer coding".into());
    }
    if lengths.len() > 1 || codings.len() > 1 {
        return Err("framing said twice".into());
    }
    let length = lengths.first().map(|length| {
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| length.parse::<u64>().ok()).flatten().ok_or_else(|| format!("no length: {length:?}"))
    });
    let length = length.transpose()?;
    match (answer.status, codings.first()) {
        (101, _) => Ok(Framing::Tunnel),
        (204, Some(_)) => Err("a coding on a 204".into()),
        (204 | 304, _) => Ok(Framing::Empty),
        _ if method == "HEAD" => Ok(Framing::Empty),
        (_, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        (_, Some(coding)) => Err(format!("transfer coding {coding:?}")),
        (_, None) => Ok(length.map_or(Framing::Close, Framing::Length)),
    }
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(methods: &[&str], bytes: &[u8]) -> (Vec<Answer>, Option<String>) {
        let mut whole = Reader::default();
        let mut single = Reader::default();
        for method in methods {
            whole.expect(method);
            single.expect(method);
        }
        whole.feed(bytes);
        bytes.iter().for_each(|byte| single.feed(&[*byte]));
        whole.end();
        single.end();
        let (one, two) = (whole.take_done(), single.take_done());
        assert_eq!(one, two);
        (one, whole.error().map(str::to_owned))
    }

    #[test]
    fn every_framing_is_read() {
        let bytes = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n\
            HTTP/1.1 200 \r\nContent-Length: 7\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest";
        let (answers, error) = read(&["GET", "POST", "HEAD", "GET", "GET"], bytes);
        assert_eq!(error, None);
        let bodies: Vec<_> = answers.iter().map(|answer| &answer.body[..]).collect();
        assert_eq!(bodies, [&b"ab"[..], b"abc", b"", b"", b"rest"]);
        assert_eq!(answers[0].interim, [103]);
        assert_eq!(answers[1].trailers.len(), 1);
    }

    #[test]
    fn what_a_careful_server_never_sends_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n",
            b"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert!(read(&["GET"], bytes).1.is_some(), "{:?}", text(bytes));
        }
    }

    #[test]
    fn a_cut_answer_stays_open() {
        let mut reader = Reader::default();
        reader.expect("GET");
        reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
        reader.end();
        assert!(reader.take_done().is_empty());
        assert_eq!(reader.open().map(|answer| &answer.body[..]), Some(&b"ab"[..]));
    }
}
