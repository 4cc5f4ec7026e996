//! Sessions by their bytes, one noun a file.

mod closing;
mod early;
mod echo;
mod expect;
mod fields;
mod flow;
mod held;
mod memory;
mod model;
mod pipelining;
mod retry;
mod rig;
mod timeouts;
mod tunnel;

use super::*;
use rig::*;
