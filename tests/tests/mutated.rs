//! Some mutated streams against both binaries; `cargo mutated` plays as many as wanted.

use keywheel_tests::mutation::play;

fn all_hold(flavour: &str) {
    let outcome = play(flavour, 0..400, &|_| {});
    assert!(outcome.failed.is_empty() && outcome.passed == 400, "{flavour}: {:?}", outcome.failed);
}

#[test]
fn mutated_streams_pass_or_are_refused_with_tokio() {
    all_hold("keywheel-tokio");
}

#[test]
fn mutated_streams_pass_or_are_refused_with_smol() {
    all_hold("keywheel-smol");
}
