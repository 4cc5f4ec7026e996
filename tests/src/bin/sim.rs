//! `cargo sim SEED` tells the story of a seed; `cargo sim --seeds N [--start S]` runs many of them.

use keywheel_tests::sim::campaign::{Campaign, Run};
use keywheel_tests::sim::counts::Counts;
use keywheel_tests::sim::coverage;
use keywheel_tests::sim::engine::Mode;
use keywheel_tests::sim::fleet::run_all;
use keywheel_tests::sim::scenario::Scenario;
use keywheel_tests::sim::shrink::shrink;
use keywheel_tests::sim::simulation::{Plan, Report, run};
use keywheel_tests::sim::trace::Record;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

const USAGE: &str = "\
usage: cargo sim SEED                        tells the story of one seed
       cargo sim SEED --shrink               cuts a failing seed down first
       cargo sim --seeds N [--from S]        runs N seeds and counts what occurred
       cargo sim --seeds N --ledger FILE     the same, enters what was run in FILE, part by part, and ends at the
                                             first seed that fails with its story, cut down
       cargo sim --ledger-sum FILE           adds up what FILE says of the present sources of core
options: --mode core|full                    core alone, or driver and TLS too (default: both); also --core, --full
         --mode keys                         the keyring alone, held against its own model
         --coverage                          says what was reached, and fails where something was not
         --first                             ends at the first seed that fails
         --jobs N                            threads (default: one a core)
         --hash                              prints the hash of each trace, nothing else";

/// Worlds that shrinking may run.
const SHRINKS: u32 = 3_000;

/// Seeds whose run is entered in the ledger at once: what is lost when a long run is interrupted.
const PART: u64 = 10_000;

/// What the command line asks for.
struct Wish {
    ledger: Option<PathBuf>,
    ledger_sum: Option<PathBuf>,
    seeds: Option<u64>,
    start: u64,
    seed: Option<u64>,
    modes: Vec<Mode>,
    keys: bool,
    hash: bool,
    coverage: bool,
    /// What occurred is not shown.
    quiet: bool,
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
    if let Some(path) = &wish.ledger_sum {
        return add_up(path);
    }
    let good = match (wish.seed, wish.seeds) {
        (Some(seed), None) if wish.keys => keys(seed, 1),
        (None, Some(seeds)) if wish.keys => keys(wish.start, seeds),
        (Some(seed), None) if wish.shrink => wish.modes.iter().all(|mode| cut_down(seed, *mode)),
        (Some(seed), None) => wish.modes.iter().all(|mode| tell(seed, *mode, wish.hash)),
        (None, Some(seeds)) => match &wish.ledger {
            Some(ledger) => by_parts(&wish, seeds, ledger),
            None => {
                let totals = many(&wish, wish.start, seeds);
                totals.clean() && (!wish.coverage || totals.missing == 0)
            }
        },
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wish(mut args: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish = Wish {
        ledger: None,
        ledger_sum: None,
        seeds: None,
        start: 0,
        seed: None,
        modes: vec![Mode::Core, Mode::Full],
        keys: false,
        hash: false,
        coverage: false,
        quiet: false,
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
            "--from" | "--start" => wish.start = number()?,
            "--jobs" => wish.jobs = number()? as usize,
            "--hash" => wish.hash = true,
            "--shrink" => wish.shrink = true,
            "--coverage" => wish.coverage = true,
            "--first" => wish.first = true,
            "--ledger" => wish.ledger = Some(args.next().ok_or("--ledger needs a file")?.into()),
            "--ledger-sum" => wish.ledger_sum = Some(args.next().ok_or("--ledger-sum needs a file")?.into()),
            "--core" | "--full" => (wish.modes, wish.keys) = modes(arg.strip_prefix("--"))?,
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
    let report = run(&Plan { record: if hash { Record::Hash } else { Record::Story }, ..Plan::new(seed, mode) });
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
    show_story(&run(&Plan { record: Record::Story, ..Plan::of(shrunk.scenario) }))
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

/// What came of many worlds.
#[derive(Default)]
struct Totals {
    passed: u64,
    requests: u64,
    /// What should have been reached and was not.
    missing: usize,
    /// Which failed.
    failed: Vec<(u64, Mode)>,
}

impl Totals {
    fn clean(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Runs seeds in parts, mode by mode, and enters each part in the ledger. The first that fails ends it.
fn by_parts(wish: &Wish, seeds: u64, ledger: &Path) -> bool {
    let end = wish.start + seeds;
    for mode in wish.modes.clone() {
        let mut from = wish.start;
        while from < end {
            let part = Wish { modes: vec![mode], first: true, quiet: true, ledger: None, ledger_sum: None, ..*wish };
            let totals = many(&part, from, PART.min(end - from));
            let run = totals.passed + totals.failed.len() as u64;
            let entry = Run::today(mode, from, run, totals.requests, totals.failed.len() as u64);
            if let Err(why) = Campaign::enter(ledger, &entry) {
                eprintln!("{why}");
                return false;
            }
            if let Some((seed, mode)) = totals.failed.first() {
                cut_down(*seed, *mode);
                return false;
            }
            from += run;
        }
    }
    true
}

/// Adds up the ledger: what is needed, and what is done.
fn add_up(path: &Path) -> ExitCode {
    match Campaign::read(path) {
        Ok(campaign) => {
            let (table, done) = campaign.table();
            print!("{table}");
            println!("{}", if done { "done" } else { "not done" });
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

/// Runs many seeds and counts.
fn many(wish: &Wish, start: u64, seeds: u64) -> Totals {
    let began = Instant::now();
    let (mut totals, mut events) = (Totals::default(), 0u64);
    let mut counts = Counts::default();
    let record = if wish.hash { Record::Hash } else { Record::Nothing };
    run_all(start, seeds, &wish.modes, (wish.jobs, record), |seed, mode, report| {
        totals.requests += report.requests;
        events += report.events;
        counts.merge(&report.counts);
        let good = report.broken.is_empty();
        if good {
            totals.passed += 1;
        } else {
            totals.failed.push((seed, mode));
            complain(seed, mode, &report);
        }
        if wish.hash {
            println!("{seed} {} {:016x}", mode.name(), report.hash);
        }
        let run = totals.passed + totals.failed.len() as u64;
        if run.is_multiple_of(1_000) {
            let of = seeds * wish.modes.len() as u64;
            eprintln!("from {start}: {run} of {of} worlds, {} s", began.elapsed().as_secs());
        }
        if wish.first && !good { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if !wish.hash && !wish.quiet {
        show(&counts);
    }
    if wish.coverage {
        print!("{}", coverage::report(&counts));
    }
    totals.missing = coverage::missing(&counts).len();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} requests, {events} events in {seconds:.1} s, {:.0} worlds a second",
        totals.requests,
        (totals.passed + totals.failed.len() as u64) as f64 / seconds
    );
    println!("{} passed, {} failed", totals.passed, totals.failed.len());
    totals
}

fn complain(seed: u64, mode: Mode, report: &Report) {
    let mode = mode.name();
    println!("SIM_SEED={seed} mode={mode} commit={}   (cargo sim {seed} --mode {mode} --shrink)", commit());
    report.broken.iter().take(8).for_each(|broken| println!("  BROKEN {broken}"));
}

fn show(counts: &Counts) {
    let mut last = "";
    for (group, name, n) in counts.iter() {
        if group != last {
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
