//! What may be shown of a keyring: plain values for the admin pages, without any secret.

use crate::classify::Class;
use crate::config::{KeyEntry, Strategy};
use crate::time::Instant;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// What a key (or a key for one model) can do just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Serves requests.
    Ready,
    /// Rests until a stated or reckoned time.
    Cooling,
    /// Its rest is over; one request at a time tries whether it serves again.
    Probing,
    /// Out until reset, enabled, or found alive by a later try.
    Blacklisted,
    /// Switched off by hand.
    Disabled,
}

impl State {
    /// All states.
    pub const ALL: [State; 5] = [State::Ready, State::Cooling, State::Probing, State::Blacklisted, State::Disabled];

    /// The word used in logs, metrics and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Ready => "ready",
            State::Cooling => "cooling",
            State::Probing => "probing",
            State::Blacklisted => "blacklisted",
            State::Disabled => "disabled",
        }
    }
}

/// The answer that put something out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Its class.
    pub class: Class,
    /// Its status; 0 when there was none.
    pub status: u16,
    /// `error.code`, else `error.type`, where it was read.
    pub code: Option<Box<str>>,
}

/// `quota (429 insufficient_quota)`.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.as_str())?;
        match (self.status, self.code.as_deref()) {
            (0, None) => Ok(()),
            (0, Some(code)) => write!(f, " ({code})"),
            (status, None) => write!(f, " ({status})"),
            (status, Some(code)) => write!(f, " ({status} {code})"),
        }
    }
}

/// How one scope stands: the key, its account, either of them for one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Why it is out; `None` while it is ready.
    pub why: Option<Why>,
    /// Since when it is in this state.
    pub since: Instant,
    /// When its rest, or its time on the blacklist, ends.
    pub until: Option<Instant>,
}

/// How a key stands for one model, beyond how it stands itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// The model.
    pub model: Box<str>,
    /// Whether it is the whole account that is limited for this model.
    pub account: bool,
    /// How it stands.
    pub standing: Standing,
}

/// Outcomes by class; index by `Class as usize`, in the order of [`Class::ALL`].
pub type Tally = [u64; Class::ALL.len()];

/// One key.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// The key as configured: preview, name, index, line, weight, priority.
    pub entry: Arc<KeyEntry>,
    /// Whether it serves requests of any model that has no limit of its own.
    pub eligible: bool,
    /// The key's epoch: raised by a success that ends a rest, a reset, an enabling.
    pub epoch: u32,
    /// How the key, or its whole account, stands.
    pub standing: Standing,
    /// Models for which it is out though it stands well otherwise.
    pub models: Vec<ModelRow>,
    /// Leases under way.
    pub leases: u32,
    /// Attempts that ended, by class.
    pub tally: Tally,
}

/// The whole pool in numbers.
#[derive(Clone, Debug)]
pub struct PoolView {
    /// How keys are chosen.
    pub strategy: Strategy,
    /// Keys configured.
    pub total: usize,
    /// Keys eligible now.
    pub healthy: usize,
    /// Of the others, those that rest or are being tried.
    pub cooling: usize,
    /// Index of the key that comes next.
    pub current_index: u32,
    /// Until the first key can serve: zero when one can now, `None` when none has a stated way back.
    pub back: Option<Duration>,
    /// Requests that asked for a key.
    pub requests: u64,
    /// Requests waiting for a key or a connection.
    pub waiting: usize,
    /// Leases under way.
    pub leases: u64,
    /// Attempts that ended, by class, keys that are gone included.
    pub tally: Tally,
}

impl PoolView {
    /// Keys that are not eligible now, for whatever reason.
    pub fn out(&self) -> usize {
        self.total - self.healthy
    }

    /// Attempts that ended.
    pub fn attempts(&self) -> u64 {
        self.tally.iter().sum()
    }

    /// Attempts that ended well.
    pub fn successes(&self) -> u64 {
        self.tally[Class::Ok as usize]
    }
}
