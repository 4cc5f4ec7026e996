//! I1: no request gets a key that it could know to be dead or resting.
//!
//! Judged from outside: once a client has its answer, what the attempts behind it said of their keys is known to
//! keywheel; a request that is made afterwards must not meet such a key until its way back begins.

use super::evidence::{Attempt, Evidence, Request};
use super::ledger::Ledger;
use crate::sim::client::Ending;

/// Shortest time until a key that is dead, or out of quota, is tried again: 1 h, less what jitter may take.
const HOUR: u64 = 48 * 60 * 1_000_000;

/// What is known of a key from one answer.
struct Fact<'e> {
    key: &'e str,
    class: &'static str,
    /// Only requests for this model are concerned; empty: all.
    model: &'static str,
    /// When the request began whose attempt said so, and when that was known for certain.
    began: u64,
    known: u64,
    id: u32,
}

/// Requests that met a key that was out.
pub fn judge(evidence: &Evidence<'_>, ledger: &Ledger) -> Vec<String> {
    let facts: Vec<Fact<'_>> = evidence.requests.iter().flat_map(facts).collect();
    let mut broken = Vec::new();
    for request in &evidence.requests {
        let Some(began) = request.outcome.began else { continue };
        for attempt in &request.attempts {
            let out = facts.iter().find(|fact| fact.forbids(evidence, ledger, request, attempt, began));
            if let Some(fact) = out {
                let id = request.outcome.errand.id;
                broken.push(format!("I1 #{id} met a key that was {} since #{}", fact.class, fact.id));
            }
        }
    }
    broken
}

/// Facts that the answers of one request's attempts state beyond doubt: by a structured code, and delivered.
fn facts<'e>(request: &'e Request<'_>) -> impl Iterator<Item = Fact<'e>> {
    let outcome = request.outcome;
    let certain = outcome.ending == Ending::Answered && outcome.began.is_some();
    let plain = |attempt: &&Attempt| attempt.structured && !attempt.doubtful && attempt.head_arrived;
    request.attempts.iter().filter(plain).filter(move |_| certain).filter_map(move |attempt| {
        let model = match attempt.class {
            "key_dead" => "",
            "quota" => outcome.errand.model,
            _ => return None,
        };
        let whole = attempt.record.ended == keywheel_runtime::fake::Ended::Complete;
        whole.then_some(Fact {
            key: attempt.record.key.as_deref()?,
            class: attempt.class,
            model,
            began: outcome.began?,
            known: outcome.ended_at,
            id: outcome.errand.id,
        })
    })
}

impl Fact<'_> {
    fn forbids(
        &self,
        evidence: &Evidence<'_>,
        ledger: &Ledger,
        request: &Request<'_>,
        attempt: &Attempt,
        began: u64,
    ) -> bool {
        let concerned = attempt.record.key.as_deref() == Some(self.key)
            && (self.model.is_empty() || self.model == request.outcome.errand.model);
        let at = attempt.record.at.as_micros();
        let while_out = self.known < began && at < self.known + HOUR;
        let least_bad = self.class == "quota" && evidence.swarm.setting("WHEN_EXHAUSTED") == Some("least_bad");
        let undisturbed = ledger.undisturbed(self.began, at) && !self.reset(evidence, at);
        concerned && while_out && !least_bad && undisturbed && !self.contradicted(evidence)
    }

    /// A client that may do so reset all keys after this was said and before `at`.
    fn reset(&self, evidence: &Evidence<'_>, at: u64) -> bool {
        let resets = evidence.requests.iter().filter(|request| request.outcome.errand.target == "/reset-keys");
        let mut spans = resets.filter_map(|request| Some((request.outcome.began?, request.outcome.ended_at)));
        spans.any(|(began, ended)| self.began < ended && began < at)
    }

    /// Another attempt with the key was under way at the time and went well: it may have been the one that brought the
    /// key back, which what was said before cannot undo. Quota is an account's: there, any of its keys may have been.
    fn contradicted(&self, evidence: &Evidence<'_>) -> bool {
        let overlaps = |request: &&Request<'_>| {
            let began = request.outcome.began.unwrap_or(u64::MAX);
            began <= self.known && self.began <= request.outcome.ended_at
        };
        let account = evidence.swarm.account(self.key).filter(|_| self.class == "quota");
        let concerns = |key: &str| key == self.key || account.is_some() && evidence.swarm.account(key) == account;
        let well = |attempt: &Attempt| attempt.class == "ok" && attempt.record.key.as_deref().is_some_and(concerns);
        evidence.requests.iter().filter(overlaps).any(|request| request.attempts.iter().any(well))
    }
}
