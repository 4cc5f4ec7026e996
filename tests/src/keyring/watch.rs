//! Fairness (I9): while the keys that may be chosen stay the same and are equal, each serves once a round. And nobody
//! starves (I10): a key that may be chosen, since its rest ended or ever, is chosen within one round, whoever comes and goes
//! beside it.

use super::model::{Ask, Model, Strategy};
use std::collections::BTreeMap;

/// The last grants among an unchanged set of keys.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    set: Vec<String>,
    served: Vec<String>,
    /// How often another was chosen, of each key that might have been.
    passed_over: BTreeMap<String, u32>,
}

impl Watch {
    /// `key` was chosen among `set` for this request. What is unfair about it.
    pub(crate) fn served(&mut self, model: &Model, ask: &Ask, set: &[String], key: &str) -> Result<(), String> {
        self.starved(model, set, key)?;
        let equal = model.keys.iter().filter(|key| set.contains(&key.name)).all(|key| key.weight == 1);
        let plain = !ask.is_picky();
        if model.policy.strategy != Strategy::RoundRobin || !equal || !plain || self.set != set {
            self.set = if plain { set.to_vec() } else { Vec::new() };
            self.served.clear();
        }
        self.served.push(key.to_owned());
        let round = self.set.len();
        if model.policy.strategy != Strategy::RoundRobin || !equal || round == 0 {
            return Ok(());
        }
        let now = self.served.len() - 1;
        let since = self.served[now.saturating_sub(round - 1)..now].iter().any(|other| other == key);
        let before = now.checked_sub(round).map(|at| self.served[at].as_str());
        if since || before.is_some_and(|before| before != key) {
            return Err(format!("round robin among {set:?} is not fair: {:?}", self.served));
        }
        Ok(())
    }

    /// Requests that were tried before choose among what is left to them, and count as others do.
    fn starved(&mut self, model: &Model, set: &[String], key: &str) -> Result<(), String> {
        if model.policy.strategy != Strategy::RoundRobin {
            self.passed_over.clear();
            return Ok(());
        }
        self.passed_over.retain(|name, _| set.contains(name) && name != key);
        let round: u32 = model.keys.iter().map(|key| key.weight).sum();
        for name in set.iter().filter(|name| *name != key) {
            let times = self.passed_over.entry(name.clone()).or_default();
            *times += 1;
            if *times > round {
                return Err(format!("I10 {name} was passed over {times} times, in rounds of {round}"));
            }
        }
        Ok(())
    }

    /// The turn of keys may have changed otherwise.
    pub(crate) fn forget(&mut self) {
        self.set.clear();
        self.served.clear();
        self.passed_over.clear();
    }
}
