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

/// Turns [`Instant`]s into wall-clock time by one offset, which changes only when the wall clock is set anew.
#[derive(Clone, Copy, Debug)]
pub struct Wall {
    /// Microseconds since 1970 that the wall clock showed, or would have shown, at [`Instant::ZERO`].
    at_zero: i64,
}

impl Wall {
    /// `unix` is what the wall clock shows at `now`.
    pub const fn new(now: Instant, unix: UnixMillis) -> Self {
        Wall { at_zero: clamp(unix.0.saturating_mul(1000)).saturating_sub(clamp(now.0)) }
    }

    /// The wall-clock time at `now`.
    pub fn at(&self, now: Instant) -> UnixMillis {
        UnixMillis(self.at_zero.saturating_add(clamp(now.0)).max(0) as u64 / 1000)
    }
}

/// As a signed number; what does not fit lies beyond all dates.
const fn clamp(micros: u64) -> i64 {
    if micros <= i64::MAX as u64 { micros as i64 } else { i64::MAX }
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
