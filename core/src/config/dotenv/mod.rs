//! The `.env` file: `NAME=value` lines, each known by its number.
//!
//! ```text
//! # a comment
//! NAME=value # a comment after a space
//! export NAME = 'literal, over
//! several lines'
//! NAME="with \n, \t, \r, \", \$ and \\"
//! ```
//!
//! No variable is expanded: `$` stands for itself. The process environment is never changed.

use crate::secret::Secret;

/// One assignment.
#[derive(Debug)]
pub struct Assignment {
    /// The name as written.
    pub name: String,
    /// The value without quotes and escapes.
    pub value: Secret,
    /// The line on which the name stands, from 1.
    pub line: u32,
}

/// A line that is no assignment: its number, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// From 1.
    pub line: u32,
    /// What is wrong.
    pub what: &'static str,
}

/// Reads the text of a `.env` file. A byte order mark, CRLF and blank lines are tolerated; every bad line is reported.
pub fn parse(text: &[u8]) -> (Vec<Assignment>, Vec<BadLine>) {
    let (mut found, mut bad) = (Vec::new(), Vec::new());
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut lines = Lines { rest: text, number: 0 };
    while let Some(line) = lines.next() {
        let number = lines.number;
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() || trimmed.starts_with(b"#") {
            continue;
        }
        match assignment(trimmed, &mut lines) {
            Ok((name, value)) => found.push(Assignment { name, value, line: number }),
            Err(what) => bad.push(BadLine { line: number, what }),
        }
    }
    (found, bad)
}

/// The lines not yet read, and the number of the last one that was.
struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let line = self.rest.get(..end)?;
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        self.number = self.number.saturating_add(1);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Name and value of a line; a quoted value may take further lines.
fn assignment<'a>(line: &'a [u8], lines: &mut Lines<'a>) -> Result<(String, Secret), &'static str> {
    let Some(equals) = memchr::memchr(b'=', line) else { return Err("NAME=value is expected") };
    let (name, value) = line.split_at(equals);
    let name = name.trim_ascii();
    let name = match name.strip_prefix(b"export") {
        Some(after) if after.first().is_some_and(u8::is_ascii_whitespace) => after.trim_ascii(),
        _ => name,
    };
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    if name.is_empty() || name[0].is_ascii_digit() || !name.iter().all(is_name) {
        return Err("the name before = is not made of letters, digits and _");
    }
    let value = value.get(1..).unwrap_or_default().trim_ascii_start();
    let value = match value.split_first() {
        Some((&quote @ (b'"' | b'\''), rest)) => quoted(quote, rest, lines)?,
        _ => Secret::new(bare(value)),
    };
    value.expose_text().ok_or("the value is not UTF-8")?;
    Ok((name.iter().map(|&b| char::from(b)).collect(), value))
}

/// An unquoted value ends at a `#` that follows white space.
fn bare(value: &[u8]) -> &[u8] {
    let comment = |(n, b): (usize, &u8)| *b == b'#' && (n == 0 || value[n - 1].is_ascii_whitespace());
    let end = value.iter().enumerate().position(comment).unwrap_or(value.len());
    value[..end].trim_ascii_end()
}

fn quoted<'a>(quote: u8, mut rest: &'a [u8], lines: &mut Lines<'a>) -> Result<Secret, &'static str> {
    let mut value = Secret::default();
    loop {
        rest = match rest {
            [b, after @ ..] if *b == quote => return closed(after).map(|()| value),
            [b'\\', escaped, after @ ..] if quote == b'"' => {
                match escaped {
                    b'n' => value.append(b"\n"),
                    b'r' => value.append(b"\r"),
                    b't' => value.append(b"\t"),
                    b'"' | b'\\' | b'$' | b'\'' | b'`' => value.append(&[*escaped]),
                    other => value.append(&[b'\\', *other]),
                }
                after
            }
            [b, after @ ..] => {
                value.append(&[*b]);
                after
            }
            [] => {
                value.append(b"\n");
                lines.next().ok_or("the quote is not closed")?
            }
        };
    }
}

/// Only a comment may follow a closing quote.
fn closed(after: &[u8]) -> Result<(), &'static str> {
    match after.trim_ascii().first() {
        None | Some(b'#') => Ok(()),
        Some(_) => Err("something follows the closing quote"),
    }
}

#[cfg(test)]
mod tests;
