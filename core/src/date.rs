//! Dates as peers write them: HTTP's three forms (RFC 9110 section 5.6.7) and RFC 3339.
//!
//! The calendar is the proleptic Gregorian one, in UTC, without leap seconds (second 60 reads as the next minute's
//! first, as POSIX time has it). Years 1970 to 9999.

use crate::time::UnixMillis;

const DAY: u64 = 24 * 60 * 60;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// An HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`.
///
/// A recipient has to take all three. A year of two digits is the one nearest to `now` that is not more than 50 years
/// ahead. What is no date, or lies before 1970, is `None`.
pub fn parse_http(text: &[u8], now: UnixMillis) -> Option<UnixMillis> {
    let text = core::str::from_utf8(text).ok().filter(|text| text.len() <= 64)?;
    let mut words = text.split([' ', ',', '-', ':']).filter(|word| !word.is_empty());
    let mut word = || words.next();
    let weekday = word()?;
    if !weekday.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let second = word()?;
    let (day, month, year, time);
    if let Some(named) = month_number(second) {
        (month, day) = (named, digits(word()?, 1, 2)?);
        time = [digits(word()?, 2, 2)?, digits(word()?, 2, 2)?, digits(word()?, 2, 2)?];
        year = digits(word()?, 4, 4)?;
    } else {
        (day, month) = (digits(second, 1, 2)?, month_number(word()?)?);
        let written = word()?;
        year = digits(written, 2, 2).map(|short| full_year(short, now)).or_else(|| digits(written, 4, 4))?;
        time = [digits(word()?, 2, 2)?, digits(word()?, 2, 2)?, digits(word()?, 2, 2)?];
        word().filter(|zone| ["gmt", "utc"].iter().any(|known| zone.eq_ignore_ascii_case(known)))?;
    }
    if word().is_some() {
        return None;
    }
    Some(UnixMillis(seconds(year, month, day, time)?.checked_mul(1000)?))
}

/// The form that is written (RFC 9110 section 5.6.7, IMF-fixdate): `Sun, 06 Nov 1994 08:49:37 GMT`. Years after 9999
/// are written as 9999.
pub fn format_http(at: UnixMillis) -> [u8; 29] {
    let total = at.0 / 1000;
    let (days, second) = (total / DAY, total % DAY);
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    // 1970-01-01 was a Thursday.
    text[..3].copy_from_slice(&b"ThuFriSatSunMonTueWed"[(days % 7 * 3) as usize..][..3]);
    text[8..11].copy_from_slice(&b"JanFebMarAprMayJunJulAugSepOctNovDec"[((month - 1) * 3) as usize..][..3]);
    let year = year.min(9999);
    let pairs =
        [(5, day), (12, year / 100), (14, year % 100), (17, second / 3600), (20, second / 60 % 60), (23, second % 60)];
    for (at, two) in pairs {
        text[at] = b'0' + (two / 10) as u8;
        text[at + 1] = b'0' + (two % 10) as u8;
    }
    text
}

/// An RFC 3339 time: `2026-11-11T12:00:00.25Z`, or with an offset. What is none is `None`.
pub fn parse_rfc3339(text: &[u8]) -> Option<UnixMillis> {
    let text = core::str::from_utf8(text).ok().filter(|text| text.is_ascii() && text.len() <= 64)?;
    let number = |from: usize, to: usize| digits(text.get(from..to)?, 1, 4);
    let marks = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
    if !marks.iter().all(|(at, any)| text.as_bytes().get(*at).is_some_and(|b| any.as_bytes().contains(b))) {
        return None;
    }
    let whole =
        seconds(number(0, 4)?, number(5, 7)?, number(8, 10)?, [number(11, 13)?, number(14, 16)?, number(17, 19)?])?;
    let (fraction, zone) = match text[19..].strip_prefix('.') {
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
        None => ("", &text[19..]),
    };
    if fraction.is_empty() != (text.as_bytes().get(19) != Some(&b'.')) {
        return None;
    }
    let millis = fraction.bytes().chain(*b"000").take(3).fold(0, |sum, b| sum * 10 + u64::from(b - b'0'));
    let whole = match zone.as_bytes() {
        b"Z" | b"z" => whole,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let offset = digits(&zone[1..3], 2, 2).filter(|h| *h < 24)? * 3600
                + digits(&zone[4..], 2, 2).filter(|m| *m < 60)? * 60;
            if *sign == b'+' { whole.checked_sub(offset)? } else { whole + offset }
        }
        _ => return None,
    };
    Some(UnixMillis(whole * 1000 + millis))
}

/// A number of at least `least` and at most `most` digits and nothing else.
fn digits(word: &str, least: usize, most: usize) -> Option<u64> {
    let fits = (least..=most).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit());
    if fits { word.parse().ok() } else { None }
}

fn month_number(word: &str) -> Option<u64> {
    let at = MONTHS.iter().position(|month| word.eq_ignore_ascii_case(month))?;
    Some(at as u64 + 1)
}

/// RFC 9110 section 5.6.7: a two-digit year that seems more than 50 years ahead means the past.
fn full_year(short: u64, now: UnixMillis) -> u64 {
    let (this, ..) = civil(now.0 / 1000 / DAY);
    let year = this - this % 100 + short;
    if year > this + 50 { year - 100 } else { year }
}

/// Seconds since 1970 of a date and time of day, if there is such a one.
fn seconds(year: u64, month: u64, day: u64, [hour, minute, second]: [u64; 3]) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let valid =
        (1970..=9999).contains(&year) && (1..=longest).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    valid.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a date from then on: years begin in March, so that the leap day is their last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date so many days after 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_794_398_400_000);

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(&format_http(UnixMillis(784_111_777_999)), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&format_http(UnixMillis(0)), b"Thu, 01 Jan 1970 00:00:00 GMT");
        for day in 0..40_000 {
            let at = UnixMillis((day * DAY + day) * 1000);
            assert_eq!(parse_http(&format_http(at), NOW), Some(at));
        }
    }

    #[test]
    fn the_three_forms_of_http() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_http(text.as_bytes(), NOW), Some(UnixMillis(784_111_777_000)), "{text}");
        }
        // Two digits: at most 50 years ahead.
        let year = |text: &str| parse_http(text.as_bytes(), NOW).unwrap().to_string()[..4].to_owned();
        assert_eq!(year("Sunday, 06-Nov-76 08:49:37 GMT"), "2076");
        assert_eq!(year("Sunday, 06-Nov-77 08:49:37 GMT"), "1977");
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Sun",
            "06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 19940 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse_http(text.as_bytes(), NOW), None, "{text}");
        }
    }

    #[test]
    fn rfc3339_with_fraction_and_offset() {
        let parse = |text: &str| parse_rfc3339(text.as_bytes());
        assert_eq!(parse("2026-11-11T12:00:00Z"), Some(NOW));
        assert_eq!(parse("2026-11-11 14:00:00.0+02:00"), Some(NOW));
        assert_eq!(parse("2026-11-11t10:30:00.0009-01:30"), Some(NOW));
        assert_eq!(parse("2026-11-11T12:00:00.2505z"), Some(UnixMillis(NOW.0 + 250)));
        for text in [
            "",
            "2026-11-11",
            "2026-11-11T12:00:00",
            "2026-11-11T12:00:00.Z",
            "2026-13-11T12:00:00Z",
            "1970-01-01T00:00:00+00:01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_told_as_the_clock_shows_it() {
        for day in 0..146_097 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
            let shown = UnixMillis(day * DAY * 1000).to_string();
            assert_eq!(shown[..10], format!("{year:04}-{month:02}-{date:02}"));
            assert_eq!(parse_rfc3339(shown.as_bytes()), Some(UnixMillis(day * DAY * 1000)));
        }
    }
}
