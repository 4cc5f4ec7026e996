//! A stream of messages without the accidents of its framing: chunks are joined, everything else stays as it came.
//!
//! Where a body is chunked, its bytes follow the head directly and `<end>` marks the last chunk, trailer lines after
//! it. What breaks the rules passes as it came.

use memchr::memmem::find;
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Fixed(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// Until the connection ends.
    Raw,
}

/// Which messages a stream is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Requests.
    Requests,
    /// Answers.
    Answers,
}

/// Takes the framing off.
#[derive(Debug)]
pub struct Unframe {
    kind: Kind,
    state: State,
    pending: Vec<u8>,
    out: Vec<u8>,
    methods: VecDeque<String>,
}

impl Unframe {
    /// A stream that has not begun.
    pub fn new(kind: Kind) -> Self {
        Unframe { kind, state: State::Head, pending: Vec::new(), out: Vec::new(), methods: VecDeque::new() }
    }

    /// A request of this method was sent: its answer will come.
    pub fn expect(&mut self, method: &str) {
        self.methods.push_back(method.to_owned());
    }

    /// From here on bytes are no messages.
    pub fn tunnel(&mut self) {
        self.state = State::Raw;
    }

    /// What came so far.
    pub fn out(&self) -> &[u8] {
        &self.out
    }

    /// Whether an end in order, here, cuts no message.
    pub fn whole(&self) -> bool {
        self.pending.is_empty() && matches!(self.state, State::Head | State::Fixed(0) | State::Raw)
    }

    /// Takes bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        while self.step() {}
    }

    /// The stream ended: what is left passes as it came.
    pub fn end(&mut self) {
        let rest = core::mem::take(&mut self.pending);
        self.out.extend(rest);
    }

    fn step(&mut self) -> bool {
        match self.state {
            State::Head => self.head(),
            State::Fixed(0) => {
                self.state = State::Head;
                true
            }
            State::Fixed(left) => self.pass(left).map(|left| self.state = State::Fixed(left)).is_some(),
            State::Raw => self.pass(u64::MAX).is_some(),
            State::Chunk(0) => {
                self.state = State::ChunkEnd;
                true
            }
            State::Chunk(left) => self.pass(left).map(|left| self.state = State::Chunk(left)).is_some(),
            State::ChunkEnd => self.line().is_some_and(|line| {
                self.state = if line.is_empty() { State::ChunkSize } else { State::Raw };
                self.out.extend(line);
                true
            }),
            State::ChunkSize => self.chunk_size(),
            State::Trailers => self.line().is_some_and(|line| {
                if line.is_empty() {
                    self.state = State::Head;
                } else {
                    self.out.extend(line);
                    self.out.extend(b"\r\n");
                }
                true
            }),
        }
    }

    fn pass(&mut self, left: u64) -> Option<u64> {
        let n = self.pending.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if n == 0 {
            return None;
        }
        self.out.extend(self.pending.drain(..n));
        Some(left - n as u64)
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = find(&self.pending, b"\r\n")?;
        let line = self.pending.drain(..end).collect();
        self.pending.drain(..2);
        Some(line)
    }

    fn chunk_size(&mut self) -> bool {
        let Some(line) = self.line() else { return false };
        let size = std::str::from_utf8(&line).ok().and_then(|line| u64::from_str_radix(line, 16).ok());
        self.state = match size {
            Some(0) => {
                self.out.extend(b"<end>");
                State::Trailers
            }
            Some(size) => State::Chunk(size),
            None => {
                self.out.extend(line);
                State::Raw
            }
        };
        true
    }

    fn head(&mut self) -> bool {
        let Some(end) = find(&self.pending, b"\r\n\r\n") else { return false };
        let head: Vec<u8> = self.pending.drain(..end + 4).collect();
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        self.out.extend(&head);
        let field = |name: &str| {
            let lines = text.split("\r\n").skip(1);
            lines
                .filter_map(|line| line.split_once(':'))
                .find(|(n, _)| *n == name)
                .map(|(_, value)| value.trim().to_owned())
        };
        let length = field("content-length").and_then(|length| length.parse().ok());
        let chunked = field("transfer-encoding").is_some();
        self.state = match self.kind {
            Kind::Requests if chunked => State::ChunkSize,
            Kind::Requests => State::Fixed(length.unwrap_or(0)),
            Kind::Answers => self.answer(&text, length, chunked),
        };
        true
    }

    fn answer(&mut self, head: &str, length: Option<u64>, chunked: bool) -> State {
        let status = head.get(9..12).unwrap_or_default();
        if status == "101" {
            return State::Raw;
        }
        if status.starts_with('1') {
            return State::Head;
        }
        let method = self.methods.pop_front().unwrap_or_default();
        match length {
            _ if method == "HEAD" || status == "204" || status == "304" => State::Head,
            _ if chunked => State::ChunkSize,
            Some(length) => State::Fixed(length),
            None => State::Raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_the_end_is_marked() {
        let mut stream = Unframe::new(Kind::Answers);
        stream.expect("GET");
        stream.expect("HEAD");
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nx: y\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        bytes.iter().for_each(|byte| stream.feed(&[*byte]));
        let expected =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nabc<end>x: y\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(stream.out()), String::from_utf8_lossy(expected));
        assert!(stream.whole());
    }
}
