//! HTTP/1 syntax without I/O: bytes to heads and bodies, and back (RFC 9112).
//!
//! * [`head`]: a whole request or response head becomes spans, or a refusal that says what is wrong and where.
//! * [`framing`]: how long the body is, decided once per message (RFC 9112 section 6.3).
//! * [`body`]: a body is walked in place; chunk headers are made canonical where they stand.
//! * [`hop`]: what ends at this hop and is never forwarded (RFC 9110 section 7.6.1).
//! * [`encode`]: heads, pages and chunk marks are written anew.
//!
//! Nothing that a peer spelled in its own way about framing is ever forwarded: what goes out is written
//! from the decided values, and field lines are copied only after they passed the checks of [`head`].

pub mod body;
pub mod encode;
pub mod framing;
pub mod head;
pub mod hop;
mod scan;
#[cfg(test)]
mod tests;
mod token;

pub use scan::Scan;
