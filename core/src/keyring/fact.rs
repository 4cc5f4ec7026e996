//! What is known of a scope, as a value that can be merged.
//!
//! A fact only ever grows: by a higher epoch, else a worse rank, else a later end. Merging two takes the greater, so
//! it does not matter in which order, how often or in which company facts arrive. Taking something back (a success
//! that ends a rest, an undoing, a reset) is a new epoch, and what was found out in an older one loses against it.

use crate::time::Instant;

/// How badly a scope is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Rank {
    #[default]
    Ready,
    Cooling,
    Blacklisted,
    Disabled,
}

/// What is known of a scope. The order of the fields is the order of the merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Fact {
    pub(crate) epoch: u32,
    pub(crate) rank: Rank,
    /// Until when; zero for ready and disabled.
    pub(crate) until: Instant,
}

impl Fact {
    /// The greater of two: commutative, associative, idempotent.
    pub(crate) fn merge(self, other: Fact) -> Fact {
        self.max(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn any(rng: &mut Rng) -> Fact {
        let rank = [Rank::Ready, Rank::Cooling, Rank::Blacklisted, Rank::Disabled][rng.below(4)];
        Fact { epoch: rng.below(3) as u32, rank, until: Instant::from_micros(rng.below(4) as u64) }
    }

    #[test]
    fn merging_is_commutative_associative_and_idempotent() {
        let mut rng = Rng::new(1);
        for _ in 0..20_000 {
            let (a, b, c) = (any(&mut rng), any(&mut rng), any(&mut rng));
            assert_eq!(a.merge(b), b.merge(a));
            assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)));
            assert_eq!(a.merge(a), a);
            assert!(a.merge(b) >= a, "nothing is lost");
        }
    }

    #[test]
    fn a_shorter_rest_never_shortens_a_longer_one() {
        let rest = |s| Fact { epoch: 0, rank: Rank::Cooling, until: Instant::from_micros(s) };
        assert_eq!(rest(9).merge(rest(3)), rest(9));
    }

    #[test]
    fn an_older_epoch_never_undoes_a_newer_one() {
        let dead = Fact { epoch: 4, rank: Rank::Blacklisted, until: Instant::from_micros(99) };
        let ready = Fact { epoch: 5, ..Fact::default() };
        assert_eq!(ready.merge(dead), ready);
    }
}
