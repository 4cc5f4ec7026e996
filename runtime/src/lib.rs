//! The driver, written once: session loop, TLS, dialing, accepting. Generic over the four traits of [`traits`].

pub mod fake;
pub mod host;
pub mod server;
pub mod traits;
