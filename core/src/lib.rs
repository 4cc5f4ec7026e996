//! The pure core of keywheel: everything that decides, nothing that touches a socket, a clock or a thread.

pub mod admin;
pub mod auth;
pub mod classify;
pub mod config;
pub mod cors;
pub mod dialect;
pub mod exchange;
pub mod http1;
pub mod idle;
pub mod json;
pub mod keyring;
pub mod limits;
pub mod message;
pub mod notice;
pub mod origin;
pub mod proxy;
pub mod replay;
pub mod rng;
pub mod secret;
pub mod session;
pub mod sse;
pub mod stats;
pub mod time;
pub mod turn;
