//! A client's request as the exchange keeps it: rewritten once, sent once per attempt.

use crate::auth;
use crate::keyring::Lease;
use crate::message::{Length, RequestHead, Version};
use crate::origin::BaseUrl;
use crate::secret::Veiled;
use crate::target::Target;
use crate::turn::{Pool, Turn};
use core::fmt;
use http::Method;
use std::borrow::Cow;

/// The head with all that ends at this hop already gone. Its bytes are freed at the commit point.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) length: Length,
    pub(super) upgrade: Option<Box<[u8]>>,
    /// The target as the client spelled it, the instances that the request came through, the kept field lines.
    head: Vec<u8>,
    target_end: u32,
    hops_end: u32,
    target: Option<Target>,
}

/// A request to be written upstream, borrowed from the exchange.
pub struct Outgoing<'a> {
    /// Method.
    pub method: &'a Method,
    /// The base URL it goes to: authority, and the path prefix that precedes `target`.
    pub base: &'a BaseUrl,
    target: Option<Target>,
    raw_target: &'a [u8],
    /// Kept fields, each `Name: value` and CRLF, in the client's order.
    pub lines: &'a [u8],
    /// The key that signs it, and the operator's fields for it.
    pub lease: &'a Lease,
    /// How long the body is.
    pub length: Length,
    /// Names this instance, where a loop is possible.
    pub hop: Option<&'a str>,
    /// The instances before it, each with a comma behind it.
    hops: &'a [u8],
    /// The client asks for an upgrade to this protocol.
    pub upgrade: Option<&'a [u8]>,
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", self.method)
            .field("base", self.base)
            .field("lines", &Veiled(self.lines.len()))
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Outgoing<'_> {
    /// Appends the target as it goes to `base`: path and query, credentials left out of it.
    pub fn write_target(&self, out: &mut Vec<u8>) {
        if let Some(target) = &self.target {
            target.write(self.raw_target, &self.base.prefix, out);
        }
    }

    /// The fields that keywheel adds: the credential, what the operator set for the key, the loop mark.
    pub fn additions(&self, add: &mut dyn FnMut(&str, &[u8])) {
        let entry = self.lease.entry();
        add(entry.credential_name, entry.credential.expose());
        if let Some(organization) = &entry.organization {
            add("OpenAI-Organization", organization.as_bytes());
        }
        if let Some(project) = &entry.project {
            add("OpenAI-Project", project.as_bytes());
        }
        match self.hop {
            Some(hop) if self.hops.is_empty() => add(HOP_FIELD, hop.as_bytes()),
            Some(hop) => add(HOP_FIELD, &[self.hops, hop.as_bytes()].concat()),
            None => {}
        }
    }
}

/// The number in a Max-Forwards field: digits only, and no sign.
pub(super) fn forwards(value: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok())
}

/// Names the instance that sent a request upstream, so that a loop is seen when it comes back.
pub(super) const HOP_FIELD: &str = "x-keywheel-hop";

impl Request {
    /// Keeps what goes on of a client's head: the target, and each field that ends neither at this hop (`drops`) nor
    /// at this proxy (credentials, cookies, Expect, Host).
    pub(super) fn new(
        head: &RequestHead<'_>,
        target: Option<Target>,
        drops: &dyn Fn(&[u8]) -> bool,
        turn: &mut Turn<'_>,
    ) -> Self {
        let mut request = Request {
            method: head.method.clone(),
            length: head.length,
            upgrade: head.upgrade.map(Into::into),
            head: turn.pool.take_scratch(),
            target_end: head.target.len() as u32,
            hops_end: 0,
            target,
        };
        request.head.extend_from_slice(&head.target);
        for hops in head.fields.all(HOP_FIELD) {
            request.head.extend_from_slice(hops);
            request.head.extend_from_slice(b", ");
        }
        request.hops_end = request.head.len() as u32;
        for ((name, value), (_, line)) in head.fields.iter().zip(head.fields.lines()) {
            if drops(name) || ends_here(name) {
                continue;
            }
            if name.eq_ignore_ascii_case(b"sec-websocket-protocol") {
                request.keep_protocols(name, value, line);
            } else if name.eq_ignore_ascii_case(b"max-forwards") && head.method == Method::OPTIONS {
                request.keep_max_forwards(value);
            } else {
                request.head.extend_from_slice(line);
            }
        }
        if turn.settings.via {
            // Behind those that came, as RFC 9110 section 7.6.3 has it.
            request.head.extend_from_slice(match head.version {
                Version::Http10 => b"Via: 1.0 keywheel\r\n",
                Version::Http11 => b"Via: 1.1 keywheel\r\n",
            });
        }
        request
    }

    /// The credential item goes out of the list of subprotocols, the others stay in order.
    fn keep_protocols(&mut self, name: &[u8], value: &[u8], line: &[u8]) {
        match auth::kept_protocols(value) {
            Cow::Borrowed(_) => self.head.extend_from_slice(line),
            Cow::Owned(kept) if kept.is_empty() => {}
            Cow::Owned(kept) => {
                for part in [name, b": ", &kept, b"\r\n"] {
                    self.head.extend_from_slice(part);
                }
            }
        }
    }

    /// One hop less is left (RFC 9110 section 7.6.2). What is no number goes on as it came for the upstream to refuse.
    fn keep_max_forwards(&mut self, value: &[u8]) {
        let value = forwards(value).map_or_else(|| value.to_vec(), |n| n.saturating_sub(1).to_string().into_bytes());
        for part in [b"Max-Forwards: ", &value[..], b"\r\n"] {
            self.head.extend_from_slice(part);
        }
    }

    /// Whether it was sent by this instance before, at once or through others.
    pub(super) fn came_through(&self, instance: &str) -> bool {
        self.hops().split(|b| *b == b',').any(|hop| hop.trim_ascii() == instance.as_bytes())
    }

    pub(super) fn raw_target(&self) -> &[u8] {
        self.head.get(..self.target_end as usize).unwrap_or_default()
    }

    /// Each with a comma behind it.
    fn hops(&self) -> &[u8] {
        self.head.get(self.target_end as usize..self.hops_end as usize).unwrap_or_default()
    }

    /// What may be sent to `base` by this lease.
    pub(super) fn outgoing<'a>(&'a self, lease: &'a Lease, base: &'a BaseUrl, hop: Option<&'a str>) -> Outgoing<'a> {
        Outgoing {
            method: &self.method,
            base,
            target: self.target,
            raw_target: self.raw_target(),
            lines: self.head.get(self.hops_end as usize..).unwrap_or_default(),
            lease,
            length: self.length,
            hop,
            hops: self.hops(),
            upgrade: self.upgrade.as_deref(),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.head.capacity()
    }

    pub(super) fn free(&mut self, pool: &mut Pool) {
        (self.target_end, self.hops_end) = (0, 0);
        pool.put_scratch(core::mem::take(&mut self.head));
    }
}

/// Fields that end at this proxy, whatever protocol carried them.
fn ends_here(name: &[u8]) -> bool {
    match name.len() {
        4 => name.eq_ignore_ascii_case(b"host"),
        6 => name.eq_ignore_ascii_case(b"expect") || auth::strips(name),
        _ => auth::strips(name) || is_own(name),
    }
}

/// Whether a field of this name is for keywheel alone to write: to its clients, and to itself.
pub(super) fn is_own(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"x-keywheel-";
    name.split_at_checked(PREFIX.len()).is_some_and(|(start, _)| start.eq_ignore_ascii_case(PREFIX))
}
