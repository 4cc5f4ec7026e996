//! The core's randomness: a seeded stream, so that every choice can be replayed.

use core::time::Duration;

/// A deterministic random stream. Equal seeds give equal streams on every machine.
#[derive(Clone, Debug)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Rng(fastrand::Rng::with_seed(seed))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { self.0.usize(..n) }
    }

    /// A duration in `[low, high]`.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let (low, high) = (low.as_micros() as u64, high.as_micros() as u64);
        Duration::from_micros(self.0.u64(low..=high.max(low)))
    }

    /// `span` with ±20 % of jitter.
    pub fn jitter(&mut self, span: Duration) -> Duration {
        self.between(span.mul_f64(0.8), span.mul_f64(1.2))
    }
}
