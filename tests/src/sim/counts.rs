//! How often what occurred, by group and name.

use std::collections::BTreeMap;

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, BTreeMap<Box<str>, u64>>);

impl Counts {
    /// It occurred so often more.
    pub fn add(&mut self, group: &'static str, name: &str, times: u64) {
        let group = self.0.entry(group).or_default();
        match group.get_mut(name) {
            Some(count) => *count += times,
            None => drop(group.insert(name.into(), times)),
        }
    }

    /// Adds what occurred elsewhere.
    pub fn merge(&mut self, other: &Counts) {
        for (group, name, times) in other.iter() {
            self.add(group, name, times);
        }
    }

    /// How often.
    pub fn of(&self, group: &str, name: &str) -> u64 {
        self.0.get(group).and_then(|group| group.get(name)).copied().unwrap_or(0)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str, u64)> {
        self.0.iter().flat_map(|(group, all)| all.iter().map(|(name, times)| (*group, &**name, *times)))
    }
}
