//! Event streams: any cut gives the same events and boundaries as a reader that takes the stream line by line.

use super::{cuts, pieces};
use keywheel_core::classify::event_error;
use keywheel_core::dialect::Dialect;
use keywheel_core::sse::{Event, Watcher};
use std::borrow::Cow;

/// Longest event that the watcher looks at.
const EVENT: usize = 8 * 1024;

/// Takes a stream.
pub fn run(stream: &[u8]) {
    let whole = watch([stream]);
    for lengths in cuts(stream) {
        assert_eq!(whole, watch(pieces(stream, &lengths)), "the cut changes what is seen");
    }
    let naive = Naive::read(stream);
    assert_eq!(whole.boundary, naive.boundary);
    let errors = |events: &[Seen]| events.iter().filter_map(error).collect::<Vec<_>>();
    let (seen, expected) = (errors(&whole.events), errors(&naive.events));
    if stream.contains(&b'\\') {
        // The watcher looks for the bare word: an error spelled with escapes is none to it.
        assert!(seen.iter().all(|error| expected.contains(error)), "{seen:?} {expected:?}");
    } else {
        assert_eq!(seen, expected);
    }
}

/// Name and data of an event.
type Seen = (Vec<u8>, Vec<u8>);

fn error((name, data): &Seen) -> Option<String> {
    let event = Event { name, data: Cow::Borrowed(data) };
    event_error(Dialect::OpenAi, &event).map(|outcome| format!("{outcome:?}"))
}

#[derive(Debug, PartialEq)]
struct Watched {
    events: Vec<Seen>,
    boundary: bool,
}

fn watch<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Watched {
    let (mut watcher, mut events) = (Watcher::default(), Vec::new());
    for piece in pieces {
        watcher.feed(piece, |event| events.push((event.name.to_vec(), event.data.to_vec())));
    }
    Watched { events, boundary: watcher.on_boundary() }
}

/// Reads byte by byte, as the specification's grammar does.
struct Naive {
    events: Vec<Seen>,
    boundary: bool,
}

impl Naive {
    fn read(stream: &[u8]) -> Self {
        let mark = [0xEF, 0xBB, 0xBF];
        let skip = stream.iter().zip(mark).take_while(|(a, b)| **a == *b).count();
        let stream = &stream[skip..];
        let (mut events, mut event, mut line) = (Vec::new(), Vec::new(), Vec::new());
        let (mut size, mut boundary, mut at) = (0, true, 0);
        while at < stream.len() {
            let end = match &stream[at..] {
                // A CR at the very end is a line end already.
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => 1,
                _ => 0,
            };
            if end == 0 {
                (boundary, size) = (false, size + 1);
                line.push(stream[at]);
                at += 1;
                continue;
            }
            at += end;
            boundary = line.is_empty();
            if !line.is_empty() {
                size += end;
                event.push(core::mem::take(&mut line));
            } else if !event.is_empty() {
                // Of the blank line itself only its first byte counts.
                if size < EVENT {
                    events.push(parse(&event));
                }
                event.clear();
                size = 0;
            }
        }
        Naive { events, boundary }
    }
}

fn parse(lines: &[Vec<u8>]) -> Seen {
    let (mut name, mut data) = (Vec::new(), Vec::new());
    for line in lines {
        let text = String::from_utf8_lossy(line);
        let is = |field: &str| text.starts_with(&format!("{field}:")) || *text == *field;
        let value = line.get(line.iter().position(|b| *b == b':').map_or(line.len(), |colon| colon + 1)..).unwrap();
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        if is("event") {
            name = value;
        } else if is("data") {
            data.push(value);
        }
    }
    (name, data.join(&b'\n'))
}
