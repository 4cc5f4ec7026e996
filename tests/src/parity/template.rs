//! Bytes with names in them: what a scenario sends, and what it expects.
//!
//! `{token}`, `{key1}`, `{up}` stand for what the stage calls so; `{*}`, in expectations, for anything within a line;
//! `{30000 a}` for so many bytes, `{ab\r\n*3}` for so many times these. `\r`, `\n`, `\t`, `\0`, `\\`, `\{` and `\x00`
//! are escapes. A `{` before `"` or `}` is itself, so that JSON can be written as it is.

use std::borrow::Cow;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Name(String),
    Any,
}

/// Bytes with names in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// How far an expectation is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// By the first so many bytes.
    Whole(usize),
    /// Not yet, but all that is there fits.
    Partly,
    /// It never will be: the byte at this place does not fit.
    Never(usize),
}

impl Template {
    /// Adds what one line of a table says.
    ///
    /// # Errors
    /// Words about an escape or a name that cannot be read.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        let mut rest = line;
        while let Some(at) = rest.find(['\\', '{']) {
            self.text(&rest.as_bytes()[..at]);
            rest =
                if rest.as_bytes()[at] == b'\\' { self.escape(&rest[at + 1..])? } else { self.name(&rest[at + 1..])? };
        }
        self.text(rest.as_bytes());
        Ok(())
    }

    /// About how many bytes it will be.
    pub fn len(&self) -> usize {
        self.0.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 48 }).sum()
    }

    /// Whether it is no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds bytes as they are.
    pub fn text(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.0.push(Piece::Text(bytes.to_vec())),
        }
    }

    fn escape<'t>(&mut self, rest: &'t str) -> Result<&'t str, String> {
        let mut chars = rest.chars();
        let byte = match chars.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => b'\0',
            Some('\\') => b'\\',
            Some('{') => b'{',
            Some('x') => {
                let digits = rest.get(1..3).ok_or("`\\x` without two digits")?;
                let byte = u8::from_str_radix(digits, 16).map_err(|_| format!("`\\x{digits}` is no byte"))?;
                self.text(&[byte]);
                return Ok(&rest[3..]);
            }
            other => return Err(format!("`\\{}` is no escape", other.unwrap_or(' '))),
        };
        self.text(&[byte]);
        Ok(chars.as_str())
    }

    fn name<'t>(&mut self, rest: &'t str) -> Result<&'t str, String> {
        if rest.starts_with(['"', '}']) {
            self.text(b"{");
            return Ok(rest);
        }
        let (name, rest) = rest.split_once('}').ok_or("`{` without `}`")?;
        if let Some((fill, times)) = name.rsplit_once('*')
            && let Ok(times) = times.parse::<usize>()
        {
            let mut filled = Template::default();
            filled.add(fill)?;
            let bytes = filled.render(&|_| None).map_err(|name| format!("`{name}` cannot be repeated"))?;
            self.text(&bytes.repeat(times));
            return Ok(rest);
        }
        match name.split_once(' ') {
            None if name == "*" => self.0.push(Piece::Any),
            None => self.0.push(Piece::Name(name.to_owned())),
            Some((count, fill)) => {
                let count: usize = count.parse().map_err(|_| format!("`{{{name}}}`: {count} is no number"))?;
                let filled: Vec<u8> = fill.bytes().cycle().take(count).collect();
                self.text(&filled);
            }
        }
        Ok(rest)
    }

    /// The bytes, each name replaced.
    ///
    /// # Errors
    /// The name that is not known, or `*`.
    pub fn render(&self, names: &dyn Fn(&str) -> Option<String>) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text),
                Piece::Name(name) => bytes.extend(names(name).ok_or_else(|| name.clone())?.bytes()),
                Piece::Any => return Err("*".into()),
            }
        }
        Ok(bytes)
    }

    /// Compares with what came.
    pub fn compare(&self, came: &[u8], names: &dyn Fn(&str) -> Option<String>) -> Match {
        let mut at = 0;
        for piece in &self.0 {
            let text: Cow<'_, [u8]> = match piece {
                Piece::Text(text) => Cow::Borrowed(text),
                Piece::Name(name) => Cow::Owned(names(name).unwrap_or_else(|| format!("{{{name}}}")).into_bytes()),
                Piece::Any => {
                    let line = &came[at..];
                    let Some(end) = line.iter().position(|byte| b"\r\n\"<".contains(byte)) else {
                        return Match::Partly;
                    };
                    at += end;
                    continue;
                }
            };
            let there = &came[at..came.len().min(at + text.len())];
            if let Some(n) = there.iter().zip(text.iter()).position(|(a, b)| a != b) {
                return Match::Never(at + n);
            }
            if there.len() < text.len() {
                return Match::Partly;
            }
            at += text.len();
        }
        Match::Whole(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(line: &str) -> Template {
        let mut template = Template::default();
        template.add(line).expect("a good line");
        template
    }

    fn names(name: &str) -> Option<String> {
        (name == "key1").then(|| "sk-1".to_owned())
    }

    #[test]
    fn names_fillers_and_escapes_are_replaced() {
        let rendered = template(r"a{key1}{3 xy}\r\n\{\x00").render(&names);
        assert_eq!(rendered, Ok(b"ask-1xyx\r\n{\x00".to_vec()));
        assert_eq!(template("{key9}").render(&names), Err("key9".into()));
        assert_eq!(template(r#"{"a":{}}{b\r\n*2}\0"#).render(&names), Ok(b"{\"a\":{}}b\r\nb\r\n\0".to_vec()));
        assert!(Template::default().add(r"\q").is_err());
        assert!(Template::default().add("{open").is_err());
    }

    #[test]
    fn anything_stays_within_its_line() {
        let expected = template(r"id: {*}\r\nx");
        assert_eq!(expected.compare(b"id: abc\r\nx+", &names), Match::Whole(10));
        assert_eq!(expected.compare(b"id: abc", &names), Match::Partly);
        assert_eq!(expected.compare(b"id: abc\r\ny", &names), Match::Never(9));
        assert_eq!(expected.compare(b"ib", &names), Match::Never(1));
    }
}
