//! One table of scenarios, played on every stage: the bytes at client and upstream are the same on all of them.

pub mod script;
pub mod simulated;
pub mod stage;
pub mod template;
pub mod unframe;

/// The table: files of `tests/parity`, by name.
pub const TABLE: [(&str, &str); 1] = [("framing", include_str!("../../parity/framing.txt"))];

#[cfg(test)]
mod tests;
