//! The table of scenarios on the stages that need processes: both binaries, over real sockets. The simulated stages are
//! tested beside their code.

use keywheel_tests::parity::{TABLE, script, sockets::Sockets, stage::play};

fn all_hold(flavour: &str) {
    let mut failed = Vec::new();
    for (file, table) in TABLE {
        for scenario in script::read(table).expect("a good table") {
            let stage = Sockets::new(flavour, &scenario.env, scenario.keys);
            let played = stage.and_then(|mut stage| play(&scenario, &mut stage));
            failed.extend(played.err().map(|why| format!("{file}: {why}")));
        }
    }
    assert!(failed.is_empty(), "{} failed\n\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn every_scenario_holds_with_tokio() {
    all_hold("keywheel-tokio");
}

#[test]
fn every_scenario_holds_with_smol() {
    all_hold("keywheel-smol");
}
