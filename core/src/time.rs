//! The core's own clock values: numbers that the caller hands in, never read from a machine.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in time: microseconds since the process (or the simulation) began.
///
/// Arithmetic saturates at both ends, so no deadline computed from hostile input can wrap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The beginning.
    pub const ZERO: Instant = Instant(0);

    /// A point `micros` microseconds after the beginning.
    pub const fn from_micros(micros: u64) -> Self {
        Instant(micros)
    }

    /// Microseconds since the beginning.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, span: Duration) -> Instant {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(micros))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t+{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixMillis(pub u64);

impl fmt::Display for UnixMillis {
    /// As RFC 3339 in UTC with milliseconds; what lies beyond the year 9999 is shown as its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LAST: u64 = 253_402_300_799_999;
        let since = Duration::from_millis(self.0.min(LAST));
        fmt::Display::fmt(&humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + since), f)
    }
}

/// Turns [`Instant`]s into wall-clock time by one offset, given once at the start.
#[derive(Clone, Copy, Debug)]
pub struct Wall {
    start: Instant,
    unix_at_start: UnixMillis,
}

impl Wall {
    /// `unix_at_start` is what the wall clock showed at `start`.
    pub const fn new(start: Instant, unix_at_start: UnixMillis) -> Self {
        Wall { start, unix_at_start }
    }

    /// The wall-clock time at `now`.
    pub fn at(&self, now: Instant) -> UnixMillis {
        let since = now.since(self.start).as_millis() as u64;
        UnixMillis(self.unix_at_start.0.saturating_add(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_time_is_shown_as_rfc_3339() {
        assert_eq!(UnixMillis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(UnixMillis(1_790_000_000_123).to_string(), "2026-09-21T14:13:20.123Z");
        assert_eq!(UnixMillis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }
}
