//! Lines, start lines and fields (RFC 9112 sections 2 to 5).

use super::{Broken, Head, framing, target};
use crate::strict::{Fields, Start};

/// Bytes read line by line.
pub(super) struct Lines<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: usize,
    /// What a recipient need not have borne so far.
    pub(super) doubt: Option<&'static str>,
}

impl<'b> Lines<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Lines { bytes, at: 0, doubt: None }
    }

    pub(super) fn doubts(&mut self, why: &'static str) {
        self.doubt.get_or_insert(why);
    }

    /// The next line without its end; None while that is not there.
    pub(super) fn line(&mut self) -> Result<Option<&'b [u8]>, Broken> {
        let rest = &self.bytes[self.at..];
        let Some(end) = rest.iter().position(|b| *b == b'\n') else { return Ok(None) };
        self.at += end + 1;
        let line = rest[..end].strip_suffix(b"\r").unwrap_or_else(|| {
            self.doubts("RFC 9112 2.2: a line feed without a carriage return");
            &rest[..end]
        });
        if line.contains(&b'\r') {
            return Err("RFC 9112 2.2: a bare CR");
        }
        if line.contains(&0) {
            return Err("RFC 9110 5.5: NUL");
        }
        Ok(Some(line))
    }

    /// Appends `n` bytes to `body`, or what there is; whether all were there.
    pub(super) fn take(&mut self, n: u64, body: &mut Vec<u8>) -> bool {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(n).unwrap_or(usize::MAX).min(rest.len());
        body.extend_from_slice(&rest[..taken]);
        self.at += taken;
        taken as u64 == n
    }

    /// Field lines up to the empty line; None while that is not there. `trims`: white space before a colon is removed
    /// (what RFC 9112 section 5.1 wants of a proxy for responses) instead of refused.
    pub(super) fn fields(&mut self, trims: bool) -> Result<Option<Fields>, Broken> {
        let mut fields = Fields::new();
        while let Some(line) = self.line()? {
            match line {
                [] => return Ok(Some(fields)),
                [b' ' | b'\t', folded @ ..] => {
                    let Some((_, value)) = fields.last_mut() else {
                        return Err("RFC 9112 2.2: white space before the first field");
                    };
                    value.push(b' ');
                    value.extend_from_slice(folded.trim_ascii());
                    self.doubts("RFC 9112 5.2: a folded field");
                }
                line => fields.push(self.field(line, trims)?),
            }
        }
        Ok(None)
    }

    fn field(&mut self, line: &[u8], trims: bool) -> Result<(String, Vec<u8>), Broken> {
        let colon = line.iter().position(|b| *b == b':').ok_or("RFC 9112 5: a field line without a colon")?;
        let (mut name, value) = (&line[..colon], &line[colon + 1..]);
        if let [kept @ .., b' ' | b'\t'] = name {
            if !trims {
                return Err("RFC 9112 5.1: white space before the colon");
            }
            self.doubts("RFC 9112 5.1: white space before the colon");
            name = kept.trim_ascii_end();
        }
        if !is_token(name) {
            return Err("RFC 9110 5.1: a field name that is no token");
        }
        if value.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
            self.doubts("RFC 9110 5.5: a control character in a value");
        }
        Ok((String::from_utf8_lossy(name).into_owned(), trim(value).to_vec()))
    }
}

/// A request's head; None while it is not whole.
pub(super) fn request(lines: &mut Lines<'_>) -> Result<Option<Head>, Broken> {
    let mut first = lines.line()?;
    let mut empty = 0;
    while first == Some(&[]) {
        empty += 1;
        first = lines.line()?;
    }
    if empty > 1 {
        lines.doubts("RFC 9112 2.2: more than one empty line before the request line");
    }
    let Some(line) = first else { return Ok(None) };
    let [method, target, version] = words(line, lines)?;
    if !is_token(method) {
        return Err("RFC 9110 9.1: a method that is no token");
    }
    let minor = minor(version, lines)?;
    let Some(fields) = lines.fields(false)? else { return Ok(None) };
    target::judge(method, target, lines)?;
    host(&fields, minor, lines)?;
    let start = Start::Request { method: text(method), target: text(target) };
    Ok(Some(head(start, minor, fields, lines)))
}

/// Method, target and version (RFC 9112 section 3).
fn words<'b>(line: &'b [u8], lines: &mut Lines<'_>) -> Result<[&'b [u8]; 3], Broken> {
    const RULE: Broken = "RFC 9112 3: not method, target and version";
    let parts: Vec<_> = line.split(|b| *b == b' ').collect();
    if let [method, target, version] = parts[..]
        && !line.iter().any(|b| b.is_ascii_control())
    {
        return Ok([method, target, version]);
    }
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | 0x0b | 0x0c);
    let words: Vec<_> = line.split(blank).filter(|word| !word.is_empty()).collect();
    let [method, target, version] = words[..] else { return Err(RULE) };
    lines.doubts("RFC 9112 3: other white space than one space in the request line");
    Ok([method, target, version])
}

/// The minor version of HTTP/1 (RFC 9112 section 2.3, RFC 9110 section 2.5).
fn minor(version: &[u8], lines: &mut Lines<'_>) -> Result<u8, Broken> {
    match version.strip_prefix(b"HTTP/1.") {
        Some([digit @ (b'0' | b'1')]) => Ok(digit - b'0'),
        Some([b'2'..=b'9']) => {
            lines.doubts("RFC 9110 15.6.6: a minor version that is not known");
            Ok(1)
        }
        _ => Err("RFC 9112 2.3: not a version of HTTP/1"),
    }
}

/// Exactly one valid Host; in HTTP/1.0 at most one (RFC 9112 section 3.2).
fn host(fields: &Fields, minor: u8, lines: &mut Lines<'_>) -> Result<(), Broken> {
    let mut hosts = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    let Some((_, host)) = hosts.next() else {
        return if minor == 0 { Ok(()) } else { Err("RFC 9112 3.2: no Host") };
    };
    if hosts.next().is_some() {
        return Err("RFC 9112 3.2: more than one Host");
    }
    target::host(host, lines)
}

/// A response's head; None while it is not whole.
pub(super) fn response(lines: &mut Lines<'_>) -> Result<Option<Head>, Broken> {
    const RULE: Broken = "RFC 9112 4: no status line";
    let Some(line) = lines.line()? else { return Ok(None) };
    let (version, rest) = line.split_at_checked(8).ok_or(RULE)?;
    let minor = minor(version, lines)?;
    let (digits, reason) = match rest {
        [b' ', a, b, c] => {
            lines.doubts("RFC 9112 4: no space behind the status");
            ([*a, *b, *c], &[][..])
        }
        [b' ', a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(RULE),
    };
    if !digits.iter().all(u8::is_ascii_digit) || digits[0] == b'0' {
        return Err("RFC 9110 15: no status of three digits from 100 on");
    }
    if reason.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err("RFC 9112 4: a control character in the reason phrase");
    }
    let status = digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
    if status > 599 {
        lines.doubts("RFC 9110 15: a status beyond 599");
    }
    let Some(fields) = lines.fields(true)? else { return Ok(None) };
    let start = Start::Response { status, reason: reason.to_vec() };
    Ok(Some(head(start, minor, fields, lines)))
}

fn head(start: Start, minor: u8, fields: Fields, lines: &Lines<'_>) -> Head {
    let mut head = Head { start, minor, fields, doubt: lines.doubt, persists: false };
    head.persists = framing::persists(&head);
    head
}

pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// Without the spaces and tabs around it.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
