//! What our errors say of trying again, in the fields that the SDKs read.

use core::time::Duration;

/// SDKs wait for up to a minute; beyond that they are told to give up and not to guess.
const NEAR: Duration = Duration::from_secs(60);

/// When a repeat of the request may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// After so long.
    In(Duration),
    /// Not without somebody doing something about it.
    Never,
}

impl Back {
    /// Whether a client's SDK would wait for it.
    pub fn is_near(self) -> bool {
        matches!(self, Back::In(span) if span <= NEAR)
    }

    /// Adds `Retry-After` (whole seconds, rounded up, at least 1), `retry-after-ms`, and `x-should-retry`
    /// where the answer is no.
    pub(super) fn fields(self, fields: &mut Vec<(&'static str, String)>) {
        if let Back::In(span) = self {
            let millis = span.as_micros().div_ceil(1000).max(1);
            fields.push(("Retry-After", millis.div_ceil(1000).to_string()));
            fields.push(("retry-after-ms", millis.to_string()));
        }
        if !self.is_near() {
            fields.push(("x-should-retry", "false".into()));
        }
    }
}
