//! What stands between a key and its next request, as one number that can be compared.

use super::health::Health;
use super::view::State;
use crate::time::Instant;

/// The lower, the better: open; resting, by its end; blacklisted, by its end; switched off; not allowed at all.
///
/// A scope that is being tried counts as one whose rest ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bar(u64);

const KIND: u32 = 61;
const RESTING: u64 = 1 << KIND;
const BLACKLISTED: u64 = 2 << KIND;
/// In the lowest bit of a resting bar: it is a dead key that is being tried.
const DEAD: u64 = 1;

impl Bar {
    /// Nothing: it may serve.
    pub(crate) const OPEN: Bar = Bar(0);
    /// It may serve, but every connection that its origins allow is in use.
    pub(crate) const CROWDED: Bar = Bar(1);
    /// Switched off by hand.
    pub(crate) const DISABLED: Bar = Bar(3 << KIND);
    /// Its `models=` do not allow the model, or there is no such key.
    pub(crate) const NOT_ALLOWED: Bar = Bar(u64::MAX);

    /// What a scope's health stands for at `now`; trials of dead keys are paced: the next may begin at `pace`.
    pub(crate) fn of(health: &Health, now: Instant, pace: Instant) -> Bar {
        let dead = health.is_dead_trial();
        match health.state() {
            State::Ready => Bar::OPEN,
            State::Cooling => Bar::resting(health.due_at().unwrap_or_default()),
            State::Probing if !health.is_due() => Bar(RESTING | if dead { DEAD } else { 0 }),
            State::Probing if dead && now < pace => Bar::blacklisted(pace),
            State::Probing => Bar::OPEN,
            State::Blacklisted => Bar::blacklisted(health.due_at().unwrap_or_default()),
            State::Disabled => Bar::DISABLED,
        }
    }

    fn resting(until: Instant) -> Bar {
        Bar(RESTING | Self::time(until))
    }

    fn blacklisted(until: Instant) -> Bar {
        Bar(BLACKLISTED | Self::time(until))
    }

    fn time(until: Instant) -> u64 {
        (until.as_micros() << 1).min(RESTING - 2)
    }

    /// Whether it may serve.
    pub(crate) fn is_open(self) -> bool {
        self == Bar::OPEN
    }

    /// Whether it rests, or is being tried.
    pub(crate) fn is_resting(self) -> bool {
        self.0 & (3 << KIND) == RESTING
    }

    /// Whether it rests or is being tried, and was not found dead.
    pub(crate) fn is_resting_alive(self) -> bool {
        self.is_resting() && self.0 & DEAD == 0
    }

    /// When it ends, where that is known; the beginning of time for what ends now.
    pub(crate) fn ends(self) -> Option<Instant> {
        match self.0 {
            0 | 1 => Some(Instant::ZERO),
            n if n < Bar::DISABLED.0 => Some(Instant::from_micros((n & (RESTING - 1)) >> 1)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::fact::Rank;
    use crate::keyring::health::{Event, Then};

    const NOW: Instant = Instant::from_micros(5);

    fn after(events: &[Event]) -> Bar {
        let health = events.iter().fold(Health::default(), |h, &e| h.after(e));
        Bar::of(&health, NOW, Instant::from_micros(90))
    }

    fn fault(rank: Rank, until: u64) -> Event {
        Event::Fault { rank, until: Instant::from_micros(until), then: Then::Probing }
    }

    #[test]
    fn from_best_to_worst() {
        let (rest, dead) = (fault(Rank::Cooling, 70), fault(Rank::Blacklisted, 60));
        let order = [
            Bar::OPEN,
            Bar::CROWDED,
            after(&[rest, Event::Due, Event::Try(1)]),
            after(&[dead, Event::Due, Event::Try(1)]),
            after(&[rest]),
            after(&[fault(Rank::Cooling, 71)]),
            after(&[dead]),
            after(&[dead, Event::Due]),
            Bar::DISABLED,
            Bar::NOT_ALLOWED,
        ];
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        assert_eq!(after(&[rest, Event::Due]), Bar::OPEN);
        assert_eq!(after(&[Event::Disable]), Bar::DISABLED);
    }

    #[test]
    fn ends_are_told() {
        assert_eq!(after(&[fault(Rank::Cooling, 70)]).ends(), Some(Instant::from_micros(70)));
        assert_eq!(after(&[fault(Rank::Blacklisted, 60)]).ends(), Some(Instant::from_micros(60)));
        let paced = after(&[fault(Rank::Blacklisted, 60), Event::Due]);
        assert_eq!(paced.ends(), Some(Instant::from_micros(90)), "the next trial of a dead key");
        let tried = after(&[fault(Rank::Cooling, 70), Event::Due, Event::Try(1)]);
        assert_eq!(tried.ends(), Some(Instant::ZERO), "being tried counts as a rest that ends now");
        assert_eq!(Bar::DISABLED.ends(), None);
    }
}
