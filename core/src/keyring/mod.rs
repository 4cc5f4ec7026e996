//! The keys of a pool: who gets the next request, and what is known of each key.

mod lease;
pub mod view;

pub(crate) use lease::account_id;
pub use lease::{KeyId, Lease, Model, Refusal, Settle, Ticket, Verdict, Want};

use crate::classify::{Class, Outcome};
use crate::config::{Config, KeyEntry};
use std::sync::Arc;

/// The keys of one pool.
#[derive(Debug)]
pub struct Keyring {
    slots: Vec<Slot>,
    cursor: usize,
    serial: u64,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    entry: Arc<KeyEntry>,
    account: u64,
    leases: u32,
    outcomes: [u64; Class::ALL.len()],
}

impl Keyring {
    /// The keys of this configuration, all ready.
    pub fn new(config: &Config) -> Self {
        let slot = |entry: &Arc<KeyEntry>| Slot {
            generation: 0,
            entry: entry.clone(),
            account: 0,
            leases: 0,
            outcomes: [0; Class::ALL.len()],
        };
        let slots: Vec<_> = config.keys.iter().map(slot).collect();
        Keyring { cursor: config.pool.start_index as usize % slots.len().max(1), slots, serial: 0 }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A lease of the next key that this request has not tried.
    pub fn lease(&mut self, want: &Want) -> Result<Lease, Refusal> {
        let n = self.slots.len();
        let next = (0..n).map(|k| (self.cursor + k) % n).find(|&k| {
            let id = KeyId { slot: k as u32, generation: self.slots[k].generation };
            !want.tried.contains(&id)
        });
        let Some(k) = next else { return Err(Refusal::Unavailable { back: None }) };
        self.cursor = (k + 1) % n;
        self.serial += 1;
        let slot = &mut self.slots[k];
        slot.leases += 1;
        Ok(Lease {
            key: KeyId { slot: k as u32, generation: slot.generation },
            serial: self.serial,
            probe: false,
            first_base: 0,
            judged: None,
            account: slot.account,
            entry: slot.entry.clone(),
        })
    }

    /// Takes a lease back.
    pub fn settle(&mut self, lease: &Lease, outcome: Option<&Outcome>) {
        let Some(slot) = self.slots.get_mut(lease.key.slot as usize) else { return };
        slot.leases = slot.leases.saturating_sub(1);
        let Some(outcome) = outcome else { return };
        slot.outcomes[outcome.class as usize] += 1;
        if let Some(account) = &outcome.account {
            slot.account = account_id(account);
        }
    }
}
