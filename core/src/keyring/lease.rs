//! What passes between a request and the keyring: a want, a lease or a refusal, a verdict, a settlement.

use super::scope::ModelId;
use crate::classify::{Class, Outcome};
use crate::config::KeyEntry;
use crate::origin::{BaseUrl, Origin};
use crate::time::Instant;
use core::time::Duration;
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
    /// Serial number of this lease: what began before an epoch was raised has a lower one than what began after.
    pub(crate) serial: u64,
    /// The one request that tries a scope that was out.
    pub(crate) probe: bool,
    /// The base URL that was to be tried first, an index into `entry.bases`, and how many were passed over since.
    pub(crate) first_base: u32,
    pub(crate) passed: u32,
    /// The origin that its permit is for.
    pub(crate) upstream: u32,
    /// The model that it was given for, where something is known of that.
    pub(crate) model: Option<ModelId>,
    /// The class of the verdict that was already given for it.
    pub(crate) judged: Option<Class>,
    /// Its outcome was taken in as a settlement's is: what is left of it is its permit.
    pub(crate) counted: bool,
    /// [`account_id`] of the account that the key is known to belong to; 0 when unknown.
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

    /// The `n`-th base URL to try, from 0; `None` when all were. The permit is for the origin of the first.
    pub fn base(&self, n: usize) -> Option<&BaseUrl> {
        let (all, n) = (&self.entry.bases, self.passed as usize + n);
        (n < all.len()).then(|| &all[(self.first_base as usize + n) % all.len()])
    }

    /// Whether the key is known to belong to the account that an answer names (`openai-organization` and its like).
    pub fn knows_account(&self, name: &str) -> bool {
        self.account != 0 && self.account == account_id(name)
    }

    /// The verdict on this attempt, ahead of its end: what the answer's head says after `passed` base URLs were
    /// passed over.
    pub fn verdict(&mut self, passed: u32, outcome: Outcome) -> Verdict {
        self.judged = Some(outcome.class);
        let origin = self.base(passed as usize).map(|base| base.origin.clone());
        Verdict { key: self.key, serial: self.serial, model: self.model, origin, outcome }
    }
}

/// What an account's name is kept as: 64-bit FNV-1a of its bytes, never 0.
pub(crate) fn account_id(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash.max(1)
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
    /// What it takes when no key can serve it now.
    pub patience: Patience,
}

/// What a request takes when no key can serve it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It waits, within bounds.
    Wait,
    /// A refusal: a request that was tried waits for no resting key.
    Refuse,
    /// A refusal in any case: it only wants to be told when the first key is back.
    Outlook,
}

/// Why no lease was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No untried key is eligible, but one is coming back (`back`: when the first key does, from now). 429.
    Exhausted {
        /// Until the first key is back.
        back: Duration,
    },
    /// Every key is blacklisted or disabled, or all were tried. 503 `no_available_keys`.
    Unavailable {
        /// Until the first key, tried or not, is back, where one has a stated way back.
        back: Option<Duration>,
    },
    /// No key's `models=` allows the model. 404 `model_not_found`.
    ModelNotFound,
    /// No connection permit became free in time. 503 `no_free_connection`.
    NoConnection,
    /// The fault is the origin's: several keys of different accounts failed alike there, or its breaker is open. Stop
    /// walking; what was answered last stands.
    Correlated,
}

/// A verdict given before its lease ends, at the response head (half-open tries, upgrades): [`Lease::verdict`].
#[derive(Debug)]
pub struct Verdict {
    pub(crate) key: KeyId,
    pub(crate) serial: u64,
    pub(crate) model: Option<ModelId>,
    /// The origin that answered.
    pub(crate) origin: Option<Origin>,
    pub(crate) outcome: Outcome,
}

/// The end of a lease.
#[derive(Debug)]
pub struct Settle {
    /// The lease, given back.
    pub lease: Lease,
    /// What it came to; `None`: nothing was sent with it, or all that is known was taken in already (`Reply::Kept`).
    pub outcome: Option<Outcome>,
    /// How many base URLs were passed over before the one that answered (`Lease::base`).
    pub base: u32,
    /// The same request wants another key at once; the reply answers this want.
    pub then: Option<Want>,
}

impl Settle {
    /// A lease goes back of which there is nothing to say, or nothing more.
    pub fn unused(lease: Lease) -> Self {
        Settle { lease, outcome: None, base: 0, then: None }
    }
}
