//! How a key behaves, whatever it is asked.

use super::spec::Spec;
use keywheel_core::time::Instant;
use std::time::Duration;

/// What requests with a key get.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// Good answers, or what the request's own [`Spec`] asks for.
    #[default]
    Good,
    /// 401 `invalid_api_key`.
    Invalid,
    /// 429 `insufficient_quota`.
    NoQuota,
    /// So many requests in each window, then 429 `rate_limit_exceeded` with Retry-After to the window's end.
    RateLimited {
        /// Requests allowed in a window; 0: none ever.
        requests: u32,
        /// Length of a window, which begins with its first request.
        per: Duration,
    },
    /// Each `every`-th request gets this answer, the others a good one. `every` 0 or 1: all.
    Every {
        /// Which ones.
        every: u32,
        /// The answer.
        spec: Box<Spec>,
    },
    /// Good for so many requests, invalid ever after.
    DeadAfter(u32),
}

/// What a behaviour needs to remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    seen: u32,
    window: Option<Instant>,
    used: u32,
}

impl Behaviour {
    /// Every `every`-th request gets a 500.
    pub fn flaky_500(every: u32) -> Self {
        Behaviour::Every { every, spec: Box::new(Spec { status: Some(500), ..Spec::default() }) }
    }

    /// Every request gets this answer.
    pub fn always(spec: Spec) -> Self {
        Behaviour::Every { every: 1, spec: Box::new(spec) }
    }

    /// What the next request gets; `None`: what it asks for itself.
    pub(super) fn next(&self, memory: &mut Memory, now: Instant) -> Option<Spec> {
        memory.seen = memory.seen.saturating_add(1);
        match self {
            Behaviour::Good => None,
            Behaviour::Invalid => Spec::row("invalid_api_key"),
            Behaviour::NoQuota => Spec::row("insufficient_quota"),
            Behaviour::RateLimited { requests, per } => limited(memory, *requests, *per, now),
            Behaviour::Every { every, spec } => memory.seen.is_multiple_of((*every).max(1)).then(|| (**spec).clone()),
            Behaviour::DeadAfter(n) if memory.seen <= *n => None,
            Behaviour::DeadAfter(_) => Spec::row("invalid_api_key"),
        }
    }
}

fn limited(memory: &mut Memory, requests: u32, per: Duration, now: Instant) -> Option<Spec> {
    let begin = match memory.window {
        Some(begin) if now.since(begin) < per => begin,
        _ => {
            memory.used = 0;
            *memory.window.insert(now)
        }
    };
    if memory.used < requests {
        memory.used += 1;
        return None;
    }
    let left = (begin + per).since(now);
    let mut spec = Spec::row("rate_requests")?;
    spec.retry_after = Some(left.as_millis().div_ceil(1000).to_string());
    spec.retry_after_ms = Some(left.as_micros().div_ceil(1000).to_string());
    spec.reset_requests = Some(format!("{}ms", left.as_micros().div_ceil(1000)));
    Some(spec)
}
