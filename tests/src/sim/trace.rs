//! What happened, for a person and for a comparison: a running hash over every event, and the story when it is wanted.

use core::fmt;

/// How much is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// Nothing: only what is judged is of interest.
    #[default]
    Nothing,
    /// A hash over everything that happened.
    Hash,
    /// The hash, and the story for a person.
    Story,
}

/// The record of one simulation.
#[derive(Debug, Default)]
pub struct Trace {
    record: Record,
    hash: Fnv,
    story: Option<Vec<String>>,
    line: String,
    events: u64,
}

impl Trace {
    /// A trace that keeps this much.
    pub fn new(record: Record) -> Self {
        Trace { record, story: (record == Record::Story).then(Vec::new), ..Trace::default() }
    }

    /// Whether anything is written down.
    pub fn records(&self) -> bool {
        self.record != Record::Nothing
    }

    /// Something that a person wants to read.
    pub fn tell(&mut self, now: u64, who: fmt::Arguments<'_>, what: fmt::Arguments<'_>) {
        use fmt::Write as _;
        self.events += 1;
        if !self.records() {
            return;
        }
        self.line.clear();
        let (seconds, micros) = (now / 1_000_000, now % 1_000_000);
        // Writing into a String cannot fail.
        let _ = write!(self.line, "{seconds:>6}.{micros:06}  {who}");
        while self.line.len() < 28 {
            self.line.push(' ');
        }
        let _ = write!(self.line, " {what}");
        self.hash.feed(self.line.as_bytes());
        if let Some(story) = &mut self.story {
            story.push(self.line.clone());
        }
    }

    /// Something too small to tell.
    pub fn mark(&mut self, now: u64, numbers: &[u64]) {
        self.events += 1;
        if !self.records() {
            return;
        }
        self.hash.mix(now);
        numbers.iter().for_each(|number| self.hash.mix(*number));
    }

    /// The hash so far.
    pub fn hash(&self) -> u64 {
        self.hash.0
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The lines so far, where they are kept.
    pub fn story(&self) -> &[String] {
        self.story.as_deref().unwrap_or_default()
    }
}

/// FNV-1a, 64 bits: small, and the same everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(pub u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Takes bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Takes a number in, in one step.
    pub fn mix(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> u64 {
        let mut hash = Fnv::default();
        hash.feed(bytes);
        hash.0
    }
}
