//! The driver, written once: session loop, TLS, dialing, accepting. Generic over the four traits of [`traits`].

pub mod dial;
pub mod fake;
pub mod host;
pub mod link;
pub mod log;
pub mod server;
pub mod tls;
pub mod traits;
