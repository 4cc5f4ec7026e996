//! Watching an answer pass: event boundaries, errors inside a stream. Never delays or changes a byte.

use super::admit::DIALECT;
use crate::classify::{Outcome, event_error};
use crate::json::{Usage, UsageFinder};
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
    /// Looks for the tokens that the answer says it cost, where that will be logged.
    usage: Option<Box<UsageFinder>>,
}

impl Observer {
    /// The answer begins. `logged`: its usage is wanted.
    pub(super) fn begin(&mut self, head: &ResponseHead<'_>, logged: bool) {
        let kind = head.fields.get("content-type").unwrap_or_default();
        let kind = kind.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let coding = head.fields.get("content-encoding").unwrap_or(b"identity");
        self.events = kind.eq_ignore_ascii_case(b"text/event-stream");
        let readable = coding.eq_ignore_ascii_case(b"identity");
        self.watcher = (self.events && readable).then(Watcher::default);
        let counted = self.events || kind.eq_ignore_ascii_case(b"application/json");
        self.usage = (logged && counted && readable).then(Box::default);
    }

    pub(super) fn data(&mut self, data: &[u8]) {
        if let Some(usage) = &mut self.usage {
            usage.feed(data);
        }
        let Some(watcher) = &mut self.watcher else { return };
        let late = &mut self.late;
        watcher.feed(data, |event| {
            if late.is_none() {
                *late = event_error(DIALECT, event).map(Box::new);
            }
        });
    }

    /// The tokens that the answer said it cost.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.as_ref().and_then(|finder| finder.usage())
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
