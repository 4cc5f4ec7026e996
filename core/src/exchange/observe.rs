//! Watching an answer pass: event boundaries, errors inside a stream. Never delays or changes a byte.

use super::admit::DIALECT;
use crate::classify::{Outcome, event_error};
use crate::message::ResponseHead;
use crate::sse::Watcher;

/// What is watched of one answer.
#[derive(Debug, Default)]
pub(super) struct Observer {
    /// The answer is an event stream, compressed or not.
    events: bool,
    /// Watches its events, where they can be read.
    watcher: Option<Watcher>,
    late: Option<Box<Outcome>>,
}

impl Observer {
    /// The answer begins.
    pub(super) fn begin(&mut self, head: &ResponseHead<'_>) {
        let kind = head.fields.get("content-type").unwrap_or_default();
        let kind = kind.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let coding = head.fields.get("content-encoding").unwrap_or(b"identity");
        self.events = kind.eq_ignore_ascii_case(b"text/event-stream");
        let readable = self.events && coding.eq_ignore_ascii_case(b"identity");
        self.watcher = readable.then(Watcher::default);
    }

    pub(super) fn data(&mut self, data: &[u8]) {
        let Some(watcher) = &mut self.watcher else { return };
        let late = &mut self.late;
        watcher.feed(data, |event| {
            if late.is_none() {
                *late = event_error(DIALECT, event).map(Box::new);
            }
        });
    }

    /// Whether the answer is an event stream.
    pub(super) fn is_event_stream(&self) -> bool {
        self.events
    }

    /// Whether the bytes so far end between two events of a stream.
    pub(super) fn at_event_boundary(&self) -> bool {
        self.watcher.as_ref().is_some_and(Watcher::on_boundary)
    }

    /// The error that the stream itself carried, if it did: it acts on the key, but nothing is repeated.
    pub(super) fn late_error(&mut self) -> Option<Box<Outcome>> {
        self.late.take()
    }
}
