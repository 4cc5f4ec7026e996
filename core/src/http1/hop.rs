//! What belongs to one connection and ends at this hop (RFC 9110 section 7.6.1).

use super::token::{list, reads_as};
use crate::message::{Fields, Length};

/// Most options in a head's Connection fields besides close, keep-alive and upgrade. Real clients name one or two.
pub const OPTIONS: usize = 16;

/// The well-known options of a head's Connection fields, and how many others there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    others: usize,
}

impl Options {
    /// Notes the options of one Connection field; `other` gets those that are not well known.
    #[inline]
    pub(super) fn add<'v>(&mut self, value: &'v [u8], mut other: impl FnMut(&'v [u8])) {
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if !option.is_empty() {
                self.others = self.others.saturating_add(1);
                other(option);
            }
        }
    }

    /// Whether there are more options than [`Hop`] can hold.
    pub(super) fn too_many(&self) -> bool {
        self.others > OPTIONS
    }
}

/// Which fields of one head end at this hop.
///
/// Besides the fixed ones these are the fields that Connection names, whatever they are: RFC 9110 section 7.6.1 lets an
/// intermediary keep none. It forbids a sender to name what is meant for every recipient; one that does takes it away from its
/// own message only, for Host, length and credential are decided from the head as it came and written anew.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    named: [&'a [u8]; OPTIONS],
    len: usize,
}

impl<'a> Hop<'a> {
    /// Reads the Connection fields of a head that [`super::head`] accepted (so there are at most [`OPTIONS`] names).
    pub fn of(fields: &Fields<'a>) -> Self {
        let mut hop = Hop { named: [&[]; OPTIONS], len: 0 };
        let mut options = Options::default();
        for value in fields.all("connection") {
            options.add(value, |name| {
                if let Some(slot) = hop.named.get_mut(hop.len) {
                    *slot = name;
                    hop.len += 1;
                }
            });
        }
        hop
    }

    /// Whether the field of this name (in any case) is not to be forwarded.
    #[inline]
    pub fn drops(&self, name: &[u8]) -> bool {
        always(name) || self.named.iter().take(self.len).any(|n| n.eq_ignore_ascii_case(name))
    }
}

/// What a head's Connection fields name, kept until the trailers of its message are there: it takes those away too (RFC 9110
/// section 7.6.1). Nothing is kept of a head that names nothing or has no trailers behind it.
#[derive(Clone, Debug, Default)]
pub struct Named(Option<Box<Names>>);

/// With commas between them; a box within a box, so that a connection that keeps none pays one pointer.
#[derive(Clone, Debug)]
struct Names(Box<[u8]>);

impl Named {
    /// The names that `hop` found in a head whose body is of `length`.
    pub fn of(hop: &Hop<'_>, length: Length) -> Self {
        let names = hop.named.get(..hop.len).unwrap_or_default();
        Named((length == Length::Marked && !names.is_empty()).then(|| Box::new(Names(names.join(&b',').into()))))
    }

    /// Whether the trailer of this name (in any case) is not to be forwarded.
    pub fn drops(&self, name: &[u8]) -> bool {
        self.0.as_deref().is_some_and(|Names(names)| list(names).any(|n| n.eq_ignore_ascii_case(name)))
    }
}

/// Fields that end at each hop whether or not Connection names them.
#[inline]
fn always(name: &[u8]) -> bool {
    let is = |fixed: &[u8]| name.eq_ignore_ascii_case(fixed);
    match name.len() {
        2 => is(b"te"),
        7 => is(b"upgrade") || is(b"trailer"),
        10 => is(b"connection") || is(b"keep-alive"),
        // RFC 7540 section 3.2.1: belongs to an upgrade to HTTP/2, which is not passed on.
        14 => is(b"http2-settings"),
        16 => is(b"proxy-connection"),
        17 => is(b"transfer-encoding"),
        // Between a client and the proxy that it chose (RFC 9110 section 11.7), which this is not.
        18 => is(b"proxy-authenticate"),
        19 => is(b"proxy-authorization"),
        25 => is(b"proxy-authentication-info"),
        _ => false,
    }
}

/// Fields that frame a message. They are decided once and written anew, never copied.
#[inline]
pub fn frames(name: &[u8]) -> bool {
    (name.len() == 14 && name.eq_ignore_ascii_case(b"content-length"))
        || (name.len() == 17 && name.eq_ignore_ascii_case(b"transfer-encoding"))
}

/// Whether a trailer of this name must not be forwarded (RFC 9110 section 6.5.1): what frames, routes, authenticates,
/// modifies the request, or says how to read or keep the body has to come before it. Names are compared as a server
/// that reads `_` as `-` would.
pub fn forbidden_in_trailers(name: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 4] = [b"proxy-", b"access-control-", b"x-keywheel-", b"if-"];
    let starts = |prefix: &&[u8]| name.get(..prefix.len()).is_some_and(|head| reads_as(head, prefix));
    always(name) || PREFIXES.iter().any(starts) || NOT_TRAILERS.iter().any(|n| reads_as(name, n))
}

const NOT_TRAILERS: [&[u8]; 36] = [
    // Framing and routing.
    b"content-length",
    b"transfer-encoding",
    b"trailer",
    b"keep-alive",
    b"host",
    b"max-forwards",
    b"expect",
    b"te",
    // Credentials, in every form that clients use, and what asks for or answers them.
    b"authorization",
    b"authentication-info",
    b"www-authenticate",
    b"x-api-key",
    b"api-key",
    b"x-goog-api-key",
    b"sec-websocket-protocol",
    b"openai-organization",
    b"openai-project",
    b"cookie",
    b"set-cookie",
    b"origin",
    // How to read the content.
    b"content-encoding",
    b"content-type",
    b"content-range",
    b"content-location",
    b"content-disposition",
    b"range",
    b"accept-ranges",
    // Control data of the response.
    b"age",
    b"cache-control",
    b"pragma",
    b"date",
    b"expires",
    b"location",
    b"retry-after",
    b"vary",
    b"warning",
];
