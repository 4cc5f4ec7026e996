//! The reference model: judges whole exchanges from outside, by what clients got and what the provider saw.
//!
//! It shares no code with keywheel.

pub mod answer;
pub mod books;
pub mod departures;
pub mod evidence;
mod holding;
pub mod identity;
pub mod judge;
pub mod ledger;
pub mod lines;
pub mod own;
pub mod rests;
pub mod secrets;
pub mod tunnel;
pub mod turns;
