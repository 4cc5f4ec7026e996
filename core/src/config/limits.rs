//! The settings `LIMIT_…`: one for each field of [`Limits`], by construction.

use super::value::{self, Parsed};
use crate::http1::head::MAX_FIELDS;
use crate::limits::Limits;
use crate::turn::BLOCK;
use core::time::Duration;

/// A field of [`Limits`], and what it may be set to.
enum Field<'a> {
    /// Bytes, from and to.
    Size(&'a mut usize, usize, usize),
    /// A count, from and to.
    Count(&'a mut usize, usize, usize),
    /// A count in 32 bits, from and to.
    Tries(&'a mut u32, u32, u32),
    /// Bytes a second, from and to.
    Rate(&'a mut u64, u64, u64),
    /// A span, and the least number of milliseconds.
    Span(&'a mut Duration, u64),
}

impl Field<'_> {
    fn set(self, text: &str) -> Parsed<()> {
        match self {
            Field::Size(field, low, high) => *field = value::size(text, low, high)?,
            Field::Count(field, low, high) => *field = value::number(text, low, high)?,
            Field::Tries(field, low, high) => *field = value::number(text, low, high)?,
            Field::Rate(field, low, high) => *field = value::number(text, low, high)?,
            Field::Span(field, low) => *field = value::span(text, Duration::from_millis(low))?,
        }
        Ok(())
    }
}

/// Names every field of `Limits` once. The pattern has no `..`, so a new limit does not compile until it stands here.
macro_rules! table {
    ($($field:ident: $kind:ident($($bound:expr),*);)*) => {
        /// The names of all fields.
        const FIELDS: &[&str] = &[$(stringify!($field)),*];

        fn field<'a>(limits: &'a mut Limits, name: &str) -> Option<Field<'a>> {
            let Limits { $($field),* } = limits;
            match name {
                $(stringify!($field) => Some(Field::$kind($field, $($bound),*)),)*
                _ => None,
            }
        }
    };
}

/// Most that a size or count may be where nothing else bounds it: offsets are 32 bits wide.
const MANY: usize = 1 << 30;

table! {
    // What has to be whole at once is parsed where it was read, so a block bounds it.
    request_line: Size(64, BLOCK);
    request_head: Size(256, BLOCK);
    request_fields: Count(8, MAX_FIELDS);
    leading_lines: Count(1, 1024);
    chunk_digits: Count(1, 16);
    chunk_extensions: Size(0, BLOCK - 32);
    trailers: Size(2, BLOCK - 2);
    upstream_head: Size(256, BLOCK);
    upstream_fields: Count(8, MAX_FIELDS);
    interim_answers: Count(0, 1024);
    replay: Size(0, MANY);
    replay_total: Size(0, usize::MAX);
    body_rate: Rate(0, 1 << 30);
    body_grace: Span(0);
    head_time: Span(1);
    body_idle: Span(1);
    stream_idle: Span(1);
    tunnel_idle: Span(1);
    keep_alive: Span(1);
    upstream_idle: Span(0);
    upstream_age: Span(1);
    connect: Span(1);
    key_wait: Span(0);
    budget: Span(1);
    waiting: Count(0, MANY);
    attempts: Tries(1, 1000);
    connections: Count(1, MANY);
    fresh_posts: Span(0);
    error_body: Size(256, BLOCK);
    error_time: Span(1);
    model_peek: Size(0, MANY);
    model_facts: Count(1, MANY);
    model_lanes: Count(1, 4096);
    model_wait: Span(0);
    linger: Span(0);
    linger_bytes: Size(0, u32::MAX as usize);
    page_rows: Count(1, 256);
}

/// `LIMIT_REQUEST_LINE` and so on: the setting of each field.
pub fn limit_names() -> impl Iterator<Item = String> {
    FIELDS.iter().map(|field| format!("LIMIT_{}", field.to_ascii_uppercase()))
}

/// Sets the field whose setting is called `name`; a name of no field changes nothing.
pub(super) fn set(limits: &mut Limits, name: &str, text: &str) -> Parsed<()> {
    let name = name.strip_prefix("LIMIT_").unwrap_or_default().to_ascii_lowercase();
    field(limits, &name).map_or(Ok(()), |field| field.set(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_can_be_set() {
        assert!(FIELDS.len() > 30);
        let value = |name: &str| match name {
            "LIMIT_CHUNK_DIGITS" => "9",
            "LIMIT_PAGE_ROWS" | "LIMIT_REQUEST_FIELDS" | "LIMIT_UPSTREAM_FIELDS" => "99",
            _ => "257",
        };
        for name in limit_names() {
            let mut limits = Limits::default();
            assert_eq!(set(&mut limits, &name, value(&name)), Ok(()), "{name}");
            assert_ne!(limits, Limits::default(), "{name} has an effect");
        }
    }

    #[test]
    fn the_defaults_are_allowed() {
        let mut limits = Limits::default();
        for name in FIELDS {
            let text = match field(&mut limits, name).unwrap() {
                Field::Size(n, ..) | Field::Count(n, ..) => n.to_string(),
                Field::Tries(n, ..) => n.to_string(),
                Field::Rate(n, ..) => n.to_string(),
                Field::Span(span, _) => span.as_millis().to_string(),
            };
            assert_eq!(field(&mut limits, name).unwrap().set(&text), Ok(()), "{name}={text}");
        }
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn sizes_and_spans_have_units() {
        let mut limits = Limits::default();
        set(&mut limits, "LIMIT_REPLAY", "8M").unwrap();
        set(&mut limits, "LIMIT_HEAD_TIME", "3s").unwrap();
        assert_eq!((limits.replay, limits.head_time), (8 << 20, Duration::from_secs(3)));
    }

    #[test]
    fn what_could_not_be_kept_is_refused() {
        for (name, value) in [
            ("LIMIT_REQUEST_HEAD", "64M"),
            ("LIMIT_CHUNK_DIGITS", "17"),
            ("LIMIT_ATTEMPTS", "0"),
            ("LIMIT_CONNECTIONS", "0"),
            ("LIMIT_HEAD_TIME", "0"),
            ("LIMIT_PAGE_ROWS", "257"),
            ("LIMIT_REPLAY", "big"),
        ] {
            let mut limits = Limits::default();
            assert!(set(&mut limits, name, value).is_err(), "{name}={value}");
            assert_eq!(limits, Limits::default());
        }
    }
}
