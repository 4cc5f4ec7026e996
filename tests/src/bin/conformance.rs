//! `cargo conformance` plays the table of conformance, or a part of it, and says which rows do not hold.

use keywheel_tests::conformance::report::Tally;
use keywheel_tests::conformance::row::Row;
use keywheel_tests::conformance::run::{self, Result as Outcome};
use keywheel_tests::conformance::stages::Place;
use keywheel_tests::conformance::table;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

const USAGE: &str = "\
usage: cargo conformance [--stage NAME]... [--family NAME] [--row TEXT] [--table | --json]
  --stage   core, sim, tokio, smol, nginx, haproxy; repeatable (default: core, sim, tokio, smol)
  --family  only rows of the file tests/conformance/NAME.txt
  --row     only rows whose name contains TEXT
  --table   a table of passed and played rows by family and level, as Markdown; the failures are counted, not told
  --json    the same for machines
tokio and smol need `cargo build --profile sim --bin keywheel-tokio --bin keywheel-smol` first.
Ends with 1 when a row does not hold on keywheel; nginx and HAProxy are only counted.";

/// What the command line asks for.
#[derive(Default)]
struct Wish {
    places: Vec<Place>,
    family: Option<String>,
    row: String,
    table: bool,
    json: bool,
}

fn main() -> ExitCode {
    let wish = wish(std::env::args().skip(1));
    match wish.and_then(|wish| play(&wish)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn wish(mut args: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish = Wish::default();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"));
        match arg.as_str() {
            "--stage" => {
                let name = value()?;
                let place = Place::ALL.into_iter().find(|place| place.name() == name);
                wish.places.push(place.ok_or_else(|| format!("`{name}` is no stage\n{USAGE}"))?);
            }
            "--family" => wish.family = Some(value()?),
            "--row" => wish.row = value()?,
            "--table" => wish.table = true,
            "--json" => wish.json = true,
            _ => return Err(USAGE.into()),
        }
    }
    if wish.places.is_empty() {
        wish.places = Place::ALL.into_iter().filter(|place| !matches!(place, Place::Peer(_))).collect();
    }
    Ok(wish)
}

/// Whether all rows hold on keywheel.
fn play(wish: &Wish) -> Result<bool, String> {
    let all = table::rows()?;
    let wanted =
        |row: &&Row| wish.family.as_ref().is_none_or(|family| *family == row.family) && row.name.contains(&wish.row);
    let rows: Vec<&Row> = all.iter().filter(wanted).collect();
    if rows.is_empty() {
        return Err("no such row".into());
    }
    let mut tally = Tally::default();
    let mut good = true;
    for place in &wish.places {
        if let Place::Peer(peer) = place
            && !peer.is_there()
        {
            return Err(format!("{} is not installed", peer.name()));
        }
        let rows: Vec<&Row> = rows.iter().copied().filter(|row| place.takes(row)).collect();
        let results = at(*place, &rows);
        for (row, result) in rows.iter().zip(&results) {
            tally.add(row, *place, result.is_ok());
            if let Some(why) = result.as_ref().err().filter(|_| !wish.table && !wish.json) {
                println!("{why}\n");
            }
        }
        let count = tally.at(*place);
        let plays: usize = results.iter().flatten().sum();
        eprintln!("{}: {} of {} rows hold, {plays} plays", place.name(), count.passed, count.of);
        good &= count.passed == count.of || matches!(place, Place::Peer(_));
    }
    if wish.table {
        println!("{}", tally.markdown(&wish.places));
    }
    if wish.json {
        println!("{}", tally.json());
    }
    Ok(good)
}

/// Plays rows at one place, and shows on a terminal how far it has come.
fn at(place: Place, rows: &[&Row]) -> Vec<Outcome> {
    let done = AtomicUsize::new(0);
    let shows = std::io::stderr().is_terminal();
    let told = |_: &Row, _: &Outcome| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if shows {
            eprint!("\r{}: {done} of {} rows \r", place.name(), rows.len());
            let _ = std::io::stderr().flush();
        }
    };
    run::play(place, rows, &told)
}
