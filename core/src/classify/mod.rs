//! Evidence about an attempt becomes a verdict: whose fault, and what follows.
//!
//! The facts are data: rows in `dialect`, each with its source. [`judge`] reads them in this order and the first row
//! that fits decides: the status 402; a structured reason; `error.code`; `error.type`; words of the message, only
//! with the statuses that the row names; at last the status alone. So a provider's own code always outweighs what a
//! status usually means, and words, which may quote the client, decide only where nothing better does.

pub mod echo;
pub mod gzip;
mod judge;
pub mod rest;
pub mod row;
mod stream;
#[cfg(test)]
mod tests;

pub use judge::{Evidence, account, judge};
pub use stream::event_error;

use core::time::Duration;

/// Whose fault an attempt's outcome is. The one word list for logs, metrics, /stats and simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A good answer.
    Ok,
    /// The key is invalid, revoked or deactivated.
    KeyDead,
    /// Money or a long quota is used up.
    Quota,
    /// A rate limit: rests, does not die.
    Rate,
    /// The key may not use this model or resource.
    Access,
    /// The provider is overloaded or broken; never the key's fault.
    Overload,
    /// Region, network or deployment set up wrongly; the same for every key.
    Config,
    /// The client's own mistake.
    Client,
    /// The connection was lost after the request was sent and before an answer.
    Ambiguous,
    /// A fault that says nothing of its cause.
    Unknown,
    /// Our own timeout, an unreachable upstream, or a client that left.
    Ours,
}

impl Class {
    /// All classes, in the order of the word list.
    pub const ALL: [Class; 11] = [
        Class::Ok,
        Class::KeyDead,
        Class::Quota,
        Class::Rate,
        Class::Access,
        Class::Overload,
        Class::Config,
        Class::Client,
        Class::Ambiguous,
        Class::Unknown,
        Class::Ours,
    ];

    /// The word used in logs, metrics and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Ok => "ok",
            Class::KeyDead => "key_dead",
            Class::Quota => "quota",
            Class::Rate => "rate",
            Class::Access => "access",
            Class::Overload => "overload",
            Class::Config => "config",
            Class::Client => "client",
            Class::Ambiguous => "ambiguous",
            Class::Unknown => "unknown",
            Class::Ours => "ours",
        }
    }
}

/// Which scope a fault names. `classify` says what the evidence says; `keyring` widens or narrows it
/// by what it knows (an unknown account is the key itself, an unknown model is the key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Blame {
    /// Nobody.
    #[default]
    Nobody,
    /// The key.
    Key,
    /// The key for this model.
    KeyModel,
    /// The account (organization or project) for this model.
    AccountModel,
    /// The whole account.
    Account,
}

/// What one attempt came to: handed to the keyring when its lease is settled.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The class.
    pub class: Class,
    /// Which scope the evidence names.
    pub blame: Blame,
    /// Status of the answer; 0 when there was none.
    pub status: u16,
    /// `error.code`, else `error.type`, as far as it is visible ASCII and at most 64 bytes.
    pub code: Option<Box<str>>,
    /// The class was read from a structured code and not from the status or a substring.
    pub structured: bool,
    /// The rest that the upstream stated (Retry-After and its kin), from now.
    pub rest: Option<Duration>,
    /// The request's model, where it was read (always read when blame names a model).
    pub model: Option<Box<str>>,
    /// Account named by this answer (`openai-organization` and the like), when the lease does not know it.
    pub account: Option<Box<str>>,
}

impl Outcome {
    /// An outcome that says only its class: nobody is blamed, nothing is known.
    pub fn plain(class: Class) -> Self {
        Outcome {
            class,
            blame: Blame::Nobody,
            status: 0,
            code: None,
            structured: false,
            rest: None,
            model: None,
            account: None,
        }
    }
}
