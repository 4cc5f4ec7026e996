//! Finding the end of a head in bytes that arrive piece by piece, each byte looked at once.

use super::token::TCHAR;
use memchr::memchr_iter;

/// How far a head was searched: kept by the caller between calls, so that a head that comes byte by byte
/// costs no more than one that comes at once. `default()` for each new message; the parsers reset it
/// themselves when they return a head.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// Bytes already searched for a line feed.
    at: usize,
    /// Where the line being searched begins.
    line: usize,
    /// Where the start line begins, empty lines before it skipped.
    start: usize,
    /// Lines that are complete, the start line among them.
    lines: usize,
    /// Empty lines skipped.
    skipped: usize,
}

impl Scan {
    /// Whether anything of the message itself (not only empty lines before it) was seen.
    pub fn begun(&self, bytes: &[u8]) -> bool {
        bytes.len() > self.start
    }

    /// Where the start line begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Walks the lines whose ends are there, each given to `judge` by its end (past its line feed) and its content (None
    /// when its line feed has no carriage return). The end of the line that `judge` says is the last.
    fn lines<E>(
        &mut self,
        bytes: &[u8],
        mut judge: impl FnMut(&Self, usize, Option<&[u8]>) -> Result<bool, E>,
    ) -> Result<Option<usize>, E> {
        let from = self.at;
        for n in memchr_iter(b'\n', bytes.get(from..).unwrap_or_default()) {
            let end = from + n + 1;
            let content = bytes.get(self.line..end).and_then(|line| line.strip_suffix(b"\r\n"));
            self.lines += 1;
            if judge(self, end, content)? {
                return Ok(Some(end));
            }
            self.line = end;
        }
        self.at = bytes.len();
        Ok(None)
    }

    /// Looks for the end of a head: one past its empty line, or None when it is not there yet.
    ///
    /// `first` judges the start line (without CRLF) as soon as it is there. The outcome is the same however
    /// the bytes were cut.
    pub(super) fn head_end<E: From<Flaw>>(
        &mut self,
        bytes: &[u8],
        bounds: &Bounds,
        first: impl Fn(&[u8]) -> Result<(), E>,
    ) -> Result<Option<usize>, E> {
        if self.lines == 0 && !self.skip_empty_lines(bytes, bounds)? {
            return Ok(None);
        }
        // The start line leaves room for its own CRLF and the empty line, so that of the two bounds only one can apply.
        let line_bound = bounds.line.min(bounds.head.saturating_sub(self.start + 4));
        let found = self.lines(bytes, |scan, end, line| match line {
            _ if scan.lines == 1 && end - scan.start > line_bound + 2 => Err(Flaw::LongLine.into()),
            _ if end > bounds.head => Err(Flaw::LongHead.into()),
            None => Err(Flaw::LineFeed { line: scan.lines }.into()),
            Some(line) if scan.lines == 1 => first(line).map(|()| false),
            Some([]) => Ok(true),
            Some(_) if scan.lines - 1 > bounds.fields => Err(Flaw::Fields.into()),
            Some(_) => Ok(false),
        })?;
        match found {
            Some(end) => Ok(Some(end)),
            None if self.lines == 0 && bytes.len() - self.start > line_bound + 1 => Err(Flaw::LongLine.into()),
            // At the bound and not at its end, it will be longer. A full buffer must not wait for what has no room in it.
            None if bytes.len() >= bounds.head => Err(Flaw::LongHead.into()),
            None => Ok(None),
        }
    }

    /// Skips empty lines (RFC 9112 section 2.2) and judges the first byte, so that what is no HTTP at all (a TLS
    /// hello, say) is refused at once. False while there is nothing to judge.
    fn skip_empty_lines(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<bool, Flaw> {
        loop {
            match bytes.get(self.start..).unwrap_or_default() {
                [] | [b'\r'] => return Ok(false),
                [b'\r', b'\n', ..] if self.skipped < bounds.empty_lines => {
                    self.skipped += 1;
                    self.start += 2;
                    (self.line, self.at) = (self.start, self.start);
                }
                [b'\r', b'\n', ..] => return Err(Flaw::EmptyLines),
                [b'\n', ..] => return Err(Flaw::LineFeed { line: 1 }),
                [first, ..] if !TCHAR.has(*first) => return Err(Flaw::FirstByte),
                _ => return Ok(true),
            }
        }
    }

    /// Looks for the end of a section of field lines that follows a last chunk: one past its empty line.
    /// At most `bound` bytes, that empty line included, and `fields` fields.
    pub(super) fn section_end(&mut self, bytes: &[u8], bound: usize, fields: usize) -> Result<Option<usize>, Flaw> {
        let found = self.lines(bytes, |scan, end, line| match line {
            _ if end > bound => Err(Flaw::LongHead),
            None => Err(Flaw::LineFeed { line: scan.lines }),
            Some([]) => Ok(true),
            Some(_) if scan.lines > fields => Err(Flaw::Fields),
            Some(_) => Ok(false),
        })?;
        if found.is_none() && bytes.len() >= bound { Err(Flaw::LongHead) } else { Ok(found) }
    }
}

/// What a head may at most be.
pub(super) struct Bounds {
    /// Bytes of the start line, without CRLF.
    pub(super) line: usize,
    /// Bytes of the whole head, the empty lines before it and the one that ends it included.
    pub(super) head: usize,
    /// Fields.
    pub(super) fields: usize,
    /// Empty lines before the start line.
    pub(super) empty_lines: usize,
}

/// What is wrong with a head already while its end is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A line feed without carriage return ends this line (1 is the start line).
    LineFeed { line: usize },
    /// More empty lines before the start line than allowed.
    EmptyLines,
    /// The first byte can begin no start line.
    FirstByte,
    /// The start line is too long.
    LongLine,
    /// The head is too long.
    LongHead,
    /// Too many fields.
    Fields,
}
