//! How long an answer says to wait, in all the ways in which providers say it.
//!
//! Order: `retry-after-ms`, then `retry-after` (seconds, with or without a fraction, or a date), then the reset of the
//! bucket that is exhausted. A hint that is no number or date, is negative, has passed, or lies more than 400 days
//! ahead is nonsense and as good as none; clamping the others is the keyring's.

use crate::date;
use crate::message::Fields;
use crate::time::UnixMillis;
use core::time::Duration;

/// The farthest that is believed; a month's end, even a yearly limit's, lies nearer.
const FARTHEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// A bucket of `x-ratelimit-*` fields.
struct Bucket {
    /// The `error.type` that names it.
    kind: &'static str,
    remaining: &'static str,
    reset: &'static str,
}

const BUCKETS: [Bucket; 2] = [
    Bucket { kind: "requests", remaining: "x-ratelimit-remaining-requests", reset: "x-ratelimit-reset-requests" },
    Bucket { kind: "tokens", remaining: "x-ratelimit-remaining-tokens", reset: "x-ratelimit-reset-tokens" },
];

/// The wait that `retry-after-ms` or `retry-after` asks for. 0 is a wait: none.
pub fn retry_after(fields: Fields<'_>, now: UnixMillis) -> Option<Duration> {
    let millis = fields.get("retry-after-ms").and_then(|value| scaled(value, 1_000_000));
    millis.or_else(|| {
        let value = fields.get("retry-after")?;
        scaled(value, 1_000_000_000).or_else(|| ahead(date::parse_http(value, now)?, now))
    })
}

/// The reset of the bucket that is exhausted: nothing remains in it, or `kind`, the error's type, names it. The later
/// one when both are.
pub fn exhausted(fields: Fields<'_>, kind: &str, now: UnixMillis) -> Option<Duration> {
    let spent = |bucket: &&Bucket| bucket.kind == kind || fields.get(bucket.remaining).is_some_and(is_nothing);
    BUCKETS.iter().filter(spent).filter_map(|bucket| reset(fields.get(bucket.reset)?, now)).max()
}

/// One reset value: a duration as Go writes it (`6m0s`, `17ms`), seconds, or an RFC 3339 time. Some providers send 0
/// or -1 when they do not know, so 0 says nothing here.
pub fn reset(value: &[u8], now: UnixMillis) -> Option<Duration> {
    let span =
        go(value).or_else(|| scaled(value, 1_000_000_000)).or_else(|| ahead(date::parse_rfc3339(value)?, now))?;
    (span > Duration::ZERO).then_some(span)
}

/// `1h2m3.5s`: decimal numbers, each with its unit.
fn go(value: &[u8]) -> Option<Duration> {
    let (mut rest, mut sum) = (value, Duration::ZERO);
    while !rest.is_empty() {
        let number = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        let unit = rest[number..].iter().take_while(|b| !b.is_ascii_digit() && **b != b'.').count();
        let nanos = match &rest[number..number + unit] {
            b"h" => 3_600_000_000_000,
            b"m" => 60_000_000_000,
            b"s" => 1_000_000_000,
            b"ms" => 1_000_000,
            b"us" | b"\xC2\xB5s" | b"\xCE\xBCs" => 1000,
            b"ns" => 1,
            _ => return None,
        };
        sum = sum.checked_add(scaled(&rest[..number], nanos)?)?;
        rest = &rest[number + unit..];
    }
    (!value.is_empty() && sum <= FARTHEST).then_some(sum)
}

/// A decimal number of a unit of so many nanoseconds.
fn scaled(value: &[u8], nanos: u64) -> Option<Duration> {
    let text = core::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !numeric(whole) || !numeric(fraction) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Nine digits of a fraction tell nanoseconds of a second apart; more say nothing new.
    let digits = fraction.bytes().take(9);
    let part = digits.clone().fold(0, |sum, b| sum * 10 + u128::from(b - b'0')) * u128::from(nanos);
    let part = part / 10_u128.pow(digits.len() as u32);
    let total = u128::from(whole) * u128::from(nanos) + part;
    let span = Duration::from_nanos(u64::try_from(total).ok()?);
    (span <= FARTHEST).then_some(span)
}

/// From now to `then`, when that lies ahead.
fn ahead(then: UnixMillis, now: UnixMillis) -> Option<Duration> {
    let span = Duration::from_millis(then.0.checked_sub(now.0)?);
    (span > Duration::ZERO && span <= FARTHEST).then_some(span)
}

/// Whether a `remaining` value says that nothing is left.
fn is_nothing(value: &[u8]) -> bool {
    value.first() == Some(&b'-') || !value.is_empty() && value.iter().all(|b| *b == b'0')
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NOW, head};
    use super::*;

    fn stated(fields: &[(&str, &str)], kind: &str) -> Option<Duration> {
        let (bytes, spans) = head(fields);
        let fields = Fields::new(&bytes, &spans);
        retry_after(fields, NOW).or_else(|| exhausted(fields, kind, NOW))
    }

    fn millis(n: u64) -> Option<Duration> {
        Some(Duration::from_millis(n))
    }

    #[test]
    fn retry_after_in_each_form() {
        let of = |value: &str| stated(&[("Retry-After", value)], "");
        assert_eq!(of("0"), millis(0));
        assert_eq!(of("7"), millis(7000));
        assert_eq!(of("1.5"), millis(1500));
        assert_eq!(of(".25"), millis(250));
        assert_eq!(of("Wed, 11 Nov 2026 12:00:30 GMT"), millis(30_000));
        assert_eq!(of("Wednesday, 11-Nov-26 12:00:30 GMT"), millis(30_000));
        assert_eq!(of("Wed Nov 11 12:00:30 2026"), millis(30_000));
        assert_eq!(stated(&[("retry-after-ms", "1234.5")], ""), Some(Duration::from_micros(1_234_500)));
    }

    #[test]
    fn nonsense_is_no_hint() {
        for value in
            ["", "-1", "NaN", "inf", "1e3", ".", "1.2.3", "+5", "soon", "99999999999", "999999999999999999999999"]
        {
            assert_eq!(stated(&[("retry-after", value)], ""), None, "{value}");
            assert_eq!(stated(&[("retry-after-ms", value), ("retry-after", "2")], ""), millis(2000), "{value}");
            assert_eq!(reset(value.as_bytes(), NOW), None, "{value}");
        }
        assert_eq!(stated(&[("retry-after", "Wed, 11 Nov 2026 11:59:30 GMT")], ""), None);
        assert_eq!(stated(&[("retry-after", "Wed, 11 Nov 2099 11:59:30 GMT")], ""), None);
    }

    #[test]
    fn the_nearest_word_comes_first() {
        let all = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("retry-after", "3"),
            ("retry-after-ms", "20"),
        ];
        assert_eq!(stated(&all, ""), millis(20));
        assert_eq!(stated(&all[..3], ""), millis(3000));
        assert_eq!(stated(&all[..2], ""), millis(360_000));
    }

    #[test]
    fn only_the_exhausted_bucket_counts() {
        let both = [
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "17ms"),
        ];
        assert_eq!(stated(&both, ""), millis(17));
        assert_eq!(stated(&both[..2], ""), None);
        assert_eq!(stated(&both[..2], "requests"), millis(360_000));
        assert_eq!(stated(&both, "requests"), millis(360_000));
    }

    #[test]
    fn resets_in_each_form() {
        let of = |value: &str| reset(value.as_bytes(), NOW);
        assert_eq!(of("1s"), millis(1000));
        assert_eq!(of("6m0s"), millis(360_000));
        assert_eq!(of("17ms"), millis(17));
        assert_eq!(of("1h2m3.5s"), millis(3_723_500));
        assert_eq!(of("2m59.56s"), millis(179_560));
        assert_eq!(of("1.5h"), millis(5_400_000));
        assert_eq!(of("250µs"), Some(Duration::from_micros(250)));
        assert_eq!(of("30"), millis(30_000));
        assert_eq!(of("2026-11-11T12:01:00Z"), millis(60_000));
        for value in
            ["0", "0s", "-1", "-5m", "s", "5", "5x", "1s2", "99999h", "99999999999999999999h", "2026-11-11T11:00:00Z"]
        {
            assert_eq!(of(value), if value == "5" { millis(5000) } else { None }, "{value}");
        }
    }
}
