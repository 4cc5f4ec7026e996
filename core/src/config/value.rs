//! What the text of a setting can mean. Each reader says, when the text does not, what would be right.

use core::fmt::Display;
use core::str::FromStr;
use core::time::Duration;
use std::borrow::Cow;

/// A value, or what would be right in its place (it completes "write …").
pub(super) type Parsed<T> = Result<T, Cow<'static, str>>;

/// Longest span that a setting may have: 30 days, so that no sum of them comes near an overflow.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// `true`, `1`, `yes`, `on` and their opposites, in any case.
pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true, 1, yes or on, or else false, 0, no or off".into()),
    }
}

/// A whole number from `low` to `high`.
pub(super) fn number<N: FromStr + PartialOrd + Display>(text: &str, low: N, high: N) -> Parsed<N> {
    let digits = Some(text).filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
    let wrong = || format!("a whole number from {low} to {high}").into();
    digits.and_then(|t| t.parse().ok()).filter(|n| (&low..=&high).contains(&n)).ok_or_else(wrong)
}

/// A span of at least `low`: milliseconds when bare, else with units (`30s`, `1m30s`, `500ms`).
pub(super) fn span(text: &str, low: Duration) -> Parsed<Duration> {
    let span = if text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok().map(Duration::from_millis)
    } else {
        humantime::parse_duration(text).ok()
    };
    let within = span.filter(|span| (low..=LONGEST).contains(span));
    within.ok_or_else(|| {
        let low = humantime::format_duration(low);
        format!("milliseconds such as 30000, or a span with its unit such as 30s or 5min, from {low} to 30 days").into()
    })
}

/// A number of bytes from `low` to `high`, bare or with `K`, `M`, `G` (also `KB`, `KiB`, …), each 1024 times the one before.
pub(super) fn size(text: &str, low: usize, high: usize) -> Parsed<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kb" | "kib" => Some(10),
        "m" | "mb" | "mib" => Some(20),
        "g" | "gb" | "gib" => Some(30),
        _ => None,
    };
    let bytes = shift.and_then(|shift| number.parse::<usize>().ok()?.checked_mul(1 << shift));
    let within = bytes.filter(|n| (low..=high).contains(n));
    within.ok_or_else(|| format!("a number of bytes such as 65536, 64K or 4M, from {low} to {high}").into())
}

/// One of some words, `-` for `_` and any case allowed.
pub(super) fn word<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Parsed<T> {
    let text = text.to_ascii_lowercase().replace('-', "_");
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ").into())
}

/// The items of a comma list, without white space around them, empty ones left out.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Text that can stand in a header field: visible ASCII, at least one byte.
pub(super) fn visible(text: &str) -> Parsed<&str> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(text).ok_or("visible ASCII characters without spaces".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans() {
        for text in ["true", "1", "yes", "on", "TRUE", "On"] {
            assert_eq!(boolean(text), Ok(true), "{text}");
        }
        for text in ["false", "0", "no", "off", "No"] {
            assert_eq!(boolean(text), Ok(false), "{text}");
        }
        for text in ["", "2", "enabled", "t", "ja"] {
            assert!(boolean(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_bounds() {
        assert_eq!((number("0", 0u16, 9), number("9", 0u16, 9)), (Ok(0), Ok(9)));
        for text in ["", "10", "-1", "+1", "1.0", "0x1", " 1", "99999999999999999999"] {
            assert_eq!(number(text, 0u16, 9), Err("a whole number from 0 to 9".into()), "{text}");
        }
    }

    #[test]
    fn spans_are_milliseconds_when_bare() {
        for (text, millis) in [
            ("0", 0),
            ("30000", 30_000),
            ("30s", 30_000),
            ("1.5s", 1_500),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("5min", 300_000),
            ("1h", 3_600_000),
            ("30 s", 30_000),
        ] {
            assert_eq!(span(text, Duration::ZERO), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "abc", "-1", "1x", "31d", "1.5", "99999999999999999999", "9999999999999999999y"] {
            assert!(span(text, Duration::ZERO).is_err(), "{text}");
        }
        assert!(span("0", Duration::from_millis(1)).is_err());
    }

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [("65536", 65536), ("64K", 65536), ("64 KiB", 65536), ("4mb", 4 << 20), ("1G", 1 << 30)] {
            assert_eq!(size(text, 0, usize::MAX), Ok(bytes), "{text}");
        }
        for text in ["", "K", "1T", "1.5K", "-1", "1K1", "99999999999999999999", "18446744073709551615G"] {
            assert!(size(text, 0, usize::MAX).is_err(), "{text}");
        }
        assert!(size("1", 2, 3).is_err() && size("4", 2, 3).is_err());
    }

    #[test]
    fn words_and_lists() {
        let words = [("round_robin", 1), ("random", 2)];
        assert_eq!((word("Round-Robin", &words), word("random", &words)), (Ok(1), Ok(2)));
        assert_eq!(word("rand", &words), Err("round_robin or random".into()));
        assert!(list(" a, ,b,").eq(["a", "b"]));
        assert!(visible("a b").is_err() && visible("").is_err() && visible("é").is_err() && visible("a!~").is_ok());
    }
}
