//! What is wrong with a head, and where. No text here repeats a field's value.

use super::super::framing::FramingError;
use super::super::hop;
use super::super::scan::Flaw;
use core::fmt;
use http::StatusCode;

/// Why a request head is refused. The connection is to be closed after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// A line (1 is the request line) ends in a line feed without a carriage return.
    LineFeed {
        /// Which line.
        line: usize,
    },
    /// More empty lines before the request line than tolerated.
    EmptyLines,
    /// The request line is longer than `Limits::request_line`.
    LongLine,
    /// The head is longer than `Limits::request_head`.
    LongHead,
    /// More fields than `Limits::request_fields`.
    Fields,
    /// The first line is not `METHOD TARGET HTTP/1.1`.
    RequestLine,
    /// A version other than HTTP/1.0, HTTP/1.1 and those of higher minor versions.
    Version,
    /// CONNECT or TRACE.
    Method,
    /// The target is not one that can be served.
    Target(TargetFault),
    /// A line (counted from the request line) is not `name: value`: a bad name, white space before the colon, or a
    /// folded line.
    FieldName {
        /// Which line.
        line: usize,
    },
    /// A control character in a field's value.
    FieldValue {
        /// Which line.
        line: usize,
    },
    /// No Host in HTTP/1.1.
    HostMissing,
    /// More than one Host.
    HostTwice,
    /// A Host that is not `host[:port]`.
    HostInvalid,
    /// A name with `_` that some servers read as this framing or credential field.
    Underscore(&'static str),
    /// The body's length is in doubt.
    Framing(FramingError),
    /// An expectation other than 100-continue.
    Expectation,
    /// More than [`hop::OPTIONS`] names in Connection.
    Connection,
}

/// What is wrong with a request's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetFault {
    /// A byte outside 0x21 to 0x7e, or a fragment, at this offset in the target.
    Byte(usize),
    /// A backslash in the path, at this offset in the target.
    Backslash(usize),
    /// Neither a path, nor an http or https URI, nor the `*` of OPTIONS.
    Form,
    /// An absolute URI whose authority is empty, has user information, or is not `host[:port]`.
    Authority,
}

impl RequestError {
    /// The status that tells the client.
    pub fn status(&self) -> StatusCode {
        match self {
            RequestError::LongLine => StatusCode::URI_TOO_LONG,
            RequestError::LongHead | RequestError::Fields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            RequestError::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            RequestError::Method => StatusCode::NOT_IMPLEMENTED,
            RequestError::Expectation => StatusCode::EXPECTATION_FAILED,
            RequestError::Framing(e) => e.status(),
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The word for logs and error bodies.
    pub const fn code(&self) -> &'static str {
        match self {
            RequestError::LineFeed { .. } => "bare_line_feed",
            RequestError::EmptyLines => "empty_lines",
            RequestError::LongLine => "request_line_too_long",
            RequestError::LongHead => "request_head_too_long",
            RequestError::Fields => "too_many_fields",
            RequestError::RequestLine => "invalid_request_line",
            RequestError::Version => "unsupported_http_version",
            RequestError::Method => "unsupported_method",
            RequestError::Target(_) => "invalid_target",
            RequestError::FieldName { .. } => "invalid_field_name",
            RequestError::FieldValue { .. } => "invalid_field_value",
            RequestError::HostMissing => "missing_host",
            RequestError::HostTwice => "duplicate_host",
            RequestError::HostInvalid => "invalid_host",
            RequestError::Underscore(_) => "ambiguous_field_name",
            RequestError::Framing(e) => e.code(),
            RequestError::Expectation => "unsupported_expectation",
            RequestError::Connection => "too_many_connection_options",
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::LineFeed { line } => write_line_feed(f, *line),
            RequestError::EmptyLines => f.write_str("too many empty lines before the request line"),
            RequestError::LongLine => f.write_str("the request line is too long"),
            RequestError::LongHead => f.write_str("the request head is too long"),
            RequestError::Fields => f.write_str("the request has too many header fields"),
            RequestError::RequestLine => f.write_str("the request line is not `METHOD TARGET HTTP/1.1`"),
            RequestError::Version => f.write_str("only HTTP/1.1 and HTTP/1.0 are spoken here"),
            RequestError::Method => f.write_str("CONNECT and TRACE are not served"),
            RequestError::Target(fault) => fault.fmt(f),
            RequestError::FieldName { line } => write_field_name(f, *line),
            RequestError::FieldValue { line } => write_field_value(f, *line),
            RequestError::HostMissing => f.write_str("HTTP/1.1 requires a Host field"),
            RequestError::HostTwice => f.write_str("Host is given more than once"),
            RequestError::HostInvalid => f.write_str("Host is not `name` or `name:port`"),
            RequestError::Underscore(name) => write!(f, "a field is spelled with `_` but reads as {name}"),
            RequestError::Framing(e) => e.fmt(f),
            RequestError::Expectation => f.write_str("Expect asks for something other than 100-continue"),
            RequestError::Connection => write_options(f),
        }
    }
}

impl fmt::Display for TargetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetFault::Byte(at) => {
                write!(f, "byte {at} of the request target is a fragment's `#` or not visible ASCII")
            }
            TargetFault::Backslash(at) => write!(f, "byte {at} of the request target is a backslash in the path"),
            TargetFault::Form => {
                f.write_str("the request target is neither a path, nor an http or https URI, nor the `*` of OPTIONS")
            }
            TargetFault::Authority => f.write_str("the request target's authority is not `name` or `name:port`"),
        }
    }
}

impl core::error::Error for RequestError {}

impl From<Flaw> for RequestError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::LineFeed { line } => RequestError::LineFeed { line },
            Flaw::EmptyLines => RequestError::EmptyLines,
            Flaw::FirstByte => RequestError::RequestLine,
            Flaw::LongLine => RequestError::LongLine,
            Flaw::LongHead => RequestError::LongHead,
            Flaw::Fields => RequestError::Fields,
        }
    }
}

/// Why a response head is refused. The upstream connection is to be closed; a client is told 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// The bytes do not begin as an HTTP/1.0 or HTTP/1.1 answer does (HTTP/0.9, TLS, another protocol or version).
    NotHttp,
    /// A line (1 is the status line) ends in a line feed without a carriage return.
    LineFeed {
        /// Which line.
        line: usize,
    },
    /// The head is longer than `Limits::upstream_head`.
    LongHead,
    /// More fields than `Limits::upstream_fields`.
    Fields,
    /// The status line is not `HTTP/1.1 STATUS REASON`, or its status is not 100 to 999.
    StatusLine,
    /// A line (counted from the status line) is not `name: value`.
    FieldName {
        /// Which line.
        line: usize,
    },
    /// A control character in a field's value.
    FieldValue {
        /// Which line.
        line: usize,
    },
    /// The body's length is in doubt.
    Framing(FramingError),
    /// More than [`hop::OPTIONS`] names in Connection.
    Connection,
}

impl ResponseError {
    /// The word for logs and error bodies.
    pub const fn code(&self) -> &'static str {
        match self {
            ResponseError::NotHttp => "upstream_not_http",
            ResponseError::LineFeed { .. } => "upstream_bare_line_feed",
            ResponseError::LongHead => "upstream_head_too_long",
            ResponseError::Fields => "upstream_too_many_fields",
            ResponseError::StatusLine => "upstream_invalid_status_line",
            ResponseError::FieldName { .. } => "upstream_invalid_field_name",
            ResponseError::FieldValue { .. } => "upstream_invalid_field_value",
            ResponseError::Framing(_) => "upstream_invalid_framing",
            ResponseError::Connection => "upstream_too_many_connection_options",
        }
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("upstream's answer: ")?;
        match self {
            ResponseError::NotHttp => f.write_str("it is not HTTP/1.1 or HTTP/1.0"),
            ResponseError::LineFeed { line } => write_line_feed(f, *line),
            ResponseError::LongHead => f.write_str("its head is too long"),
            ResponseError::Fields => f.write_str("it has too many header fields"),
            ResponseError::StatusLine => f.write_str("its status line is not `HTTP/1.1 STATUS REASON`"),
            ResponseError::FieldName { line } => write_field_name(f, *line),
            ResponseError::FieldValue { line } => write_field_value(f, *line),
            ResponseError::Framing(e) => e.fmt(f),
            ResponseError::Connection => write_options(f),
        }
    }
}

impl core::error::Error for ResponseError {}

impl From<Flaw> for ResponseError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::LineFeed { line } => ResponseError::LineFeed { line },
            Flaw::EmptyLines | Flaw::FirstByte => ResponseError::NotHttp,
            Flaw::LongLine | Flaw::LongHead => ResponseError::LongHead,
            Flaw::Fields => ResponseError::Fields,
        }
    }
}

fn write_line_feed(f: &mut fmt::Formatter<'_>, line: usize) -> fmt::Result {
    write!(f, "line {line} of the head ends in a line feed without a carriage return")
}

fn write_field_name(f: &mut fmt::Formatter<'_>, line: usize) -> fmt::Result {
    write!(f, "line {line} of the head is not `name: value` (a bad name, a space before the colon, or a folded line)")
}

fn write_field_value(f: &mut fmt::Formatter<'_>, line: usize) -> fmt::Result {
    write!(f, "line {line} of the head has a control character in its value")
}

fn write_options(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "Connection names more than {} fields", hop::OPTIONS)
}
