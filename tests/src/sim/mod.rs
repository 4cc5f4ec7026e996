//! The simulated world: virtual time, a network with faults, clients and upstreams, all drawn from one seed.

pub mod agenda;
pub mod dice;
pub mod executor;
pub mod net;
pub mod pipe;
pub mod runtime;
pub mod trace;
pub mod weather;
pub mod world;
