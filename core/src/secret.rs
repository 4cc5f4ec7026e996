//! The one type that holds a key or token.

use core::fmt;
use zeroize::Zeroize;

/// A secret value: an upstream key, a client's token, a rendered credential, and every text that may hold one.
///
/// It has no `Display`, no serialisation, no `==` and no copies; `Debug` shows nothing of it, and its memory is
/// zeroed when dropped. Only what writes it to a peer, hashes or parses it calls [`Secret::expose`].
#[derive(Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes ownership of the bytes: a `Vec` or `String` is moved, anything borrowed is copied once.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Secret(bytes.into())
    }

    /// Adds to the end. Where the bytes have to move, the place that they leave is zeroed, as a `Vec` would not.
    pub fn append(&mut self, more: &[u8]) {
        let length = self.0.len() + more.len();
        if self.0.capacity() < length {
            let mut larger = Vec::with_capacity(length.max(2 * self.0.capacity()));
            larger.extend_from_slice(&self.0);
            drop(Secret(core::mem::replace(&mut self.0, larger)));
        }
        self.0.extend_from_slice(more);
    }

    /// The bytes themselves, for an encoder or a digest. Never for a log, an error or a page.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The same as text, if it is UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        core::str::from_utf8(&self.0).ok()
    }

    fn wipe(&mut self) {
        self.0.as_mut_slice().zeroize();
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.wipe();
        // And what lies behind the last byte, where a longer text may have been.
        self.0.zeroize();
    }
}

/// Stands in for bytes that pass in `Debug` output: how many there are, and none of them, for they may hold a secret.
#[derive(Clone, Copy)]
pub(crate) struct Veiled(pub(crate) usize);

impl fmt::Debug for Veiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_stands_behind_what_was_there() {
        let mut secret = Secret::default();
        assert!(secret.is_empty());
        for piece in ["sk-", "", "0123456789abcdef", "g"] {
            secret.append(piece.as_bytes());
        }
        assert_eq!((secret.expose_text(), secret.len()), (Some("sk-0123456789abcdefg"), 20));
        secret.append(b"\xff");
        assert_eq!(secret.expose_text(), None);
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(…) Secret(…)");
    }

    #[test]
    fn it_wipes_what_it_held() {
        // Of memory that was given back only unsafe code could tell: this looks before that, at what Drop begins with.
        let mut secret = Secret::from("sk-0123456789abcdef");
        secret.wipe();
        assert_eq!(secret.expose(), [0; 19]);
    }
}
