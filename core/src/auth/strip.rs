//! What of a client's fields never goes upstream: its credentials, and what contradicts a rotated key.

use std::borrow::Cow;

/// Where a field may carry a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `Authorization`.
    Authorization,
    /// The n-th of `x-api-key`, `api-key`, `x-goog-api-key`.
    Key(u8),
    /// `Sec-WebSocket-Protocol`.
    Protocols,
}

/// The place that a field of this name is, if it is one.
pub(super) fn place(name: &[u8]) -> Option<Place> {
    // By length first: nearly every field is told apart without looking at its bytes.
    let is = |expected: &str| name.eq_ignore_ascii_case(expected.as_bytes());
    match name.len() {
        7 if is("api-key") => Some(Place::Key(1)),
        9 if is("x-api-key") => Some(Place::Key(0)),
        13 if is("authorization") => Some(Place::Authorization),
        14 if is("x-goog-api-key") => Some(Place::Key(2)),
        22 if is("sec-websocket-protocol") => Some(Place::Protocols),
        _ => None,
    }
}

/// Whether a client's field of this name is left out of what goes upstream.
///
/// Besides credentials: `Cookie`, which is the proxy's origin's, and `OpenAI-Organization` and
/// `OpenAI-Project`, which contradict a rotated key (the upstream would refuse it); a key's own values for
/// those are added by whoever writes the head. `Sec-WebSocket-Protocol` is not dropped but rewritten: see
/// [`kept_protocols`].
pub fn strips(name: &[u8]) -> bool {
    let is = |expected: &str| name.eq_ignore_ascii_case(expected.as_bytes());
    match name.len() {
        6 => is("cookie"),
        14 => is("openai-project") || is("x-goog-api-key"),
        19 => is("openai-organization") || is("proxy-authorization"),
        _ => matches!(place(name), Some(Place::Authorization | Place::Key(_))),
    }
}

/// The items of a `Sec-WebSocket-Protocol` value, without white space around them, empty ones left out.
pub(super) fn protocol_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// The token, where this item carries one.
pub(super) fn protocol_credential(item: &[u8]) -> Option<&[u8]> {
    const PREFIX: &[u8] = b"openai-insecure-api-key.";
    let (prefix, token) = item.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(token)
}

/// A `Sec-WebSocket-Protocol` value without its credential, the other items in order.
///
/// Borrowed and unchanged when it carries none. Empty when nothing else is left: then the field goes.
pub fn kept_protocols(value: &[u8]) -> Cow<'_, [u8]> {
    if !protocol_items(value).any(|item| protocol_credential(item).is_some()) {
        return Cow::Borrowed(value);
    }
    let kept: Vec<&[u8]> = protocol_items(value).filter(|item| protocol_credential(item).is_none()).collect();
    Cow::Owned(kept.join(&b", "[..]))
}
