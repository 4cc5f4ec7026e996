//! Sessions by their bytes, one noun a file.

mod flow;
mod held;
mod memory;
mod retry;
mod rig;

use super::*;
use rig::*;
