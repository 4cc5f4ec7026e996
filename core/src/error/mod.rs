//! keywheel's own errors towards clients, in OpenAI's shape.
//!
//! Whose fault it is decides the type: [`ClientFault`], [`UpstreamFault`], [`Refusal`] (no key), [`Unready`]
//! (keywheel itself). Each becomes a [`Problem`], which is a page for a proxied path or for an admin path.
//! Upstream error bodies pass byte for byte and never come here.

mod retry;

pub use retry::Back;

use crate::auth::AuthError;
use crate::classify::Class;
use crate::keyring::Refusal;
use crate::message::Page;
use crate::session::DialError;
use crate::target::TargetError;
use crate::time::UnixMillis;
use bytes::Bytes;
use core::time::Duration;
use http::StatusCode;
use serde::Serialize;
use std::borrow::Cow;

/// The client's own mistake, or its lack of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFault {
    /// Not a request that can be served: what the parser says of it.
    Request {
        /// 400, 408, 414, 431, 501, 505, …
        status: StatusCode,
        /// Stable word for it.
        code: &'static str,
        /// What is wrong.
        text: Cow<'static, str>,
    },
    /// The credential.
    Auth(AuthError),
    /// No token is set, and it comes from a web page of another site.
    Strange,
    /// The path.
    Target(TargetError),
    /// An admin path does not have this method; here are those it has.
    Method(&'static str),
    /// The request head was begun and did not come to its end in time.
    SlowHead,
    /// The request body came slower than the slowest allowed, or stopped.
    SlowBody,
    /// The request came back to the proxy that sent it.
    Loop,
}

/// An upstream gave no answer that could be passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamFault {
    /// No connection at any address of any base URL.
    Unreachable(DialError),
    /// It closed the connection before it answered.
    Lost,
    /// What it sent is not HTTP, or breaks its own framing: here is how.
    Garbled(Cow<'static, str>),
    /// It did not answer in time.
    Silent,
}

/// keywheel takes no new request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// It is ending.
    Draining,
    /// A bound on what runs at once is reached.
    Full,
}

/// One of our errors, ready to be written.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: Cow<'static, str>,
    fields: Vec<(&'static str, String)>,
}

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";

impl Problem {
    /// A problem without extra fields.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Problem { status, kind, code, message: message.into(), fields: Vec::new() }
    }

    /// With one more field.
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// With what tells a client whether and when to try again.
    fn retry(mut self, back: Back) -> Self {
        back.fields(&mut self.fields);
        self
    }

    /// The answer on a proxied path.
    pub fn page(self) -> Page {
        let body = Body { error: Inner { message: &self.message, kind: self.kind, param: (), code: self.code } };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        page(self.status, self.fields, body)
    }

    /// The answer on an admin path: with the time instead of a parameter's name.
    pub fn admin_page(self, at: UnixMillis) -> Page {
        let timestamp = at.to_string();
        let error = AdminInner { message: &self.message, kind: self.kind, code: self.code, timestamp: &timestamp };
        let body = serde_json::to_vec(&Body { error }).unwrap_or_default();
        page(self.status, self.fields, body)
    }
}

fn page(status: StatusCode, mut fields: Vec<(&'static str, String)>, body: Vec<u8>) -> Page {
    fields.insert(0, ("Content-Type", "application/json".into()));
    Page { status, fields, body: Bytes::from(body) }
}

#[derive(Serialize)]
struct Body<E> {
    error: E,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: (),
    code: &'static str,
}

#[derive(Serialize)]
struct AdminInner<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    timestamp: &'a str,
}

impl From<ClientFault> for Problem {
    fn from(fault: ClientFault) -> Self {
        match fault {
            ClientFault::Request { status, code, text } => Problem::new(status, INVALID, code, text),
            ClientFault::Auth(error) => auth(error),
            ClientFault::Target(error) => target(error),
            ClientFault::Strange => Problem::new(
                StatusCode::FORBIDDEN,
                INVALID,
                "cross_site_request",
                "This proxy asks for no token, so it does not serve web pages of other sites. Set AUTH_KEY to let them in by it.",
            ),
            ClientFault::Method(allow) => Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID,
                "method_not_allowed",
                format!("This path is answered by the proxy itself and takes {allow} only."),
            )
            .with("Allow", allow),
            ClientFault::SlowHead => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                INVALID,
                "request_timeout",
                "The request head did not come to its end in time.",
            ),
            ClientFault::SlowBody => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                INVALID,
                "request_timeout",
                "The request body came too slowly, or stopped before its end.",
            ),
            ClientFault::Loop => Problem::new(
                StatusCode::LOOP_DETECTED,
                SERVER,
                "loop_detected",
                "This request was sent by this proxy: its upstream leads back to it.",
            )
            .retry(Back::Never),
        }
    }
}

fn auth(error: AuthError) -> Problem {
    let unauthorized = |code, message: &'static str| {
        Problem::new(StatusCode::UNAUTHORIZED, INVALID, code, message)
            .with("WWW-Authenticate", "Bearer realm=\"keywheel\"")
    };
    match error {
        AuthError::Missing => unauthorized(
            "missing_api_key",
            "No proxy token was given. Send it as Authorization: Bearer TOKEN, x-api-key, api-key or x-goog-api-key.",
        ),
        AuthError::Invalid => unauthorized(
            "invalid_api_key",
            "The proxy token is not valid. It is this proxy's own token that is asked for, not a provider's key.",
        ),
        AuthError::Repeated(place) => Problem::new(
            StatusCode::BAD_REQUEST,
            INVALID,
            "repeated_credential",
            format!("A credential is given twice in the same place: {place}."),
        ),
    }
}

fn target(error: TargetError) -> Problem {
    let bad = |code, message: &'static str| Problem::new(StatusCode::BAD_REQUEST, INVALID, code, message);
    match error {
        TargetError::Form => bad("invalid_target", "The request target is not a path that begins with /."),
        TargetError::DotSegment => bad(
            "dot_segment",
            "The path holds a dot segment or a backslash. Such a path is never sent on, however it is spelled.",
        ),
        TargetError::UnknownPool => Problem::new(
            StatusCode::NOT_FOUND,
            INVALID,
            "unknown_pool",
            "There is no pool of the name that follows /proxy/ in the path.",
        ),
        TargetError::PageNumber => bad("invalid_page", "page= is not a number from 1 on."),
    }
}

impl From<UpstreamFault> for Problem {
    fn from(fault: UpstreamFault) -> Self {
        let bad = |code, message: Cow<'static, str>| Problem::new(StatusCode::BAD_GATEWAY, SERVER, code, message);
        match fault {
            UpstreamFault::Unreachable(error) => {
                bad("upstream_unreachable", format!("The upstream cannot be reached: {}.", reason(error)).into())
            }
            UpstreamFault::Lost => {
                bad("upstream_lost", "The upstream closed the connection before it answered.".into())
            }
            UpstreamFault::Garbled(what) => {
                bad("upstream_garbled", format!("The upstream's answer is not valid HTTP: {what}.").into())
            }
            UpstreamFault::Silent => Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                SERVER,
                "upstream_timeout",
                "The upstream did not answer in time.",
            ),
        }
    }
}

fn reason(error: DialError) -> Cow<'static, str> {
    match error {
        DialError::Resolve(text) => format!("its name does not resolve ({text})").into(),
        DialError::Connect(text) => format!("no connection ({text})").into(),
        DialError::Timeout => "no connection in time".into(),
        DialError::Tls(text) => format!("TLS failed ({text})").into(),
        DialError::Resources(text) => format!("the proxy has no descriptor or port left ({text})").into(),
    }
}

impl From<Unready> for Problem {
    fn from(unready: Unready) -> Self {
        let message = match unready {
            Unready::Draining => "The proxy is ending and takes no new request.",
            Unready::Full => "The proxy serves as many connections as it may.",
        };
        let code = match unready {
            Unready::Draining => "draining",
            Unready::Full => "too_many_connections",
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, code, message).retry(Back::In(Duration::from_secs(1)))
    }
}

impl From<&Refusal> for Problem {
    /// For a request of which nothing was tried.
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Exhausted { back } => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "rate_limit_exceeded",
                "All keys that could serve this request are resting. Retry-After says when the first is back.",
            )
            .retry(Back::In(*back)),
            Refusal::Unavailable { back } => no_available_keys(None, *back),
            Refusal::Correlated => no_available_keys(None, None),
            Refusal::ModelNotFound => Problem::new(
                StatusCode::NOT_FOUND,
                INVALID,
                "model_not_found",
                "No key of this proxy may serve the model that the request names.",
            ),
            Refusal::NoConnection => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                SERVER,
                "no_free_connection",
                "All upstream connections that are allowed are in use.",
            )
            .retry(Back::In(Duration::from_secs(1))),
        }
    }
}

/// 503 `no_available_keys`: every key is out (`class` is `None`), or the request's last answer was of this
/// class and is not passed on, because it speaks of a key and not of the client's token.
///
/// `back`: until another key's rest ends. Up to a minute it goes into Retry-After; beyond, or unknown, the
/// client is told not to try again.
pub fn no_available_keys(class: Option<Class>, back: Option<Duration>) -> Problem {
    let message = match class {
        Some(class) => {
            format!("No key is available: the upstream refused the last one that was tried ({}).", class.as_str())
                .into()
        }
        None => Cow::Borrowed("No key is available: all are blacklisted or disabled."),
    };
    let back = match back {
        Some(back) if Back::In(back).is_near() => Back::In(back),
        _ => Back::Never,
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, "no_available_keys", message).retry(back)
}

/// The last event of a stream whose upstream broke off, in the shape that SDKs raise as an error.
pub const CUT_EVENT: &str = concat!(
    "data: {\"error\":{\"message\":\"The upstream broke off its answer before the end.\",",
    "\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_cut\"}}\n\n"
);

#[cfg(test)]
mod tests;
