//! The keys of a pool: who gets the next request, and what is known of each key.

use crate::classify::Outcome;
use crate::config::KeyEntry;
use crate::origin::{BaseUrl, Origin};
use crate::time::Instant;
use std::sync::Arc;

/// A key's slot and a generation that changes only when the slot gets another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    /// Position in the keyring.
    pub slot: u32,
    /// Changes with the key in the slot.
    pub generation: u32,
}

/// The right to make one attempt with one key: the key, and a permit to hold an upstream connection.
///
/// Not `Clone`: it is settled exactly once, by value. A session dropped mid-flight gives it back by
/// `Session::abandon`.
#[derive(Debug)]
pub struct Lease {
    pub(crate) key: KeyId,
    /// Serial number of this lease.
    pub(crate) serial: u64,
    /// The epoch of the key's fact when the lease was given; an outcome of an older epoch counts, but changes nothing.
    pub(crate) epoch: u32,
    /// The one request that tries a key that was out.
    pub(crate) probe: bool,
    /// The base URL to try first, an index into `entry.bases`.
    pub(crate) first_base: u32,
    /// Whether a verdict for it was already given (half-open).
    pub(crate) judged: bool,
    /// Hash of the account the key is known to belong to; 0 when unknown.
    pub(crate) account: u64,
    pub(crate) entry: Arc<KeyEntry>,
}

impl Lease {
    /// Which key.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The key as configured.
    pub fn entry(&self) -> &KeyEntry {
        &self.entry
    }

    /// Whether this attempt is the one that tries a key that was out; its verdict falls at the response head.
    pub fn is_probe(&self) -> bool {
        self.probe
    }

    /// The `n`-th base URL to try, from 0; `None` when all were.
    pub fn base(&self, n: usize) -> Option<&BaseUrl> {
        let all = &self.entry.bases;
        (n < all.len()).then(|| &all[(self.first_base as usize + n) % all.len()])
    }
}

/// A place in the queue of waiting requests. First come, first served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The worker whose mailbox gets the wake.
    pub worker: u32,
    /// Serial number; never reused.
    pub serial: u64,
}

/// What a request knows of its model when it wants a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// It has not looked. The keyring answers `Reply::NeedModel` when some key of the pool has a live restriction
    /// by model; else it does not matter.
    Unread,
    /// This one.
    Named(Box<str>),
    /// It looked, within the bounds of `Limits`, and there is none.
    Absent,
}

/// What a request asks of the keyring.
#[derive(Debug)]
pub struct Want {
    /// The worker that asks.
    pub worker: u32,
    /// The request's model.
    pub model: Model,
    /// Keys that this request already tried.
    pub tried: Vec<KeyId>,
    /// Origins that could not be dialed for this request: a key all of whose base URLs lie on them is passed over.
    pub unreachable: Vec<Origin>,
    /// When the request's own time budget ends: no wait goes beyond.
    pub until: Instant,
    /// Whether it may wait at all: a request that was tried waits for no resting key.
    pub may_wait: bool,
}

/// Why no lease was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No untried key is eligible, but one is coming back (`back`: when the first does, from now). 429.
    Exhausted {
        /// Until the first key is back.
        back: core::time::Duration,
    },
    /// Every key is blacklisted or disabled, or all were tried. 503 `no_available_keys`.
    Unavailable,
    /// No key's `models=` allows the model. 404 `model_not_found`.
    ModelNotFound,
    /// No connection permit became free in time. 503 `no_free_connection`.
    NoConnection,
    /// Several keys of different accounts failed alike: the fault is not theirs, stop walking.
    Correlated,
}

/// A verdict given before its lease ends, at the response head (half-open tries, upgrades).
#[derive(Debug)]
pub struct Verdict {
    /// The lease's key.
    pub key: KeyId,
    /// The lease's serial.
    pub serial: u64,
    /// Its epoch.
    pub epoch: u32,
    /// Index into the key's base URLs of the one that answered.
    pub base: u32,
    /// What it came to.
    pub outcome: Outcome,
}

/// The end of a lease.
#[derive(Debug)]
pub struct Settle {
    /// The lease, given back.
    pub lease: Lease,
    /// What it came to; `None`: nothing was sent with it, nothing is known.
    pub outcome: Option<Outcome>,
    /// How many base URLs were passed over before the one that answered (`Lease::base`).
    pub base: u32,
    /// The same request wants another key at once; the reply answers this want.
    pub then: Option<Want>,
}
