//! What is worth telling the operator, as values; the runtime's log writes them.

use crate::classify::Class;
use crate::json::Usage;
use core::time::Duration;
use http::StatusCode;

/// One thing worth a log line. Holds no secret: keys appear by preview only.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A client request ended.
    Request(Box<RequestLine>),
    /// Anything else, in words, with the log level it deserves.
    Event {
        /// Level.
        level: log::Level,
        /// Stable name of the kind of event, for filters (`key_state`, `reload`, `drain`, …).
        kind: &'static str,
        /// What happened, in one line.
        text: String,
    },
}

/// The facts of one finished request.
#[derive(Clone, Debug)]
pub struct RequestLine {
    /// Method as sent by the client.
    pub method: Box<str>,
    /// Path without its query.
    pub path: Box<str>,
    /// Status that the client got; 0 when it left before one.
    pub status: u16,
    /// From the head's last byte to the end of the answer.
    pub latency: Duration,
    /// The last key used: index and preview.
    pub key: Option<(u32, Box<str>)>,
    /// Attempts after the first.
    pub retries: u32,
    /// What the last attempt came to.
    pub class: Class,
    /// x-keywheel-request-id.
    pub id: Box<str>,
    /// Model, where it was read.
    pub model: Option<Box<str>>,
    /// Tokens that the answer said it cost, where it said so and could be read.
    pub usage: Option<Usage>,
    /// Whether the answer reached its end.
    pub complete: bool,
}

impl RequestLine {
    /// A request whose head was none, or was not waited for, so that neither method nor path is known.
    pub fn refused(status: StatusCode, id: impl Into<Box<str>>) -> Self {
        RequestLine {
            status: status.as_u16(),
            class: if status.is_client_error() { Class::Client } else { Class::Ours },
            complete: true,
            ..RequestLine::begun("-", "-", id)
        }
    }

    /// A request of which nothing is known but its head.
    pub fn begun(method: impl Into<Box<str>>, path: impl Into<Box<str>>, id: impl Into<Box<str>>) -> Self {
        RequestLine {
            method: method.into(),
            path: path.into(),
            status: 0,
            latency: Duration::ZERO,
            key: None,
            retries: 0,
            class: Class::Ours,
            id: id.into(),
            model: None,
            usage: None,
            complete: false,
        }
    }
}
