//! One table of scenarios, played on every stage: the bytes at client and upstream are the same on all of them.

pub mod cast;
pub mod definitions;
pub mod script;
pub mod simulated;
pub mod sockets;
pub mod stage;
pub mod template;
pub mod unframe;

macro_rules! table {
    ($($file:literal),*) => {
        /// The table: files of `tests/parity`, by name.
        pub const TABLE: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../parity/", $file, ".txt")))),*];
    };
}

table!("framing", "connections", "interim", "access", "errors", "exhausted", "truncation", "admin");

#[cfg(test)]
mod tests;
