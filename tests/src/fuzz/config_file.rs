//! Bytes as a configuration file, TOML or JSON: a configuration, or every error with its line.

use super::dotenv::parsed;
use keywheel_core::config::{Flags, Layers};

/// Runs it.
pub fn run(data: &[u8]) {
    let flags = Flags { config: Some("keywheel.toml".into()), ..Flags::default() };
    parsed(&Layers { flags, ..Layers::default() }, data);
}
