//! The dice of a simulation: one seed, cut into independent streams.
//!
//! Each part of the world draws from a stream of its own, so that one more draw in one part does not shift what
//! happens in the others.

use core::time::Duration;

/// A seeded stream of draws.
#[derive(Clone, Debug)]
pub struct Dice(fastrand::Rng);

impl Dice {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Dice(fastrand::Rng::with_seed(seed))
    }

    /// A stream of its own for the `n`-th child: draws there do not shift draws here.
    pub fn child(&self, n: u64) -> Dice {
        Dice::new(mix(self.0.get_seed() ^ mix(n)))
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number in `[low, high]`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..=high.max(low))
    }

    /// An index below `n`, which is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.usize(..n.max(1))
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    /// A span in `[low, high]` milliseconds, to the microsecond.
    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_micros(self.range(low * 1000, high * 1000))
    }

    /// One of these, which are at least one.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// An index, by weights of which at least one is above 0.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.range(1, total.max(1));
        for (index, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) if rest > 0 => left = rest,
                _ => return index,
            }
        }
        0
    }

    /// `n` bytes of printable text.
    pub fn text(&mut self, n: usize) -> Vec<u8> {
        const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789";
        let mut text = Vec::with_capacity(n + 8);
        while text.len() < n {
            let bits = self.bits();
            text.extend((0..8).map(|byte| LETTERS[(bits >> (8 * byte)) as usize & 63]));
        }
        text.truncate(n);
        text
    }

    /// `n` letters and digits, as keys and tokens have them.
    pub fn word(&mut self, n: usize) -> String {
        (0..n).map(|_| self.0.alphanumeric()).collect()
    }
}

/// The streams of one simulation.
#[derive(Clone, Debug)]
pub struct Streams {
    /// What is switched on in this world, and the settings it runs with.
    pub swarm: Dice,
    /// What clients ask, and when.
    pub workload: Dice,
    /// Delays, cuts and losses.
    pub network: Dice,
    /// What upstreams answer.
    pub upstream: Dice,
    /// What happens to keys.
    pub keys: Dice,
    /// Jumps of the clock, and interventions of the operator.
    pub clock: Dice,
    /// Who runs first, and how much is read at once.
    pub scheduler: Dice,
}

impl Streams {
    /// The streams of a master seed.
    pub fn new(seed: u64) -> Self {
        let stream = |n| Dice::new(mix(seed ^ mix(n)));
        Streams {
            swarm: stream(1),
            workload: stream(2),
            network: stream(3),
            upstream: stream(4),
            keys: stream(5),
            clock: stream(6),
            scheduler: stream(7),
        }
    }
}

/// SplitMix64's finisher: neighbouring seeds give unrelated streams.
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_independent_and_repeat() {
        let mut one = Streams::new(7);
        let mut two = Streams::new(7);
        one.network.bits();
        assert_eq!(one.workload.bits(), two.workload.bits());
        assert_ne!(one.network.bits(), two.network.bits());
        assert_ne!(Streams::new(8).workload.bits(), Streams::new(7).workload.bits());
    }

    #[test]
    fn weights_are_kept_and_zero_is_never_drawn() {
        let mut dice = Dice::new(1);
        let mut hits = [0u32; 4];
        for _ in 0..10_000 {
            hits[dice.weighted([0, 1, 0, 9].into_iter())] += 1;
        }
        assert_eq!((hits[0], hits[2]), (0, 0));
        assert!((500..1500).contains(&hits[1]), "{hits:?}");
    }
}
