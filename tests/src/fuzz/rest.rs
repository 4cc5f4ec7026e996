//! Waits and dates: any bytes are a bounded wait or none, and what is written by the book is read as it was meant.

use core::time::Duration;
use keywheel_core::classify::rest::{reset, retry_after};
use keywheel_core::date::{parse_http, parse_rfc3339};
use keywheel_core::message::{FieldSpan, Fields};
use keywheel_core::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_794_398_400_000);
const FARTHEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Takes a value as it may come.
pub fn run(data: &[u8]) {
    for wait in [stated("retry-after", data), stated("retry-after-ms", data), reset(data, NOW)].into_iter().flatten() {
        assert!(wait <= FARTHEST);
    }
    // A plain decimal number means itself.
    if let Some(seconds) =
        core::str::from_utf8(data).ok().filter(|t| !t.contains('+')).and_then(|t| t.parse::<u32>().ok())
    {
        let wait = Duration::from_secs(seconds.into());
        assert_eq!(stated("retry-after", data), (wait <= FARTHEST).then_some(wait));
        assert_eq!(stated("retry-after-ms", data), (wait / 1000 <= FARTHEST).then_some(wait / 1000));
    }
    let number = data.iter().take(8).fold(0, |sum: u64, b| sum << 8 | u64::from(*b));
    durations(number);
    dates(number % 253_402_300_800);
}

fn stated(name: &str, value: &[u8]) -> Option<Duration> {
    let head = [name.as_bytes(), b": ", value, b"\r\n"].concat();
    let (name_end, value_start) = (name.len() as u32, name.len() as u32 + 2);
    let value_end = value_start + value.len() as u32;
    let span = FieldSpan { start: 0, name_end, value_start, value_end, end: value_end + 2 };
    retry_after(Fields::new(&head, &[span]), NOW)
}

/// A span as Go prints one.
fn durations(number: u64) {
    let millis = number % FARTHEST.as_millis() as u64;
    let (hours, minutes, rest) = (millis / 3_600_000, millis / 60_000 % 60, millis % 60_000);
    let texts = [
        format!("{hours}h{minutes}m{}.{:03}s", rest / 1000, rest % 1000),
        format!("{millis}ms"),
        format!("{}us", millis * 1000),
    ];
    for text in texts {
        let expected = Duration::from_millis(millis);
        assert_eq!(reset(text.as_bytes(), NOW), (millis > 0).then_some(expected), "{text}");
    }
}

/// A time in each form of a date.
fn dates(seconds: u64) {
    let time = UnixMillis(seconds * 1000);
    let text = time.to_string();
    assert_eq!(parse_rfc3339(text.as_bytes()), Some(time), "{text}");
    let (year, day, clock) = (&text[..4], &text[8..10], &text[11..19]);
    let month = MONTHS[text[5..7].parse::<usize>().unwrap() - 1];
    let fixed = format!("Sun, {day} {month} {year} {clock} GMT");
    let asctime = format!("Sun {month} {:>2} {clock} {year}", day.trim_start_matches('0'));
    for form in [fixed, asctime] {
        assert_eq!(parse_http(form.as_bytes(), NOW), Some(time), "{form}");
    }
    // Two digits of a year reach from 49 years back to 50 ahead.
    if (1977..=2076).contains(&year.parse::<u32>().unwrap()) {
        let old = format!("Sunday, {day}-{month}-{} {clock} GMT", &year[2..]);
        assert_eq!(parse_http(old.as_bytes(), NOW), Some(time), "{old}");
    }
}
