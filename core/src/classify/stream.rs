//! Errors that come inside an answer that began well, as an event of its stream.

use super::Outcome;
use super::judge::decide;
use crate::dialect::Dialect;
use crate::json::ErrorBody;
use crate::sse::Event;

/// What an event says, if it is an error: it is named so, its data is of the type `error`, or they hold an `error`.
///
/// Judged by the same table, it acts on the key, but nothing is repeated: the answer is on its way. Its status is the
/// one that the error repeats in its code, as some do, else 0.
pub fn event_error(dialect: Dialect, event: &Event<'_>) -> Option<Outcome> {
    let mut error = ErrorBody::read(&event.data);
    let typed = !error.wrapped && error.kind.as_deref() == Some("error");
    if !(error.wrapped || typed || event.name == b"error") {
        return None;
    }
    if typed {
        error.kind = None;
    }
    let status = error.number.filter(|number| (400..600).contains(number)).unwrap_or(0);
    Some(decide(dialect, status, &error, None))
}
