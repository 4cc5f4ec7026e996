//! Walking a body in place (RFC 9112 sections 6 and 7).
//!
//! ```text
//! Exact(n) ──n bytes──▶ Done              UntilClose ──end of stream──▶ Done
//!
//!            size > 0          data left           all data        CRLF
//!   Size ───────────────▶ Data ◀──────┐ ───────────────────▶ DataEnd ──▶ Size
//!    │ size = 0             └─────────┘
//!    └──────────▶ Trailers ──empty line──▶ Done
//! ```
//! The bytes stay where the socket put them. A chunk's header is made canonical where it stands: its digits move right, up
//! to the data, over an extension (which ends at this hop, RFC 9112 section 7.1.1), and leading zeros are left out. So what
//! a chunked peer is to be sent is one range of the same buffer, and the ranges of neighbours touch whenever the sender
//! wrote canonical chunks.

use super::head::{MAX_FIELDS, check_trailers};
use super::scan::{Flaw, Scan};
use crate::limits::Limits;
use crate::message::Length;
use crate::turn::BLOCK;
use core::fmt;
use core::ops::Range;

/// Reads one message's body.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    /// Chunks begun, for error texts.
    chunk: u64,
    digits: u32,
    trailers: u32,
    extensions_left: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Exact(u64),
    UntilClose,
    Size(Line),
    Data(u64),
    DataEnd,
    Trailers(Scan),
    Done,
}

/// How far a chunk header that is not complete was read.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Bytes read and found good.
    at: usize,
    /// How many of them are the size's digits, once white space or an extension has begun behind them.
    digits: Option<usize>,
    /// An extension's semicolon was read.
    extended: bool,
}

/// What [`Decoder::decode`] found at the beginning of the unread bytes; ranges count from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Bytes that are done with. 0 (and no `end`): more are needed.
    pub consumed: usize,
    /// What a chunked peer is to be sent of them: canonical chunk header, data, CRLF, each as far as it is there. The data
    /// itself where the body is not chunked. Empty for the last chunk and the trailers, which are written anew.
    pub wire: Range<usize>,
    /// The payload among them.
    pub data: Range<usize>,
    /// The trailer section, its empty line included, for [`super::head::trailers`]. Only at the end of a chunked body, and
    /// empty for any other.
    pub trailers: Range<usize>,
    /// The body ends here; what follows is not of this message.
    pub end: bool,
}

impl Decoder {
    /// A body of this length.
    pub fn new(length: Length, limits: &Limits) -> Self {
        let state = match length {
            Length::Exact(0) => State::Done,
            Length::Exact(n) => State::Exact(n),
            Length::Marked => State::Size(Line::default()),
            Length::UntilClose => State::UntilClose,
        };
        Decoder {
            state,
            chunk: 1,
            // A size of more digits than a u64 has could not be kept.
            digits: limits.chunk_digits.min(16) as u32,
            // What has to be whole at once has to fit a block: a chunk's header with a byte of data, the trailers with their
            // empty line.
            extensions_left: limits.chunk_extensions.min(BLOCK - 32),
            trailers: limits.trailers.min(BLOCK - 2) as u32,
        }
    }

    /// Whether the whole body has been read.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether it stands where a chunk could begin.
    pub fn between_chunks(&self) -> bool {
        matches!(self.state, State::Size(_) | State::Trailers(_))
    }

    /// Reads on at the beginning of `buf`, the bytes that are not consumed yet: at most one chunk. Call it again on the
    /// rest until it consumes nothing or ends.
    ///
    /// It holds back a chunk header until it is whole and a byte of data follows, and trailers until they are whole; so
    /// a caller must be able to lend `chunk_digits + chunk_extensions + 3`, or `trailers + 2`, bytes at once ([`BLOCK`]
    /// always suffices). It changes no byte that it does not consume. An error stays.
    pub fn decode(&mut self, buf: &mut [u8]) -> Result<Piece, BodyError> {
        match self.state {
            State::Done => Ok(Piece { end: true, ..Piece::default() }),
            State::UntilClose => Ok(plain(buf.len(), false)),
            State::Exact(left) => {
                let (n, left) = part(left, buf.len());
                self.state = if left == 0 { State::Done } else { State::Exact(left) };
                Ok(plain(n, left == 0))
            }
            State::Size(line) => self.size(buf, line),
            State::Data(left) => Ok(self.data(buf, 0..0, left)),
            State::DataEnd => match buf {
                [b'\r', b'\n', ..] => {
                    self.next_chunk();
                    Ok(Piece { consumed: 2, wire: 0..2, ..Piece::default() })
                }
                [] | [b'\r'] => Ok(Piece::default()),
                _ => Err(self.fault(Fault::DataEnd)),
            },
            State::Trailers(scan) => self.trailers(buf, 0, scan),
        }
    }

    /// The peer ended its stream. Good only where that is the body's end, or where it was complete already.
    pub fn finish_eof(&mut self) -> Result<(), Truncated> {
        match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                Ok(())
            }
            State::Exact(missing) => Err(Truncated { missing: Some(missing) }),
            _ => Err(Truncated { missing: None }),
        }
    }

    /// At a chunk header.
    fn size(&mut self, buf: &mut [u8], mut line: Line) -> Result<Piece, BodyError> {
        let Some(end) = self.read_line(buf, &mut line).map_err(|fault| self.fault(fault))? else {
            self.state = State::Size(line);
            return Ok(Piece::default());
        };
        let digits = line.digits.unwrap_or(end - 2);
        let text = buf.get(..digits).unwrap_or_default();
        let size = text.iter().fold(0u64, |n, b| (n << 4) | hex(*b).unwrap_or_default());
        if size > 0 && end == buf.len() {
            // Alone it would be a write for nothing. It is kept, and its digits are read again when data is there.
            self.state = State::Size(Line { at: end - 2, ..line });
            return Ok(Piece::default());
        }
        // What remains is within the budget: read_line held it to that.
        self.extensions_left = self.extensions_left.saturating_sub(end - 2 - digits);
        if size == 0 {
            return self.trailers(buf, end, Scan::default());
        }
        let zeros = text.iter().take_while(|b| **b == b'0').count();
        let start = end - 2 - (digits - zeros);
        if start != zeros {
            buf.copy_within(zeros..digits, start);
        }
        Ok(self.data(buf, start..end, size))
    }

    /// Reads a chunk header (RFC 9112 section 7.1): its end, past CRLF, once it is there. White space behind the size only
    /// where a semicolon follows it (section 7.1.1: bad white space, which a recipient has to bear); in an extension any
    /// byte but control characters, so that no other parser sees a line end in it.
    fn read_line(&self, buf: &[u8], line: &mut Line) -> Result<Option<usize>, Fault> {
        while let Some(byte) = buf.get(line.at) {
            let read = line.at;
            match (byte, line.digits) {
                (b'\r', digits) if line.extended || (digits.is_none() && read > 0) => match buf.get(read + 1) {
                    None => return Ok(None),
                    Some(b'\n') => return Ok(Some(read + 2)),
                    Some(_) if line.extended => return Err(Fault::Extension),
                    Some(_) => return Err(Fault::Size),
                },
                (b';' | b' ' | b'\t', None) if read > 0 => {
                    line.digits = Some(read);
                    line.extended = *byte == b';';
                }
                (b';', Some(_)) => line.extended = true,
                (b' ' | b'\t', Some(_)) => {}
                (_, Some(_)) if !line.extended => return Err(Fault::Size),
                (_, None) if hex(*byte).is_none() => return Err(Fault::Size),
                (_, None) if read == self.digits as usize => return Err(Fault::Digits),
                (_, None) => {}
                (b'!'..=b'~' | 0x80.., Some(_)) => {}
                (_, Some(_)) => return Err(Fault::Extension),
            }
            if line.digits.is_some_and(|digits| read + 1 - digits > self.extensions_left) {
                return Err(Fault::Extensions);
            }
            line.at += 1;
        }
        Ok(None)
    }

    /// At data, behind a header that stands in `header` (empty where it went out earlier).
    fn data(&mut self, buf: &[u8], header: Range<usize>, left: u64) -> Piece {
        let (n, left) = part(left, buf.len() - header.end);
        let data = header.end..header.end + n;
        let mut consumed = data.end;
        if left > 0 {
            self.state = State::Data(left);
        } else if matches!(buf.get(consumed..), Some([b'\r', b'\n', ..])) {
            consumed += 2;
            self.next_chunk();
        } else {
            self.state = State::DataEnd;
        }
        Piece { consumed, wire: header.start..consumed, data, ..Piece::default() }
    }

    fn next_chunk(&mut self) {
        self.chunk = self.chunk.saturating_add(1);
        self.state = State::Size(Line::default());
    }

    /// At trailers, which begin at `at`.
    fn trailers(&mut self, buf: &[u8], at: usize, mut scan: Scan) -> Result<Piece, BodyError> {
        let section = buf.get(at..).unwrap_or_default();
        let found = scan.section_end(section, self.trailers as usize + 2, MAX_FIELDS);
        let Some(len) = found.map_err(|flaw| self.fault(flaw.into()))? else {
            self.state = State::Trailers(scan);
            return Ok(Piece { consumed: at, wire: at..at, data: at..at, ..Piece::default() });
        };
        let section = section.get(..len).unwrap_or_default();
        if len > 2 {
            check_trailers(section).map_err(|line| self.fault(Fault::Trailer { line }))?;
        }
        self.state = State::Done;
        let end = at + len;
        Ok(Piece { consumed: end, wire: end..end, data: end..end, trailers: at..end, end: true })
    }

    fn fault(&self, fault: Fault) -> BodyError {
        BodyError { chunk: self.chunk, fault }
    }
}

/// A piece that is all data.
fn plain(n: usize, end: bool) -> Piece {
    Piece { consumed: n, wire: 0..n, data: 0..n, trailers: n..n, end }
}

/// How many of `have` bytes belong to a run of `left`, and what then is left of it.
fn part(left: u64, have: usize) -> (usize, u64) {
    let n = usize::try_from(left).map_or(have, |left| left.min(have));
    (n, left - n as u64)
}

fn hex(byte: u8) -> Option<u64> {
    (byte as char).to_digit(16).map(u64::from)
}

/// Why a chunked body cannot be read. Where it ends is unknown from here on, so the connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// In which chunk, from 1.
    pub chunk: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A size that is not hexadecimal digits, directly followed by CRLF or `;`.
    Size,
    /// More digits than `Limits::chunk_digits`.
    Digits,
    /// A control character in an extension.
    Extension,
    /// The message's extensions are longer than `Limits::chunk_extensions`.
    Extensions,
    /// The data is not followed by CRLF.
    DataEnd,
    /// The trailers are longer than `Limits::trailers`, or more than [`MAX_FIELDS`].
    Trailers,
    /// A line of the trailers is no field, or ends in a line feed without a carriage return.
    Trailer {
        /// Which line of them, from 1.
        line: usize,
    },
}

impl BodyError {
    /// The word for logs and error bodies.
    pub const fn code(&self) -> &'static str {
        match self.fault {
            Fault::Size | Fault::Digits => "invalid_chunk_size",
            Fault::Extension => "invalid_chunk_extension",
            Fault::Extensions => "chunk_extensions_too_long",
            Fault::DataEnd => "invalid_chunk_end",
            Fault::Trailers => "trailers_too_long",
            Fault::Trailer { .. } => "invalid_trailer",
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chunk = self.chunk;
        match self.fault {
            Fault::Size => write!(f, "chunk {chunk} does not begin with a hexadecimal size and CRLF"),
            Fault::Digits => write!(f, "the size of chunk {chunk} has too many digits"),
            Fault::Extension => write!(f, "chunk {chunk} has a control character in its extension"),
            Fault::Extensions => write!(f, "the chunk extensions are too long (chunk {chunk})"),
            Fault::DataEnd => write!(f, "the data of chunk {chunk} is not followed by CRLF"),
            Fault::Trailers => f.write_str("the trailer fields are too long or too many"),
            Fault::Trailer { line } => write!(f, "line {line} of the trailer fields is not `name: value` and CRLF"),
        }
    }
}

impl core::error::Error for BodyError {}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::LineFeed { line } => Fault::Trailer { line },
            _ => Fault::Trailers,
        }
    }
}

/// The stream ended within a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// How many bytes are missing, where the head said how many there are.
    pub missing: Option<u64>,
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missing {
            Some(n) => write!(f, "the connection ended {n} bytes before the body did"),
            None => f.write_str("the connection ended before the last chunk"),
        }
    }
}

impl core::error::Error for Truncated {}
