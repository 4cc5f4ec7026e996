//! A client of one request a connection: as much HTTP/1.1 as the demo asks for.

use crate::traits::{Runtime, Stream, Timer};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

/// Longest answer.
const ANSWER_MAX: usize = 4 * 1024 * 1024;
/// Longest time for one.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer, its framing taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The value of a field (lower case name).
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// Sends a request and reads the whole answer.
///
/// # Errors
/// In words: no connection, a broken one, an answer that is cut short or makes no sense.
pub(super) async fn ask<R: Runtime>(rt: &R, to: SocketAddr, request: &[u8]) -> Result<Answer, String> {
    let mut timer = rt.timer();
    timer.reset(rt.now() + PATIENCE);
    let mut exchange = std::pin::pin!(exchange(rt, to, request));
    let bytes = poll_fn(|cx| {
        if timer.poll_expired(cx).is_ready() {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        exchange.as_mut().poll(cx)
    });
    parse(&bytes.await.map_err(|e: io::Error| e.to_string())?)
}

async fn exchange<R: Runtime>(rt: &R, to: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = rt.connect(to).await?;
    let mut rest = request;
    while !rest.is_empty() {
        match stream.try_write_vectored(&[IoSlice::new(rest)]) {
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        if !rest.is_empty() {
            poll_fn(|cx| stream.poll_write_ready(cx)).await;
        }
    }
    let (mut bytes, mut block) = (Vec::new(), [0; 4096]);
    while bytes.len() < ANSWER_MAX {
        match stream.try_read(&mut block) {
            Ok(0) => return Ok(bytes),
            Ok(n) => {
                bytes.extend_from_slice(&block[..n]);
                if n == block.len() {
                    continue;
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        poll_fn(|cx| stream.poll_read_ready(cx)).await;
    }
    Err(io::Error::other("the answer is too long"))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Answer, String> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or("the answer has no head")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or("the answer has no status")?;
    let mut answer = Answer { status, head, body: bytes[end + 4..].to_vec() };
    if answer.field("transfer-encoding").is_some() {
        answer.body = unchunked(&answer.body).ok_or("the answer was cut short")?;
    } else if answer.field("content-length").and_then(|n| n.parse().ok()) != Some(answer.body.len()) {
        return Err("the answer was cut short".into());
    }
    Ok(answer)
}

/// A body without its chunks' framing; `None` if the last chunk is missing.
fn unchunked(mut coded: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = coded.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&coded[..line]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let data = coded.get(line + 2..)?;
        body.extend_from_slice(data.get(..size)?);
        coded = data.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_both_framings_and_cut_ones() {
        let body = |bytes: &[u8]| parse(bytes).map(|answer| (answer.status, answer.body));
        let good = Ok((200, b"hello".to_vec()));
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), good);
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
        assert_eq!(body(chunked), good);
        for n in 0..chunked.len() - 4 {
            assert!(body(&chunked[..n]).is_err(), "{n}");
        }
        for cut in
            [&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"[..], b"HTTP/1.1 200 OK\r\n\r\nx", b"", b"\r\n\r\n"]
        {
            assert!(body(cut).is_err(), "{cut:?}");
        }
    }
}
