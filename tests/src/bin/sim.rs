//! `cargo sim SEED` tells the story of a seed; `cargo sim --seeds N [--start S]` runs many of them.

use keywheel_tests::sim::engine::Mode;
use keywheel_tests::sim::fleet::run_all;
use keywheel_tests::sim::scenario::Scenario;
use keywheel_tests::sim::shrink::shrink;
use keywheel_tests::sim::simulation::{Plan, Report, run};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::{Command, ExitCode};
use std::time::Instant;

const USAGE: &str = "\
usage: cargo sim SEED                        tells the story of one seed
       cargo sim SEED --shrink               cuts a failing seed down first
       cargo sim --seeds N [--start S]       runs N seeds and counts what occurred
options: --mode core|full                    core alone, or driver and TLS too (default: both)
         --mode keys                         the keyring alone, held against its own model
         --first                             ends at the first seed that fails
         --jobs N                            threads (default: one a core)
         --hash                              prints the hash of each trace, nothing else";

/// Worlds that shrinking may run.
const SHRINKS: u32 = 3_000;

/// What the command line asks for.
struct Wish {
    seeds: Option<u64>,
    start: u64,
    seed: Option<u64>,
    modes: Vec<Mode>,
    keys: bool,
    hash: bool,
    shrink: bool,
    first: bool,
    jobs: usize,
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
        (Some(seed), None) if wish.shrink => wish.modes.iter().all(|mode| cut_down(seed, *mode)),
        (Some(seed), None) => wish.modes.iter().all(|mode| tell(seed, *mode, wish.hash)),
        (None, Some(seeds)) => many(&wish, seeds),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wish(mut args: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish = Wish {
        seeds: None,
        start: 0,
        seed: None,
        modes: vec![Mode::Core, Mode::Full],
        keys: false,
        hash: false,
        shrink: false,
        first: false,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
    };
    while let Some(arg) = args.next() {
        let mut number = || -> Result<u64, String> {
            let value = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
            value.parse().map_err(|_| format!("{arg}: `{value}` is no number"))
        };
        match arg.as_str() {
            "--seeds" => wish.seeds = Some(number()?),
            "--start" => wish.start = number()?,
            "--jobs" => wish.jobs = number()? as usize,
            "--hash" => wish.hash = true,
            "--shrink" => wish.shrink = true,
            "--first" => wish.first = true,
            "--mode" => (wish.modes, wish.keys) = modes(args.next().as_deref())?,
            seed => wish.seed = Some(seed.parse().map_err(|_| format!("`{seed}` is no seed"))?),
        }
    }
    Ok(wish)
}

fn modes(name: Option<&str>) -> Result<(Vec<Mode>, bool), String> {
    match name {
        Some("core") => Ok((vec![Mode::Core], false)),
        Some("full") => Ok((vec![Mode::Full], false)),
        Some("keys") => Ok((Vec::new(), true)),
        _ => Err("--mode is core, full or keys".into()),
    }
}

/// Tells the story of one seed.
fn tell(seed: u64, mode: Mode, hash: bool) -> bool {
    let report = run(&Plan { story: !hash, ..Plan::new(seed, mode) });
    if hash {
        println!("{seed} {} {:016x}", mode.name(), report.hash);
        return report.broken.is_empty();
    }
    println!("seed {seed}, {} mode", mode.name());
    show_story(&report)
}

fn show_story(report: &Report) -> bool {
    report.story.iter().for_each(|line| println!("{line}"));
    println!("{} requests, {} events, hash {:016x}", report.requests, report.events, report.hash);
    report.broken.iter().for_each(|broken| println!("BROKEN {broken}"));
    report.broken.is_empty()
}

/// Cuts the world of a seed down to the smallest that breaks the same invariant, and tells its story.
fn cut_down(seed: u64, mode: Mode) -> bool {
    let world = Scenario::drawn(seed, mode);
    let Some(tag) = run(&Plan::of(world.clone())).tag() else {
        println!("seed {seed} holds in {} mode: there is nothing to shrink", mode.name());
        return true;
    };
    let size = world.size();
    std::panic::set_hook(Box::new(|_| {}));
    let shrunk = shrink(world, SHRINKS, |world| run(&Plan::of(world.clone())).tag().as_ref() == Some(&tag));
    println!(
        "seed {seed}, {} mode, cut down from {size} to {} in {} runs",
        mode.name(),
        shrunk.scenario.size(),
        shrunk.runs
    );
    show_story(&run(&Plan { story: true, ..Plan::of(shrunk.scenario) }))
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
    run_all(wish.start, seeds, &wish.modes, wish.jobs, |seed, mode, report| {
        requests += report.requests;
        events += report.events;
        for (what, n) in &report.counts {
            *counts.entry(what.clone()).or_default() += n;
        }
        let good = report.broken.is_empty();
        *(if good { &mut passed } else { &mut failed }) += 1;
        if !good {
            complain(seed, mode, &report);
        }
        if wish.hash {
            println!("{seed} {} {:016x}", mode.name(), report.hash);
        }
        if (passed + failed).is_multiple_of(1_000) {
            eprintln!(
                "{} of {} worlds, {} s",
                passed + failed,
                seeds * wish.modes.len() as u64,
                began.elapsed().as_secs()
            );
        }
        if wish.first && !good { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if !wish.hash {
        show(&counts);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{requests} requests, {events} events in {seconds:.1} s, {:.0} worlds a second",
        (passed + failed) as f64 / seconds
    );
    println!("{passed} passed, {failed} failed");
    failed == 0
}

fn complain(seed: u64, mode: Mode, report: &Report) {
    let mode = mode.name();
    println!("SIM_SEED={seed} mode={mode} commit={}   (cargo sim {seed} --mode {mode} --shrink)", commit());
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
