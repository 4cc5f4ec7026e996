//! How one answer is steered: a short text that a request brings, or that a key's behaviour implies.
//!
//! `fake:status=429,retry_after=2` in the JSON field `user`, in the field `x-fake`, or (percent-free) as `fake=` in
//! the query. Flags have no value; a comma within a value is `%2C`. Bytes of the body are counted before framing and
//! after gzip.

use super::rows::Row;
use std::str::FromStr;
use std::time::Duration;

/// Longest piece, field or noise that may be asked for: 256 KiB.
const SIZE_MAX: u32 = 256 * 1024;
/// Most interim answers or fields that may be asked for.
const MANY: u32 = 1000;

/// Wishes about one answer. `Default` asks for nothing: a good answer at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// `error=NAME`: answer as this row of [`ROWS`](super::ROWS).
    pub error: Option<&'static Row>,
    /// `status=N`: answer with this status; from 400 an error body with `code`, `type` and `message`.
    pub status: Option<u16>,
    /// `code=`: `error.code`.
    pub code: Option<String>,
    /// `type=`: `error.type`.
    pub kind: Option<String>,
    /// `message=`: `error.message`.
    pub message: Option<String>,
    /// `retry_after=`: the field's text, whatever it is.
    pub retry_after: Option<String>,
    /// `retry_after_ms=`: likewise, `retry-after-ms`.
    pub retry_after_ms: Option<String>,
    /// `reset_requests=`: `x-ratelimit-reset-requests`, with nothing remaining.
    pub reset_requests: Option<String>,
    /// `reset_tokens=`: `x-ratelimit-reset-tokens`, with nothing remaining.
    pub reset_tokens: Option<String>,
    /// `should_retry=true|false`: `x-should-retry`.
    pub should_retry: Option<String>,
    /// `account=`: `openai-organization`.
    pub account: Option<String>,
    /// `chunks=N`: pieces of generated text. Default 8.
    pub chunks: Option<u32>,
    /// `size=N`: bytes of text in each piece; with a body that is not a stream, of each write.
    pub size: Option<u32>,
    /// `bytes=N`: a body of N bytes of filler; chat and responses: that much text.
    pub bytes: Option<u64>,
    /// `interval_ms=N`: pause between pieces.
    pub interval: Duration,
    /// `delay_ms=N`: pause before the head.
    pub delay: Duration,
    /// `stall_ms=N`: one pause inside the answer, after `stall_at=N` bytes of the body (default 0).
    pub stall: Duration,
    /// See `stall`.
    pub stall_at: u64,
    /// `hang`: never answer.
    pub hang: bool,
    /// `cut_after=N`: end of stream after N bytes of the body. `cut_head=N`: of the head.
    pub cut: Option<Fault>,
    /// `event_error=NAME`: a stream ends in an error event of this row instead of finishing.
    pub event_error: Option<&'static Row>,
    /// `interim=N`: that many 103 before the head.
    pub interim: u32,
    /// `close`: `Connection: close`.
    pub close: bool,
    /// `until_close`: the body ends with the connection.
    pub until_close: bool,
    /// `chunked`: transfer coding, also where the length is known.
    pub chunked: bool,
    /// `trailers`: two trailer fields behind the last chunk (implies `chunked`).
    pub trailers: bool,
    /// `gzip`: the body compressed, with Content-Encoding.
    pub gzip: bool,
    /// `http10`: the head says HTTP/1.0.
    pub http10: bool,
    /// `early`: answer at the request's head, without its body; the body is still read, unless `close`.
    pub early: bool,
    /// `no_continue`: an `Expect: 100-continue` gets no 100.
    pub no_continue: bool,
    /// `echo_key`: the whole key stands in the error's message; `echo_key=head`: in a field.
    pub echo_key: Option<Echo>,
    /// `length=TEXT`: this Content-Length, right or wrong.
    pub length: Option<String>,
    /// `garble`: something that is no HTTP head.
    pub garble: bool,
    /// `noise=N`: that many bytes behind the answer's end.
    pub noise: u32,
    /// `fields=N`: that many further fields, of `field_size=N` bytes (default 32).
    pub fields: u32,
    /// See `fields`.
    pub field_size: Option<u32>,
    /// `event_comments`: a `: keep-alive` comment before each event.
    pub comments: bool,
}

/// An answer that ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Counted in the head's bytes, else in the body's.
    pub in_head: bool,
    /// After this many bytes.
    pub after: u64,
    /// By a reset, else by an orderly end of stream.
    pub reset: bool,
}

/// Where a key is echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// In the error's message.
    Message,
    /// In the field `x-echo`.
    Head,
}

impl Spec {
    /// The answer is this row.
    pub fn row(name: &str) -> Option<Spec> {
        Some(Spec { error: Some(Row::named(name)?), ..Spec::default() })
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let bad = || format!("`{value}` is no value for `{name}`");
        let text = || Some(value.replace("%2C", ","));
        let fault = |in_head, reset, after| Some(Fault { in_head, after, reset });
        match name {
            "error" => self.error = Some(Row::named(value).ok_or_else(bad)?),
            "event_error" => self.event_error = Some(Row::named(value).ok_or_else(bad)?),
            "status" => self.status = Some(number(value).filter(|s| (200..1000).contains(s)).ok_or_else(bad)?),
            "code" => self.code = text(),
            "type" => self.kind = text(),
            "message" => self.message = text(),
            "retry_after" => self.retry_after = text(),
            "retry_after_ms" => self.retry_after_ms = text(),
            "reset_requests" => self.reset_requests = text(),
            "reset_tokens" => self.reset_tokens = text(),
            "should_retry" => self.should_retry = text(),
            "account" => self.account = text(),
            "length" => self.length = text(),
            "chunks" => self.chunks = Some(number(value).ok_or_else(bad)?),
            "size" => self.size = Some(number(value).filter(|n| (1..=SIZE_MAX).contains(n)).ok_or_else(bad)?),
            "bytes" => self.bytes = Some(number(value).ok_or_else(bad)?),
            "interval_ms" => self.interval = millis(value).ok_or_else(bad)?,
            "delay_ms" => self.delay = millis(value).ok_or_else(bad)?,
            "stall_ms" => self.stall = millis(value).ok_or_else(bad)?,
            "stall_at" => self.stall_at = number(value).ok_or_else(bad)?,
            "cut_after" => self.cut = fault(false, false, number(value).ok_or_else(bad)?),
            "reset_after" => self.cut = fault(false, true, number(value).ok_or_else(bad)?),
            "cut_head" => self.cut = fault(true, false, number(value).ok_or_else(bad)?),
            "reset_head" => self.cut = fault(true, true, number(value).ok_or_else(bad)?),
            "interim" => self.interim = number(value).filter(|n| *n <= MANY).ok_or_else(bad)?,
            "noise" => self.noise = number(value).filter(|n| *n <= SIZE_MAX).ok_or_else(bad)?,
            "fields" => self.fields = number(value).filter(|n| *n <= MANY).ok_or_else(bad)?,
            "field_size" => self.field_size = Some(number(value).filter(|n| *n <= SIZE_MAX).ok_or_else(bad)?),
            "echo_key" => self.echo_key = Some(if value == "head" { Echo::Head } else { Echo::Message }),
            _ => return self.set_flag(name, value),
        }
        Ok(())
    }

    fn set_flag(&mut self, name: &str, value: &str) -> Result<(), String> {
        let flag = match name {
            "hang" => &mut self.hang,
            "close" => &mut self.close,
            "until_close" => &mut self.until_close,
            "chunked" => &mut self.chunked,
            "trailers" => &mut self.trailers,
            "gzip" => &mut self.gzip,
            "http10" => &mut self.http10,
            "early" => &mut self.early,
            "no_continue" => &mut self.no_continue,
            "garble" => &mut self.garble,
            "event_comments" => &mut self.comments,
            _ => return Err(format!("`{name}` is unknown")),
        };
        *flag = true;
        if value.is_empty() { Ok(()) } else { Err(format!("`{name}` takes no value")) }
    }
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Spec, String> {
        let mut spec = Spec::default();
        let text = text.strip_prefix("fake:").unwrap_or(text);
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            spec.set(name, value)?;
        }
        Ok(spec)
    }
}

fn number<N: FromStr>(text: &str) -> Option<N> {
    text.parse().ok()
}

fn millis(text: &str) -> Option<Duration> {
    number(text).map(Duration::from_millis)
}
