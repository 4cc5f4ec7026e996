//! What happened, for a person and for a comparison: a running hash over every event, and the story when it is wanted.

use core::fmt;

/// The record of one simulation.
#[derive(Debug, Default)]
pub struct Trace {
    hash: Fnv,
    story: Option<Vec<String>>,
    line: String,
    events: u64,
}

impl Trace {
    /// A trace that keeps its lines for a person, or only their hash.
    pub fn new(story: bool) -> Self {
        Trace { story: story.then(Vec::new), ..Trace::default() }
    }

    /// Something that a person wants to read.
    pub fn tell(&mut self, now: u64, who: fmt::Arguments<'_>, what: fmt::Arguments<'_>) {
        use fmt::Write as _;
        self.line.clear();
        let (seconds, micros) = (now / 1_000_000, now % 1_000_000);
        // Writing into a String cannot fail.
        let _ = write!(self.line, "{seconds:>6}.{micros:06}  {who}");
        while self.line.len() < 28 {
            self.line.push(' ');
        }
        let _ = write!(self.line, " {what}");
        self.hash.feed(self.line.as_bytes());
        self.events += 1;
        if let Some(story) = &mut self.story {
            story.push(self.line.clone());
        }
    }

    /// Something too small to tell.
    pub fn mark(&mut self, now: u64, numbers: &[u64]) {
        self.events += 1;
        self.hash.feed(&now.to_le_bytes());
        for number in numbers {
            self.hash.feed(&number.to_le_bytes());
        }
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

    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> u64 {
        let mut hash = Fnv::default();
        hash.feed(bytes);
        hash.0
    }
}
