//! Verdicts: any status, fields and body get one, within its bounds; and no piece of a key survives masking.

use core::time::Duration;
use keywheel_core::classify::echo::{Echo, WINDOW};
use keywheel_core::classify::{Class, Evidence, judge};
use keywheel_core::dialect::Dialect;
use keywheel_core::message::{FieldSpan, Fields};
use keywheel_core::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_794_398_400_000);
const NAMES: [&str; 8] = [
    "content-encoding",
    "openai-organization",
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
];

/// Takes a status (two bytes), up to eight field values (lines, until an empty one) and a body, which is also a key
/// and a text that may echo it.
pub fn run(data: &[u8]) {
    let Some((status, mut rest)) = data.split_at_checked(2) else { return };
    let status = u16::from_be_bytes([status[0], status[1]]) % 1000;
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for name in NAMES {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let (value, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        if value.is_empty() {
            break;
        }
        spans.push(field(&mut bytes, name, value));
    }
    verdict(status, Fields::new(&bytes, &spans), rest);
    let (key, text) = rest.split_at(rest.len() / 3);
    echo(key, text);
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &[u8]) -> FieldSpan {
    let start = bytes.len() as u32;
    bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    let name_end = start + name.len() as u32;
    let value_end = name_end + 2 + value.len() as u32;
    FieldSpan { start, name_end, value_start: name_end + 2, value_end, end: value_end + 2 }
}

fn verdict(status: u16, fields: Fields<'_>, body: &[u8]) {
    let judged = |body| judge(Dialect::OpenAi, &Evidence { status, fields, body }, NOW, Some("m"));
    let outcome = judged(body);
    assert_eq!(outcome.class == Class::Ok, status < 400);
    assert!(status < 500 || outcome.class == Class::Overload);
    if !(400..500).contains(&status) {
        let alone = judged(b"");
        assert_eq!((outcome.class, outcome.blame), (alone.class, alone.blame));
    }
    assert_eq!((outcome.status, outcome.model.as_deref()), (status, Some("m")));
    let bounded =
        |text: &str, longest| (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    assert!(outcome.code.is_none_or(|code| bounded(&code, 64)));
    assert!(outcome.account.is_none_or(|account| bounded(&account, 128)));
    assert!(outcome.rest.is_none_or(|rest| rest <= Duration::from_secs(400 * 24 * 60 * 60)));
    assert!(outcome.rest.is_none() || matches!(outcome.class, Class::Rate | Class::Quota));
}

fn echo(key: &[u8], text: &[u8]) {
    let (mut expected, mut any) = (text.to_vec(), false);
    for (at, window) in text.windows(WINDOW).enumerate() {
        if key.windows(WINDOW).any(|piece| piece == window) {
            expected[at..at + WINDOW].fill(b'*');
            any = true;
        }
    }
    let (echo, mut masked) = (Echo::new(key), text.to_vec());
    assert_eq!((echo.mask(&mut masked), masked), (any, expected));
    if let Some(identity) = echo.mask_gzip(text, 64 * 1024) {
        assert!(identity.body.len() <= 1024 * 1024);
    }
}
