//! The reference model: judges whole exchanges from outside, by what clients got and what the provider saw.
//!
//! It shares no code with keywheel.

pub mod answer;
