use super::simulated::Simulated;
use super::stage::play;
use super::{TABLE, script};
use crate::sim::direct::Habits;
use crate::sim::pipe::Cut;

#[test]
fn every_scenario_holds_in_core_mode() {
    let mut failed = Vec::new();
    for (file, table) in TABLE {
        for scenario in script::read(table).unwrap_or_else(|why| panic!("{file}: {why}")) {
            let habits = Habits { most_read: usize::MAX, upstream_first: false, order: None };
            let mut stage = Simulated::new(&scenario.env, scenario.keys, Cut::Whole, habits).expect("a good setup");
            if let Err(why) = play(&scenario, &mut stage) {
                failed.push(format!("{file}: {why}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
