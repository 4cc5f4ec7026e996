//! `cargo mutated` plays mutated streams against both binaries; `cargo mutated --flavour NAME SEED` tells the story of one.

use keywheel_tests::mutation::{Outcome, play};
use keywheel_tests::process::FLAVOURS;
use std::process::ExitCode;
use std::thread;

const USAGE: &str = "\
usage: cargo mutated [--streams N] [--start SEED]      plays N streams (5000) against each binary
       cargo mutated [--flavour NAME] SEED             tells the story of one
options: --flavour keywheel-tokio|keywheel-smol        this binary only
         --lanes N                                     processes of a binary at once (4)";

struct Wish {
    streams: u64,
    start: u64,
    lanes: u64,
    seed: Option<u64>,
    flavours: Vec<String>,
}

fn main() -> ExitCode {
    let Some(wish) = wish() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // What does not hold is told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let mut good = true;
    for flavour in &wish.flavours {
        let outcome = match wish.seed {
            Some(seed) => play(flavour, [seed], &|line| println!("{line}")),
            None => many(flavour, &wish),
        };
        for (seed, why) in &outcome.failed {
            println!("{flavour} seed {seed}: {}", why.chars().take(2000).collect::<String>());
        }
        println!("{flavour}: mutated streams: {} passed, {} failed", outcome.passed, outcome.failed.len());
        good &= outcome.failed.is_empty() && outcome.passed > 0;
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The streams in lanes, each with a process of its own.
fn many(flavour: &str, wish: &Wish) -> Outcome {
    let lane = |n: u64| (wish.start + n..wish.start + wish.streams).step_by(wish.lanes as usize);
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..wish.lanes).map(|n| scope.spawn(move || play(flavour, lane(n), &|_| {}))).collect();
        lanes.into_iter().fold(Outcome::default(), |mut all, lane| {
            let outcome = lane.join().expect("failures are caught");
            all.passed += outcome.passed;
            all.failed.extend(outcome.failed);
            all
        })
    })
}

fn wish() -> Option<Wish> {
    let flavours = FLAVOURS.map(str::to_owned).to_vec();
    let mut wish = Wish { streams: 5000, start: 0, lanes: 4, seed: None, flavours };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--streams" => wish.streams = args.next()?.parse().ok()?,
            "--start" => wish.start = args.next()?.parse().ok()?,
            "--lanes" => wish.lanes = args.next()?.parse().ok().filter(|n| *n > 0)?,
            "--flavour" => wish.flavours = vec![args.next().filter(|name| FLAVOURS.contains(&name.as_str()))?],
            seed => wish.seed = Some(seed.parse().ok()?),
        }
    }
    Some(wish)
}
