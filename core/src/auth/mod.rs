//! Finds and checks the client's credential, in every form the SDKs use.
//!
//! | place | form |
//! |---|---|
//! | `Authorization` | `Bearer T`, the scheme in any case (RFC 9110 section 11.1) |
//! | `x-api-key`, `api-key`, `x-goog-api-key` | `T` |
//! | query | `key=T`, `api-key=T` |
//! | `Sec-WebSocket-Protocol` | an item `openai-insecure-api-key.T` |
//!
//! Every place that is used has to hold a valid token: of two that disagree none is believed. All of them
//! are stripped before a request goes on, whether or not a token is asked for.

mod query;
mod strip;

pub use query::kept_query;
pub use strip::{kept_protocols, strips};

use crate::message::Fields;
use core::fmt;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

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

    /// These, and those of another set.
    pub fn and(mut self, other: Tokens) -> Self {
        self.0.extend(other.0);
        self
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether some token is in both sets.
    pub fn overlaps(&self, other: &Tokens) -> bool {
        self.0.iter().any(|a| other.0.contains(a))
    }

    /// Looks at every token whatever the first ones say; digests are of one length, so that neither the
    /// tokens nor their lengths can be read from the time this takes.
    fn hold(&self, digest: &[u8; 32]) -> bool {
        let found = self.0.iter().fold(Choice::from(0), |found, token| found | token.ct_eq(digest));
        found.into()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.count())
    }
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// No credential in any place. 401.
    Missing,
    /// A credential that is not valid, or not in an accepted form. 401.
    Invalid,
    /// The same field (or query parameter) twice, named here. 400.
    Repeated(&'static str),
}

/// The places where a credential may stand, by the names used in errors.
const PLACES: [&str; 7] = [
    "Authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "Sec-WebSocket-Protocol: openai-insecure-api-key",
    "?key",
    "?api-key",
];
/// Index into [`PLACES`] of the websocket item, and of the first query parameter.
const WEBSOCKET: usize = 4;
const QUERY: usize = 5;

/// Checks a request for the proxied paths: its fields and, without the `?`, its query.
///
/// `None` for `tokens` means that nothing is asked for. The cost is one SHA-256 for each place that holds
/// a credential, usually one (a fraction of a microsecond for tokens of up to 55 bytes); nothing is
/// allocated. The digest of the last good token is not remembered: a comparison with it would be faster for
/// the right guess than for a wrong one.
pub fn check(fields: Fields<'_>, query: Option<&[u8]>, tokens: Option<&Tokens>) -> Result<(), AuthError> {
    let Some(tokens) = tokens else { return Ok(()) };
    let mut found: [Option<Presented<'_>>; PLACES.len()] = Default::default();
    find_in_fields(fields, &mut found)?;
    for (which, value) in query.into_iter().flat_map(query::credentials) {
        put(&mut found, QUERY + which as usize, Presented::Escaped(value))?;
    }
    judge(&found, tokens)
}

/// Checks an admin call, whose credential counts only in header fields (a query ends up in histories and logs).
pub fn check_admin(fields: Fields<'_>, tokens: Option<&Tokens>) -> Result<(), AuthError> {
    check(fields, None, tokens)
}

/// A credential as the client wrote it.
#[derive(Clone, Copy)]
enum Presented<'a> {
    /// These bytes.
    Plain(&'a [u8]),
    /// These bytes after percent-decoding.
    Escaped(&'a [u8]),
    /// Not in an accepted form.
    Malformed,
}

fn find_in_fields<'a>(fields: Fields<'a>, found: &mut [Option<Presented<'a>>; PLACES.len()]) -> Result<(), AuthError> {
    for (name, value) in fields.iter() {
        match strip::place(name) {
            Some(strip::Place::Authorization) => put(found, 0, bearer(value))?,
            Some(strip::Place::Key(n)) => put(found, 1 + n as usize, Presented::Plain(value))?,
            Some(strip::Place::Protocols) => {
                for token in strip::protocol_items(value).filter_map(strip::protocol_credential) {
                    put(found, WEBSOCKET, Presented::Plain(token))?;
                }
            }
            None => {}
        }
    }
    Ok(())
}

fn put<'a>(
    found: &mut [Option<Presented<'a>>; PLACES.len()],
    place: usize,
    presented: Presented<'a>,
) -> Result<(), AuthError> {
    match found.get_mut(place) {
        Some(slot @ None) => *slot = Some(presented),
        _ => return Err(AuthError::Repeated(PLACES.get(place).copied().unwrap_or_default())),
    }
    Ok(())
}

fn judge(found: &[Option<Presented<'_>>], tokens: &Tokens) -> Result<(), AuthError> {
    let (mut any, mut all) = (false, true);
    for presented in found.iter().flatten() {
        any = true;
        let digest = match presented {
            Presented::Plain(bytes) => Sha256::digest(bytes),
            Presented::Escaped(bytes) => query::digest(bytes),
            Presented::Malformed => {
                all = false;
                continue;
            }
        };
        all &= tokens.hold(&digest.into());
    }
    match (any, all) {
        (false, _) => Err(AuthError::Missing),
        (true, false) => Err(AuthError::Invalid),
        (true, true) => Ok(()),
    }
}

/// The token of `Bearer T`. Other schemes, Basic among them, and a token without one are malformed; so is an
/// empty token. A list of credentials is one token that nobody has.
fn bearer(value: &[u8]) -> Presented<'_> {
    const SCHEME: &[u8] = b"bearer";
    match value.split_at_checked(SCHEME.len()) {
        Some((scheme, [b' ', token @ ..])) if scheme.eq_ignore_ascii_case(SCHEME) => {
            let spaces = token.iter().take_while(|&&b| b == b' ').count();
            Presented::Plain(token.get(spaces..).unwrap_or_default())
        }
        _ => Presented::Malformed,
    }
}

#[cfg(test)]
mod tests;
