//! One upstream key as configured: its bytes, what it is known by, what of it may be shown.

use crate::dialect::Dialect;
use crate::origin::BaseUrl;
use crate::secret::Secret;
use core::fmt;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What a key is known by across restarts and reloads: SHA-256 of the key's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Fingerprint(Sha256::digest(bytes).into())
    }
}

/// One upstream key as configured.
#[derive(Debug)]
pub struct KeyEntry {
    /// Identity.
    pub fingerprint: Fingerprint,
    /// The key itself.
    pub secret: Secret,
    /// Name of the field that carries it upstream (`Authorization`).
    pub credential_name: &'static str,
    /// The field's whole value (`Bearer …`), rendered once.
    pub credential: Secret,
    /// What may be shown: fixed prefix, an ellipsis, the last four (`sk-proj-…abcd`).
    pub preview: Box<str>,
    /// Operator's name for it; empty when none was given.
    pub name: Box<str>,
    /// Line in the keys file, from 1; 0 when it came from elsewhere.
    pub line: u32,
    /// Position among the keys, from 0, in file order.
    pub index: u32,
    /// Share of requests relative to others, at least 1. Default 1.
    pub weight: u32,
    /// Tier: lower is used first. Default 0.
    pub priority: u32,
    /// Models this key may serve, `*` as suffix wildcard; empty means all.
    pub models: Vec<Box<str>>,
    /// The key's own base URLs, or the pool's. Never empty.
    pub bases: Arc<[BaseUrl]>,
    /// Value for `OpenAI-Organization`, when the operator set one.
    pub organization: Option<Box<str>>,
    /// Value for `OpenAI-Project`, when the operator set one.
    pub project: Option<Box<str>>,
}

/// Why some bytes cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// There are no bytes.
    Empty,
    /// A byte is not visible ASCII (0x21 to 0x7e), so it could not stand in a field's value.
    NotVisibleAscii,
    /// There is no base URL to use it with.
    NoBase,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadKey::Empty => "the key is empty",
            BadKey::NotVisibleAscii => "the key holds a byte that is not visible ASCII",
            BadKey::NoBase => "the key has no base URL",
        })
    }
}

impl core::error::Error for BadKey {}

impl KeyEntry {
    /// A key with the defaults of every optional field: no name, weight 1, priority 0, all models.
    ///
    /// `index` is its position among the keys. Set the other public fields afterwards where they differ.
    pub fn new(secret: Secret, index: u32, bases: Arc<[BaseUrl]>) -> Result<Self, BadKey> {
        let bytes = secret.expose();
        if bytes.is_empty() {
            return Err(BadKey::Empty);
        }
        if !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(BadKey::NotVisibleAscii);
        }
        if bases.is_empty() {
            return Err(BadKey::NoBase);
        }
        Ok(KeyEntry {
            fingerprint: Fingerprint::of(bytes),
            credential_name: Dialect::OpenAi.credential_name(),
            credential: Dialect::OpenAi.credential(bytes),
            preview: preview(bytes),
            name: Box::default(),
            line: 0,
            index,
            weight: 1,
            priority: 0,
            models: Vec::new(),
            bases,
            organization: None,
            project: None,
            secret,
        })
    }

    /// The part of the key that tells it from others: what follows its fixed prefix.
    ///
    /// No eight bytes of it may ever reach a client, a log or a page.
    pub fn private_part(&self) -> &[u8] {
        let key = self.secret.expose();
        key.get(fixed_prefix(key)..).unwrap_or(key)
    }

    /// Whether `models` allows this model.
    pub fn allows(&self, model: &str) -> bool {
        self.models.is_empty()
            || self.models.iter().any(|m| match m.strip_suffix('*') {
                Some(start) => model.starts_with(start),
                None => &**m == model,
            })
    }
}

/// Shortest private part of which the last four bytes are shown: never more than a third of it.
const SHOWN_FROM: usize = 12;

/// Length of the prefix that all keys of a kind share: `sk-proj-`, `sk-`, or a JWT's header segment with its dot.
fn fixed_prefix(key: &[u8]) -> usize {
    if key.starts_with(b"sk-proj-") {
        8
    } else if key.starts_with(b"sk-") {
        3
    } else if key.starts_with(b"eyJ") {
        memchr::memchr(b'.', key).map_or(0, |dot| dot + 1)
    } else {
        0
    }
}

/// Fixed prefix (of a JWT's header only `eyJ`), an ellipsis, and the last four bytes of a key long enough to spare them.
fn preview(key: &[u8]) -> Box<str> {
    let prefix = fixed_prefix(key);
    let shown = if key.starts_with(b"eyJ") { prefix.min(3) } else { prefix };
    let tail = if key.len() - prefix >= SHOWN_FROM { key.len() - 4 } else { key.len() };
    // The key is visible ASCII, so each byte is a character.
    let text = |bytes: &[u8]| bytes.iter().map(|&b| char::from(b)).collect::<String>();
    format!("{}…{}", text(&key[..shown]), text(&key[tail..])).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Origin;

    fn entry(key: &str) -> Result<KeyEntry, BadKey> {
        let base = BaseUrl::new(Origin::new(true, "api.openai.com", 443), "");
        KeyEntry::new(Secret::new(key.as_bytes()), 0, Arc::from([base]))
    }

    #[test]
    fn preview_shows_prefix_and_last_four() {
        for (key, shown) in [
            ("sk-proj-0123456789abcdef", "sk-proj-…cdef"),
            ("sk-0123456789abcdef", "sk-…cdef"),
            ("0123456789abcdef", "…cdef"),
            ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "eyJ…dXJl"),
        ] {
            assert_eq!(&*entry(key).unwrap().preview, shown);
        }
    }

    #[test]
    fn a_short_key_shows_nothing_of_its_own() {
        assert_eq!(&*entry("sk-0123456789a").unwrap().preview, "sk-…");
        assert_eq!(&*entry("sk-").unwrap().preview, "sk-…");
        assert_eq!(&*entry("x").unwrap().preview, "…");
    }

    #[test]
    fn bytes_that_no_field_could_carry_are_no_key() {
        assert_eq!(entry("").unwrap_err(), BadKey::Empty);
        for bad in ["a b", "a\r\nX: y", "schlüssel", "a\u{7f}"] {
            assert_eq!(entry(bad).unwrap_err(), BadKey::NotVisibleAscii);
        }
        assert_eq!(KeyEntry::new(Secret::new(*b"k"), 0, Arc::from([])).unwrap_err(), BadKey::NoBase);
    }

    #[test]
    fn private_part_leaves_the_shared_prefix_out() {
        assert_eq!(entry("sk-proj-secret").unwrap().private_part(), b"secret");
        assert_eq!(entry("eyJh.body.sig").unwrap().private_part(), b"body.sig");
        assert_eq!(entry("plain").unwrap().private_part(), b"plain");
    }

    #[test]
    fn debug_output_holds_no_key() {
        let text = format!("{:?}", entry("sk-0123456789abcdef").unwrap());
        assert!(!text.contains("01234567") && !text.contains("89abcdef"), "{text}");
    }

    #[test]
    fn models_are_whole_names_or_prefixes() {
        let mut key = entry("k").unwrap();
        assert!(key.allows("gpt-4o"));
        key.models = vec!["gpt-4o".into(), "o3*".into()];
        assert!(key.allows("gpt-4o") && key.allows("o3-mini") && key.allows("o3"));
        assert!(!key.allows("gpt-4o-mini") && !key.allows("gpt"));
    }
}
