//! The books at the end of a world (I7) and fairness (I9): what /stats says against what was seen to pass.

use super::evidence::Evidence;
use super::ledger::Ledger;
use crate::sim::client::Ending;
use serde_json::Value;
use std::collections::BTreeMap;

/// What does not add up.
pub fn audit(evidence: &Evidence<'_>, ledger: &Ledger) -> Vec<String> {
    let mut broken = Vec::new();
    if let Some(stats) = last_stats(evidence).filter(|_| !may_linger(evidence)) {
        broken.extend(balance(&stats["keys"], evidence, ledger));
    }
    let (given, settled) = ledger.leases;
    if given != settled {
        broken.push(format!("I7 {given} leases were given and {settled} settled"));
    }
    if evidence.swarm.calm {
        broken.extend(fairness(evidence));
    }
    broken
}

/// Where clients may half-close, one that closed cannot be told from one that waits, so its exchange goes on until its
/// upstream ends it, or its silence does. So does that of one which the network cut off by an orderly end.
pub(super) fn may_linger(evidence: &Evidence<'_>) -> bool {
    let half_close = evidence.swarm.setting("CLIENT_HALF_CLOSE") == Some("true");
    let cut_off = evidence.swarm.climate.down.fin > 0;
    let gone = |ending: Ending| ending == Ending::Left || cut_off && ending == Ending::Reset;
    half_close && evidence.requests.iter().any(|request| gone(request.outcome.ending))
}

/// The page that the last probe got, when everything else had ended.
pub(super) fn last_stats(evidence: &Evidence<'_>) -> Option<Value> {
    let pages = evidence.requests.iter().filter(|request| request.outcome.errand.target == "/stats");
    let last = pages.max_by_key(|request| request.outcome.errand.id)?;
    serde_json::from_slice(&last.outcome.answer.body).ok()
}

fn balance(keys: &Value, evidence: &Evidence<'_>, ledger: &Ledger) -> Vec<String> {
    let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    let mut broken = Vec::new();
    let mut equal = |what: &str, said: u64, is: u64| {
        if said != is {
            broken.push(format!("I7 /stats says {what}: {said}, it is {is}"));
        }
    };
    equal("waiting", number(&keys["waiting"]), 0);
    equal("in flight", number(&keys["inFlight"]), 0);
    let attempts = number(&keys["successCount"]).saturating_add(number(&keys["failureCount"]));
    if ledger.sees_leases() {
        equal("attempts", attempts, ledger.judged);
    }
    let by_class = keys["counts"].as_object().map_or(0, |counts| counts.values().map(number).sum());
    equal("attempts by class", by_class, attempts);
    // What a process sent before it ended may arrive when the next one has begun.
    let began = ledger.process_began();
    let arrivals = evidence.requests.iter().filter(|request| request.outcome.began >= Some(began));
    let arrived = arrivals.map(|request| request.attempts.len() as u64).sum::<u64>();
    if attempts < arrived {
        broken.push(format!("I7 /stats says {attempts} attempts, {arrived} arrived"));
    }
    broken
}

/// I9: with all keys good and equal, and nothing that goes wrong, round robin uses them all alike.
fn fairness(evidence: &Evidence<'_>) -> Vec<String> {
    let strategy = evidence.swarm.setting("LOAD_BALANCE_STRATEGY");
    if strategy.is_some_and(|strategy| strategy != "round_robin") {
        return Vec::new();
    }
    let mut uses: BTreeMap<&str, u64> = evidence.swarm.setup.keys.iter().map(|key| (key.as_str(), 0)).collect();
    for attempt in evidence.requests.iter().flat_map(|request| &request.attempts) {
        if let Some(uses) = attempt.record.key.as_deref().and_then(|key| uses.get_mut(key)) {
            *uses += 1;
        }
    }
    let (least, most) = (uses.values().min().copied().unwrap_or(0), uses.values().max().copied().unwrap_or(0));
    if most - least > 1 { vec![format!("I9 one key was used {most} times, another {least}")] } else { Vec::new() }
}
