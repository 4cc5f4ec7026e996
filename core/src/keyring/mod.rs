//! The keys of a pool: who gets the next request, and what is known of each key.
//!
//! | room | noun |
//! |---|---|
//! | `lease` | what passes between a request and the keyring |
//! | `fact`, `health`, `scope`, `rest` | what can be out, why, for how long: the machine of one scope |
//! | `slots`, `models`, `book` | everything that is known of keys, accounts, models, and when it falls due |
//! | `bar`, `roster`, `tournament`, `menus`, `lanes` | whose turn it is, found without looking at all keys |
//! | `origins`, `breaker`, `soft`, `correlated` | upstream origins: permits, overload, and whose fault it is not |
//! | `queue` | requests that wait |
//! | `choose`, `judge`, `wake` | what the keyring does: gives leases, takes outcomes in, wakes who waits |
//! | `view` | what may be shown |

mod bar;
mod book;
mod breaker;
mod choose;
mod correlated;
mod fact;
mod health;
mod judge;
mod lanes;
mod lease;
mod look;
mod menus;
mod models;
mod origins;
mod queue;
mod rest;
mod roster;
mod scope;
mod slots;
mod soft;
#[cfg(test)]
mod tests;
mod tournament;
pub mod view;
mod wake;

pub(crate) use book::Change;
pub(crate) use choose::Answer;
pub use lease::{KeyId, Lease, Model, Patience, Refusal, Settle, Ticket, Verdict, Want};
pub(crate) use scope::ScopeId;

use crate::classify::Class;
use crate::config::{Config, KeyEntry, PoolConfig};
use crate::limits::Limits;
use crate::origin::Origin;
use crate::rng::Rng;
use crate::time::Instant;
use book::Book;
use core::time::Duration;
use lanes::{Board, Lanes};
use menus::Menus;
use origins::Origins;
use queue::Queue;
use roster::Roster;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use view::Tally;

/// Scopes that fall due in one call; more wait for the next, which is due at once.
const DUE_A_CALL: usize = 256;

/// What the keyring has to tell.
#[derive(Debug)]
pub(crate) enum Event {
    /// A waiting request has its answer.
    Wake(Ticket, Result<Lease, Refusal>),
    /// A scope has changed; here is its key, or one of its account's.
    Changed(Change, Arc<KeyEntry>),
    /// Several keys failed alike at this origin: it is charged, they are not.
    Alike(Origin, Class),
    /// The provider refuses the machine's place or a deployment: the operator has to see to it.
    Misconfigured { status: u16, code: Option<Box<str>>, key: Arc<KeyEntry> },
}

/// The keys of one pool. Time passes by [`Keyring::advance`] only; whoever calls anything else has called that first.
#[derive(Debug)]
pub(crate) struct Keyring {
    board: Board,
    lanes: Lanes,
    rng: Rng,
    pool: PoolConfig,
    bounds: Bounds,
    queue: Queue,
    /// Scopes that each lease under way is trying.
    trials: BTreeMap<u64, Vec<ScopeId>>,
    /// Of the last lease and the last ticket.
    serial: u64,
    ticket: u64,
    leases: u64,
    requests: u64,
    tally: Tally,
    /// Something changed that may concern who waits.
    stirred: bool,
    /// When the next of those who wait may be let through.
    next_pass: Option<Instant>,
    /// When the operator may next be told of a misconfiguration.
    next_warning: Instant,
    events: VecDeque<Event>,
}

/// Bounds that the keyring keeps.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    key_wait: Duration,
    waiting: usize,
    model_facts: usize,
}

impl Bounds {
    fn new(limits: &Limits) -> Self {
        Bounds { key_wait: limits.key_wait, waiting: limits.waiting, model_facts: limits.model_facts.max(1) }
    }
}

impl Keyring {
    /// The keys of this configuration, all ready.
    pub(crate) fn new(config: &Config, seed: u64, now: Instant) -> Self {
        let limits = &config.settings.limits;
        let mut rng = Rng::new(seed);
        let mut book = Book::default();
        book.take_over(&config.keys, now);
        let mut origins = Origins::default();
        let sites = origins.take_over(&book.slots, config.pool.max_sockets);
        let roster = Roster::new(&config.pool, &mut book.slots, &sites, None, &mut rng);
        Keyring {
            board: Board { menus: Menus::new(&book.slots), book, roster, origins, now },
            lanes: Lanes::new(limits.model_lanes),
            rng,
            pool: config.pool.clone(),
            bounds: Bounds::new(limits),
            queue: Queue::default(),
            trials: BTreeMap::new(),
            serial: 0,
            ticket: 0,
            leases: 0,
            requests: 0,
            tally: [0; Class::ALL.len()],
            stirred: false,
            next_pass: None,
            next_warning: Instant::ZERO,
            events: VecDeque::new(),
        }
    }

    /// Takes another configuration over. What is known of keys that stay is kept; so are the queue and what is under
    /// way: a lease settles with the key it was given for, wherever that stands now.
    pub(crate) fn reload(&mut self, config: &Config) {
        let limits = &config.settings.limits;
        self.bounds = Bounds::new(limits);
        let board = &mut self.board;
        board.book.take_over(&config.keys, board.now);
        let sites = board.origins.take_over(&board.book.slots, config.pool.max_sockets);
        board.roster = Roster::new(&config.pool, &mut board.book.slots, &sites, Some(&board.roster), &mut self.rng);
        board.menus = Menus::new(&board.book.slots);
        self.pool = config.pool.clone();
        self.lanes = Lanes::new(limits.model_lanes);
        self.stirred = true;
        self.wake();
    }

    /// Brings everything back that is out, but what was switched off by hand. How many keys that were.
    pub(crate) fn reset(&mut self) -> usize {
        let cleared = self.board.book.reset(self.serial, self.board.now);
        self.lanes.touch_all();
        self.stirred = true;
        self.wake();
        cleared
    }

    /// Switches a key off by hand, or on again, which revives it too. Whether there is such a key.
    pub(crate) fn set_enabled(&mut self, key: KeyId, enabled: bool) -> bool {
        let serial = self.serial;
        let Some(slot) = self.board.book.slots.find(key) else { return false };
        let mut event = health::Event::Disable;
        if enabled {
            event = health::Event::Enable;
            (slot.soft, slot.raised) = (0, serial);
        }
        let of_key = |id: &ScopeId| matches!(id, ScopeId::KeyModel(slot, _) if *slot == key.slot);
        let models: Vec<_> = self.board.book.models.scopes().filter(|id| enabled && of_key(id)).collect();
        for id in models.into_iter().chain([ScopeId::Key(key.slot)]) {
            self.change(id, event);
        }
        self.wake();
        true
    }

    /// Time goes on: what falls due does, who waited long enough is answered. A `now` of the past counts as the last.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.board.now = self.board.now.max(now);
        for _ in 0..DUE_A_CALL {
            let Some(id) = self.board.book.pop_due(self.board.now) else { break };
            self.change(id, health::Event::Due);
        }
        for slot in self.board.book.end_pace(self.board.now) {
            self.touch(slot, None);
            self.stirred = true;
        }
        self.wake();
        self.end_waits();
    }

    /// What the keyring has to tell next.
    pub(crate) fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When the next scope falls due, the first wait ends, the next of those who wait may be let through.
    pub(crate) fn timeouts(&self) -> [Option<Instant>; 3] {
        [self.board.book.next_due(), self.queue.next_end(), self.next_pass]
    }

    /// A new ticket.
    pub(crate) fn ticket(&mut self, worker: u32) -> Ticket {
        self.ticket += 1;
        Ticket { worker, serial: self.ticket }
    }

    /// Something other than a fault befalls a scope.
    fn change(&mut self, id: ScopeId, event: health::Event) {
        let (serial, now) = (self.serial, self.board.now);
        let (_, change) = self.board.book.change(id, |scope| scope.on(event, serial, now));
        self.changed(change);
    }

    /// A scope has changed: lanes, the operator and those who wait get to know.
    fn changed(&mut self, change: Option<Change>) {
        let Some(change) = change else { return };
        self.stirred = true;
        let id = change.id;
        let model = id.model();
        let own = match id {
            ScopeId::Key(slot) | ScopeId::KeyModel(slot, _) => Some(slot),
            ScopeId::Account(_) | ScopeId::AccountModel(..) => None,
        };
        if let Some(model) = model.filter(|&model| !self.board.book.models.is_limited(model)) {
            self.lanes.close(model);
        }
        own.into_iter().for_each(|slot| self.touch(slot, model));
        for n in 0..self.board.book.members(id).len() {
            let slot = self.board.book.members(id)[n];
            self.touch(slot, model);
        }
        let shown = own.or_else(|| self.board.book.members(id).first().copied());
        if change.from != change.to
            && let Some(slot) = shown.and_then(|slot| self.board.book.slots.get(slot))
        {
            self.events.push_back(Event::Changed(change, slot.entry.clone()));
        }
    }

    fn touch(&mut self, slot: u32, model: Option<scope::ModelId>) {
        if let Some(slot) = self.board.book.slots.get(slot) {
            self.lanes.touch(slot.place, model);
        }
    }
}
