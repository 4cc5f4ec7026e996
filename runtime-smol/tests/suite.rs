//! The runtime does what the driver relies on, and carries a whole server.

#[path = "../../runtime/tests/suite/mod.rs"]
mod suite;

on!(keywheel_smol::Smol);
