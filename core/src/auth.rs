//! Finds and checks the client's credential, in every form the SDKs use.

use core::fmt;
use sha2::{Digest, Sha256};

/// A set of tokens, of which only the SHA-256 digests are kept. Never empty.
#[derive(Clone)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// The digests of these tokens, empty ones left out; `None` when none is left.
    pub fn new<T: AsRef<[u8]>>(tokens: impl IntoIterator<Item = T>) -> Option<Self> {
        let digests: Vec<[u8; 32]> =
            tokens.into_iter().filter(|t| !t.as_ref().is_empty()).map(|t| Sha256::digest(t.as_ref()).into()).collect();
        (!digests.is_empty()).then_some(Tokens(digests))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.count())
    }
}
