//! The roster: all keys in their places, with what decides whose turn it is.
//!
//! Every strategy is a race. A key's `turn` is when it is next to serve; the earliest turn wins, and who serves moves
//! on by its stride. With equal weights that is round robin, with others smooth round robin; with strides drawn from
//! an exponential distribution it is a weighted choice by chance; least_busy looks at the leases first. A key that was
//! out, or passed over, does not catch up on what it missed.

use super::bar::Bar;
use super::slots::Slots;
use crate::config::{PoolConfig, Strategy};
use crate::rng::Rng;

/// No key.
const VACANT: u32 = u32::MAX;
/// Stride of a key of weight 1: divisible by 1 to 16, so that small weights share exactly.
const STRIDE: u64 = 720_720;

/// A key's place.
#[derive(Clone, Debug)]
struct Place {
    slot: u32,
    site: u32,
    /// Number of its priority among those in use, from 0.
    tier: u32,
    /// Position from START_INDEX on, in file order.
    rank: u32,
    weight: u32,
    leases: u32,
    turn: u64,
    /// Number of the last time it served: of equal turns, who has not served for longest is first.
    served: u64,
}

/// The keys of one priority, and the turn of the last of them that served.
#[derive(Clone, Copy, Debug)]
struct Tier {
    priority: u32,
    clock: u64,
}

/// All places. Those of one site lie together, in a block whose size is a power of two, aligned to it.
#[derive(Debug)]
pub(crate) struct Roster {
    strategy: Strategy,
    places: Vec<Place>,
    /// Block of each site: first place and size.
    blocks: Vec<(u32, u32)>,
    tiers: Vec<Tier>,
    services: u64,
    #[cfg(test)]
    pub(crate) matches: std::cell::Cell<u64>,
}

impl Roster {
    /// Places for these keys, `sites` telling the site of each slot. Turns go on from where they were in `last`.
    pub(crate) fn new(
        pool: &PoolConfig,
        slots: &mut Slots,
        sites: &[u32],
        last: Option<&Roster>,
        rng: &mut Rng,
    ) -> Self {
        let last = last.filter(|last| last.strategy == pool.strategy);
        let mut roster = Roster {
            strategy: pool.strategy,
            places: Vec::new(),
            blocks: Vec::new(),
            tiers: Self::tiers(slots, last),
            services: last.map_or(0, |last| last.services),
            #[cfg(test)]
            matches: Default::default(),
        };
        roster.lay_out(roster.seat(pool.start_index, slots, sites));
        for n in 0..roster.places.len() {
            let Some(slot) = slots.get_mut(roster.places[n].slot) else { continue };
            let before = last.and_then(|last| last.turn(slot.place, roster.places[n].slot, slot.entry.priority));
            slot.place = n as u32;
            (roster.places[n].turn, roster.places[n].served) = match before {
                Some(before) => before,
                // Who is new begins half a stride on, so that keys of unequal weights do not all begin together.
                None => {
                    let stride = roster.stride(n, rng);
                    let first = if pool.strategy == Strategy::Random { stride } else { stride.div_ceil(2) };
                    (roster.clock(n).saturating_add(first), 0)
                }
            };
        }
        roster
    }

    fn tiers(slots: &Slots, last: Option<&Roster>) -> Vec<Tier> {
        let mut priorities: Vec<u32> = slots.iter().map(|(_, slot)| slot.entry.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let clock = |priority| {
            let tiers = &last?.tiers;
            tiers.binary_search_by_key(&priority, |tier| tier.priority).ok().map(|n| tiers[n].clock)
        };
        priorities.into_iter().map(|priority| Tier { priority, clock: clock(priority).unwrap_or(0) }).collect()
    }

    /// The turn of the key in this slot and when it served, if it was in this place and of this priority.
    fn turn(&self, place: u32, slot: u32, priority: u32) -> Option<(u64, u64)> {
        let place = self.places.get(place as usize).filter(|place| place.slot == slot)?;
        self.tiers.get(place.tier as usize).filter(|tier| tier.priority == priority).map(|_| (place.turn, place.served))
    }

    /// What is to be placed, in no particular order.
    fn seat(&self, start_index: u32, slots: &Slots, sites: &[u32]) -> Vec<Place> {
        let count = slots.len().max(1) as u64;
        let place = |(position, &n): (usize, &u32)| {
            let slot = slots.get(n)?;
            let tier = self.tiers.binary_search_by_key(&slot.entry.priority, |tier| tier.priority);
            Some(Place {
                slot: n,
                site: sites.get(n as usize).copied().unwrap_or(0),
                tier: tier.unwrap_or(0) as u32,
                rank: ((position as u64 + count - u64::from(start_index) % count) % count) as u32,
                weight: slot.entry.weight.max(1),
                leases: slot.leases,
                turn: 0,
                served: 0,
            })
        };
        slots.in_order().iter().enumerate().filter_map(place).collect()
    }

    /// Larger blocks come first, so each begins at a multiple of its size.
    fn lay_out(&mut self, mut keys: Vec<Place>) {
        let sites = keys.iter().map(|place| place.site as usize + 1).max().unwrap_or(0);
        let mut sizes = vec![0_u32; sites];
        keys.iter().for_each(|place| sizes[place.site as usize] += 1);
        let mut order: Vec<usize> = (0..sites).filter(|&site| sizes[site] > 0).collect();
        order.sort_by_key(|&site| core::cmp::Reverse(sizes[site].next_power_of_two()));
        self.blocks = vec![(0, 0); sites];
        let mut first = 0;
        for site in order {
            let size = sizes[site].next_power_of_two();
            self.blocks[site] = (first, size);
            first += size;
        }
        let vacant = Place { slot: VACANT, site: 0, tier: 0, rank: 0, weight: 1, leases: 0, turn: 0, served: 0 };
        self.places = vec![vacant; (first as usize).next_power_of_two()];
        keys.sort_by_key(|place| place.rank);
        let mut next: Vec<u32> = self.blocks.iter().map(|&(first, _)| first).collect();
        for place in keys {
            let at = &mut next[place.site as usize];
            self.places[*at as usize] = place;
            *at += 1;
        }
    }

    fn stride(&self, place: usize, rng: &mut Rng) -> u64 {
        let weight = u64::from(self.places[place].weight);
        let stride = match self.strategy {
            Strategy::RoundRobin | Strategy::LeastBusy => STRIDE / weight,
            Strategy::Random => ((exponential(rng) as u128 * u128::from(STRIDE / weight)) >> 32) as u64,
        };
        stride.max(1)
    }

    /// How many places there are, vacant ones included; a power of two.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The key in this place.
    pub(crate) fn slot(&self, place: u32) -> Option<u32> {
        self.places.get(place as usize).map(|place| place.slot).filter(|&slot| slot != VACANT)
    }

    /// The site of the key in this place.
    pub(crate) fn site(&self, place: u32) -> usize {
        self.places.get(place as usize).map_or(0, |place| place.site as usize)
    }

    /// First place and size of a site's block.
    pub(crate) fn block(&self, site: usize) -> (u32, u32) {
        self.blocks.get(site).copied().unwrap_or_default()
    }

    /// Whether the key in place `a`, with its bar, comes before that in `b`.
    pub(crate) fn precedes(&self, a: (u32, Bar), b: (u32, Bar)) -> bool {
        #[cfg(test)]
        self.matches.set(self.matches.get() + 1);
        let (Some(x), Some(y)) = (self.places.get(a.0 as usize), self.places.get(b.0 as usize)) else { return false };
        let load = |leases: u32, weight: u32| match self.strategy {
            Strategy::LeastBusy => u64::from(leases) * u64::from(weight),
            Strategy::RoundRobin | Strategy::Random => 0,
        };
        let x_key = (a.1, x.tier, load(x.leases, y.weight), x.turn, x.served, x.rank);
        x_key < (b.1, y.tier, load(y.leases, x.weight), y.turn, y.served, y.rank)
    }

    /// A key chosen by chance that was passed over draws anew, or having been passed over would make it certain.
    /// Whether it did.
    pub(crate) fn redraw(&mut self, place: u32, rng: &mut Rng) -> bool {
        let n = place as usize;
        let clock = self.clock(n);
        if self.strategy != Strategy::Random || self.places[n].turn >= clock {
            return false;
        }
        self.places[n].turn = clock.saturating_add(self.stride(n, rng));
        true
    }

    fn clock(&self, place: usize) -> u64 {
        self.places.get(place).and_then(|place| self.tiers.get(place.tier as usize)).map_or(0, |tier| tier.clock)
    }

    /// The key in this place serves: its next turn is a stride on.
    pub(crate) fn serve(&mut self, place: u32, rng: &mut Rng) {
        let n = place as usize;
        let start = self.places[n].turn.max(self.clock(n));
        let stride = self.stride(n, rng);
        if let Some(tier) = self.tiers.get_mut(self.places[n].tier as usize) {
            tier.clock = start;
        }
        self.services += 1;
        (self.places[n].turn, self.places[n].served) = (start.saturating_add(stride), self.services);
    }

    /// So many leases of the key in this place are under way; whether that matters for whose turn it is.
    pub(crate) fn set_leases(&mut self, place: u32, leases: u32) -> bool {
        if let Some(place) = self.places.get_mut(place as usize) {
            place.leases = leases;
        }
        self.strategy == Strategy::LeastBusy
    }
}

/// Von Neumann's exponential variate, in units of 2^-32: comparisons of uniform numbers only, so that it is the same
/// on every machine.
fn exponential(rng: &mut Rng) -> u64 {
    let mut whole = 0;
    loop {
        let first = rng.bits() >> 32;
        let (mut last, mut run) = (first, 1_u32);
        loop {
            let next = rng.bits() >> 32;
            if next >= last {
                break;
            }
            last = next;
            run += 1;
        }
        if run % 2 == 1 {
            return (whole << 32) | first;
        }
        whole += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_variate_has_mean_and_median_of_one() {
        let mut rng = Rng::new(7);
        let mut all: Vec<f64> = (0..100_000).map(|_| exponential(&mut rng) as f64 / 2_f64.powi(32)).collect();
        all.sort_by(f64::total_cmp);
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        let median = all[all.len() / 2];
        assert!((median - core::f64::consts::LN_2).abs() < 0.02, "{median}");
    }
}
