//! The table of conformance: what a client or an upstream may do, and what the other side may see of it, judged by meaning.
//!
//! Rows are data in `tests/conformance/`, one file a family; its README has their grammar. The same rows run on core alone
//! at every split point, in the simulator, on both binaries over sockets, and on other proxies for comparison.

pub mod expect;
pub mod judge;
pub mod peers;
pub mod play;
pub mod record;
pub mod report;
pub mod row;
pub mod run;
pub mod script;
pub mod stages;
pub mod table;
pub mod upstream;

#[cfg(test)]
mod tests;
