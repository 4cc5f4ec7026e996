//! `cargo sim SEED` tells the story of a seed; `cargo sim --seeds N [--start S]` runs many of them.

use keywheel_tests::sim::engine::Mode;
use keywheel_tests::sim::simulation::{Plan, Report, run};
use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::Instant;

const USAGE: &str = "\
usage: cargo sim SEED                        tells the story of one seed
       cargo sim --seeds N [--start S]       runs N seeds and counts what occurred
options: --mode core|full                    core alone, or driver and TLS too (default: both)
         --mode keys                         the keyring alone, held against its own model
         --hash                              prints the hash of each trace, nothing else";

/// What the command line asks for.
struct Wish {
    seeds: Option<u64>,
    start: u64,
    seed: Option<u64>,
    modes: Vec<Mode>,
    keys: bool,
    hash: bool,
}

fn main() -> ExitCode {
    let wish = match wish(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let good = match (wish.seed, wish.seeds) {
        (Some(seed), None) if wish.keys => keys(seed, 1),
        (None, Some(seeds)) if wish.keys => keys(wish.start, seeds),
        (Some(seed), None) => wish.modes.iter().all(|mode| tell(seed, *mode, wish.hash)),
        (None, Some(seeds)) => many(&wish, seeds),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wish(args: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish =
        Wish { seeds: None, start: 0, seed: None, modes: vec![Mode::Core, Mode::Full], keys: false, hash: false };
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let mut number = || -> Result<u64, String> {
            let value = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
            value.parse().map_err(|_| format!("{arg}: `{value}` is no number"))
        };
        match arg.as_str() {
            "--seeds" => wish.seeds = Some(number()?),
            "--start" => wish.start = number()?,
            "--hash" => wish.hash = true,
            "--mode" => {
                wish.modes = match args.next().as_deref() {
                    Some("core") => vec![Mode::Core],
                    Some("full") => vec![Mode::Full],
                    Some("keys") => {
                        wish.keys = true;
                        Vec::new()
                    }
                    _ => return Err("--mode is core, full or keys".into()),
                }
            }
            seed => wish.seed = Some(seed.parse().map_err(|_| format!("`{seed}` is no seed"))?),
        }
    }
    Ok(wish)
}

/// Tells the story of one seed.
fn tell(seed: u64, mode: Mode, hash: bool) -> bool {
    let report = run(&Plan { story: !hash, ..Plan::new(seed, mode) });
    if hash {
        println!("{seed} {mode:?} {:016x}", report.hash);
        return report.broken.is_empty();
    }
    println!("seed {seed}, {mode:?} mode");
    report.story.iter().for_each(|line| println!("{line}"));
    println!("{} requests, {} events, hash {:016x}", report.requests, report.events, report.hash);
    report.broken.iter().for_each(|broken| println!("BROKEN {broken}"));
    report.broken.is_empty()
}

/// Runs seeds of the keyring alone; the first that fails is told.
fn keys(start: u64, seeds: u64) -> bool {
    match keywheel_tests::keyring::run_many(start, seeds) {
        Ok(story) => {
            print!("{story}");
            println!("{seeds} passed, 0 failed");
            true
        }
        Err(failure) => {
            println!("{failure}\nSIM_SEED={} mode=keys commit={}", failure.seed, commit());
            false
        }
    }
}

/// Runs many seeds and counts.
fn many(wish: &Wish, seeds: u64) -> bool {
    let began = Instant::now();
    let (mut passed, mut failed, mut requests, mut events) = (0u64, 0u64, 0u64, 0u64);
    let mut counts: BTreeMap<(&'static str, String), u64> = BTreeMap::new();
    for seed in wish.start..wish.start + seeds {
        for mode in &wish.modes {
            let report = run(&Plan::new(seed, *mode));
            requests += report.requests;
            events += report.events;
            for (what, n) in &report.counts {
                *counts.entry(what.clone()).or_default() += n;
            }
            if report.broken.is_empty() {
                passed += 1;
            } else {
                failed += 1;
                complain(seed, *mode, &report);
            }
            if wish.hash {
                println!("{seed} {mode:?} {:016x}", report.hash);
            }
        }
        let done = seed - wish.start + 1;
        if done.is_multiple_of(200) {
            eprintln!("{done} of {seeds} seeds, {} s", began.elapsed().as_secs());
        }
    }
    if !wish.hash {
        show(&counts);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{requests} requests, {events} events in {seconds:.1} s");
    println!("{passed} passed, {failed} failed");
    failed == 0
}

fn complain(seed: u64, mode: Mode, report: &Report) {
    let mode = if mode == Mode::Core { "core" } else { "full" };
    println!("SIM_SEED={seed} mode={mode} commit={}   (cargo sim {seed} --mode {mode})", commit());
    report.broken.iter().take(8).for_each(|broken| println!("  BROKEN {broken}"));
}

fn show(counts: &BTreeMap<(&'static str, String), u64>) {
    let mut last = "";
    for ((group, name), n) in counts {
        if *group != last {
            println!("{group}");
            last = group;
        }
        println!("{n:>10}  {name}");
    }
}

fn commit() -> String {
    let asked = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok();
    let told = asked.filter(|output| output.status.success()).and_then(|output| String::from_utf8(output.stdout).ok());
    told.map_or_else(|| "unknown".into(), |text| text.trim().to_owned())
}
