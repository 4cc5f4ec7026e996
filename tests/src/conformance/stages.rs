//! Where rows are played, and how often.

use super::judge::{Verdict, judge, transcript};
use super::peers::Peer;
use super::play::play;
use super::row::Row;
use crate::parity::simulated::Simulated;
use crate::parity::sockets::Sockets;
use crate::parity::stage::Stage;
use crate::process::FLAVOURS;
use crate::sim::engine::{Carriage, Mode};
use crate::sim::pipe::Cut;

/// Where rows are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Session and proxy alone, at every split point.
    Core,
    /// Driver and all, on the third runtime.
    Simulator,
    /// One of the binaries, by its name, over sockets.
    Binary(&'static str),
    /// Another proxy, over sockets.
    Peer(Peer),
}

/// Streams up to this length are cut at each byte.
const SHORT: usize = 1_500;
/// Longer ones at their first bytes, at so many places in between, and at their last bytes.
const SAMPLES: (usize, usize, usize) = (200, 40, 40);
/// Streams beyond this are cut only here and there: what is long in them is fillers.
const LONG: usize = 20_000;

impl Place {
    /// All places.
    pub const ALL: [Place; 6] = [
        Place::Core,
        Place::Simulator,
        Place::Binary(FLAVOURS[0]),
        Place::Binary(FLAVOURS[1]),
        Place::Peer(Peer::Nginx),
        Place::Peer(Peer::Haproxy),
    ];

    /// Its name on a command line and in a report.
    pub fn name(self) -> &'static str {
        match self {
            Place::Core => "core",
            Place::Simulator => "sim",
            Place::Binary(flavour) => flavour.trim_start_matches("keywheel-"),
            Place::Peer(peer) => peer.name(),
        }
    }

    /// Whether a row means something here.
    pub fn takes(self, row: &Row) -> bool {
        !(row.only_keywheel && matches!(self, Place::Peer(_)))
    }

    /// Plays a row as often as this place does, and judges it; how often it was played.
    ///
    /// # Errors
    /// What went wrong, in words that name the row.
    pub fn run(self, row: &Row) -> Result<usize, String> {
        let runs = self.runs(row);
        runs.map_err(|why| format!("{}.txt:{}: {} [{}]\n  {why}", row.family, row.line, row.name, self.name()))
    }

    fn runs(self, row: &Row) -> Result<usize, String> {
        match self {
            Place::Core => at_every_split(row),
            Place::Simulator => simulated(row, Cut::Whole, Carriage::plain(Mode::Full)).map(|_| 1),
            Place::Binary(flavour) => {
                let mut stage = Sockets::new(flavour, &row.settings, row.keys)?;
                once(row, &mut stage, true).map(|_| 1)
            }
            Place::Peer(peer) => {
                let mut stage = peer.stage()?;
                once(row, &mut stage, false).map(|_| 1)
            }
        }
    }
}

fn once(row: &Row, stage: &mut dyn Stage, keywheel: bool) -> Result<Verdict, String> {
    let record = play(row, stage, keywheel)?;
    let names = |name: &str| stage.name(name);
    judge(row, &record, &names, keywheel).map_err(|why| format!("{why}\n{}", transcript(&record)))
}

fn simulated(row: &Row, cut: Cut, carriage: Carriage) -> Result<Verdict, String> {
    let mut stage = Simulated::new(&row.settings, row.keys, cut, carriage)?;
    once(row, &mut stage, true)
}

/// Core alone: whole, cut at each offset, byte by byte; the verdict is the same each time.
fn at_every_split(row: &Row) -> Result<usize, String> {
    let plain = || Carriage::plain(Mode::Core);
    let whole = simulated(row, Cut::Whole, plain())?;
    if row.together {
        return Ok(1);
    }
    let length = row.longest_stream();
    let narrow = Carriage { most_read: 1, upstream_first: true, ..plain() };
    let mut ways: Vec<(Cut, Carriage)> = offsets(length).map(|at| (Cut::At(at as u64), plain())).collect();
    ways.push((Cut::Bytes(SHORT as u64), plain()));
    if length <= SHORT {
        ways.push((Cut::Whole, narrow));
    }
    for (cut, carriage) in &ways {
        let verdict = simulated(row, *cut, carriage.clone()).map_err(|why| format!("{cut:?}: {why}"))?;
        if verdict != whole {
            return Err(format!("{cut:?}: it came to {verdict:?}, uncut to {whole:?}"));
        }
    }
    Ok(1 + ways.len())
}

/// Where a stream of this length is cut.
fn offsets(length: usize) -> impl Iterator<Item = usize> {
    let (first, between, last) = match length {
        _ if length <= SHORT => (length, 0, 0),
        _ if length <= LONG => SAMPLES,
        _ => (SAMPLES.0 / 10, SAMPLES.1 / 10, SAMPLES.2 / 10),
    };
    let step = (length.saturating_sub(first + last) / (between + 1)).max(1);
    let middle = (1..=between).map(move |n| first + n * step);
    (1..first.max(1)).chain(middle).chain(length - last..length).filter(move |at| *at < length.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_streams_are_cut_everywhere_and_long_ones_at_both_ends() {
        assert_eq!(offsets(5).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(offsets(0).count(), 0);
        let long: Vec<usize> = offsets(10_000).collect();
        assert!(long.contains(&1) && long.contains(&9_999) && long.len() > 200);
        assert!(offsets(1_000_000).count() < 40);
    }
}
