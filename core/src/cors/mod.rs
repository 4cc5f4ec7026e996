//! Cross-origin rules: preflight answers, and the fields that let a page read an answer.
//!
//! A preflight is answered before authentication (browsers send it without a credential). Every answer outside
//! the admin paths carries the fields of its [`Grant`], our own errors and preflights too; admin paths never do.

use crate::message::{Fields, Page};
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode};
use std::sync::Arc;

/// Which origins may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins, as browsers write them (lower case, no path), compared whole; `None`: any (`*`).
    pub origins: Option<Vec<Arc<str>>>,
}

/// What a request's origin is granted: decided when its head arrives, kept until its answer is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Any origin may read the answer.
    Any,
    /// This one may.
    Origin(Arc<str>),
    /// None, or nobody asked.
    Nobody,
}

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
/// Two hours, the longest that browsers keep.
const MAX_AGE: &str = "7200";
/// A prefix cannot be exposed, so the names are spelled out.
const EXPOSED: &str = "x-request-id, retry-after, retry-after-ms, \
    x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, \
    x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, \
    openai-organization, openai-project, openai-model, openai-version, openai-processing-ms, \
    x-keywheel-request-id, x-keywheel-attempts";

/// Whether a request is a preflight: OPTIONS with an origin and the method that is asked about.
pub fn is_preflight(method: &Method, fields: Fields<'_>) -> bool {
    method == Method::OPTIONS && fields.get("origin").is_some() && fields.get("access-control-request-method").is_some()
}

/// Whether an upstream's response field of this name is replaced by ours: all of `Access-Control-…`.
pub fn replaces(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"access-control-";
    name.split_at_checked(PREFIX.len()).is_some_and(|(start, _)| start.eq_ignore_ascii_case(PREFIX))
}

impl Cors {
    /// What these request fields' origin is granted. Allocates nothing.
    pub fn grant(&self, fields: Fields<'_>) -> Grant {
        let Some(origins) = &self.origins else { return Grant::Any };
        let Some(origin) = fields.get("origin") else { return Grant::Nobody };
        match origins.iter().find(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin)) {
            Some(allowed) => Grant::Origin(Arc::clone(allowed)),
            None => Grant::Nobody,
        }
    }

    /// The answer to a preflight, without the fields of its grant, which every answer gets.
    pub fn preflight(&self, fields: Fields<'_>) -> Page {
        let mut own = Vec::new();
        if self.grant(fields) != Grant::Nobody {
            own.push(("Access-Control-Allow-Methods", METHODS.to_owned()));
            // `*` would not cover Authorization, so the list that was asked for is allowed.
            if let Some(names) = fields.get("access-control-request-headers").and_then(requested) {
                own.push(("Access-Control-Allow-Headers", names));
            }
            own.push(("Access-Control-Max-Age", MAX_AGE.to_owned()));
        }
        Page { status: StatusCode::NO_CONTENT, fields: own, body: Bytes::new() }
    }
}

impl Grant {
    /// The fields to append to an answer, in order. An upstream's own `Vary` stays beside ours.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let origin = match self {
            Grant::Any => Some(&b"*"[..]),
            Grant::Origin(origin) => Some(origin.as_bytes()),
            Grant::Nobody => None,
        };
        let allowed = origin.map(|origin| ("Access-Control-Allow-Origin", origin));
        let exposed = origin.map(|_| ("Access-Control-Expose-Headers", EXPOSED.as_bytes()));
        allowed.into_iter().chain([("Vary", &b"Origin"[..])]).chain(exposed)
    }
}

/// A list of field names, written anew in lower case; `None` when it is empty or holds what is no field name.
fn requested(value: &[u8]) -> Option<String> {
    let mut names = String::with_capacity(value.len());
    for name in value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()) {
        let name = HeaderName::from_bytes(name).ok()?;
        if !names.is_empty() {
            names.push_str(", ");
        }
        names.push_str(name.as_str());
    }
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests;
