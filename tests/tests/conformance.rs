//! The table of conformance on the stages that need processes: both binaries, over real sockets. Core and simulator are
//! tested beside their code.

use keywheel_tests::conformance::{run, stages::Place};
use keywheel_tests::process::FLAVOURS;

#[test]
fn every_row_holds_with_tokio() {
    run::all_hold(Place::Binary(FLAVOURS[0]));
}

#[test]
fn every_row_holds_with_smol() {
    run::all_hold(Place::Binary(FLAVOURS[1]));
}
