//! The simulated world holds for the seeds that once failed and for some others, and its runs repeat.

use keywheel_tests::process::binary;
use keywheel_tests::sim::counts::Counts;
use keywheel_tests::sim::coverage;
use keywheel_tests::sim::dice::Dice;
use keywheel_tests::sim::engine::{Carriage, Mode};
use keywheel_tests::sim::fleet::run_all;
use keywheel_tests::sim::scenario::Scenario;
use keywheel_tests::sim::simulation::{Plan, Report, run};
use keywheel_tests::sim::trace::Record;
use std::ops::ControlFlow;

/// Seeds that every `cargo test` runs, in both modes, beside those that once failed.
const FRESH: std::ops::Range<u64> = 5_000..5_040;

fn assert_holds(seed: u64, mode: Mode) {
    let report = run(&Plan::new(seed, mode));
    let broken = report.broken.join("\n");
    assert!(report.broken.is_empty(), "SIM_SEED={seed} {mode:?} (cargo sim {seed})\n{broken}");
}

#[test]
fn seeds_that_once_failed_hold() {
    let list = include_str!("../sim-seeds.txt");
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    for line in lines {
        let mut words = line.split_whitespace();
        let seed = words.next().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| panic!("no seed: {line}"));
        match words.next() {
            Some("core") => assert_holds(seed, Mode::Core),
            Some("full") => assert_holds(seed, Mode::Full),
            _ => panic!("no mode: {line}"),
        }
    }
}

#[test]
fn fresh_seeds_hold() {
    for seed in FRESH {
        assert_holds(seed, Mode::Core);
        assert_holds(seed, Mode::Full);
    }
}

/// Seeds that together reach all that is to be reached.
const COVERING: u64 = 2_400;

#[test]
fn a_fixed_range_of_seeds_reaches_all_that_is_to_be_reached() {
    let mut counts = Counts::default();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    run_all(0, COVERING, &[Mode::Core], (jobs, Record::Nothing), |_, _, report| {
        counts.merge(&report.counts);
        ControlFlow::Continue(())
    });
    let missing = coverage::missing(&counts);
    assert!(missing.is_empty(), "not reached: {missing:?}");
}

#[test]
fn two_processes_leave_the_same_trace() {
    let hashes = || {
        let output = binary("sim").args(["--seeds", "12", "--start", "40", "--hash"]).output().expect("it runs");
        String::from_utf8(output.stdout)
            .expect("text")
            .lines()
            .filter(|line| line.len() > 20 && !line.contains("events"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let first = hashes();
    assert_eq!(first.len(), 24, "{first:?}");
    assert_eq!(first, hashes());
}

/// What upstreams got of a gentle world whose driver is of this shape.
fn gentle(seed: u64, carriage: Carriage) -> Report {
    let report = run(&Plan::of(Scenario::gentle(seed, carriage.clone())));
    assert!(report.broken.is_empty(), "seed {seed}, {carriage:?}\n{}", report.broken.join("\n"));
    report
}

#[test]
fn differently_shaped_drivers_send_the_same_bytes_upstream() {
    for mode in [Mode::Core, Mode::Full] {
        for seed in 0..25 {
            let plain = gentle(seed, Carriage::plain(mode));
            assert!(plain.upstream.values().any(|attempts| !attempts.is_empty()) || plain.requests < 15, "seed {seed}");
            for most_read in [700, 4096] {
                let order = Some(Dice::new(seed));
                let other = gentle(seed, Carriage { most_read, upstream_first: true, order, ..Carriage::plain(mode) });
                assert_eq!(plain.upstream, other.upstream, "seed {seed}, {mode:?}, reads of {most_read}");
            }
        }
    }
}
