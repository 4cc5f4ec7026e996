//! What tests keywheel: a simulated world, a reference model that judges it, the table of scenarios, the table of conformance, fuzz bodies.

pub mod conformance;
pub mod differential;
pub mod fuzz;
pub mod http1;
pub mod keyring;
pub mod keys_file;
pub mod model;
pub mod mutation;
pub mod parity;
pub mod process;
pub mod rfc;
pub mod sim;
pub mod sources;
pub mod strict;
