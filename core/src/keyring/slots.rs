//! The table of keys: each in its slot for as long as it is configured, whatever else changes.

use super::lease::KeyId;
use super::scope::Scope;
use super::view::Tally;
use crate::classify::Class;
use crate::config::{Fingerprint, KeyEntry};
use crate::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One key and what only it has.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) generation: u32,
    pub(crate) entry: Arc<KeyEntry>,
    /// Id of the account that its answers named last; 0 while unknown.
    pub(crate) account: u64,
    pub(crate) scope: Scope,
    /// Leases up to this serial have no say in what is yet to be known of the key for one model.
    pub(crate) raised: u64,
    /// Counted soft faults since the last success.
    pub(crate) soft: u32,
    pub(crate) leases: u32,
    pub(crate) tally: Tally,
    /// Its place in the roster.
    pub(crate) place: u32,
}

/// All keys, found by slot, by identity and in file order.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Option<Slot>>,
    /// Generation of the next key in each slot.
    generations: Vec<u32>,
    free: Vec<u32>,
    by_fingerprint: BTreeMap<Fingerprint, u32>,
    in_order: Vec<u32>,
}

impl Slots {
    /// Takes a new list of keys: those that stay keep their slot and all that is known; the slots of those that went
    /// are returned, with what was in them.
    pub(crate) fn take_over(&mut self, keys: &[Arc<KeyEntry>], now: Instant) -> Vec<(u32, Slot)> {
        let mut old = core::mem::take(&mut self.by_fingerprint);
        self.in_order.clear();
        let mut fresh = Vec::new();
        for entry in keys {
            match old.remove(&entry.fingerprint) {
                Some(slot) => self.keep(slot, entry),
                None => fresh.push(entry),
            }
        }
        let gone: Vec<_> = old.into_values().filter_map(|slot| Some((slot, self.vacate(slot)?))).collect();
        for entry in fresh {
            self.settle_in(entry, now);
        }
        let mut order: Vec<(u32, u32)> = self.iter().map(|(n, slot)| (slot.entry.index, n)).collect();
        order.sort_unstable();
        self.in_order = order.into_iter().map(|(_, n)| n).collect();
        gone
    }

    fn keep(&mut self, n: u32, entry: &Arc<KeyEntry>) {
        self.by_fingerprint.insert(entry.fingerprint, n);
        if let Some(slot) = self.get_mut(n) {
            slot.entry = entry.clone();
        }
    }

    fn vacate(&mut self, n: u32) -> Option<Slot> {
        let slot = self.slots.get_mut(n as usize)?.take()?;
        self.free.push(n);
        Some(slot)
    }

    fn settle_in(&mut self, entry: &Arc<KeyEntry>, now: Instant) {
        if self.by_fingerprint.contains_key(&entry.fingerprint) {
            return;
        }
        let n = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.generations.push(0);
            (self.slots.len() - 1) as u32
        });
        let generation = self.generations[n as usize];
        self.generations[n as usize] = generation.wrapping_add(1);
        self.by_fingerprint.insert(entry.fingerprint, n);
        self.slots[n as usize] = Some(Slot {
            generation,
            entry: entry.clone(),
            account: 0,
            scope: Scope::new(0, now),
            raised: 0,
            soft: 0,
            leases: 0,
            tally: [0; Class::ALL.len()],
            place: 0,
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.in_order.len()
    }

    pub(crate) fn get(&self, n: u32) -> Option<&Slot> {
        self.slots.get(n as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, n: u32) -> Option<&mut Slot> {
        self.slots.get_mut(n as usize)?.as_mut()
    }

    /// The key with this identity, if it is still there.
    pub(crate) fn find(&mut self, id: KeyId) -> Option<&mut Slot> {
        self.get_mut(id.slot).filter(|slot| slot.generation == id.generation)
    }

    /// The slot of each key, in file order.
    pub(crate) fn in_order(&self) -> &[u32] {
        &self.in_order
    }

    /// All keys, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Slot)> {
        self.slots.iter().enumerate().filter_map(|(n, slot)| Some((n as u32, slot.as_ref()?)))
    }
}
