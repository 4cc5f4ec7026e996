//! The ledger of long runs: which seeds were run on which sources, a line a run, and what they add up to.
//!
//! ```text
//! 2026-11-25 core from=0 seeds=20000 requests=569114 failures=0 sources=0123456789abcdef
//! ```
//!
//! Only runs on the present sources of core count, and no seed counts twice.

use super::engine::Mode;
use crate::sources::digest_of_core;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::time::SystemTime;

/// Seeds that have to be run without a violation.
pub const NEEDED: [(Mode, u64); 2] = [(Mode::Core, 1_000_000), (Mode::Full, 20_000)];

/// Digest of the sources of core that this program was built of.
pub const BUILT_OF: &str = env!("SOURCES_OF_CORE");

/// One run, or several that follow one another on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Day, as `2026-11-25`.
    pub date: String,
    /// Mode.
    pub mode: Mode,
    /// First seed.
    pub from: u64,
    /// How many seeds, from the first on.
    pub seeds: u64,
    /// Requests of clients in them.
    pub requests: u64,
    /// Seeds that failed.
    pub failures: u64,
    /// Digest of the sources of core.
    pub sources: String,
}

impl Run {
    /// A run of today, of what this program was built of.
    pub fn today(mode: Mode, from: u64, seeds: u64, requests: u64, failures: u64) -> Self {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let date = now.split('T').next().unwrap_or_default().to_owned();
        Run { date, mode, from, seeds, requests, failures, sources: BUILT_OF.to_owned() }
    }

    /// Takes in a run that goes on where this one ended; false when it does not.
    fn extend(&mut self, next: &Run) -> bool {
        let follows = next.from == self.from + self.seeds && next.mode == self.mode;
        let same = follows && next.date == self.date && next.sources == self.sources;
        if same {
            self.seeds += next.seeds;
            self.requests += next.requests;
            self.failures += next.failures;
        }
        same
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { date, mode, from, seeds, requests, failures, sources } = self;
        let mode = mode.name();
        write!(f, "{date} {mode} from={from} seeds={seeds} requests={requests} failures={failures} sources={sources}")
    }
}

impl FromStr for Run {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let bad = || format!("no run: `{line}`");
        let mut words = line.split(' ');
        let date = words.next().filter(|date| date.len() == 10).ok_or_else(bad)?.to_owned();
        let mode = words.next().and_then(Mode::named).ok_or_else(bad)?;
        let mut value = |name: &str| -> Option<&str> { words.next()?.strip_prefix(name)?.strip_prefix('=') };
        let mut number = |name: &str| value(name).and_then(|value| value.parse().ok()).ok_or_else(bad);
        let [from, seeds, requests, failures] =
            [number("from")?, number("seeds")?, number("requests")?, number("failures")?];
        let sources = value("sources").filter(|digest| digest.len() == BUILT_OF.len()).ok_or_else(bad)?.to_owned();
        Ok(Run { date, mode, from, seeds, requests, failures, sources })
    }
}

/// The runs of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Campaign {
    /// What stands before them, comments, with the line ends.
    head: String,
    /// Runs, in order.
    pub runs: Vec<Run>,
}

impl FromStr for Campaign {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let comment = |line: &&str| line.is_empty() || line.starts_with('#');
        let head = text.lines().take_while(comment).map(|line| format!("{line}\n")).collect();
        let runs = text.lines().filter(|line| !comment(line)).map(str::parse).collect::<Result<_, String>>()?;
        Ok(Campaign { head, runs })
    }
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)?;
        self.runs.iter().try_for_each(|run| writeln!(f, "{run}"))
    }
}

impl Campaign {
    /// Reads a file; one that is not there has no runs.
    ///
    /// # Errors
    /// It cannot be read, or holds something that is no run.
    pub fn read(path: &Path) -> Result<Self, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => text.parse(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Campaign::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Enters a run in a file: at once and whole, so that what was run stays known whatever ends the program.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn enter(path: &Path, run: &Run) -> Result<(), String> {
        let mut campaign = Campaign::read(path)?;
        if !campaign.runs.last_mut().is_some_and(|last| last.extend(run)) {
            campaign.runs.push(run.clone());
        }
        let new = path.with_extension("new");
        let written = std::fs::write(&new, campaign.to_string()).and_then(|()| std::fs::rename(&new, path));
        written.map_err(|error| format!("{}: {error}", path.display()))
    }

    /// What the runs of one mode on these sources add up to.
    pub fn sum(&self, mode: Mode, sources: &str) -> Sum {
        let mut spans: BTreeMap<u64, &Run> = BTreeMap::new();
        let mut sum = Sum::default();
        for run in self.runs.iter().filter(|run| run.mode == mode && run.sources == sources) {
            sum.failures += run.failures;
            let longest = spans.entry(run.from).or_insert(run);
            if longest.seeds < run.seeds {
                *longest = run;
            }
        }
        let mut until = 0;
        for run in spans.into_values() {
            // Seeds that were counted already, and with them their share of the requests, count no more.
            let new = (run.from + run.seeds).saturating_sub(run.from.max(until));
            sum.seeds += new;
            sum.requests += (u128::from(run.requests) * u128::from(new) / u128::from(run.seeds.max(1))) as u64;
            until = until.max(run.from + run.seeds);
        }
        sum
    }

    /// The table of what is needed and what is done, on the sources of core that lie in this tree; whether all of it
    /// is done, and nothing failed.
    pub fn table(&self) -> (String, bool) {
        let sources = digest_of_core();
        let mut table = format!("sources of core: {sources}\nmode     needed       done   requests  failures\n");
        let mut done = true;
        for (mode, needed) in NEEDED {
            let sum = self.sum(mode, &sources);
            done &= sum.seeds >= needed && sum.failures == 0;
            let Sum { seeds, requests, failures } = sum;
            table += &format!("{:<6} {needed:>8} {seeds:>10} {requests:>10} {failures:>9}\n", mode.name());
        }
        (table, done)
    }
}

/// What runs add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Different seeds.
    pub seeds: u64,
    /// Requests in them.
    pub requests: u64,
    /// Failures; any of them means that the sources are to be repaired.
    pub failures: u64,
}

#[cfg(test)]
mod tests;
