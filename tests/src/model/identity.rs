//! I15: an attempt settles against the key that it began with, not against what stands in its place after a reload.
//!
//! Core mode shows each lease and each settlement. A key that a reload takes out and another puts in again is a new
//! key: it begins with nothing, and what its predecessor's leases come to is not its own.

use super::evidence::Evidence;
use super::ledger::Ledger;
use std::collections::BTreeMap;

/// Settlements by key, of the keys that there are.
#[derive(Debug, Default)]
pub struct Accounts {
    /// Which generation of each key serves, by preview; absent: none.
    now: BTreeMap<Box<str>, u64>,
    /// Settlements of that generation that count as attempts.
    settled: BTreeMap<Box<str>, u64>,
    /// Generation of the lease that each session holds.
    leases: BTreeMap<u32, u64>,
    generations: u64,
}

impl Accounts {
    /// Only these keys are in the file from now on.
    pub fn reloaded(&mut self, previews: &[String]) {
        let known = |preview: &str| previews.iter().any(|other| other == preview);
        self.now.retain(|preview, _| known(preview));
        self.settled.retain(|preview, _| known(preview));
    }

    /// Another process: nothing is known.
    pub fn restarted(&mut self) {
        (self.now, self.settled, self.leases) = Default::default();
    }

    /// A session is granted a key.
    pub fn granted(&mut self, session: u32, preview: &str) {
        self.generations += 1;
        let generation = *self.now.entry(preview.into()).or_insert(self.generations);
        self.leases.insert(session, generation);
    }

    /// The lease of a session ends; where it was `tried`, that is an attempt.
    pub fn settled(&mut self, session: u32, preview: &str, tried: bool) {
        let generation = self.leases.remove(&session);
        if tried && generation.is_some() && self.now.get(preview) == generation.as_ref() {
            *self.settled.entry(preview.into()).or_default() += 1;
        }
    }
}

/// What /stats says of keys, against what was seen to be settled.
pub(super) fn judge(evidence: &Evidence<'_>, ledger: &Ledger) -> Vec<String> {
    let mut broken = Vec::new();
    if !ledger.sees_leases() || super::books::may_linger(evidence) {
        return broken;
    }
    let Some(stats) = super::books::last_stats(evidence) else { return broken };
    let rows = stats["rows"].as_array().cloned().unwrap_or_default();
    let previews: Vec<&str> = rows.iter().filter_map(|row| row["keyPreview"].as_str()).collect();
    for row in &rows {
        let preview = row["keyPreview"].as_str().unwrap_or_default();
        if previews.iter().filter(|other| **other == preview).count() > 1 {
            continue;
        }
        let said: u64 = row["counts"].as_object().map_or(0, |all| all.values().filter_map(|n| n.as_u64()).sum());
        let is = ledger.accounts.settled.get(preview).copied().unwrap_or(0);
        if said != is {
            broken.push(format!("I15 /stats says {said} attempts of key {preview}, {is} were settled against it"));
        }
    }
    broken
}
