//! The binary: everything it does is the driver's.

use std::process::ExitCode;

fn main() -> ExitCode {
    keywheel_runtime::cli::main::<keywheel_smol::Smol>()
}
