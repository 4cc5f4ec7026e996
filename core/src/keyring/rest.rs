//! How long what an answer did to a scope lasts.
//!
//! | class | lasts | ends in |
//! |---|---|---|
//! | RATE, up to 10 min stated | as stated | Ready |
//! | RATE, more stated | as stated, at most 24 h | Probing |
//! | RATE, nothing stated | 1 s · 2^n ± 20 %, at most 10 min | Probing |
//! | QUOTA, stated | as stated, however far | Probing |
//! | QUOTA, ACCESS | 1 h · 2^n, at most 24 h | Probing |
//! | KEY_DEAD | blacklisted 1 h · 2^n, at most 24 h | Probing |
//! | soft faults, THRESHOLD in a row | 0.5 s · 2^n, at most 60 s | Probing |
//!
//! n counts the rests of its cause in a row without a success, from 0.

use super::fact::Rank;
use super::health::Then;
use crate::classify::{Class, Outcome};
use crate::rng::Rng;
use core::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const RATE_FIRST: Duration = Duration::from_secs(1);
const RATE_MOST: Duration = Duration::from_secs(600);
const SOFT_FIRST: Duration = Duration::from_millis(500);
const SOFT_MOST: Duration = Duration::from_secs(60);

/// What a rest that several keys earned alike is cut to, where its class is RATE and its end was not stated.
pub(super) const CUT: Duration = Duration::from_secs(1);

/// Why a scope rests; rests are counted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Dead,
    Quota,
    Rate,
    Access,
    Soft,
}

impl Cause {
    pub(crate) const COUNT: usize = 5;

    /// What an outcome of this class can put out; `None` for classes that are no scope's fault.
    pub(crate) fn of(class: Class) -> Option<Cause> {
        match class {
            Class::KeyDead => Some(Cause::Dead),
            Class::Quota => Some(Cause::Quota),
            Class::Rate => Some(Cause::Rate),
            Class::Access => Some(Cause::Access),
            Class::Ambiguous | Class::Unknown => Some(Cause::Soft),
            Class::Ok | Class::Overload | Class::Config | Class::Client | Class::Ours => None,
        }
    }
}

/// What a fault does to a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) rank: Rank,
    pub(crate) span: Duration,
    pub(crate) then: Then,
    /// Its end was stated by the upstream: it stands even when several keys failed alike.
    pub(crate) stated: bool,
}

impl Rest {
    /// The `n`-th rest in a row (from 0) of this cause.
    pub(crate) fn of(cause: Cause, outcome: &Outcome, n: u8, rng: &mut Rng) -> Rest {
        let doubling = |first: Duration, most: Duration| first.saturating_mul(1 << n.min(20)).min(most);
        let reckoned = |span| Rest { rank: Rank::Cooling, span, then: Then::Probing, stated: false };
        let stated = |span, then| Rest { rank: Rank::Cooling, span, then, stated: true };
        match (cause, outcome.rest) {
            (Cause::Dead, _) => Rest { rank: Rank::Blacklisted, ..reckoned(doubling(HOUR, DAY)) },
            (Cause::Quota, Some(span)) => stated(span, Then::Probing),
            (Cause::Quota, None) | (Cause::Access, _) => reckoned(doubling(HOUR, DAY)),
            (Cause::Rate, Some(span)) if span <= RATE_MOST => stated(span, Then::Ready),
            (Cause::Rate, Some(span)) => stated(span.min(DAY), Then::Probing),
            (Cause::Rate, None) => reckoned(rng.jitter(doubling(RATE_FIRST, RATE_MOST)).min(RATE_MOST)),
            (Cause::Soft, _) => reckoned(doubling(SOFT_FIRST, SOFT_MOST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(cause: Cause, n: core::ops::Range<u8>) -> Vec<f64> {
        let outcome = Outcome::plain(Class::Unknown);
        n.map(|n| Rest::of(cause, &outcome, n, &mut Rng::new(1)).span.as_secs_f64()).collect()
    }

    #[test]
    fn reckoned_rests_double_up_to_their_cap() {
        let hours = [1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 24.0].map(|h| h * 3600.0);
        for cause in [Cause::Dead, Cause::Quota, Cause::Access] {
            assert_eq!(spans(cause, 0..7), hours, "{cause:?}");
        }
        assert_eq!(spans(Cause::Soft, 0..9), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
        assert_eq!(spans(Cause::Dead, 255..255).len(), 0);
        assert_eq!(Rest::of(Cause::Dead, &Outcome::plain(Class::KeyDead), 255, &mut Rng::new(1)).span, DAY);
    }

    #[test]
    fn a_rate_backs_off_with_jitter() {
        for (n, second) in spans(Cause::Rate, 0..12).into_iter().enumerate() {
            let middle = f64::from(1 << n).min(600.0);
            assert!((0.8 * middle..=(1.2 * middle).min(600.0)).contains(&second), "n = {n}: {second}");
        }
    }

    #[test]
    fn a_stated_rest_is_taken_as_it_is_within_its_clamp() {
        let of = |cause, secs| {
            let rest = Some(Duration::from_secs(secs));
            Rest::of(cause, &Outcome { rest, ..Outcome::plain(Class::Rate) }, 3, &mut Rng::new(1))
        };
        for secs in [0, 1, 600] {
            let rest = of(Cause::Rate, secs);
            assert_eq!((rest.span.as_secs(), rest.then, rest.stated), (secs, Then::Ready, true));
        }
        assert_eq!((of(Cause::Rate, 601).span.as_secs(), of(Cause::Rate, 601).then), (601, Then::Probing));
        assert_eq!(of(Cause::Rate, 999_999).span, DAY);
        assert_eq!((of(Cause::Quota, 999_999).span.as_secs(), of(Cause::Quota, 5).then), (999_999, Then::Probing));
        assert!(!of(Cause::Dead, 5).stated && !of(Cause::Access, 5).stated && !of(Cause::Soft, 5).stated);
    }
}
