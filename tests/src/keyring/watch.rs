//! Fairness: while the keys that may be chosen stay the same and are equal, each serves once a round.

use super::model::{Ask, Model, Strategy};

/// The last grants among an unchanged set of keys.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    set: Vec<String>,
    served: Vec<String>,
}

impl Watch {
    /// `key` was chosen among `set` for this request. What is unfair about it.
    pub(crate) fn served(&mut self, model: &Model, ask: &Ask, set: &[String], key: &str) -> Result<(), String> {
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

    /// The turn of keys may have changed otherwise.
    pub(crate) fn forget(&mut self) {
        self.set.clear();
        self.served.clear();
    }
}
