//! Watches a stream of server-sent events pass: where events end, and which may be an error.
//!
//! The watcher delays nothing and changes nothing; it is fed what was just read. In the common case a piece holds
//! whole events and costs one search for the word `error` and a look at its last three bytes.
//!
//! ```text
//!            ┌── whole events: search, no copy ──┐
//!   feed ──▶ Between ◀──── a blank line ───── Within (the event so far is kept, up to 8 KiB)
//!            └── an event that is cut ───────────▶┘
//! ```
//!
//! An error event is small. One longer than 8 KiB is never looked at, so memory is bounded, and what is found does not
//! depend on how the stream was cut into pieces.

mod event;
#[cfg(test)]
mod tests;

pub use event::Event;

use memchr::memmem::Finder;
use memchr::{memchr2, memrchr2};
use std::sync::LazyLock;

/// Longest event that is looked at.
const EVENT: usize = 8 * 1024;
/// A byte order mark that may stand ahead of the first event.
const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

static WORD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("error"));

/// Watches one stream. At most 8 KiB of an event that is cut are kept, nothing between events.
#[derive(Debug)]
pub struct Watcher {
    /// The last three bytes; the start of a stream is as good as a blank line.
    tail: [u8; 3],
    /// Bytes of a byte order mark seen at the stream's start; 3 when no more of it can come.
    mark: u8,
    /// The event so far, when the last piece ended within one.
    event: Vec<u8>,
    /// It is longer than what is kept.
    long: bool,
}

impl Default for Watcher {
    fn default() -> Self {
        Watcher { tail: [b'\n'; 3], mark: 0, event: Vec::new(), long: false }
    }
}

impl Watcher {
    /// Whether what was fed so far ends where an event may begin: at the start, or behind a blank line.
    pub fn on_boundary(&self) -> bool {
        ends_blank(self.tail)
    }

    /// Takes the next piece and shows `suspect` each event that may be an error, in order.
    pub fn feed(&mut self, bytes: &[u8], mut suspect: impl FnMut(&Event<'_>)) {
        let bytes = self.skip_mark(bytes);
        let fresh = if self.event.is_empty() && !self.long { 0 } else { self.complete(bytes, &mut suspect) };
        let whole = fresh + last_end(&bytes[fresh..]);
        search(&bytes[fresh..whole], &mut suspect);
        self.keep(&bytes[whole..]);
        self.remember(bytes);
    }

    /// Ends the event that the last piece was cut in; where the next one begins.
    fn complete(&mut self, bytes: &[u8], suspect: &mut impl FnMut(&Event<'_>)) -> usize {
        let Some(end) = first_end(self.tail, bytes) else {
            self.keep(bytes);
            return bytes.len();
        };
        self.keep(&bytes[..end]);
        let event = core::mem::take(&mut self.event);
        if !core::mem::take(&mut self.long) {
            search(&event, suspect);
        }
        end
    }

    fn keep(&mut self, mut bytes: &[u8]) {
        if self.event.is_empty() && !self.long {
            bytes = trim_start(bytes);
        }
        self.long |= self.event.len() + bytes.len() > EVENT;
        if self.long {
            self.event = Vec::new();
        } else {
            self.event.extend_from_slice(bytes);
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        for byte in &bytes[bytes.len().saturating_sub(3)..] {
            self.tail = [self.tail[1], self.tail[2], *byte];
        }
    }

    /// WHATWG HTML section 9.2.5: one byte order mark at the start is no part of the stream.
    fn skip_mark<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some(expected) = MARK.get(self.mark as usize)
            && let Some((first, rest)) = bytes.split_first()
        {
            if first != expected {
                self.mark = 3;
                break;
            }
            (self.mark, bytes) = (self.mark + 1, rest);
        }
        bytes
    }
}

/// Whether the last of three bytes ends a line that is blank: a line end (LF, CR or CRLF) behind another one.
fn ends_blank([a, b, c]: [u8; 3]) -> bool {
    let ends_line = |byte| byte == b'\n' || byte == b'\r';
    ends_line(c) && ends_line(if (b, c) == (b'\r', b'\n') { a } else { b })
}

/// One past the first blank line's end in `bytes`, which follow `tail`. (A CR that ends a blank line is enough: an LF
/// that belongs to it then reads as one more blank line ahead of the next event.)
fn first_end(tail: [u8; 3], bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'\n', b'\r', bytes.get(at..)?)? + 1;
        let byte = |back: usize| match at.checked_sub(back) {
            Some(here) => bytes[here],
            None => tail[3 + at - back],
        };
        if ends_blank([byte(3), byte(2), byte(1)]) {
            return Some(at);
        }
    }
}

/// One past the last blank line's end in `bytes`, which begin an event; 0 when there is none.
fn last_end(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while let Some(at) = memrchr2(b'\n', b'\r', &bytes[..end]) {
        // Ahead of the first byte lies a boundary, so a line end there ends a blank line.
        let before = |back: usize| at.checked_sub(back).map_or(b'\n', |here| bytes[here]);
        if ends_blank([before(2), before(1), bytes[at]]) {
            return at + 1;
        }
        end = at;
    }
    0
}

/// Shows the events in `bytes` (whole ones) that may be errors.
fn search(bytes: &[u8], suspect: &mut impl FnMut(&Event<'_>)) {
    // Where the search goes on, and the end of the last event that was looked at.
    let (mut next, mut from) = (0, 0);
    while let Some(found) = WORD.find(&bytes[next..]) {
        let at = next + found;
        next = at + WORD.needle().len();
        if !event::may_name_error(&bytes[..at], &bytes[next..]) {
            continue;
        }
        let begin = from + last_end(&bytes[from..at]);
        let end = next + first_end(*b"ror", &bytes[next..]).unwrap_or(bytes.len() - next);
        let event = trim_start(&bytes[begin..end]);
        if event.len() <= EVENT {
            suspect(&Event::parse(event));
        }
        (next, from) = (end, end);
    }
}

/// Without the line ends at its start: blank lines ahead of an event are no part of it.
fn trim_start(event: &[u8]) -> &[u8] {
    let blank = event.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    &event[blank..]
}
