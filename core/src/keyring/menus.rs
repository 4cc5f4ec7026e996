//! Menus: which keys may serve which models, by the `models=` of their configuration.

use super::slots::Slots;
use std::collections::BTreeMap;

/// The keys of a pool by their `models=`: those with the same list share a menu, and a model is looked up once,
/// however many keys there are.
#[derive(Debug, Default)]
pub(crate) struct Menus {
    /// The menu of each slot.
    of_slot: Vec<u32>,
    count: u32,
    /// Menus that allow every model.
    open: Vec<u32>,
    whole: BTreeMap<Box<str>, Vec<u32>>,
    /// Patterns that end in `*`, without it.
    starts: BTreeMap<Box<str>, Vec<u32>>,
}

impl Menus {
    /// The menus of these keys.
    pub(crate) fn new(slots: &Slots) -> Self {
        let mut menus = Menus::default();
        let mut by_list: BTreeMap<&[Box<str>], u32> = BTreeMap::new();
        for (n, slot) in slots.iter() {
            let list = &slot.entry.models[..];
            let menu = *by_list.entry(list).or_insert_with(|| menus.open_menu(list));
            menus.of_slot.resize((n as usize + 1).max(menus.of_slot.len()), 0);
            menus.of_slot[n as usize] = menu;
        }
        menus
    }

    fn open_menu(&mut self, list: &[Box<str>]) -> u32 {
        let menu = self.count;
        self.count += 1;
        if list.is_empty() {
            self.open.push(menu);
        }
        for pattern in list {
            let (table, text) = match pattern.strip_suffix('*') {
                Some(start) => (&mut self.starts, start),
                None => (&mut self.whole, &**pattern),
            };
            table.entry(text.into()).or_default().push(menu);
        }
        menu
    }

    /// Whether some key may not serve every model.
    pub(crate) fn restrict(&self) -> bool {
        self.open.len() < self.count as usize
    }

    /// The menus that allow this model, in order.
    pub(crate) fn allowing(&self, model: &str) -> Vec<u32> {
        let mut menus = self.open.clone();
        menus.extend(self.whole.get(model).into_iter().flatten());
        if !self.starts.is_empty() {
            let starts = model.char_indices().map(|(at, _)| &model[..at]).chain([model]);
            menus.extend(starts.filter_map(|start| self.starts.get(start)).flatten());
        }
        menus.sort_unstable();
        menus.dedup();
        menus
    }

    /// Whether these menus are all there are.
    pub(crate) fn are_all(&self, menus: &[u32]) -> bool {
        menus.len() == self.count as usize
    }

    /// Whether the key in this slot has one of these menus.
    pub(crate) fn serves(&self, slot: u32, menus: &[u32]) -> bool {
        self.of_slot.get(slot as usize).is_some_and(|menu| menus.binary_search(menu).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KeyEntry;
    use crate::origin::{BaseUrl, Origin};
    use crate::secret::Secret;
    use crate::time::Instant;
    use std::sync::Arc;

    /// Beside the rule of the configuration itself, key by key.
    #[test]
    fn a_menu_allows_what_its_keys_allow() {
        let base = BaseUrl::new(Origin::new(true, "api.example", 443), "");
        let lists: [&[&str]; 6] = [&[], &["a*"], &["ab", "b*"], &["*"], &["a*"], &["ünï*", "ab"]];
        let keys = lists.iter().enumerate().map(|(n, list)| {
            let secret = Secret::new(format!("k{n}").into_bytes());
            let mut entry = KeyEntry::new(secret, n as u32, Arc::from([base.clone()])).unwrap();
            entry.models = list.iter().map(|&m| m.into()).collect();
            Arc::new(entry)
        });
        let mut slots = Slots::default();
        slots.take_over(&keys.collect::<Vec<_>>(), Instant::ZERO);
        let menus = Menus::new(&slots);
        assert!(menus.restrict());
        for model in ["", "a", "ab", "abc", "b", "bc", "c", "ünï", "ünïx", "ün"] {
            let allowing = menus.allowing(model);
            for (n, slot) in slots.iter() {
                assert_eq!(menus.serves(n, &allowing), slot.entry.allows(model), "key {n}, model {model:?}");
            }
        }
    }
}
