//! An origin's breaker: it orders origins and stops further attempts of a request, and never refuses one.

use crate::time::Instant;
use core::time::Duration;

/// Charges in a row without a success that open it.
const CHARGES: u32 = 5;
/// How long it stays open after a charge that opened it.
const OPEN: Duration = Duration::from_secs(10);

/// Charges in a row, and until when it is open.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    charges: u32,
    open_until: Instant,
}

impl Breaker {
    /// The origin was overloaded, could not be reached, or failed several keys alike.
    pub(crate) fn charge(&mut self, now: Instant) {
        self.charges = self.charges.saturating_add(1);
        if self.charges >= CHARGES {
            self.open_until = now + OPEN;
        }
    }

    /// The origin answered well: the row is over, and it closes.
    pub(crate) fn success(&mut self) {
        *self = Breaker::default();
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        now < self.open_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(secs)
    }

    #[test]
    fn five_charges_in_a_row_open_it_for_ten_seconds() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.charge(at(0));
        }
        assert!(!breaker.is_open(at(0)));
        breaker.charge(at(1));
        assert!(breaker.is_open(at(1)) && breaker.is_open(at(10)) && !breaker.is_open(at(11)));
        breaker.charge(at(20));
        assert!(breaker.is_open(at(29)), "the row goes on until a success");
    }

    #[test]
    fn a_success_ends_the_row_and_closes_it() {
        let mut breaker = Breaker::default();
        for n in 0..9 {
            breaker.charge(at(0));
            if n == 3 {
                breaker.success();
                assert!(!breaker.is_open(at(0)));
            }
        }
        assert!(breaker.is_open(at(0)));
        breaker.success();
        assert!(!breaker.is_open(at(0)));
    }
}
