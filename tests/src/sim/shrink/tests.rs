use super::*;
use crate::sim::engine::Mode;
use crate::sim::simulation::{Plan, run};

/// Whether some client was told that its request had no good credential.
fn unauthorized(world: &Scenario) -> bool {
    let report = run(&Plan::of(world.clone()));
    report.counts.of("status to clients", "401") > 0
}

#[test]
fn what_does_not_matter_goes() {
    let whole = (0..).map(|seed| Scenario::drawn(seed, Mode::Core)).find(unauthorized).expect("some client errs");
    let shrunk = shrink(whole.clone(), 400, unauthorized);
    assert!(unauthorized(&shrunk.scenario));
    let errands: usize = shrunk.scenario.clients.iter().map(|(_, errands)| errands.len()).sum();
    assert_eq!(errands, 1, "one request is enough");
    let on: Vec<_> = SWITCHES.iter().filter(|switch| (switch.is_on)(&shrunk.scenario)).collect();
    assert!(on.len() <= 1, "only the malformed request matters: {on:?}");
    assert_eq!(shrunk.scenario.swarm.interventions.len(), 1, "healing stays");
}

#[test]
fn every_switch_can_be_switched_off() {
    let worlds: Vec<_> =
        (0..300).flat_map(|seed| [Mode::Core, Mode::Full].map(|mode| Scenario::drawn(seed, mode))).collect();
    for switch in SWITCHES {
        let mut world = worlds.iter().find(|world| (switch.is_on)(world)).expect(switch.name).clone();
        (switch.off)(&mut world);
        assert!(!(switch.is_on)(&world), "{} stays on", switch.name);
    }
}
