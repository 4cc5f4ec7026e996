use super::script::Scenario;
use super::simulated::Simulated;
use super::stage::play;
use super::{TABLE, script};
use crate::sim::engine::{Carriage, Mode};
use crate::sim::pipe::Cut;

fn scenarios() -> impl Iterator<Item = (&'static str, Scenario)> {
    TABLE.iter().flat_map(|(file, table)| {
        let all = script::read(table).unwrap_or_else(|why| panic!("{file}: {why}"));
        all.into_iter().map(|scenario| (*file, scenario))
    })
}

/// Plays one scenario; what went wrong.
fn play_one(scenario: &Scenario, cut: Cut, carriage: &Carriage) -> Result<(), String> {
    let mut stage = Simulated::new(&scenario.env, scenario.keys, cut, carriage.clone())?;
    play(scenario, &mut stage)
}

fn all_hold(carriage: &Carriage, cuts: impl Fn(&Scenario) -> Vec<Cut>) {
    let mut failed = Vec::new();
    for (file, scenario) in scenarios() {
        // The first cut that fails tells enough of a scenario.
        let why = cuts(&scenario).into_iter().find_map(|cut| {
            let why = play_one(&scenario, cut, carriage).err()?;
            Some(format!("{file} ({cut:?}): {why}"))
        });
        failed.extend(why);
    }
    assert!(failed.is_empty(), "{} failed\n\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn every_scenario_holds_in_core_mode() {
    all_hold(&Carriage::plain(Mode::Core), |_| vec![Cut::Whole]);
}

#[test]
fn every_scenario_holds_in_full_mode() {
    all_hold(&Carriage::plain(Mode::Full), |_| vec![Cut::Whole]);
}

/// Streams beyond this hold fillers, which need not be cut everywhere: their heads and beginnings are.
const LONG: u64 = 3_000;

#[test]
fn every_scenario_holds_byte_by_byte() {
    all_hold(&Carriage::plain(Mode::Core), |_| vec![Cut::Bytes(LONG)]);
    let narrow = Carriage { most_read: 1, upstream_first: true, ..Carriage::plain(Mode::Core) };
    let short = |scenario: &Scenario| scenario.longest_stream() <= LONG;
    all_hold(&narrow, |scenario| short(scenario).then_some(Cut::Whole).into_iter().collect());
}

#[test]
fn every_scenario_holds_when_cut_at_any_byte() {
    all_hold(&Carriage::plain(Mode::Core), |scenario| {
        let cuts = if scenario.longest_stream() <= LONG { scenario.longest_stream() } else { 400 };
        (1..cuts).map(Cut::At).collect()
    });
}
