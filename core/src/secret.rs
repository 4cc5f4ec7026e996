//! The one type that holds a key or token.

use core::fmt;
use zeroize::Zeroize;

/// A secret value: an upstream key, a client's token, a rendered credential.
///
/// It has no `Display`, no serialisation and no `==`; `Debug` shows nothing of it, and its memory is
/// zeroed when dropped. Only what writes it to a peer or hashes it calls [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes ownership of the bytes.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Secret(bytes.into())
    }

    /// The bytes themselves, for an encoder or a digest. Never for a log, an error or a page.
    pub fn expose(&self) -> &[u8] {
        &self.0
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

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
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
