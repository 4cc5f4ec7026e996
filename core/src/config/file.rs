//! The configuration file: flat TOML or JSON of the settings' names, in any case.
//!
//! ```toml
//! port = 8080
//! auth_key = ["token-1", "token-2"]
//! request_timeout = "30s"
//! ```
//!
//! A value becomes the text that the environment would hold; a list becomes a comma list.

use crate::secret::Secret;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

/// A setting of the file.
pub(super) struct Line {
    /// The name as written.
    pub(super) name: String,
    /// The value as the environment would hold it.
    pub(super) value: Secret,
    /// From 1.
    pub(super) line: u32,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// From 1.
    pub(super) line: u32,
    /// What is wrong; never a piece of the file.
    pub(super) what: Box<str>,
}

const FLAT: &str = "the value is not a text, number, boolean or list of them";

/// Reads a configuration file. What begins with `{` is JSON.
pub(super) fn parse(text: &[u8]) -> (Vec<Line>, Vec<BadLine>) {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let Ok(text) = core::str::from_utf8(text) else {
        return (Vec::new(), vec![BadLine { line: 0, what: "the file is not UTF-8".into() }]);
    };
    let read = if text.trim_start().starts_with('{') { json(text) } else { toml(text) };
    let (mut lines, mut bad) = (Vec::new(), Vec::new());
    match read {
        Ok(values) => {
            for (name, value, line) in values {
                match value {
                    Some(value) => lines.push(Line { name, value, line }),
                    // Without the name, which may be anything.
                    None => bad.push(BadLine { line, what: FLAT.into() }),
                }
            }
        }
        Err(error) => bad.push(error),
    }
    (lines, bad)
}

/// Name, text (`None`: not flat) and line of each value.
type Values = Vec<(String, Option<Secret>, u32)>;

fn toml(text: &str) -> Result<Values, BadLine> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = line_of(text, error.span().map_or(0, |span: Range<usize>| span.start));
        BadLine { line, what: format!("not TOML: {}", error.message()).into() }
    })?;
    let mut values: Values = Vec::new();
    for (name, value) in table.get_ref() {
        values.push((name.get_ref().to_string(), toml_text(value.get_ref()), line_of(text, name.span().start)));
    }
    values.sort_by_key(|(_, _, line)| *line);
    Ok(values)
}

fn toml_text(value: &DeValue<'_>) -> Option<Secret> {
    match value {
        DeValue::String(text) => Some(Secret::from(&**text)),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| Secret::new(n.to_string()))
        }
        DeValue::Float(number) => Some(number.as_str().into()),
        DeValue::Boolean(yes) => Some(Secret::new(yes.to_string())),
        DeValue::Array(items) => joined(items.iter().map(|item| match item.get_ref() {
            DeValue::Array(_) => None,
            item => toml_text(item),
        })),
        DeValue::Table(_) | DeValue::Datetime(_) => None,
    }
}

fn json(text: &str) -> Result<Values, BadLine> {
    let pairs: Pairs<'_> = serde_json::from_str(text).map_err(|error| {
        // Without the position, which is told as the line.
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        BadLine { line: u32::try_from(error.line()).unwrap_or(0), what: format!("not JSON: {what}").into() }
    })?;
    let place = |raw: &RawValue| (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let value = |raw: &RawValue| serde_json::from_str(raw.get()).ok().and_then(json_text);
    Ok(pairs.0.into_iter().map(|(name, raw)| (name, value(raw), line_of(text, place(raw)))).collect())
}

fn json_text(value: serde_json::Value) -> Option<Secret> {
    use serde_json::Value;
    match value {
        Value::String(text) => Some(Secret::new(text)),
        Value::Number(number) => Some(Secret::new(number.to_string())),
        Value::Bool(yes) => Some(Secret::new(yes.to_string())),
        Value::Array(items) => joined(items.into_iter().map(|item| match item {
            Value::Array(_) => None,
            item => json_text(item),
        })),
        Value::Null | Value::Object(_) => None,
    }
}

/// A comma list; an item that holds a comma itself could not be told from two.
fn joined(items: impl Iterator<Item = Option<Secret>>) -> Option<Secret> {
    let mut list = Secret::default();
    for (n, item) in items.enumerate() {
        let item = item.filter(|text| !text.expose().contains(&b','))?;
        list.append(if n == 0 { b"" } else { b"," });
        list.append(item.expose());
    }
    Some(list)
}

/// The line of a byte offset, from 1.
fn line_of(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    u32::try_from(memchr::memchr_iter(b'\n', before).count() + 1).unwrap_or(u32::MAX)
}

/// The members of a JSON object in order, repeated names kept, values unread so that each knows its place.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Members<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<'a>, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, u32)> {
        let (lines, bad) = parse(text.as_bytes());
        assert_eq!(bad, [], "{text}");
        lines.into_iter().map(|l| (l.name, l.value.expose_text().unwrap().to_owned(), l.line)).collect()
    }

    fn expected(all: &[(&str, &str, u32)]) -> Vec<(String, String, u32)> {
        all.iter().map(|(name, value, line)| ((*name).to_owned(), (*value).to_owned(), *line)).collect()
    }

    #[test]
    fn toml_values_become_text() {
        let text = "# head\nport = 8080\n\nAuth_Key = [\"a\", \"b\"]\nx = \"30s\"\ny = true\nz = 0x10\nf = 1.5\n\"q\" = ['1',\n2]\n";
        let all = [
            ("port", "8080", 2),
            ("Auth_Key", "a,b", 4),
            ("x", "30s", 5),
            ("y", "true", 6),
            ("z", "16", 7),
            ("f", "1.5", 8),
            ("q", "1,2", 9),
        ];
        assert_eq!(read(text), expected(&all));
        assert_eq!(read(""), []);
    }

    #[test]
    fn json_values_become_text() {
        let text = "\u{feff}\n{\"port\": 8080,\n \"auth_key\": [\"a\", \"b\"],\n \"x\": true, \"y\":\n \"q\\n\", \"port\": \"1\"}";
        let all = [("port", "8080", 2), ("auth_key", "a,b", 3), ("x", "true", 4), ("y", "q\n", 5), ("port", "1", 5)];
        assert_eq!(read(text), expected(&all));
        assert_eq!(read("{}"), []);
    }

    #[test]
    fn what_is_not_flat_is_named_with_its_line() {
        for text in [
            "a = 1\nx = {y = 1}",
            "a = 1\nx = 2020-01-01",
            "a = 1\n[x]\ny = 1",
            "a = 1\nx = [[1]]",
            "a = 1\nx = [\"a,b\"]",
        ] {
            let (lines, bad) = parse(text.as_bytes());
            assert_eq!((lines.len(), bad.len()), (1, 1), "{text}");
            assert!(bad[0].line == 2 && &*bad[0].what == FLAT, "{text}: {bad:?}");
        }
        for text in ["{\"a\": 1,\n\"x\": null}", "{\"a\": 1,\n\"x\": {}}", "{\"a\": 1,\n\"x\": [[]]}"] {
            let (lines, bad) = parse(text.as_bytes());
            assert_eq!((lines.len(), bad.len()), (1, 1), "{text}");
            assert!(bad[0].line == 2 && &*bad[0].what == FLAT, "{text}: {bad:?}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        for text in
            ["[".repeat(100_000), format!("a = {}", "[".repeat(100_000)), format!("a = {}", "{a=".repeat(100_000))]
        {
            assert_eq!(parse(text.as_bytes()).1.len(), 1);
        }
        for open in ["[", "{\"a\":"] {
            assert_eq!(parse(format!("{{\"a\": {}", open.repeat(100_000)).as_bytes()).1.len(), 1);
        }
        let closed = format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(parse(closed.as_bytes()).1.len(), 1);
        let dotted = format!("{}a = 1", "a.".repeat(10_000));
        assert_eq!(parse(dotted.as_bytes()).1.len(), 1);
    }

    #[test]
    fn broken_files_are_told_by_line_and_without_their_content() {
        for (text, line) in [
            ("port = 1\nauth_key = \"SECRET\n", 2),
            ("port = 1\nport = SECRET", 2),
            ("a = \"SECRET\"\na = \"SECRET\"", 2),
            ("{\"a\": \"SECRET\",\n \"b\" \"SECRET\"}", 2),
            ("{\"a\": \"SECRET\"", 1),
            ("{\"a\": \"SECRET\"} SECRET", 1),
        ] {
            let (lines, bad) = parse(text.as_bytes());
            assert!(lines.is_empty() && bad.len() == 1, "{text}");
            assert!(bad[0].line == line && !bad[0].what.contains("SECRET"), "{text}: {bad:?}");
        }
        assert_eq!(parse(b"a = \"\xff\"").1[0].line, 0);
    }
}
