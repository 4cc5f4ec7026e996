//! The driver, written once: session loop, TLS, dialing, accepting. Generic over the four traits of [`traits`].

pub mod cli;
pub mod demo;
pub mod dial;
mod driver;
pub mod fake;
pub mod host;
pub mod hub;
pub mod keeper;
pub mod link;
pub mod log;
pub mod mailbox;
pub mod server;
pub mod tls;
pub mod traits;
pub mod worker;
