//! A request body's framing, taken off strictly (RFC 9112 sections 6 and 7.1).
//!
//! ```text
//!   Length:   Data(n) ─ n bytes ─▶ Done
//!   Chunked:  Size ─ "hex CRLF" ─▶ Data(n) ─▶ DataEnd ─ CRLF ─▶ Size
//!             Size ─ "0 CRLF" ──▶ Trailers ─ empty line ─▶ Done
//! ```

use super::head::{Framing, Violation};

/// Longest chunk-size line, and longest trailer line.
const LINE_MAX: usize = 16 * 1024;

#[derive(Debug)]
enum At {
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Done,
}

/// Takes one body's framing off.
#[derive(Debug)]
pub(super) struct Decoder {
    at: At,
    chunked: bool,
    line: Vec<u8>,
    /// Trailer lines as they came, without CRLF.
    pub(super) trailers: Vec<Vec<u8>>,
    /// Legal in HTTP, but keywheel promises never to pass chunk extensions on.
    pub(super) extensions: bool,
}

impl Decoder {
    pub(super) fn new(framing: Framing) -> Self {
        let (at, chunked) = match framing {
            Framing::Length(0) => (At::Done, false),
            Framing::Length(n) => (At::Data(n), false),
            Framing::Chunked => (At::Size, true),
        };
        Decoder { at, chunked, line: Vec::new(), trailers: Vec::new(), extensions: false }
    }

    pub(super) fn done(&self) -> bool {
        matches!(self.at, At::Done)
    }

    /// Reads from `input` and hands each piece of the body to `piece`; returns how many bytes were used.
    pub(super) fn feed(&mut self, input: &[u8], mut piece: impl FnMut(&[u8])) -> Result<usize, Violation> {
        let mut used = 0;
        while used < input.len() && !self.done() {
            let rest = &input[used..];
            if let At::Data(left) = &mut self.at {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                piece(&rest[..n]);
                *left -= n as u64;
                if *left == 0 {
                    self.at = if self.chunked { At::DataEnd } else { At::Done };
                }
                used += n;
            } else {
                used += self.feed_line(rest)?;
            }
        }
        Ok(used)
    }

    fn feed_line(&mut self, input: &[u8]) -> Result<usize, Violation> {
        let end = input.iter().position(|b| *b == b'\n');
        let n = end.map_or(input.len(), |at| at + 1);
        self.line.extend_from_slice(&input[..n]);
        if self.line.len() > LINE_MAX {
            return Err(Violation::Illegal("a chunk or trailer line is too long"));
        }
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r\n").ok_or(Violation::Illegal("a chunk line ends in LF without CR"))?;
            self.take_line(line)?;
        }
        Ok(n)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        self.at = match self.at {
            At::Size => match self.size(line)? {
                0 => At::Trailers,
                n => At::Data(n),
            },
            At::DataEnd if line.is_empty() => At::Size,
            At::DataEnd => return Err(Violation::Illegal("a chunk is longer than its size")),
            At::Trailers if line.is_empty() => At::Done,
            At::Trailers => {
                self.trailers.push(line.to_vec());
                At::Trailers
            }
            At::Data(_) | At::Done => return Ok(()),
        };
        Ok(())
    }

    fn size(&mut self, line: &[u8]) -> Result<u64, Violation> {
        let digits = line.split(|b| *b == b';').next().unwrap_or_default();
        self.extensions |= digits.len() != line.len();
        let bad = Violation::Illegal("a bad chunk size");
        if digits.is_empty() || digits.len() > 16 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(bad);
        }
        let text = std::str::from_utf8(digits).map_err(|_| bad.clone())?;
        u64::from_str_radix(text, 16).map_err(|_| bad)
    }
}
