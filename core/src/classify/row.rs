//! One row of the table: what an answer must show, and what it then means.

use super::{Blame, Class};
use core::ops::RangeInclusive;
use core::time::Duration;

/// One fact about a provider's errors.
#[derive(Clone, Debug)]
pub struct Row {
    /// Statuses with which it holds. 0 is an error event in an answer that began well.
    pub status: Statuses,
    /// What the answer shows.
    pub sign: Sign,
    /// What that means.
    pub class: Class,
    /// Which scope it names.
    pub blame: Blame,
    /// The rest that it implies when the answer states none itself.
    pub rest: Option<Duration>,
    /// Where the fact was found.
    pub source: &'static str,
}

/// Statuses with which a row holds.
#[derive(Clone, Debug)]
pub enum Statuses {
    /// Any that can be somebody's fault: below 500, error events too. A server's own failure is never a key's.
    Any,
    /// These.
    Of(&'static [u16]),
    /// From the first to the last.
    In(RangeInclusive<u16>),
}

/// What an answer shows. All texts in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `error.details[].reason`.
    Reason(&'static str),
    /// `error.code`.
    Code(&'static str),
    /// `error.type`.
    Type(&'static str),
    /// Words of `error.message`.
    Words(&'static str),
    /// A Retry-After (or its kin) with the status.
    RetryAfter,
    /// The status and nothing else.
    Status,
}

impl Row {
    /// A row without an implied rest.
    pub const fn new(status: Statuses, sign: Sign, class: Class, blame: Blame, source: &'static str) -> Self {
        Row { status, sign, class, blame, rest: None, source }
    }

    /// The same row with an implied rest.
    pub const fn resting(mut self, rest: Duration) -> Self {
        self.rest = Some(rest);
        self
    }
}

impl Statuses {
    /// Whether `status` is among them.
    pub fn hold(&self, status: u16) -> bool {
        match self {
            Statuses::Any => status < 500,
            Statuses::Of(list) => list.contains(&status),
            Statuses::In(range) => range.contains(&status),
        }
    }
}
