//! Sessions by their bytes, one noun a file.

mod closing;
mod flow;
mod held;
mod memory;
mod retry;
mod rig;
mod tunnel;

use super::*;
use rig::*;
