//! How long a body is: RFC 9112 section 6.3, decided once per message.
//!
//! Two parties that disagree about where a message ends are the root of request smuggling, so whatever
//! leaves room for two readings is refused, in both directions, and the connection is closed.
//!
//! | fields | request | response |
//! |---|---|---|
//! | Transfer-Encoding and Content-Length | refused | refused |
//! | Transfer-Encoding in HTTP/1.0 | refused | refused |
//! | Transfer-Encoding: chunked, nothing else | marked | marked |
//! | any other Transfer-Encoding | refused | refused |
//! | Content-Length, one value (repeated or not) | exact | exact |
//! | any other Content-Length | refused | refused |
//! | neither | none | until close |
//! | to HEAD; status 1xx, 204, 304 | | none, after the same checks |

use super::token::{decimal, list};
use crate::message::{Length, Version};
use core::fmt;
use http::{Method, StatusCode};

/// What the fields of one head state about its body: fed field by field, then asked once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stated {
    length: Option<Result<u64, FramingError>>,
    coding: Option<Result<(), FramingError>>,
}

impl Stated {
    /// Notes a Content-Length field.
    ///
    /// A value that is said several times, in one field or in many, counts as said once, as section 6.3 rule 5
    /// has it: what is sent on is written anew, so the repetition ends here. Two values, or anything but
    /// digits, make the message unframed.
    #[inline]
    pub fn content_length(&mut self, value: &[u8]) {
        // A single number is the common case; only what is not goes through the list.
        match (decimal(value), self.length) {
            (Some(n), None) => self.length = Some(Ok(n)),
            _ => list(value).for_each(|member| self.add_length(member)),
        }
    }

    fn add_length(&mut self, member: &[u8]) {
        let new = decimal(member).ok_or(FramingError::LengthValue);
        self.length = Some(match (self.length, new) {
            (Some(Err(e)), _) | (_, Err(e)) => Err(e),
            (Some(Ok(old)), Ok(n)) if old != n => Err(FramingError::LengthsDiffer),
            (_, Ok(n)) => Ok(n),
        });
    }

    /// Notes a Transfer-Encoding field.
    ///
    /// Only the one word `chunked` is understood. RFC 9112 section 6.1 wants 501 for a coding that is not, and section
    /// 6.3 wants 400 where chunked is not the last.
    pub fn transfer_encoding(&mut self, value: &[u8]) {
        let new = if value.eq_ignore_ascii_case(b"chunked") {
            Ok(())
        } else {
            let last = list(value).last().unwrap_or_default();
            let chunked = list(value).filter(|c| c.eq_ignore_ascii_case(b"chunked")).count();
            let known = chunked == 1 && last.eq_ignore_ascii_case(b"chunked") && list(value).all(|c| !c.is_empty());
            Err(if known { FramingError::CodingUnknown } else { FramingError::CodingNotFinal })
        };
        // A second field makes a list, in which chunked stands twice or is not the last, or another coding stands.
        self.coding = Some(match self.coding {
            None => new,
            Some(_) => Err(FramingError::CodingNotFinal),
        });
    }

    /// The valid Content-Length that was stated, whether or not a body follows: what the answer to HEAD and a 304
    /// say of the body that they leave out.
    pub fn stated_length(&self) -> Option<u64> {
        self.length.and_then(Result::ok)
    }

    /// The length of a request's body. Never [`Length::UntilClose`].
    pub fn request(&self, version: Version) -> Result<Length, FramingError> {
        Ok(self.decide(version)?.unwrap_or(Length::Exact(0)))
    }

    /// The length of the body of a response to `method`.
    pub fn response(&self, version: Version, status: StatusCode, method: &Method) -> Result<Length, FramingError> {
        let stated = self.decide(version)?;
        if *method == Method::HEAD || bodiless(status) {
            return Ok(Length::Exact(0));
        }
        Ok(stated.unwrap_or(Length::UntilClose))
    }

    fn decide(&self, version: Version) -> Result<Option<Length>, FramingError> {
        match (self.coding, self.length) {
            (None, None) => Ok(None),
            (None, Some(length)) => length.map(|n| Some(Length::Exact(n))),
            (Some(_), Some(_)) => Err(FramingError::Both),
            (Some(_), None) if version == Version::Http10 => Err(FramingError::CodingInHttp10),
            (Some(coding), None) => coding.map(|()| Some(Length::Marked)),
        }
    }
}

/// Whether an answer of this status never has a body, whatever its fields say (RFC 9112 section 6.3 rule 1).
pub fn bodiless(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Why a message has no sure length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// Content-Length and Transfer-Encoding in one message.
    Both,
    /// Transfer-Encoding in HTTP/1.0, which does not have it.
    CodingInHttp10,
    /// A coding besides chunked.
    CodingUnknown,
    /// Chunked is missing, stands twice, or is not the last.
    CodingNotFinal,
    /// A Content-Length that is no number, or one too large for 64 bits.
    LengthValue,
    /// Several values of Content-Length.
    LengthsDiffer,
}

impl FramingError {
    /// The status that tells a client: 501 for a coding that is not known, else 400.
    pub fn status(self) -> StatusCode {
        match self {
            FramingError::CodingUnknown => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The word for logs and error bodies.
    pub const fn code(self) -> &'static str {
        match self {
            FramingError::Both => "content_length_with_transfer_encoding",
            FramingError::CodingInHttp10 => "transfer_encoding_in_http10",
            FramingError::CodingUnknown => "unsupported_transfer_encoding",
            FramingError::CodingNotFinal => "invalid_transfer_encoding",
            FramingError::LengthValue => "invalid_content_length",
            FramingError::LengthsDiffer => "conflicting_content_length",
        }
    }
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FramingError::Both => "both Content-Length and Transfer-Encoding are given",
            FramingError::CodingInHttp10 => "HTTP/1.0 has no Transfer-Encoding",
            FramingError::CodingUnknown => "Transfer-Encoding names a coding other than chunked",
            FramingError::CodingNotFinal => "Transfer-Encoding is not exactly one final chunked",
            FramingError::LengthValue => "Content-Length is not a decimal number of at most 64 bits",
            FramingError::LengthsDiffer => "Content-Length is given with different values",
        })
    }
}

impl core::error::Error for FramingError {}
