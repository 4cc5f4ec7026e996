//! A fake OpenAI provider, sans I/O: one implementation for the demo, the tests, the simulator and the benches.
//!
//! ```text
//!   Provider   shared: keys and how each behaves, counts, the log of what arrived
//!      │ connect()
//!   Conn       one HTTP/1.1 server connection: bytes in by recv, bytes out by transmit
//!      ├─ head · decoder      strict parsing; what a proxy must not send is a [`Violation`]
//!      ├─ intake · multipart  what a request's body came to
//!      ├─ route               the answer: chat, responses, pages, an error row
//!      └─ outgoing            its bytes, with framing, pauses and faults as the [`Spec`] asks
//! ```
//!
//! It shares no code with the proxy's own parsers: a mistake of theirs does not hide here. How a request is
//! answered follows from the key it carries ([`Behaviour`]) and from a [`Spec`] that the request may bring.

mod answer;
mod behaviour;
mod chat;
mod conn;
mod decoder;
mod gzip;
mod head;
mod intake;
mod multipart;
mod outgoing;
mod pages;
mod provider;
mod record;
mod responses;
mod route;
mod rows;
pub mod serve;
mod spec;
pub mod threads;
mod websocket;

pub use behaviour::Behaviour;
pub use conn::{Close, Conn};
pub use head::Violation;
pub use provider::{KeyCounts, Options, Provider};
pub use record::{Body, Ended, Record};
pub use rows::{ROWS, Row, Shape};
pub use spec::{Echo, Fault, Spec};

#[cfg(test)]
mod tests;
