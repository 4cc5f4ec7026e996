//! The simulated world: virtual time, a network with faults, clients and upstreams, all drawn from one seed.

pub mod agenda;
pub mod client;
pub mod crypto;
pub mod dialing;
pub mod dice;
pub mod direct;
pub mod engine;
pub mod errand;
pub mod executor;
pub mod full;
pub mod net;
pub mod pipe;
pub mod runtime;
pub mod setup;
pub mod simulation;
pub mod swarm;
pub mod trace;
pub mod upstream;
pub mod weather;
pub mod workload;
pub mod world;
