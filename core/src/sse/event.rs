//! One server-sent event: its name and its data (WHATWG HTML section 9.2.6).

use std::borrow::Cow;

/// An event that may be an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name; empty when it has none.
    pub name: &'a [u8],
    /// Its data, several lines joined by LF.
    pub data: Cow<'a, [u8]>,
}

impl<'a> Event<'a> {
    /// Reads the lines of an event; a blank one among them means nothing.
    pub(super) fn parse(lines: &'a [u8]) -> Self {
        let mut event = Event { name: b"", data: Cow::Borrowed(b"") };
        let mut any = false;
        // CRLF reads as a line end and an empty line, which is skipped like any other.
        for line in lines.split(|b| matches!(b, b'\r' | b'\n')) {
            let (field, value) = match memchr::memchr(b':', line) {
                Some(colon) => (&line[..colon], &line[colon + 1..]),
                None => (line, &b""[..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"event" => event.name = value,
                b"data" if any => {
                    let data = event.data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                b"data" => (any, event.data) = (true, Cow::Borrowed(value)),
                _ => {}
            }
        }
        event
    }
}

/// Whether the word `error` between `before` and `after` can make its event one: as a JSON key or value that is not
/// followed by null, or as the event's name. Text in JSON strings cannot look so, because its quotes are escaped.
pub(super) fn may_name_error(before: &[u8], after: &[u8]) -> bool {
    let named = before.ends_with(b"event:") || before.ends_with(b"event: ");
    let quoted = before.ends_with(b"\"") && after.starts_with(b"\"") && !before.ends_with(b"\\\"");
    named || quoted && !after.starts_with(b"\":null")
}
