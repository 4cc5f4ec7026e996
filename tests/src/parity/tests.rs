use super::simulated::Simulated;
use super::stage::play;
use super::{TABLE, script};
use crate::sim::engine::{Carriage, Mode};
use crate::sim::pipe::Cut;

fn all_hold(mode: Mode) {
    let mut failed = Vec::new();
    for (file, table) in TABLE {
        for scenario in script::read(table).unwrap_or_else(|why| panic!("{file}: {why}")) {
            let stage = Simulated::new(&scenario.env, scenario.keys, Cut::Whole, Carriage::plain(mode));
            let played = stage.and_then(|mut stage| play(&scenario, &mut stage));
            failed.extend(played.err().map(|why| format!("{file}: {why}")));
        }
    }
    assert!(failed.is_empty(), "{} failed\n\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn every_scenario_holds_in_core_mode() {
    all_hold(Mode::Core);
}

#[test]
fn every_scenario_holds_in_full_mode() {
    all_hold(Mode::Full);
}
