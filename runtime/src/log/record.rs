//! One record of the log: a notice or a library's line, with its time and level.

use keywheel_core::notice::{Notice, RequestLine};
use keywheel_core::time::UnixMillis;

/// Longest text of one record; what is longer is cut.
const TEXT_MAX: usize = 8 * 1024;

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    at: UnixMillis,
    level: log::Level,
    body: Body,
}

/// What a record says.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Request(Box<RequestLine>),
    Event { kind: String, text: String },
}

impl Record {
    /// A notice that was given at `at`. A request that was served badly is a warning.
    pub(super) fn of_notice(notice: Notice, at: UnixMillis) -> Record {
        match notice {
            Notice::Request(line) => {
                let good = line.complete && line.status < 500;
                let level = if good { log::Level::Info } else { log::Level::Warn };
                Record { at, level, body: Body::Request(line) }
            }
            Notice::Event { level, kind, text } => Record::event(at, level, kind, text),
        }
    }

    /// A line that came by the `log` crate.
    pub(super) fn of_log(record: &log::Record<'_>, at: UnixMillis) -> Record {
        Record::event(at, record.level(), record.target(), record.args().to_string())
    }

    /// A line of words.
    pub(super) fn event(at: UnixMillis, level: log::Level, kind: &str, mut text: String) -> Record {
        if text.len() > TEXT_MAX {
            text.truncate(text.floor_char_boundary(TEXT_MAX));
            text.push('…');
        }
        Record { at, level, body: Body::Event { kind: kind.to_owned(), text } }
    }

    /// Its level.
    pub(super) fn level(&self) -> log::Level {
        self.level
    }

    pub(super) fn at(&self) -> UnixMillis {
        self.at
    }

    pub(super) fn body(&self) -> &Body {
        &self.body
    }
}
